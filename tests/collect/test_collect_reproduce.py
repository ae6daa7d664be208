"""Judgments made again: the same bits, or how far off and why not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from loopback import serve
from test_collect_run import TOTAL, manifest, sha256
from tiny_models import write_model

from vat_bayes.bundled import model_path
from vat_bayes.cli import main
from vat_bayes.collect import LlamaCppJudge, RunFolder, collect, reproduce
from vat_bayes.collect.journal import Journal
from vat_bayes.errors import InputError
from vat_bayes.study import Study


@pytest.fixture
def run(study: Study, tmp_path: Path) -> RunFolder:
    return collect(study, out=tmp_path / "run")


def test_a_run_agrees_bit_for_bit_and_is_left_as_it_is(run: RunFolder) -> None:
    before = {p: sha256(p) for p in run.root.rglob("*") if p.is_file()}
    found = reproduce(run.root, n=40)
    assert found.agrees
    assert (found.judgments, found.sampled, found.identical) == (TOTAL, 40, 40)
    assert found.largest_total_variation == found.largest_p_valid_difference == 0
    assert (found.worst, found.notes) == ("", ())
    assert reproduce(run.root, n=10_000).sampled == TOTAL
    assert {p: sha256(p) for p in run.root.rglob("*") if p.is_file()} == before


def test_the_settings_are_those_of_the_manifest(run: RunFolder) -> None:
    told = manifest(run)["models"]["tiny"]
    opened: list[tuple[int | None, int | None]] = []

    def opener(model: Any, path: Path, labels: tuple[str, ...]) -> LlamaCppJudge:
        opened.append((model.threads, model.n_ctx))
        return LlamaCppJudge(path, name=model.name, labels=labels, n_ctx=model.n_ctx)

    assert reproduce(run.root, n=5, open_judge=opener).agrees
    assert opened == [(told["threads"], told["n_ctx"])]


def test_written_answers_agree_too(study_data: dict[str, Any], tmp_path: Path) -> None:
    study_data["conditions"] = study_data["conditions"][:2]
    study_data["readout"] = {"mode": "generate", "budget": 4, "replicates": 2}
    run = collect(Study.from_dict(study_data), out=tmp_path / "run")
    found = reproduce(run.root, n=30)
    assert found.agrees
    assert found.sampled == 30


def test_a_difference_is_measured_as_it_is(run: RunFolder, capsys: Any) -> None:
    (file,) = run.journal.iterdir()
    made = Journal(run.journal, 5).read(print)
    file.unlink()
    key = sorted(made)[7]
    p = np.array(made[key].probabilities)
    moved = np.roll(p, 1)
    with Journal(run.journal, 5) as journal:
        for k, reading in made.items():
            shares = tuple(map(float, moved)) if k == key else reading.probabilities
            journal.append(k, type(reading)(shares, reading.p_valid))
    found = reproduce(run.root, n=TOTAL)
    assert found.identical == TOTAL - 1
    assert found.largest_total_variation == pytest.approx(np.abs(p - moved).sum() / 2)
    assert found.mean_total_variation == pytest.approx(np.abs(p - moved).sum() / 2 / TOTAL)
    assert f"item '{key.item}' ({key.order})" in found.worst
    assert main(["reproduce", str(run.root), "--n", "200", "--json", "-q"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["agrees"], told["ratings_changed"]) == (False, 1)


def test_the_program_says_which_way_it_went(run: RunFolder, tmp_path: Path, capsys: Any) -> None:
    assert main(["reproduce", str(run.root), "--n", "12"]) == 0
    out = capsys.readouterr().out
    assert out == f"12 of {TOTAL} judgments made again; all 12 agree bit for bit\n"
    assert main(["reproduce", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: no collected run is in this folder" in capsys.readouterr().err
    assert main(["reproduce", str(run.root), "--n", "0"]) == 2
    assert "n is 0; expected at least 1" in capsys.readouterr().err


def test_what_changed_is_named(study_data: dict[str, Any], tmp_path: Path, tiny_spm: Path) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(tiny_spm.read_bytes())
    study_data["models"][0]["path"] = str(model)
    run = collect(Study.from_dict(study_data), out=tmp_path / "run")
    changed = "the run cannot be made again, because something changed since it began: "

    write_model(model, seed=99)
    with pytest.raises(InputError, match=rf"{changed}the file of model 'tiny' \(SHA-256\) was"):
        reproduce(run.root)
    model.write_bytes(tiny_spm.read_bytes())

    items = Path(study_data["items"]["path"])
    whole = items.read_text()
    items.write_text(whole.replace("Help power 0", "Help power 9"))
    with pytest.raises(InputError, match=rf"{changed}the items \(SHA-256\) was"):
        reproduce(run.root)
    items.write_text(whole)

    text = run.study.read_text()
    run.study.write_text(text.replace("Be kind.", "Be cruel."))
    with pytest.raises(InputError, match=f"{changed}the study's 'conditions' 'promote' 'text'"):
        reproduce(run.root)
    run.study.write_text(text)

    table = bytearray(run.judgments.read_bytes())
    table[len(table) // 2] ^= 1
    run.judgments.write_bytes(table)
    with pytest.raises(InputError, match="not the table that the run wrote"):
        reproduce(run.root)
    collect(Study.from_dict(study_data), out=run.root)
    assert reproduce(run.root, n=5).agrees


def test_a_judge_on_a_server_is_asked_again(study_data: dict[str, Any], tmp_path: Path) -> None:
    study_data["conditions"] = study_data["conditions"][:2]
    with serve(model_path("judges", "core-judge.gguf")) as server:
        study_data["models"] = [{"name": "judge", "server": server.address}]
        run = collect(Study.from_dict(study_data), out=tmp_path / "run")
        found = reproduce(run.root, n=20)
    assert found.sampled == 20
    assert found.largest_total_variation is not None
    assert found.largest_total_variation < 1e-5
    assert len(pd.read_parquet(run.judgments)) == 64
