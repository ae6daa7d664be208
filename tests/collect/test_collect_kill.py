"""A run that is killed without warning goes on where it was, and ends the same."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vat_bayes.collect import collect
from vat_bayes.study import Study, load_study

# More of them take their time: KILLS=100 pytest tests/collect/test_collect_kill.py
KILLS = int(os.environ.get("KILLS", "20"))
CODE = """
import sys
from vat_bayes.collect import collect
from vat_bayes.study import load_study
print("ready", flush=True)
collect(load_study(sys.argv[1]), out=sys.argv[2], sample=2)
"""


def start(study: Path, out: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(study), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def written(run: Path) -> int:
    """Bytes of the run's journal."""
    return sum(p.stat().st_size for p in (run / "journal").glob("*.jsonl"))


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX systems")
def test_killed_at_random_moments_the_table_is_the_same(study: Study, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(study.to_toml(relative_to=tmp_path), encoding="utf-8")
    began = time.monotonic()
    whole = collect(load_study(file), out=tmp_path / "whole", sample=2)
    took = time.monotonic() - began
    expected = hashlib.sha256(whole.judgments.read_bytes()).hexdigest()
    rng = random.Random(5)
    killed = finished = midway = 0
    out = tmp_path / "run-0"
    while killed < KILLS:
        process = start(file, out)
        if killed % 4:
            # Starting takes longer than judging: most kills wait until this process has judged.
            before = written(out)
            while process.poll() is None and written(out) == before:
                time.sleep(0.005)
        time.sleep(rng.uniform(0, took * 0.5))
        process.send_signal(signal.SIGKILL)
        _, stderr = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), stderr
        killed += process.returncode != 0
        midway += written(out) > 0 and not (out / "judgments.parquet").exists()
        if process.returncode == 0:
            finished += 1
            table = (out / "judgments.parquet").read_bytes()
            assert hashlib.sha256(table).hexdigest() == expected
            out = tmp_path / f"run-{finished}"
    assert midway >= 5
    last = collect(load_study(file), out=out, sample=2)
    assert hashlib.sha256(last.judgments.read_bytes()).hexdigest() == expected
