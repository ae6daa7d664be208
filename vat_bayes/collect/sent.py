"""The prompts as the models got them, kept once each."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from vat_bayes.collect.judge import Judge, Prompt
from vat_bayes.collect.store import whole


def keep_prompts(path: Path, judge: Judge, prompts: Iterable[Prompt]) -> None:
    """Write what a judge is sent, one JSON object a line.

    Parameters
    ----------
    path : pathlib.Path
        The file, compressed: ``condition, item, prompt, sha256, text``. The text stands in the
        first line that has its hash; in the others it is null.
    judge : Judge
        The judge, prepared.
    prompts : iterable of Prompt
        What it will be asked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    known: set[str] = set()
    # Without a time in it, the same prompts are the same file.
    with whole(path) as part, part.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, 0) as file:
        for prompt in prompts:
            text = judge.sent(prompt.chat)
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            row = {
                "condition": prompt.condition,
                "item": prompt.item,
                "prompt": prompt.order,
                "sha256": digest,
                "text": None if digest in known else text,
            }
            known.add(digest)
            file.write(f"{json.dumps(row)}\n".encode())
