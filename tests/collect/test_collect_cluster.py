"""A cluster of two processes: the same table, bit for bit, and one sentence for what goes wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_collect_run import Recorder, manifest
from tiny_adapters import random_adapter
from tiny_models import write_model

from vat_bayes.bundled import model_path
from vat_bayes.collect import Chat, RunFolder, StoppedError, collect
from vat_bayes.collect.cluster import Done, Task, scheduler
from vat_bayes.collect.cluster.task import Opening, do
from vat_bayes.collect.manifest import file_sha256
from vat_bayes.errors import InputError
from vat_bayes.study import ModelSource, Study, Weights

pytest.importorskip("distributed")
JUDGE = model_path("judges", "core-judge.gguf")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the address of a scheduler with two processes."""
    with scheduler.open_cluster("local:2") as cluster:
        assert cluster.n_workers == 2
        assert cluster.threads is not None
        yield cluster._client.scheduler.address


@pytest.fixture
def data(study_data: dict[str, Any], tiny_spm: Path, tmp_path: Path) -> dict[str, Any]:
    """Return a study of two models, one of them the bundled judge, with an adapter."""
    other = write_model(tmp_path / "other.gguf", seed=5)
    lora = random_adapter(tmp_path / "lora.gguf", tiny_spm, scale=1.0)
    checkpoint = {"kind": "checkpoint", "path": str(other)}
    return study_data | {
        "models": [
            {"name": "tiny", "path": str(tiny_spm)},
            {"name": "again", "path": str(tiny_spm), "mode": "batched", "n_batch": 512},
        ],
        "scale": {"orders": ["forward"]},
        "conditions": [
            *study_data["conditions"][:2],
            {"name": "lora", "role": "intervention", "kind": "adapter", "path": str(lora)},
            {"name": "other", "role": "intervention", **checkpoint},
        ],
    }


def same(a: RunFolder, b: RunFolder) -> bool:
    return a.judgments.read_bytes() == b.judgments.read_bytes()


def test_the_table_is_that_of_one_process(
    data: dict[str, Any], address: str, tmp_path: Path
) -> None:
    study = Study.from_dict(data)
    alone = collect(study, out=tmp_path / "alone")
    spread = collect(study, out=tmp_path / "spread", cluster=address)
    assert same(alone, spread)
    told, expected = manifest(spread), manifest(alone)
    assert told["sessions"][-1]["cluster"]["workers"] == 2
    assert told["sessions"][-1]["cluster"]["versions"] == [told["sessions"][-1]["versions"]]
    assert told["identity"] == expected["identity"]
    assert told["models"] == expected["models"]
    # Interrupted there and ended here; a finished run needs no cluster.
    with pytest.raises(KeyboardInterrupt):
        collect(study, out=tmp_path / "both", cluster=address, progress=Recorder(stop_after=37))
    progress = Recorder()
    assert same(alone, collect(study, out=tmp_path / "both", progress=progress))
    assert progress.begun == [(128, 37)]
    assert same(alone, collect(study, out=tmp_path / "both", cluster="tcp://127.0.0.1:9"))


def test_the_bundled_judge_and_written_answers(
    data: dict[str, Any], address: str, tmp_path: Path
) -> None:
    judge = [{"name": "judge", "path": str(JUDGE)}]
    read = Study.from_dict(data | {"models": judge, "conditions": data["conditions"][:1]})
    assert same(
        collect(read, out=tmp_path / "here"),
        collect(read, out=tmp_path / "there", cluster=address),
    )
    write = Study.from_dict(
        data
        | {"models": data["models"][:1], "conditions": data["conditions"][:1]}
        | {"readout": {"mode": "generate", "budget": 4, "replicates": 1}}
    )
    here = collect(write, out=tmp_path / "written here")
    there = collect(write, out=tmp_path / "written there", cluster=address)
    assert same(here, there)
    lines = [sorted(next(run.thoughts.iterdir()).read_text().splitlines()) for run in (here, there)]
    assert lines[0] == lines[1]


def test_a_worker_with_another_file_says_so(tiny_spm: Path, tmp_path: Path) -> None:
    model = ModelSource(name="tiny", path=str(tiny_spm), n_ctx=256, threads=1)
    opening = Opening(model, str(tiny_spm), ("1", "2", "3"), 0, True)
    chats = (Chat("How much?"),)
    task = Task(opening, Weights(), {str(tiny_spm): file_sha256(tiny_spm)}, ((chats, ()),))
    done = do(task)
    assert not done.refused
    # Without reuse, and with another model before, nothing changes.
    others = dataclasses.replace(opening, reuse=False, labels=("3", "4"))
    assert do(dataclasses.replace(task, opening=others)).readings != done.readings
    assert do(task) == done
    for files, expected in (
        ({str(tiny_spm): "0" * 64}, "a worker has another file there"),
        ({str(tmp_path / "none.gguf"): "0" * 64}, "a worker cannot read the file"),
    ):
        told = do(dataclasses.replace(task, files=files))
        assert expected in told.refused
        assert told == Done(refused=told.refused)


def test_what_is_no_cluster_is_told(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.from_dict(data)
    monkeypatch.setattr(scheduler, "_CONNECT_SECONDS", 0.3)
    for words, expected in (
        ("many", "expected 'local', 'local:N' or the address of a Dask scheduler"),
        ("local:0", "expected 1 to 256 processes"),
        ("tcp://127.0.0.1:9", "no Dask scheduler answers"),
    ):
        with pytest.raises(InputError, match=expected):
            collect(study, out=tmp_path / "run", cluster=words)


def test_a_cluster_that_fails_stops_the_run(
    data: dict[str, Any], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Task) -> Done:
        raise OSError("the network is down")

    study = Study.from_dict(data | {"models": data["models"][:1]})
    monkeypatch.setattr(scheduler, "do", fail)
    with pytest.raises(StoppedError, match="OSError: the network is down.*everything collected"):
        collect(study, out=tmp_path / "run", cluster=address)
