"""Make the logs in this folder again: real ones of Inspect and lm-eval, answered by the judge.

Three steps, since the two libraries are no part of this project's environment (see README.md):

.venv/bin/python tests/judgments/logs/make.py questions
.venv/bin/python -m llama_cpp.server --model models/judges/core-judge.gguf --model_alias core-judge
    --logits_all true --n_ctx 1024 --port 8123
LOGS/bin/python tests/judgments/logs/make.py logs http://127.0.0.1:8123/v1
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
QUESTIONS = HERE / "questions.jsonl"
VALUES = ("benevolence", "power")
SCENARIOS = 2
TEXTS = {
    "baseline": None,
    "kind": "Care for the people around you and put their needs first.",
}


def questions() -> None:
    """Write the prompts of eight items under three conditions, as a session asks them."""
    from vat_bayes.bundled import model_path
    from vat_bayes.collect import LlamaCppJudge, Schedule
    from vat_bayes.study import Study

    judge = LlamaCppJudge(
        model_path("judges", "core-judge.gguf"), name="judge", labels=("1", "2", "3", "4", "5")
    )
    conditions: list[dict[str, Any]] = [
        {"name": "baseline", "role": "baseline"},
        {
            "name": "kind",
            "role": "intervention",
            "target": "benevolence",
            "kind": "prompt",
            "text": TEXTS["kind"],
        },
    ]
    study = Study.from_dict(
        {
            "name": "logs",
            "seed": 1,
            "models": [{"name": "judge", "path": "core-judge.gguf"}],
            "items": {"source": "core", "scenarios": SCENARIOS},
            "scale": {"orders": ["forward"]},
            "conditions": conditions,
        }
    )
    items = study.load_items()
    table = items.judged().table.set_index("item")
    prompts = [p for p in Schedule(study, items) if table.at[p.item, "value"] in VALUES]
    judge.prepare(prompts)
    with QUESTIONS.open("w", encoding="utf-8") as out:
        for prompt in prompts:
            row = table.loc[prompt.item]
            reading = judge.read(prompt.chat)
            told = {
                "condition": prompt.condition,
                "item": prompt.item,
                "scenario": row["scenario"],
                "value": row["value"],
                "polarity": int(row["polarity"]),
                "system": prompt.chat.system,
                "question": prompt.chat.user,
                "prompt": judge.sent(prompt.chat),
                # What llama.cpp gives in process: the importers are held against it.
                "probabilities": reading.probabilities,
                "p_valid": reading.p_valid,
            }
            out.write(json.dumps(told, ensure_ascii=False) + "\n")
    judge.close()


def _asked(condition: str) -> list[dict[str, Any]]:
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return [q for q in map(json.loads, lines) if q["condition"] == condition]


def inspect_logs(url: str) -> None:
    """Let Inspect ask: one .eval file for each condition, and a .json of answers that are drawn."""
    from inspect_ai import Task, eval, task
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.scorer import Score, Target, accuracy, scorer
    from inspect_ai.solver import TaskState, generate, system_message

    os.environ |= {"JUDGE_API_KEY": "none", "JUDGE_BASE_URL": url}

    @scorer(metrics=[accuracy()])
    def rating() -> Any:
        async def score(state: TaskState, target: Target) -> Score:
            text = state.output.completion.strip()
            known = text in {"1", "2", "3", "4", "5"}
            return Score(value=int(text) if known else float("nan"), answer=text)

        return score

    @task
    def values(condition: str = "baseline") -> Task:
        samples = [
            Sample(
                id=q["item"],
                input=q["question"],
                metadata={k: q[k] for k in ("scenario", "value", "polarity")},
            )
            for q in _asked(condition)
        ]
        text = TEXTS[condition]
        told = [system_message(_asked(condition)[0]["system"])] if text else []
        return Task(dataset=MemoryDataset(samples), solver=[*told, generate()], scorer=rating())

    options = {"model": "openai-api/judge/core-judge", "display": "none", "max_tokens": 1}
    for condition in TEXTS:
        eval(
            values(condition),
            log_dir="logs",
            log_format="eval",
            temperature=0.0,
            logprobs=True,
            top_logprobs=20,
            **options,
        )
        (found,) = Path("logs").glob("*.eval")
        found.rename(HERE / f"{condition}.eval")
    eval(values("kind"), log_dir="logs", log_format="json", limit=4, epochs=2, seed=1, **options)
    (found,) = Path("logs").glob("*.json")
    found.rename(HERE / "written.json")
    Path("logs").rmdir()


def lm_eval_samples(url: str) -> None:
    """Let lm-eval ask: the log-likelihood of each label, and an answer in writing."""
    import requests
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.api.registry import register_model
    from lm_eval.loggers import EvaluationTracker

    @register_model("served")
    class Served(LM):
        """The judge on the server, by the completions of a prompt with its answer.

        lm-eval's own way leaves out the last token of the reply, which it takes for one that the
        server has added. Where the model ends its turn this server adds none.
        """

        def __init__(self, pretrained: str) -> None:
            super().__init__()
            self.pretrained = pretrained

        def loglikelihood(self, asked: list[Any], **_: Any) -> list[tuple[float, bool]]:
            found = []
            for prompt, answer in (a.args for a in asked):
                body = {"model": self.pretrained, "prompt": prompt + answer, "max_tokens": 1}
                reply = requests.post(
                    f"{url}/completions", json=body | {"echo": True, "logprobs": 5}, timeout=60
                ).json()
                # The answer is one token, the last of the prompt.
                told = reply["choices"][0]["logprobs"]
                place = len(told["tokens"]) - 1 - reply["usage"]["completion_tokens"]
                p = told["token_logprobs"][place]
                found.append((p, p == max(told["top_logprobs"][place].values())))
            return found

        def loglikelihood_rolling(self, asked: list[Any], **_: Any) -> list[float]:
            raise NotImplementedError

        def generate_until(self, asked: list[Any], **_: Any) -> list[str]:
            found = []
            for prompt, _options in (a.args for a in asked):
                body = {"prompt": prompt, "max_tokens": 1, "temperature": 0.0}
                reply = requests.post(f"{url}/completions", json=body, timeout=60).json()
                found.append(reply["choices"][0]["text"])
            return found

    folder = HERE / "lm-eval"
    shutil.rmtree(folder, ignore_errors=True)
    for condition in TEXTS:
        # Within the folder of the moment: its path stands in the results.
        data = Path(f"{condition}.jsonl")
        docs = _asked(condition)
        kept = ("item", "scenario", "value", "polarity", "prompt")
        data.write_text("".join(json.dumps({k: d[k] for k in kept}) + "\n" for d in docs))
        common = {
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test",
            "doc_to_text": "{{prompt}}",
            "metadata": {"version": 1.0},
        }
        chosen = {
            "task": f"values_{condition}",
            "output_type": "multiple_choice",
            "target_delimiter": "",
            "doc_to_choice": ["1", "2", "3", "4", "5"],
            "doc_to_target": 2,
        }
        written = {
            "task": f"written_{condition}",
            "output_type": "generate_until",
            "doc_to_target": "3",
            "generation_kwargs": {"until": ["\n"], "max_gen_toks": 1},
            "metric_list": [{"metric": "exact_match"}],
        }
        tracker = EvaluationTracker(output_path="made")
        done = simple_evaluate(
            "served",
            model_args="pretrained=core-judge",
            tasks=[common | chosen, common | written],
            log_samples=True,
            evaluation_tracker=tracker,
            bootstrap_iters=0,
        )
        samples = done.pop("samples")
        tracker.save_results_aggregated(results=done, samples=samples)
        for name, rows in samples.items():
            tracker.save_results_samples(task_name=name, samples=rows)
    shutil.copytree("made", folder)


if __name__ == "__main__":
    if sys.argv[1] == "questions":
        questions()
    else:
        # Inspect keeps the path of this file as it is seen from here.
        with contextlib.chdir(HERE):
            inspect_logs(sys.argv[2])
        with tempfile.TemporaryDirectory() as moment, contextlib.chdir(moment):
            lm_eval_samples(sys.argv[2])
