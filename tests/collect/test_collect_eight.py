"""Three models under eight conditions: looked over, run, interrupted and taken up, as by a user."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import gguf
import numpy as np
import pytest
from requantised import requantised
from tiny_adapters import random_adapter, write_vector

from vat_bayes.bundled import model_path
from vat_bayes.collect import LineProgress, collect, outline
from vat_bayes.items import load_items
from vat_bayes.study import load_study

STUDY = """
schema_version = 1
name = "eight"
seed = 4

[[models]]
name = "full"
path = "bundled:core-judge"

[[models]]
name = "half"
path = "half.gguf"

[[models]]
name = "byte"
path = "byte.gguf"

[items]
source = "table"
path = "items.csv"

[[conditions]]
name = "baseline"
role = "baseline"

[[conditions]]
name = "kind"
role = "intervention"
target = "benevolence"
kind = "prompt"
text = "Put kindness and loyalty to friends and family first when you judge what people do."

[[conditions]]
name = "nurse"
role = "intervention"
target = "benevolence"
kind = "persona"
persona = "a nurse who looks after old neighbours"

[[conditions]]
name = "adapted"
role = "intervention"
kind = "adapter"
path = "adapter.gguf"

[[conditions]]
name = "steered"
role = "intervention"
kind = "steering"
path = "vector.gguf"
strength = 0.3

[[conditions]]
name = "four-bits"
role = "intervention"
kind = "checkpoint"
path = "four.gguf"

[[conditions]]
name = "examples"
role = "placebo"
kind = "shots"
shots = 2

[[conditions]]
name = "retest"
role = "retest"
question = "How far do you approve of what was done here?"
"""
EACH = 16
TOTAL = 3 * 8 * EACH


@pytest.fixture
def study(tmp_path: Path) -> Path:
    kinds = gguf.GGMLQuantizationType
    judge = model_path("judges/core-judge.gguf")
    for name, kind in (("half", kinds.F16), ("byte", kinds.Q8_0), ("four", kinds.Q4_0)):
        requantised(tmp_path / f"{name}.gguf", judge, kind)
    random_adapter(tmp_path / "adapter.gguf", judge, scale=0.05)
    rng = np.random.default_rng(1)
    write_vector(tmp_path / "vector.gguf", {i: rng.normal(size=128) for i in (1, 2)})
    core = load_items("core")
    few = core.take_scenarios(2, seed=0).judged().table.query("value in ['power', 'benevolence']")
    few.to_csv(tmp_path / "items.csv", index=False)
    path = tmp_path / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def program(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "vat_bayes", *map(str, words)]


def on_a_terminal(words: list[str]) -> tuple[int, str]:
    """Return the exit code of a program and everything that it shows on a terminal."""
    ours, theirs = pty.openpty()
    wide = os.environ | {"COLUMNS": "120", "LINES": "30", "TERM": "xterm-256color"}
    process = subprocess.Popen(words, stdout=theirs, stderr=theirs, env=wide)
    os.close(theirs)
    shown = bytearray()
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            # How Linux tells that the other side is closed.
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a terminal is one of POSIX systems")
def test_three_models_under_eight_conditions(study: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "run", tmp_path / "whole"
    asked = load_study(study)
    before = outline(asked, out=out)
    assert [row.judgments for row in before.rows] == [EACH] * 24
    assert (before.judgments, before.made, before.seconds_left) == (TOTAL, 0, None)
    assert not out.exists()

    # A suite that was started in the background ignores Ctrl-C, and so would its children.
    before_this = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        first = subprocess.Popen(
            program("collect", study, "--out", out), stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before_this)
    assert first.stderr is not None
    told, line = "", ""
    while not line.startswith("model 'half': "):
        line = first.stderr.readline()
        assert line, told
        told += line
    first.send_signal(signal.SIGINT)
    told += first.communicate()[1]
    assert first.returncode == 3, told
    assert f"collecting {TOTAL} judgments" in told
    assert "checkpoint four.gguf: mode exact" in told
    assert "interrupted: what was collected is kept; `vat-bayes collect" in told

    midway = json.loads(
        subprocess.check_output(
            program("collect", study, "--out", out, "--dry-run", "--json"), text=True
        )
    )
    made = midway["made"]
    assert [row["made"] for row in midway["rows"][:8]] == [EACH] * 8
    assert 8 * EACH <= made < TOTAL

    code, shown = on_a_terminal(program("collect", study, "--out", out))
    assert code == 0, shown
    assert f"{TOTAL} judgments, {made} of them made before" in shown
    assert re.search(r"\d+:\d\d left  (half|byte), ", shown), shown
    assert f"{TOTAL}/{TOTAL}" in shown
    after = outline(asked, out=out)
    assert (after.made, after.seconds_left) == (TOTAL, 0.0)

    collect(asked, out=whole)
    assert (out / "judgments.parquet").read_bytes() == (whole / "judgments.parquet").read_bytes()
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert [s["judgments"] for s in manifest["sessions"]] == [made, TOTAL - made]
    changed = {e["condition"] for e in manifest["effects"] if e["verdict"] != "identical"}
    assert changed == {"kind", "nurse", "adapted", "steered", "four-bits", "examples", "retest"}


def test_the_time_a_model_takes_to_open_is_no_judgment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    stream = io.StringIO()
    progress = LineProgress(stream)
    progress.begin(1000, 100)
    now = 60.0
    progress.step("m, c")
    for _ in range(100):
        now += 0.125
        progress.step("m, c")
    first, *lines = stream.getvalue().splitlines()
    assert first == "collecting 1000 judgments, 100 of them made before"
    assert lines[0] == "141/1000 judgments, 8 a second, about 1 min 47 s left (m, c)"
    assert len(lines) == 2
