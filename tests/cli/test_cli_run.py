"""A table of ratings that follows the contract and nothing else, all the way to the report."""

from __future__ import annotations

import json
from pathlib import Path

import arviz as az
import pandas as pd
import pytest
from cli_files import table, write_ratings

import vat_bayes as vb
from vat_bayes.cli import main

CONTRACT = [
    *("model", "condition", "target", "estimand", "value", "scale", "mean", "sd", "median"),
    *("lo", "hi", "level", "p_positive", "status", "n_scenarios"),
]
TINY = ("--draws", "40", "--tune", "40", "--chains", "2")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder with a short but real fit in it."""
    folder = tmp_path_factory.mktemp("golden")
    out = folder / "run"
    source = str(write_ratings(folder))
    code = main(["fit", source, "--out", str(out), "--categories", "6", "--level", "0.8", *TINY])
    assert code == 0
    return out


def test_the_files_follow_the_contract(run: Path) -> None:
    table = pd.read_csv(run / "estimands.csv")
    assert list(table.columns) == CONTRACT
    assert {"shift", "gain", "tax_rms", "gain_classical"} <= set(table["estimand"])
    assert set(table["condition"]) == {"kind", "filler"}
    assert (table["level"] == 0.8).all()
    tree = az.from_netcdf(run / "posterior.nc")
    assert {"posterior", "sample_stats", "prior", "log_likelihood"} <= set(tree.children)
    assert tree["posterior"].sizes["draw"] == 40
    checks = json.loads((run / "checks.json").read_text())
    assert {"check", "verdict", "figure", "threshold", "why"} == set(checks[0])
    assert not list(run.glob(".*.partial"))


def test_a_fit_that_did_not_converge_gives_no_headline(run: Path) -> None:
    table = pd.read_csv(run / "estimands.csv").set_index("estimand")
    assert (table.loc["tax_rms", "status"] == "not-converged").all()
    assert table.loc["tax_rms", "mean"].isna().all()
    assert table.loc["shift_classical", "mean"].notna().any()


def test_the_manifest_says_what_was_fitted_and_how(run: Path) -> None:
    fit = json.loads((run / "manifest.json").read_text())["fit"]
    assert fit["input"]["file"] == "ratings.csv"
    assert len(fit["input"]["sha256"]) == 64
    assert fit["readout"] == "ratings"
    assert fit["engine"] == "nuts"
    assert fit["seed"] == 0
    assert "numpyro" in fit["versions"]


def test_the_folder_can_be_read_by_itself(run: Path) -> None:
    again = vb.load_judgments(run)
    first = vb.load_judgments(table())
    assert again.conditions == first.conditions
    assert again.table["rating"].tolist() == first.table["rating"].tolist()


def test_check_fails_with_code_1_and_report_writes_the_page(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(run)]) == 1
    told = capsys.readouterr().out
    assert "failed: " in told
    assert f"run it longer: vat-bayes fit {run} --draws 1000" in told
    assert main(["check", str(run), "--quiet"]) == 1
    seen = capsys.readouterr()
    assert (seen.out, seen.err) == ("", "")
    assert main(["check", str(run), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is False
    assert {c["verdict"] for c in found["checks"]} >= {"fail"}
    assert main(["report", str(run)]) == 0
    assert "report.html" in capsys.readouterr().out
    assert (run / "report.html").stat().st_size > 1000


def test_other_judgments_go_into_a_fitted_folder_and_old_results_go(run: Path) -> None:
    from vat_bayes.runs import RunFiles

    files = RunFiles(run)
    files.open_for(Path("elsewhere.csv"))
    assert files.fit_section()["n_categories"] == 6


def test_ratings_that_take_an_hour_are_told_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(write_ratings(tmp_path))
    options = ["fit", source, "--categories", "6", *TINY]
    assert main([*options, "--out", str(tmp_path / "few")]) == 0
    assert "NUTS can take an hour" not in "".join(capsys.readouterr())
    # A table of more cells than this would take the hour.
    monkeypatch.setattr("vat_bayes.model.fast.ratings.MOST_CELLS", 40)
    assert main([*options, "--out", str(tmp_path / "many")]) == 0
    assert "NUTS can take an hour for 48 cells" in "".join(capsys.readouterr())
