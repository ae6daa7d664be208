"""Compiled programs are kept in a folder of the user's own, and change nothing but the time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vat_bayes.cli.programs import keep_programs
from vat_bayes.simulate import simulate

FOLDER = "JAX_COMPILATION_CACHE_DIR"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("JAX_"):
            monkeypatch.delenv(name)
    # What the function sets is taken away again with what was there before.
    monkeypatch.setenv(FOLDER, "")
    monkeypatch.delenv(FOLDER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "vat-bayes"


def test_folder_is_the_users_alone(cache: Path) -> None:
    # Whatever the user lets others do by default.
    usual = os.umask(0o002)
    try:
        keep_programs()
    finally:
        os.umask(usual)
    folder = Path(os.environ[FOLDER])
    assert folder.parent == cache
    for each in (folder, cache):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700
    keep_programs()
    assert os.environ[FOLDER] == str(folder)


@pytest.mark.parametrize("which", ["folder", "the one around it"])
def test_nothing_is_kept_where_others_may_write(cache: Path, which: str) -> None:
    keep_programs()
    folder = Path(os.environ.pop(FOLDER))
    (folder if which == "folder" else cache).chmod(0o777)
    keep_programs()
    assert FOLDER not in os.environ


def test_nothing_is_kept_behind_a_link(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    cache.symlink_to(tmp_path / "elsewhere")
    keep_programs()
    assert FOLDER not in os.environ


def test_nothing_is_kept_without_a_folder(cache: Path) -> None:
    cache.write_text("a file in its place")
    keep_programs()
    assert FOLDER not in os.environ


def test_jax_own_variable_is_left_alone(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, "elsewhere")
    keep_programs()
    assert os.environ[FOLDER] == "elsewhere"
    assert not cache.exists()


@pytest.mark.slow
def test_second_fit_compiles_nothing_and_has_the_same_bits(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "judgments.csv"
    # Whatever time it takes: the second command has nothing left to add.
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    simulate(4, seed=1, readout="ratings").judgments.to_csv(table, index=False)
    estimates, kept = [], []
    for out in (tmp_path / "first", tmp_path / "second"):
        options = ["--model-file", "minimal", "--chains", "1", "--draws", "20", "--tune", "30"]
        done = subprocess.run(
            [sys.executable, "-m", "vat_bayes", "fit", str(table), "--out", str(out), *options],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        assert "cache" not in done.stderr
        estimates.append((out / "estimands.csv").read_bytes())
        kept.append(sorted(p.name for p in cache.rglob("*-cache")))
    assert kept[0]
    assert kept[0] == kept[1]
    assert estimates[0] == estimates[1]
