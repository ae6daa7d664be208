"""Put the prompts of the benchmark of collecting to a server by Inspect, as its users do.

Run by a Python that has inspect-ai and openai: python benchmarks/inspect_route.py TASK URL
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Ask the first prompts in the order of the rows, one token each, with log probabilities."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser
    from inspect_ai.solver import generate

    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    os.environ |= {"JUDGE_API_KEY": "none", "JUDGE_BASE_URL": f"{sys.argv[2]}/v1"}
    samples = []
    for n, row in enumerate(task["rows"][: task["plain"]]):
        messages: list[ChatMessage] = [ChatMessageUser(content=row["user"])]
        if row["system"]:
            messages.insert(0, ChatMessageSystem(content=row["system"]))
        samples.append(Sample(id=n, input=messages))
    with tempfile.TemporaryDirectory() as logs:
        (log,) = eval(
            Task(dataset=MemoryDataset(samples), solver=generate()),
            model="openai-api/judge/judge",
            display="none",
            log_dir=logs,
            max_tokens=1,
            temperature=0.0,
            logprobs=True,
            top_logprobs=20,
            max_connections=1,
        )
        # Samples are read from the file when they are asked for.
        answered = sum(bool(s.output.choices) for s in log.samples or [])
    if log.status != "success" or answered != len(samples):
        raise SystemExit(f"the evaluation ended with '{log.status}', {answered} answers")


if __name__ == "__main__":
    main()
