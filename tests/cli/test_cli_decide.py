"""``decide`` and ``explain``: what they print and write, and how they end."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from simulated_studies import drawn_posterior, simulate_study

from vat_bayes.checks import GATING, Check, write_checks
from vat_bayes.cli import main
from vat_bayes.estimands import compute_estimands
from vat_bayes.runs import RunFiles, write_dataset, write_table

LAX = "schema_version = 1\n[tax]\nmaximum = 50\n[protected.security]\nmaximum_loss = 50\n"
STRICT = "schema_version = 1\n[gain]\nminimum = 50\n"


@pytest.fixture(scope="module")
def estimated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the estimates of draws that are known by construction."""
    files = RunFiles(tmp_path_factory.mktemp("estimated"))
    found = compute_estimands(drawn_posterior(simulate_study(1, n_scenarios=4).judgments, draws=30))
    write_table(files.estimands, found.table)
    write_dataset(files.draws, found.draws)
    write_checks(files.checks, [Check(name, "pass", 1.0, 1.0, "fine") for name in GATING])
    return files.root


@pytest.fixture
def run(estimated: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(shutil.copytree(estimated, tmp_path / "run"))


def budget(folder: Path, text: str) -> Path:
    file = folder / "gate.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_kept_budget_ends_with_zero_and_is_written_down(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = budget(tmp_path, LAX)
    before = (run / "estimands.csv").read_text()
    assert main(["decide", str(run), "--budget", str(file)]) == 0
    assert "accept" in capsys.readouterr().out
    decision = json.loads((run / "decision.json").read_text())
    sha = hashlib.sha256(file.read_bytes()).hexdigest()
    assert decision["verdict"] == "accept"
    assert decision["budget"]["sha256"] == sha
    assert decision["budget"]["file"] == "gate.toml"
    assert decision["budgets_used"] == 1
    (one,) = decision["decisions"]
    assert (one["condition"], one["joint_probability"]) == ("promote", 1.0)
    # The table has one row more and is otherwise the same, character by character.
    after = (run / "estimands.csv").read_text()
    assert after.startswith(before)
    table = pd.read_csv(run / "estimands.csv").set_index("estimand")
    assert table.loc["p_over_budget", "mean"] == 0.0
    assert table.loc["p_over_budget", "condition"] == "promote"
    assert (run / "budget.toml").read_bytes() == file.read_bytes()


def test_another_verdict_ends_with_one_and_every_budget_is_remembered(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decide", str(run), "--budget", str(budget(tmp_path, STRICT)), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["decisions"][0]["verdict"] == "reject"
    assert main(["decide", str(run), "--budget", str(budget(tmp_path, LAX)), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["decide", str(run)]) == 0  # by the budget that is kept in the folder
    assert json.loads((run / "decision.json").read_text())["budgets_used"] == 2
    used = json.loads((run / "manifest.json").read_text())["budgets"]
    assert len({b["sha256"] for b in used}) == len(used) == 2
    assert set(used[0]) == {"sha256", "file", "file_changed", "first_used"}


def test_a_failed_sampler_decides_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = [Check(n, "fail" if n == "r_hat" else "pass", 2.0, 1.0, "known") for n in GATING]
    write_checks(run / "checks.json", failed)
    assert main(["decide", str(run), "--budget", str(budget(tmp_path, LAX))]) == 1
    assert "not-converged" in capsys.readouterr().out
    assert "p_over_budget" not in (run / "estimands.csv").read_text()


def test_a_model_that_failed_a_check_is_not_accepted(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = [Check(name, "pass", 1.0, 1.0, "fine") for name in GATING]
    write_checks(run / "checks.json", [*checks, Check("ppc_ratings", "fail", 28.0, 6.0, "known")])
    assert main(["decide", str(run), "--budget", str(budget(tmp_path, LAX))]) == 1
    (one,) = json.loads((run / "decision.json").read_text())["decisions"]
    assert (one["verdict"], one["joint_probability"]) == ("undecided", 1.0)
    assert one["why"].endswith("but the check ppc_ratings failed: no number to sign")
    # What is rejected stays so, and a warning takes nothing back.
    assert main(["decide", str(run), "--budget", str(budget(tmp_path, STRICT))]) == 1
    assert json.loads((run / "decision.json").read_text())["verdict"] == "reject"
    write_checks(run / "checks.json", [*checks, Check("ppc_ratings", "warn", 4.0, 3.0, "known")])
    assert main(["decide", str(run), "--budget", str(budget(tmp_path, LAX))]) == 0


def test_checks_that_did_not_run_vouch_for_nothing(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_checks(run / "checks.json", [Check("r_hat", "pass", 1.0, 1.01, "fine")])
    assert main(["decide", str(run), "--budget", str(budget(tmp_path, LAX))]) == 2
    said = capsys.readouterr().err
    assert "the check ess_bulk is not among them" in said
    assert "vat-bayes check" in said


def test_unusable_input_ends_with_two_and_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = {
        (str(run),): "there is no budget.toml in the run folder; give --budget",
        (str(run), "--budget", str(tmp_path / "gat.toml")): "does not exist",
        (str(run), "--budget", str(budget(tmp_path, "[tax]"))): "'schema_version' must be 1",
        (str(tmp_path / "none"),): "there is no estimand_draws.nc",
    }
    for words, message in cases.items():
        assert main(["decide", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert message in line
    assert not (run / "decision.json").exists()


def test_explain_prints_a_definition_or_the_near_miss(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "tax_excess"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tax_excess: Tax over placebo\n")
    assert "Withheld: no-placebo" in out
    assert main(["explain", "gini", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "gini"
    assert main(["explain"]) == 0
    assert "\ntax_rms " in capsys.readouterr().out
    assert main(["explain", "tax_exces"]) == 2
    assert capsys.readouterr().err == (
        "error: no estimand is called 'tax_exces'; did you mean 'tax_excess'?\n"
    )


def test_the_reason_is_in_words(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tight = "schema_version = 1\n[tax]\nmaximum = 1e-9\n"
    assert main(["decide", str(run), "--budget", str(budget(tmp_path, tight))]) == 1
    said = " ".join(capsys.readouterr().out.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())
    assert "Tax (RMS) at most" in said
    assert "tax_rms" not in said
