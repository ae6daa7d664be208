"""The demonstration: what it says without the judge, and what it finds with it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import vat_bayes.bundled as bundled
import vat_bayes.demo as rooms
from vat_bayes.cli import main
from vat_bayes.study import Study


def test_without_the_true_effects_the_demo_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rooms, "model_path", tmp_path.joinpath)
    assert main(["demo", "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "core-judge.truth.csv" in said
    assert not (tmp_path / "run").exists()


def test_the_study_of_the_demo_is_bundled() -> None:
    study = rooms.demo_study()
    assert {c.role for c in study.conditions} == {"baseline", "intervention", "placebo", "retest"}


@pytest.mark.slow
def test_the_demo_compares_its_intervals_with_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study, truth = rooms.demo_study(), rooms.demo_truth()
    assert bundled.model_path("judges").is_dir()
    data = study.to_dict()
    data["items"]["scenarios"] = 8
    data["scale"]["orders"] = ["forward"]
    small = Study.from_dict(data)
    monkeypatch.setattr(rooms, "demo_study", lambda: small)
    out = tmp_path / "run"
    short = ["--draws", "100", "--tune", "100", "--chains", "2"]
    assert main(["demo", "--out", str(out), *short, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["inside_interval"] <= found["true_shifts"] <= 30
    assert Path(found["report"]).is_file()
    assert set(truth["estimand"]) == {"shift", "gain", "tax_rms"}
    assert pd.read_csv(out / "estimands.csv")["condition"].nunique() == 5
