"""Every verdict of every check is reached, and a failed fit shows no posterior number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from simulated_studies import (
    PLACEBO,
    RETEST,
    TARGETED,
    V,
    drawn_posterior,
    simulate_study,
)

from vat_bayes.checks import (
    GATING,
    Check,
    gate,
    gating_failures,
    read_checks,
    run_checks,
    write_checks,
)
from vat_bayes.checks.check import graded
from vat_bayes.checks.convergence import check_convergence
from vat_bayes.checks.design import check_answers, check_classical, check_effect, check_null
from vat_bayes.checks.predictive import check_predictive
from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.estimands import Estimands, compute_estimands
from vat_bayes.estimands.rows import COLUMNS
from vat_bayes.judgments import describe, load_judgments
from vat_bayes.model import fit

STUDY = simulate_study(1, n_scenarios=6)


@pytest.fixture(scope="module")
def good() -> tuple[xr.DataTree, Estimands]:
    # Independent draws, enough of them for every threshold.
    tree = drawn_posterior(STUDY.judgments, chains=4, draws=500)
    return tree, compute_estimands(tree)


@pytest.fixture
def spoilt(good: tuple[xr.DataTree, Estimands]) -> xr.DataTree:
    return good[0].copy(deep=True)


def set_statistic(tree: xr.DataTree, name: str, values: np.ndarray) -> None:
    tree["sample_stats"][name] = xr.DataArray(values, dims=("chain", "draw"))


def verdicts(checks: list[Check]) -> dict[str, str]:
    return {c.check: c.verdict for c in checks}


def named(checks: list[Check], name: str) -> Check:
    (found,) = [c for c in checks if c.check == name]
    return found


@pytest.mark.parametrize(
    ("figure", "low_is_good", "verdict"),
    [
        (1.0, True, "pass"), (1.01, True, "warn"), (3.0, True, "fail"),
        (3.0, False, "pass"), (1.5, False, "warn"), (0.5, False, "fail"),
    ],
)  # fmt: skip
def test_grades(figure: float, low_is_good: bool, verdict: str) -> None:
    warn, fail = (1.0, 2.0) if low_is_good else (2.0, 1.0)
    check = graded("x", figure, warn=warn, fail=fail, why="y", low_is_good=low_is_good)
    assert check == Check("x", verdict, figure, warn, "y")  # type: ignore[arg-type]


@pytest.mark.parametrize("readout", ["scores", "ratings"])
def test_what_was_left_out_of_a_fit_is_not_run(readout: Any) -> None:
    conditions = (TARGETED, PLACEBO, RETEST) if readout == "scores" else (TARGETED, PLACEBO)
    study = simulate_study(2, n_scenarios=16, readout=readout, conditions=conditions)
    # Of the shape of other fits, whose programs it shares.
    tree = fit(study.judgments, draws=20, tune=250, chains=2, seed=1, replicate=False)
    assert set(tree.children) == {
        "posterior", "sample_stats", "prior", "observed_data", "constant_data"
    }  # fmt: skip
    found = verdicts(run_checks(tree, compute_estimands(tree)))
    own = ["ppc_ratings"] if readout == "ratings" else ["ppc_scores", "ppc_tails"]
    for name in (*own, "ppc_by_value", "ppc_calibration", "loo", "prior_sensitivity"):
        assert found.pop(name) == "not-run"
    assert set(found.values()) != {"not-run"}


def test_a_diagnostic_that_cannot_be_computed_fails() -> None:
    check = graded("x", float("nan"), warn=1, fail=2, why="y")
    assert (check.verdict, check.figure) == ("fail", None)
    assert graded("x", float("nan"), warn=1, fail=None, why="y").verdict == "warn"


def test_chains_that_agree_pass(good: tuple[xr.DataTree, Estimands]) -> None:
    tree, estimands = good
    checks = check_convergence(tree, estimands.draws)
    found = verdicts(checks)
    assert set(found) == {*GATING, "tree_depth"} - {"fast_engine"}
    assert {v for k, v in found.items() if k != "r_hat"} == {"pass"}
    assert found["r_hat"] in ("pass", "warn")  # the largest of several hundred
    assert gate(estimands, checks) is estimands


def test_an_approximation_that_can_not_be_trusted_withholds(
    good: tuple[xr.DataTree, Estimands],
) -> None:
    _, estimands = good
    refused = Check("fast_engine", "fail", 0.4, 0.1, "far off")
    table = gate(estimands, [refused]).table.set_index("estimand")
    assert (table.loc[["shift", "tax_rms"], "status"] == "not-converged").all()
    assert table.loc[["shift", "tax_rms"], "mean"].isna().all()
    assert table.loc["shift_classical", "mean"].notna().all()


def test_chains_apart_fail_and_gate(good: tuple[xr.DataTree, Estimands]) -> None:
    tree, _ = good
    theta = tree["posterior"]["theta"].to_numpy().copy()
    theta[1] += 0.5
    delta = tree["posterior"]["delta"].to_numpy().copy()
    delta[1, :, 0, 3] += 0.5
    apart = drawn_posterior(
        STUDY.judgments, chains=4, draws=500, fixed={"theta": theta, "delta": delta}
    )
    estimands = compute_estimands(apart)
    checks = run_checks(apart, estimands)
    r_hat = named(checks, "r_hat")
    assert r_hat.verdict == "fail"
    assert r_hat.figure is not None
    assert r_hat.figure > 1.05
    gated = gate(estimands, checks)
    classical = gated.table["estimand"].str.endswith(
        ("_classical", "_bootstrap", "_raw", "_raw_null")
    )
    ours = gated.table[~classical]
    assert ours[["mean", "sd", "median", "lo", "hi", "p_positive"]].isna().all(axis=None)
    had = estimands.table.loc[ours.index, "mean"].notna()
    assert (ours.loc[had, "status"] == "not-converged").all()
    pd.testing.assert_frame_equal(gated.table[classical], estimands.table[classical])
    assert classical.sum() > 40
    # A second gate changes nothing, and what was withheld for a reason of its own keeps it.
    pd.testing.assert_frame_equal(gate(gated, checks).table, gated.table)
    assert (ours.loc[~had, "status"] == estimands.table.loc[ours.index[~had], "status"]).all()


@pytest.mark.parametrize(("share", "verdict"), [(0.0, "pass"), (0.005, "warn"), (0.02, "fail")])
def test_divergences(
    good: tuple[xr.DataTree, Estimands], spoilt: xr.DataTree, share: float, verdict: str
) -> None:
    bad = spoilt["sample_stats"]["diverging"].to_numpy().copy()
    bad.flat[: round(share * bad.size)] = True
    set_statistic(spoilt, "diverging", bad)
    check = named(check_convergence(spoilt, good[1].draws), "divergences")
    assert (check.verdict, check.figure) == (verdict, round(share * bad.size))


@pytest.mark.parametrize(("figure", "verdict"), [(1.0, "pass"), (0.25, "warn"), (0.1, "fail")])
def test_energy_that_hardly_moves(
    good: tuple[xr.DataTree, Estimands], spoilt: xr.DataTree, figure: float, verdict: str
) -> None:
    # A sine of angular frequency w has squared steps of 2 (1 - cos w) times its variance.
    wave = np.sin(np.arccos(1 - figure / 2) * np.arange(500))
    set_statistic(spoilt, "energy", np.tile(wave, (4, 1)))
    check = named(check_convergence(spoilt, good[1].draws), "bfmi")
    assert check.verdict == verdict
    assert check.figure == pytest.approx(figure, rel=0.02)


def test_the_estimates_themselves_are_diagnosed(good: tuple[xr.DataTree, Estimands]) -> None:
    tree, estimands = good
    coupling = estimands.draws["coupling"].copy(deep=True)
    # Every parameter agrees between the chains; only the norm of one is apart in one of them.
    coupling[:500] = coupling[:500] * 0.5
    checks = check_convergence(tree, estimands.draws.assign(coupling=coupling))
    r_hat = named(checks, "r_hat")
    assert r_hat.verdict == "fail"
    assert "at nvat_offdiag" in r_hat.why


def test_one_chain_cannot_show_agreement() -> None:
    tree = drawn_posterior(STUDY.judgments, chains=1, draws=200)
    r_hat = named(check_convergence(tree, compute_estimands(tree).draws), "r_hat")
    assert (r_hat.verdict, r_hat.figure) == ("fail", None)
    assert "one chain" in r_hat.why


def test_what_is_fixed_at_zero_does_not_fail_the_fit(
    good: tuple[xr.DataTree, Estimands], spoilt: xr.DataTree
) -> None:
    spoilt["posterior"]["beta"] = 0.0 * spoilt["posterior"]["beta"]
    checks = verdicts(check_convergence(spoilt, good[1].draws))
    assert "fail" not in checks.values()
    # Stuck at anything else is stuck.
    spoilt["posterior"]["beta"] = spoilt["posterior"]["beta"] + 0.3
    assert verdicts(check_convergence(spoilt, good[1].draws))["r_hat"] == "fail"


def test_energy_fraction_is_that_of_arviz(good: tuple[xr.DataTree, Estimands]) -> None:
    tree, estimands = good
    found = named(check_convergence(tree, estimands.draws), "bfmi").figure
    reference = az.bfmi(tree)["energy"].min().item()
    assert found == pytest.approx(reference, rel=0.01)


def test_deep_trees_warn(good: tuple[xr.DataTree, Estimands], spoilt: xr.DataTree) -> None:
    depth = spoilt["sample_stats"]["tree_depth"].to_numpy().copy()
    depth[:, :50] = 10
    set_statistic(spoilt, "tree_depth", depth)
    assert named(check_convergence(spoilt, good[1].draws), "tree_depth").verdict == "warn"


def test_few_draws_warn_and_fewer_fail() -> None:
    # Independent draws: as many effective ones, less what the smallest of many estimates loses.
    for draws, verdict in ((200, "warn"), (30, "fail")):
        tree = drawn_posterior(STUDY.judgments, draws=draws)
        checks = check_convergence(tree, compute_estimands(tree).draws)
        assert named(checks, "ess_bulk").verdict == verdict


def test_values_without_items_do_not_fail_the_fit() -> None:
    study = simulate_study(1, n_scenarios=6, values=("benevolence", "power", "security"))
    tree = drawn_posterior(study.judgments, chains=4, draws=500)
    checks = run_checks(tree, compute_estimands(tree))
    assert not gating_failures(checks)


@pytest.mark.parametrize("readout", ["scores", "ratings"])
def test_predictive_verdicts(readout: str) -> None:
    study = simulate_study(2, readout=readout, n_scenarios=5)
    tree = drawn_posterior(study.judgments)
    variable = "score_statistics" if readout == "scores" else "rating_counts"
    replicated = tree["posterior_predictive"][variable]
    is_counts = readout == "ratings"
    if is_counts:
        # Counts are compared on the root scale, where their sd is near one whatever their size.
        replicated = 2 * np.sqrt(replicated + 0.375)
    centre, sd = replicated.mean(("chain", "draw")), replicated.std(("chain", "draw"), ddof=1)
    for distance, verdict in ((0.0, "pass"), (4.0, "warn"), (8.0, "fail")):
        observed = (centre + 0.0 * sd).copy()
        observed[1, 0] = centre[1, 0] + distance * sd[1, 0]
        back = (observed / 2) ** 2 - 0.375 if is_counts else observed
        tree["observed_data"][variable] = back
        check = named(check_predictive(tree), f"ppc_{readout}")
        assert check.verdict == verdict
        assert check.figure == pytest.approx(distance, abs=1e-9)
        if distance:
            assert "promote" in check.why
    if readout == "scores":
        observed = centre.copy()
        observed[1, 3] = centre[1, 3] + 20 * sd[1, 3]
        tree["observed_data"][variable] = observed
        found = verdicts(check_predictive(tree))
        assert (found["ppc_scores"], found["ppc_tails"]) == ("pass", "warn")


def table(**overrides: Any) -> pd.DataFrame:
    """Three rows of a tidy table: a shift, its twin, and the tax of a placebo."""
    base = dict.fromkeys(COLUMNS, "") | {"model": "m", "condition": "placebo", "status": "ok"}
    shift = base | {"estimand": "shift", "scale": "points", "value": "power"}
    shift |= {"mean": 0.3, "sd": 0.1}
    twin = base | {"estimand": "shift_classical", "scale": "points", "value": "power"}
    twin |= {"mean": overrides.get("twin", 0.32), "sd": 0.1}
    tax = base | {"estimand": "tax_rms", "scale": "points", "mean": 0.1, "hi": 0.2}
    return pd.DataFrame([shift, twin, tax | {"lo": overrides.get("lo", 0.0)}])


def test_agreement_with_the_classical_twin() -> None:
    assert check_classical(table()).verdict == "pass"
    apart = check_classical(table(twin=0.5))
    assert apart.verdict == "warn"
    assert apart.figure == pytest.approx(2.0)
    assert "placebo, power" in apart.why
    assert check_classical(table().iloc[[0, 2]]).verdict == "not-run"
    assert check_classical(table(twin=np.nan)).verdict == "not-run"


def test_nulls(good: tuple[xr.DataTree, Estimands]) -> None:
    tree, estimands = good
    still = check_null(table(), estimands.draws, tree, "placebo")
    assert (still.verdict, still.figure) == ("pass", 0.0)
    moved = check_null(table(lo=0.05), estimands.draws, tree, "placebo")
    assert (moved.verdict, moved.figure) == ("warn", 0.05)
    assert "excess" in moved.why
    assert check_null(table(), estimands.draws, tree, "retest").verdict == "not-run"
    assert check_null(table(lo=np.nan), estimands.draws, tree, "placebo").verdict == "not-run"


def copied(condition: Condition) -> tuple[xr.DataTree, Estimands]:
    rows = STUDY.judgments.table
    copy = rows[rows["condition"] == "baseline"].assign(condition=condition.name)
    judgments = load_judgments(
        pd.concat([rows, copy], ignore_index=True),
        conditions=(*STUDY.judgments.conditions, condition),
        n_categories=11,
    )
    tree = drawn_posterior(judgments, draws=20)
    return tree, compute_estimands(tree)


def test_retest_that_repeats_the_baseline_has_no_noise() -> None:
    tree, estimands = copied(RETEST)
    check = check_null(estimands.table, estimands.draws, tree, "retest")
    assert (check.verdict, check.figure) == ("pass", 0.0)
    assert "no noise" in check.why


def test_intervention_that_repeats_the_baseline_was_not_applied() -> None:
    tree, estimands = copied(Condition("broken", "intervention", ("power",)))
    check = check_effect(tree, estimands.draws)
    assert check.verdict == "fail"
    assert "broken" in check.why


@pytest.mark.parametrize(("size", "verdict"), [(0.0, "warn"), (0.5, "pass")])
def test_effect_of_the_weakest_intervention(size: float, verdict: str) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2, 100, 2, V))
    noise -= noise.mean((0, 1))
    none = np.zeros((2, 100, 2))
    fixed = {"delta": size + 0.1 * noise, "beta": none, "lambda_": none}
    tree = drawn_posterior(STUDY.judgments, draws=100, fixed=fixed)
    assert check_effect(tree, compute_estimands(tree).draws).verdict == verdict


def test_draws_that_never_moved_show_no_effect() -> None:
    draws = compute_estimands(drawn_posterior(STUDY.judgments, draws=20)).draws
    tree = drawn_posterior(STUDY.judgments, draws=20)
    assert check_effect(tree, draws).verdict != "not-run"
    stuck = draws.assign(shift=0 * draws["shift"] + 0.3)
    check = check_effect(tree, stuck)
    assert (check.verdict, check.figure) == ("not-run", None)
    assert "promote never moved" in check.why


def test_no_intervention_no_effect_to_check() -> None:
    study = simulate_study(1, n_scenarios=5, conditions=(PLACEBO,))
    tree = drawn_posterior(study.judgments, draws=20)
    assert check_effect(tree, compute_estimands(tree).draws).verdict == "not-run"


def description(**overrides: Any) -> pd.DataFrame:
    columns = {
        "model": "m",
        "condition": ["baseline", "promote"],
        "role": ["baseline", "intervention"],
        "rows": 100,
        "refused_share": [0.01, 0.02],
        "p_valid": [0.99, 0.98],
        "position_bias": [0.1, -0.2],
    }
    return pd.DataFrame(columns | overrides)


@pytest.mark.parametrize(
    ("name", "column", "values", "verdict", "figure"),
    [
        ("differential_refusal", "refused_share", [0.01, 0.02], "pass", 0.01),
        ("differential_refusal", "refused_share", [0.1, 0.0], "warn", 0.1),
        ("differential_refusal", "refused_share", [0.0, 0.3], "fail", 0.3),
        ("answer_mass", "p_valid", [0.99, 0.98], "pass", 0.98),
        ("answer_mass", "p_valid", [0.99, 0.7], "warn", 0.7),
        ("answer_mass", "p_valid", [0.4, 0.7], "fail", 0.4),
        ("answer_mass", "p_valid", [np.nan, np.nan], "not-run", None),
        ("position_bias", "position_bias", [0.1, -0.2], "pass", 0.2),
        ("position_bias", "position_bias", [np.nan, -0.8], "warn", 0.8),
        ("position_bias", "position_bias", [np.nan, np.nan], "not-run", None),
    ],
)
def test_answers(
    name: str, column: str, values: list[float], verdict: str, figure: float | None
) -> None:
    check = named(check_answers(description(**{column: values})), name)
    assert check.verdict == verdict
    assert check.figure == (None if figure is None else pytest.approx(figure))


def test_answers_of_a_real_description() -> None:
    found = verdicts(check_answers(describe(STUDY.judgments)))
    assert found == {
        "differential_refusal": "pass",
        "answer_mass": "not-run",
        "position_bias": "not-run",
    }


def test_all_checks_have_one_verdict_and_a_reason(good: tuple[xr.DataTree, Estimands]) -> None:
    checks = run_checks(*good)
    assert len({c.check for c in checks}) == len(checks)
    assert all(c.why for c in checks)
    assert {c.check for c in checks if c.verdict == "not-run"} >= {
        "retest_null", "differential_refusal", "answer_mass", "position_bias",
        "leave_scenario_out", "effect_over_retest", "ppc_calibration", "prior_gain",
    }  # fmt: skip


def test_file_round_trip(tmp_path: Path, good: tuple[xr.DataTree, Estimands]) -> None:
    path = tmp_path / "checks.json"
    checks = run_checks(*good)
    write_checks(path, checks)
    assert read_checks(path) == checks
    assert [p.name for p in tmp_path.iterdir()] == ["checks.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "3", '["pass"]', '{"check": 1}', '[{"check": "x"}]', '[{"colour": "red"}]']
)
def test_broken_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "checks.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="not a list of checks") as caught:
        read_checks(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no checks here"):
        read_checks(tmp_path / "checks.json")


def test_unknown_verdict(tmp_path: Path) -> None:
    path = tmp_path / "checks.json"
    path.write_text(
        '[{"check": "x", "verdict": "maybe", "figure": 1, "threshold": 2, "why": "y"}]',
        encoding="utf-8",
    )
    with pytest.raises(InputError, match="not a list of checks"):
        read_checks(path)
