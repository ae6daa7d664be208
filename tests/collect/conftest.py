"""Tiny models with random weights, and a small study to put to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_model

from vat_bayes.collect import Chat, LlamaCppJudge, Prompt
from vat_bayes.study import Study

LABELS = ("1", "2", "3", "4", "5")


@pytest.fixture(scope="session")
def tiny_spm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a random model with a sentence-piece vocabulary and a chat template."""
    return write_model(tmp_path_factory.mktemp("models") / "spm.gguf")


@pytest.fixture(scope="session")
def tiny_bpe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a random model with a byte-pair vocabulary and a chat template."""
    return write_model(tmp_path_factory.mktemp("models") / "bpe.gguf", tokenizer="bpe")


@pytest.fixture(params=["spm", "bpe", "stories"])
def any_model(request: pytest.FixtureRequest) -> Path:
    """Return each of the models that there are."""
    if request.param == "stories":
        folder: Path = request.getfixturevalue("shared_models")
        return folder / "stories260K.gguf"
    found: Path = request.getfixturevalue(f"tiny_{request.param}")
    return found


@pytest.fixture
def open_judge(request: pytest.FixtureRequest) -> Callable[..., LlamaCppJudge]:
    """Return a function that opens a judge; it is closed after the test."""

    def open_one(path: Path, *, chats: list[Chat] | None = None, **options: Any) -> LlamaCppJudge:
        judge = LlamaCppJudge(path, **({"name": "tiny", "labels": LABELS} | options))
        request.addfinalizer(judge.close)
        if chats:
            judge.prepare(prompts_of(chats))
        return judge

    return open_one


def prompts_of(chats: list[Chat]) -> list[Prompt]:
    """Return chats as the prompts of a condition."""
    return [Prompt("c", f"i{i}", "forward", chat) for i, chat in enumerate(chats)]


@pytest.fixture
def items_csv(tmp_path: Path) -> Path:
    """Return a table of 16 judged items in four scenarios, and eight held out for examples."""
    path = tmp_path / "items.csv"
    lines = ["item,scenario,topic,value,polarity,scenario_text,action_text,split,country"]
    for s in range(6):
        for value in ("benevolence", "power"):
            for sign in (1, -1):
                split = "shots" if s > 3 else "judged"
                action = f"{'Help' if sign > 0 else 'Hinder'} {value} {s}"
                name = f"s{s}-{value}{sign:+d}"
                lines.append(
                    f'{name},s{s},t{s % 2},{value},{sign},"Ann, number {s}, waits.",{action},'
                    f"{split},c{s % 3}"
                )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def study_data(tiny_spm: Path, items_csv: Path) -> dict[str, Any]:
    """Return a small study with a baseline, two interventions, a placebo and a retest."""
    return {
        "name": "small",
        "seed": 11,
        "models": [{"name": "tiny", "path": str(tiny_spm)}],
        "items": {"source": "table", "path": str(items_csv)},
        "conditions": [
            {"name": "baseline", "role": "baseline"},
            {
                "name": "promote",
                "role": "intervention",
                "target": "benevolence",
                "kind": "prompt",
                "text": "Be kind.",
            },
            {
                "name": "shots-2",
                "role": "intervention",
                "target": "power",
                "kind": "shots",
                "shots": 2,
            },
            {"name": "placebo", "role": "placebo", "kind": "prompt", "text": "The sky is up."},
            {"name": "retest", "role": "retest"},
        ],
    }


@pytest.fixture
def study(study_data: dict[str, Any]) -> Study:
    """Return the small study."""
    return Study.from_dict(study_data)
