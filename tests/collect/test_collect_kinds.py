"""Every kind of intervention through a whole run: same items, proof in the manifest, resumable."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_collect_run import Recorder, manifest, sha256
from tiny_adapters import random_adapter, write_adapter, write_vector
from tiny_models import write_model

from vat_bayes.collect import LlamaCppJudge, NoEffectError, RunFolder, Schedule, collect
from vat_bayes.errors import InputError
from vat_bayes.study import KINDS, Study, load_study

P = ["p1", "p2", "p3", "p4", "p5", "p_valid"]
PER_CONDITION = 16


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a model, and what can be done to it."""
    folder = tmp_path_factory.mktemp("kinds")
    model = write_model(folder / "m.gguf", layers=3)
    rng = np.random.default_rng(5)
    directions = {layer: rng.normal(0, 1, 32) for layer in (1, 2)}
    return {
        "model": model,
        "adapter": random_adapter(folder / "a.gguf", model, layers=(0, 1)),
        "vector": write_vector(folder / "v.gguf", directions),
        "checkpoint": write_model(folder / "step.gguf", layers=3, seed=1),
    }


# What a study file says for each kind, as an intervention and as its placebo.
INTERVENTIONS: dict[str, dict[str, Any]] = {
    "prompt": {"text": "Be kind to all of them."},
    "instruction": {"text": "Be kind to all of them."},
    "persona": {"persona": "a nurse who loves her family"},
    "shots": {"shots": 2},
    "adapter": {"path": "adapter", "scale": 0.5},
    "steering": {"path": "vector", "strength": 2.0},
    "checkpoint": {"path": "checkpoint"},
    "combination": {
        "parts": [
            {"kind": "instruction", "text": "Be kind."},
            {"kind": "adapter", "path": "adapter", "scale": 0.5},
            {"kind": "steering", "path": "vector", "strength": -1.0, "layers": [2, 2]},
        ]
    },
}
PLACEBOS: dict[str, dict[str, Any]] = {
    "prompt": {"text": "Read on to the last."},
    "instruction": {"text": "Read on to the last."},
    "persona": {"persona": "a reader who sits on a chair"},
    "shots": {"shots": 2},
    "adapter": {"path": "adapter", "scale": 0.0},
    "steering": {"path": "vector", "strength": 2.0, "random": True},
    "combination": {
        "parts": [
            {"kind": "instruction", "text": "Read on."},
            {"kind": "adapter", "path": "adapter", "scale": 0.0},
            {"kind": "steering", "path": "vector", "strength": -1.0, "random": True},
        ]
    },
}


def located(found: Any, files: dict[str, Path]) -> Any:
    """Put the files' paths in the place of their names."""
    if isinstance(found, dict):
        return {k: str(files[x]) if k == "path" else located(x, files) for k, x in found.items()}
    return [located(x, files) for x in found] if isinstance(found, list) else found


def data_of(kind: str, files: dict[str, Path], items_csv: Path) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = [{"name": "baseline", "role": "baseline"}]
    if kind != "none":
        conditions.append(
            {
                "name": "changed",
                "role": "intervention",
                "target": "benevolence",
                "kind": kind,
                **located(INTERVENTIONS[kind], files),
            }
        )
    if kind in PLACEBOS:
        conditions.append(
            {"name": "placebo", "role": "placebo", "kind": kind, **located(PLACEBOS[kind], files)}
        )
    conditions.append({"name": "retest", "role": "retest"})
    return {
        "name": kind,
        "seed": 3,
        "models": [{"name": "tiny", "path": str(files["model"])}],
        "items": {"source": "table", "path": str(items_csv)},
        "scale": {"orders": ["forward"]},
        "conditions": conditions,
    }


def readings(run: RunFolder) -> pd.DataFrame:
    return pd.read_parquet(run.judgments).set_index(["condition", "item", "prompt"])[P]


def test_every_kind_is_tried() -> None:
    assert {"none", *INTERVENTIONS} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_obeys_the_protocol(
    kind: str, files: dict[str, Path], items_csv: Path, tmp_path: Path
) -> None:
    data = data_of(kind, files, items_csv)
    study = Study.from_dict(data)
    run = collect(study, out=tmp_path / "run")
    p = readings(run)
    names = [c.name for c in study.conditions]

    # The same items and prompts under every condition, and a retest that repeats the baseline.
    asked = [set(p.loc[name].index) for name in names]
    assert all(a == asked[0] for a in asked)
    assert (p.loc["baseline"] == p.loc["retest"]).all(axis=None)
    told = manifest(run)
    effects = {e["condition"]: e for e in told["effects"]}
    assert effects["retest"]["verdict"] == "identical"
    if kind != "none":
        assert effects["changed"]["verdict"] == "distinguishable from baseline"
        assert effects["changed"]["mean_total_variation"] > 0
        difference = (p.loc["changed"][P[:5]] - p.loc["baseline"][P[:5]]).abs()
        assert effects["changed"]["mean_total_variation"] == pytest.approx(
            difference.sum(axis=1).mean() / 2, rel=1e-12
        )
    if kind == "adapter":
        assert (p.loc["baseline"] == p.loc["placebo"]).all(axis=None)
    elif kind in PLACEBOS:
        assert effects["placebo"]["mean_total_variation"] > 0

    # The manifest says what was done, by hashes.
    for c in study.conditions:
        entry = told["interventions"][c.name]
        assert entry["kind"] == c.intervention.kind
        assert [f["sha256"] for f in entry["files"]] == [
            sha256(Path(f)) for f in dict.fromkeys(c.intervention.files)
        ]
        assert entry["applied"].keys() == {"tiny"}
        touched = {"adapters", "control_vectors"} & entry["applied"]["tiny"].keys()
        weights = entry["weights"]
        assert touched == {
            name
            for name, key in (("adapters", "adapters"), ("control_vectors", "vectors"))
            if weights.get(key)
        }

    # The order of the conditions does not matter: nothing is carried over from one to the next.
    other = copy.deepcopy(data)
    other["conditions"].reverse()
    again = readings(collect(Study.from_dict(other), out=tmp_path / "other"))
    assert (again.sort_index() == p.sort_index()).all(axis=None)

    # Interrupted within its conditions it ends the same, and the copy of its study gives it too.
    out = tmp_path / "interrupted"
    for stop in (PER_CONDITION - 5, PER_CONDITION):
        with pytest.raises(KeyboardInterrupt):
            collect(study, out=out, progress=Recorder(stop_after=stop))
    assert sha256(collect(study, out=out).judgments) == sha256(run.judgments)
    copied = collect(load_study(run.study), out=tmp_path / "copied")
    assert sha256(copied.judgments) == sha256(run.judgments)

    # What was sent is kept, once each, and is what the judge is given.
    judge = LlamaCppJudge(files["model"], name="tiny", labels=study.scale.labels)
    sent = pd.concat(
        [pd.read_json(f, lines=True, dtype=False) for f in run.prompts.rglob("*.jsonl.gz")]
    )
    assert len(sent) == len(p)
    texts = sent.dropna(subset="text").set_index("sha256")["text"]
    assert texts.index.nunique() == sent["sha256"].nunique()
    for row in sent.itertuples():
        assert hashlib.sha256(texts[[row.sha256]].iloc[0].encode()).hexdigest() == row.sha256
    expected = {
        (q.condition, q.item, q.order): judge.sent(q.chat)
        for q in Schedule(study, study.load_items())
    }
    judge.close()
    if kind != "checkpoint":
        for row in sent.itertuples():
            key = (row.condition, row.item, row.prompt)
            assert texts[[row.sha256]].iloc[0] == expected[key]


def change_file(path: Path) -> None:
    write_adapter(path, {"blk.0.attn_q.weight": (np.ones((1, 32)), np.ones((32, 1)))})


def test_a_changed_adapter_is_another_run(
    files: dict[str, Path], items_csv: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(files["adapter"].read_bytes())
    data = data_of("adapter", files | {"adapter": mine}, items_csv)
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        collect(Study.from_dict(data), out=out, progress=Recorder(stop_after=20))
    moved = tmp_path / "moved.gguf"
    moved.write_bytes(mine.read_bytes())
    elsewhere = data_of("adapter", files | {"adapter": moved}, items_csv)
    with pytest.raises(KeyboardInterrupt):
        collect(Study.from_dict(elsewhere), out=out, progress=Recorder(stop_after=4))
    change_file(mine)
    with pytest.raises(InputError, match=r"a file of condition 'changed' \(SHA-256\) was"):
        collect(Study.from_dict(data), out=out)


def test_a_missing_file_is_told_before_the_first_question(
    files: dict[str, Path], items_csv: Path, tmp_path: Path
) -> None:
    data = data_of("steering", files | {"vector": tmp_path / "none.gguf"}, items_csv)
    with pytest.raises(InputError, match="condition 'changed': .*none.gguf' is not there"):
        collect(Study.from_dict(data), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_intervention_that_does_nothing_is_an_error_and_nothing_is_lost(
    files: dict[str, Path], items_csv: Path, tmp_path: Path
) -> None:
    # An adapter of zeros is loaded and applied, and changes no bit.
    idle = write_adapter(
        tmp_path / "idle.gguf", {"blk.0.attn_q.weight": (np.zeros((1, 32)), np.zeros((32, 1)))}
    )
    data = data_of("adapter", files | {"adapter": idle}, items_csv)
    for _ in range(2):
        with pytest.raises(NoEffectError) as e:
            collect(Study.from_dict(data), out=tmp_path / "run")
        assert "intervention 'changed' (model 'tiny') gave the baseline's answers" in str(e.value)
        assert "\n" not in str(e.value)
    run = RunFolder(
        e.value.folder.root if isinstance(e.value.folder, RunFolder) else e.value.folder
    )
    assert manifest(run)["state"] == "complete"
    assert len(pd.read_parquet(run.judgments)) == 4 * PER_CONDITION


def test_a_model_file_that_changes_under_way_is_told(
    files: dict[str, Path], items_csv: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(files["model"].read_bytes())
    data = data_of("prompt", files | {"model": mine}, items_csv)

    class Changing(Recorder):
        def step(self, label: str) -> None:
            super().step(label)
            if self.steps == 10:
                with mine.open("r+b") as file:
                    file.seek(-4, 2)
                    file.write(b"\0\0\0\1")

    progress = Changing()
    with pytest.raises(InputError, match="its file was changed while it was in use"):
        collect(Study.from_dict(data), out=tmp_path / "run", progress=progress)
    assert progress.steps == 10


def test_a_series_is_its_conditions(files: dict[str, Path], items_csv: Path) -> None:
    data = data_of("adapter", files, items_csv)
    data["conditions"][1]["series"] = {"key": "scale", "values": [0.25, 0.5, 1]}
    del data["conditions"][1]["scale"]
    study = Study.from_dict(data)
    assert [(c.name, c.dose) for c in study.as_conditions()][1:4] == [
        ("changed-0.25", 0.25),
        ("changed-0.5", 0.5),
        ("changed-1", 1.0),
    ]
    assert json.loads(json.dumps(study.to_dict())) == study.to_dict()
    schedule = Schedule(study, study.load_items())
    assert [schedule.weights(c.name).adapters[0].scale for c in study.conditions[1:4]] == [
        0.25,
        0.5,
        1.0,
    ]
