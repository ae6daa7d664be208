"""A disk that takes no more, and shards that are not what was written: told, and nothing lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from test_collect_run import TOTAL, Recorder, sha256

from vat_bayes.collect import RunFolder, collect
from vat_bayes.collect.journal import Journal
from vat_bayes.collect.stopped import stopped_by_disk
from vat_bayes.study import Study, load_study

# The limit stands for a full disk: the system refuses to let a file grow, with an error of its own.
CODE = """
import resource, sys
from vat_bayes.cli import main
limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(["collect", sys.argv[1], "--out", sys.argv[2], "-q"]))
"""


@pytest.fixture
def finished(study: Study, tmp_path: Path) -> RunFolder:
    return collect(study, out=tmp_path / "finished")


@pytest.mark.skipif(os.name != "posix", reason="a limit for files is of POSIX systems")
@pytest.mark.parametrize("where", ["journal", "manifest", "table"])
def test_a_full_disk_stops_the_run_and_it_goes_on(
    study: Study, finished: RunFolder, tmp_path: Path, where: str
) -> None:
    sizes = {
        "journal": sum(p.stat().st_size for p in finished.journal.iterdir()),
        "manifest": finished.manifest.stat().st_size,
        "table": finished.judgments.stat().st_size,
    }
    assert sizes["journal"] > sizes["table"] > sizes["manifest"]
    file, out = tmp_path / "study.toml", tmp_path / "run"
    file.write_text(study.to_toml(relative_to=tmp_path), encoding="utf-8")
    before = 0
    if where == "table":
        # A run with all its judgments and no room for the table.
        with pytest.raises(KeyboardInterrupt):
            collect(load_study(file), out=out, progress=Recorder(stop_after=TOTAL))
        before = TOTAL
    limit = sizes[where] * 3 // 4 if where == "journal" else sizes[where] - 100
    if where == "manifest":
        limit = 100
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(file), str(out), str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr == (
        f"interrupted: {out}: a file reached the size that is allowed here, so collecting "
        "stopped; make room; everything collected before is kept, and the same command goes on "
        "from there\n"
    )
    assert not list(out.rglob("*.part"))
    kept = len(Journal(RunFolder(out).journal, 5).read(print))
    assert kept == before if where != "journal" else 50 < kept < TOTAL
    progress = Recorder()
    run = collect(load_study(file), out=out, progress=progress)
    assert progress.begun == ([] if where == "table" else [(TOTAL, kept)])
    assert sha256(run.judgments) == sha256(finished.judgments)


def test_only_a_full_disk_is_called_one(tmp_path: Path) -> None:
    full = stopped_by_disk(OSError(28, "No space left on device"), tmp_path)
    assert "the disk is full, so collecting stopped" in str(full)
    assert stopped_by_disk(PermissionError(13, "Permission denied"), tmp_path) is None


def test_a_flipped_byte_anywhere_costs_its_judgment_and_no_other(
    study: Study, finished: RunFolder
) -> None:
    (file,) = finished.journal.iterdir()
    whole = file.read_bytes()
    made = Journal(finished.journal, 5).read(print)
    assert len(made) == TOTAL
    rng = random.Random(3)
    for _ in range(400):
        at = rng.randrange(len(whole) - 1)
        damaged = bytearray(whole)
        damaged[at] ^= 1 << rng.randrange(8)
        file.write_bytes(damaged)
        notes: list[str] = []
        left = Journal(finished.journal, 5).read(notes.append)
        # A line break that is gone joins two lines.
        assert TOTAL - 2 <= len(left) < TOTAL
        assert all(made[key] == reading for key, reading in left.items())
        assert 1 <= len(notes) <= 2
        assert all(note.startswith("journal/0001.jsonl, line ") for note in notes)
    # The last state of the file is mended like any other.
    before = sha256(finished.judgments)
    progress = Recorder()
    run = collect(study, out=finished.root, progress=progress)
    assert progress.steps in (1, 2)
    assert sha256(run.judgments) == before
