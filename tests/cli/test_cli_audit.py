"""The whole job on a tiny model with random weights: two passes, the second takes up the first."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from cli_files import write_study

from vat_bayes.cli import main

_TINY = Path(__file__).resolve().parents[1] / "collect" / "tiny_models.py"


def tiny_models() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny_models_for_the_cli", _TINY)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_audit_collects_fits_checks_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("llama_cpp")
    tiny_models().write_model(tmp_path / "judge.gguf")
    study, out = write_study(tmp_path), tmp_path / "run"
    call = ["audit", str(study), "--out", str(out), "--json"]
    # So short a fit does not converge, which the exit code has to say.
    assert main([*call, "--draws", "20", "--tune", "20", "--chains", "1"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is False
    for name in ("study.toml", "items.parquet", "judgments.parquet", "posterior.nc"):
        assert (out / name).is_file(), name
    for name in ("estimands.csv", "checks.json", "report.html", "summary.json"):
        assert (out / name).is_file(), name
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["fit"]["readout"] == "distribution"
    assert manifest["state"] == "complete"

    judgments = (out / "judgments.parquet").read_bytes()
    assert main(["collect", str(study), "--out", str(out)]) == 0
    assert "collecting" not in capsys.readouterr().err
    assert (out / "judgments.parquet").read_bytes() == judgments
    assert json.loads((out / "manifest.json").read_text())["fit"] == manifest["fit"]
