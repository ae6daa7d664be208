"""How the program starts and ends when nothing is wrong with the input."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest
from cli_files import write_ratings, write_study

from vat_bayes.cli import main
from vat_bayes.study import Study

COMMANDS = ("demo", "audit", "collect", "fit", "check", "report", "import", "simulate")


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"vat-bayes {command}" in shown
    assert "Example" in shown
    assert "--json" in shown
    assert "--quiet" in shown


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(c in shown for c in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("vat-bayes 0.")


def test_help_needs_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys\nfrom vat_bayes.cli import main\nassert main(['fit', '--help']) == 0\n"
        "heavy = {'jax', 'numpy', 'pandas', 'xarray', 'pymc', 'llama_cpp', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["collect", "audit"])
def test_an_interruption_says_how_to_go_on(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []

    def collect(study: Study, **options: object) -> None:
        asked.append((study.models[0].mode, study.models[0].n_batch, options["cluster"]))
        interrupt()

    monkeypatch.setattr(import_module("vat_bayes.collect"), "collect", collect)
    study, out = str(write_study(tmp_path)), str(tmp_path / "run")
    more = ["--mode", "batched", "--batch", "256", "--cluster", "local:2"]
    assert main([command, study, "--out", out, "--sample", "3", *more]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    words = " ".join(more)
    assert f"`vat-bayes {command} {study} --out {out} --sample 3 {words}` goes on" in said
    assert asked == [("batched", 256, "local:2")]


def test_an_interrupted_fit_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(import_module("vat_bayes.model"), "fit", interrupt)
    out = tmp_path / "run"
    assert main(["fit", str(write_ratings(tmp_path)), "--out", str(out), "--quiet"]) == 3
    assert capsys.readouterr().err.strip().startswith("interrupted")
    assert list(out.iterdir()) == []


def test_a_bug_is_shown_as_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(import_module("vat_bayes.audit"), "check_run", broken)
    with pytest.raises(ZeroDivisionError):
        main(["check", str(tmp_path)])


def test_a_folder_that_cannot_be_written_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "run/posterior.nc")

    monkeypatch.setattr(import_module("vat_bayes.audit"), "check_run", full)
    assert main(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: run/posterior.nc: no space left on device\n"


def test_a_warning_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def warn(*_: object, **__: object) -> Path:
        warnings.warn("only one polarity", UserWarning, stacklevel=1)
        return Path("report.html")

    monkeypatch.setattr(import_module("vat_bayes.audit"), "report_run", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *a, **_: print(
            warnings.formatwarning(*a[:4]), end="", file=sys.stderr
        )
        assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "warning: only one polarity\n"


def test_simulate_writes_judgments_and_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sim.csv"
    assert main(["simulate", "--out", str(out), "--scenarios", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == len(pd.read_csv(out)) == 3 * 20 * 5
    assert "gain" in set(pd.read_csv(found["truth"])["estimand"])


def test_import_turns_words_into_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def foreign(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(Score=frame["rating"] - 1).drop(columns=["rating", "model"])

    source, out = str(write_ratings(tmp_path, foreign)), tmp_path / "new" / "j.parquet"
    words = ["columns.rating=Score", "fill.model=mine", "rating_offset=1", "n_categories=5"]
    options = [w for word in words for w in ("--opt", word)]
    assert main(["import", "table", source, "--out", str(out), *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_categories"] == 5
    assert found["conditions"] == ["baseline", "kind", "filler"]
    assert set(pd.read_parquet(out)["model"]) == {"mine"}
