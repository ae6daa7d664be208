"""Wordings, label bias and long labels through a whole run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import prompts_of
from test_collect_run import Recorder, manifest, sha256

from vat_bayes.collect import LlamaCppJudge, collect, user_message
from vat_bayes.collect.prompts import Chat
from vat_bayes.errors import InputError
from vat_bayes.judgments import load_judgments
from vat_bayes.study import Study


@pytest.fixture
def two(study_data: dict[str, Any]) -> dict[str, Any]:
    """Return the small study with its baseline and a prompt."""
    study_data["conditions"] = study_data["conditions"][:2]
    return study_data


def test_paraphrases_are_prompts_of_their_own(two: dict[str, Any], tmp_path: Path) -> None:
    two["template"] = {"paraphrases": [{"name": "agree", "wording": "agree"}]}
    run = collect(Study.from_dict(two), out=tmp_path / "run")
    table = pd.read_parquet(run.judgments)
    assert set(table["prompt"]) == {"forward", "reversed", "agree-forward", "agree-reversed"}
    assert len(table) == 2 * 16 * 4
    assert len(load_judgments(run.root).table) == len(table)
    sent = pd.read_json(run.prompts / "tiny" / "0.jsonl.gz", lines=True, dtype=False).dropna(
        subset="text"
    )
    asked = sent.set_index(["condition", "item", "prompt"])["text"]
    item = table["item"].iloc[0]
    assert "1 = strongly disagree" in asked["baseline", item, "agree-forward"]
    assert "1 = strongly disapprove" in asked["baseline", item, "forward"]


def test_long_labels_through_a_run(two: dict[str, Any], tmp_path: Path) -> None:
    two["scale"] = {
        "labels": [str(i) for i in range(11)],
        "anchors": [f"so {i}" for i in range(11)],
    }
    run = collect(Study.from_dict(two), out=tmp_path / "run")
    table = pd.read_parquet(run.judgments)
    p = table[[f"p{k}" for k in range(1, 12)]].to_numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert (table["rating"] == p.argmax(axis=1) + 1).all()
    with pytest.raises(KeyboardInterrupt):
        collect(Study.from_dict(two), out=tmp_path / "cut", progress=Recorder(stop_after=33))
    again = collect(Study.from_dict(two), out=tmp_path / "cut")
    assert sha256(again.judgments) == sha256(run.judgments)


def test_label_bias_is_measured_and_is_no_judgment(
    two: dict[str, Any], tmp_path: Path, tiny_spm: Path
) -> None:
    plain = collect(Study.from_dict(two), out=tmp_path / "plain")
    two["readout"] = {"content_free": True}
    study = Study.from_dict(two)
    progress = Recorder()
    run = collect(study, out=tmp_path / "run", progress=progress)
    assert progress.begun == [(2 * (16 + 3) * 2, 0)]
    assert sha256(run.judgments) == sha256(plain.judgments)
    assert manifest(plain)["label_bias"] == []
    told = manifest(run)["label_bias"]
    assert [(t["condition"], t["prompt"]) for t in told] == [
        (c, o) for c in ("baseline", "promote") for o in ("forward", "reversed")
    ]
    judge = LlamaCppJudge(tiny_spm, name="tiny", labels=study.scale.labels)
    scale, question = study.scale, study.template.question
    chats = [
        Chat(user_message("", text, question, scale.labels, scale.anchors), "Be kind.")
        for text in ("N/A", "[MASK]", "")
    ]
    judge.prepare(prompts_of(chats))
    expected = np.mean([judge.read(chat).probabilities for chat in chats], axis=0)
    judge.close()
    np.testing.assert_allclose(told[2]["probabilities"], expected, rtol=1e-12)
    assert told[2]["texts"] == 3
    assert told[2]["mean_rating"] == pytest.approx(expected @ np.arange(1, 6))


def test_an_item_that_is_called_as_those_without_content_is_refused(
    two: dict[str, Any], tmp_path: Path
) -> None:
    two["readout"] = {"content_free": True}
    path = Path(two["items"]["path"])
    path.write_text(path.read_text().replace("s0-power+1", "content-free: x"))
    with pytest.raises(InputError, match="name of item 'content-free: x' begins as those"):
        collect(Study.from_dict(two), out=tmp_path / "run")
