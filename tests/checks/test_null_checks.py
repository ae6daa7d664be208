"""Effects and coupling against their nulls, intervals against the bootstrap, and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from check_fits import Fitted
from scipy.stats import t, wasserstein_distance
from simulated_studies import PLACEBO, RETEST, TARGETED, V, drawn_posterior, simulate_study

from vat_bayes.checks import Check
from vat_bayes.checks.design import (
    check_answers,
    check_bootstrap,
    check_placebo_asked,
    share_difference,
)
from vat_bayes.checks.nulls import check_coupling_null, check_over_retest
from vat_bayes.conditions import Condition
from vat_bayes.judgments import load_judgments


def test_effects_beyond_a_retest(fitted_scores: Fitted) -> None:
    check = check_over_retest(fitted_scores[0])
    assert check.verdict == "pass"
    assert "promote" in check.why


def test_intervention_that_does_what_a_retest_does() -> None:
    none = {c: np.zeros(V) for c in ("promote", "retest")}
    study = simulate_study(4, n_scenarios=12, conditions=(TARGETED_ALONE, RETEST), delta=none)
    assert check_over_retest(drawn_posterior(study.judgments, draws=20)).verdict == "warn"


TARGETED_ALONE = type(TARGETED)("promote", "intervention", ("benevolence",))


def test_distance_against_scipy(fitted_scores: Fitted) -> None:
    tree = fitted_scores[0]
    score = tree["observed_data"]["score"]
    loading = tree["constant_data"]["loading"].values
    squares = {"promote": [], "retest": []}
    for v in range(V):
        for sign in (1, -1):
            items = loading[:, v] == sign
            base = score.sel(state="baseline").values[items]
            for arm, found in squares.items():
                found.append(wasserstein_distance(score.sel(state=arm).values[items], base) ** 2)
    moved, again = (np.sqrt(np.mean(x)) for x in squares.values())
    assert f"({moved:.2f} against {again:.2f} points)" in check_over_retest(tree).why


def test_exact_retest_is_no_distance() -> None:
    study = simulate_study(1, n_scenarios=6)
    rows = study.judgments.table
    copy = rows[rows["condition"] == "baseline"].assign(condition="retest")
    judgments = load_judgments(
        pd.concat([rows, copy], ignore_index=True),
        conditions=(*study.judgments.conditions, RETEST),
        n_categories=11,
    )
    check = check_over_retest(drawn_posterior(judgments, draws=20))
    assert check.verdict == "pass"
    assert "against 0.00 points" in check.why


def test_without_a_retest_there_is_nothing_to_compare_with() -> None:
    tree = drawn_posterior(simulate_study(1, n_scenarios=5).judgments, draws=20)
    assert check_over_retest(tree).verdict == "not-run"
    placebo_only = simulate_study(1, n_scenarios=5, conditions=(PLACEBO, RETEST))
    check = check_over_retest(drawn_posterior(placebo_only.judgments, draws=20))
    assert check.verdict == "not-run"


@pytest.mark.parametrize(("p", "verdict"), [(1 / 1001, "pass"), (0.4, "warn")])
def test_coupling_against_sign_flips(fitted_scores: Fitted, p: float, verdict: str) -> None:
    table = fitted_scores[1].table.copy()
    null = (table["estimand"] == "nvat_paper_raw_null") & (table["condition"] == "promote")
    assert null.sum() == 1
    table.loc[null, "p_positive"] = p
    check = check_coupling_null(table, fitted_scores[1].draws)
    # The data are counted among the flips where the row is made, and not once more here.
    assert check.verdict == verdict
    assert check.figure == p
    assert ("not told from no coupling" in check.why) == (verdict == "warn")
    table.loc[null, "p_positive"] = np.nan
    assert check_coupling_null(table, fitted_scores[1].draws).verdict == "not-run"


def test_strong_coupling_is_found_and_none_is_not() -> None:
    verdicts = []
    for partial in (0.0, 1.2):
        study = simulate_study(
            8, n_scenarios=40, conditions=(TARGETED_ALONE,), partial=partial, noise=0.05
        )
        from vat_bayes.estimands import compute_estimands

        estimands = compute_estimands(drawn_posterior(study.judgments, draws=20))
        verdicts.append(check_coupling_null(estimands.table, estimands.draws).verdict)
    assert verdicts == ["warn", "pass"]


def test_interval_widths_of_a_fit_are_those_of_the_bootstrap(fitted_scores: Fitted) -> None:
    table = fitted_scores[1].table
    check = check_bootstrap(table, 16)
    assert check.verdict == "pass"
    wide = table.copy()
    gain = (wide["estimand"] == "gain") & (wide["scale"] == "points")
    half = (wide.loc[gain, "hi"] - wide.loc[gain, "lo"]) / 2
    wide.loc[gain, "hi"] -= 1.5 * half
    narrow = check_bootstrap(wide, 16)
    assert narrow.verdict == "warn"
    assert narrow.figure is not None
    assert narrow.figure > 2.5
    assert "promote, gain" in narrow.why
    without = table[~table["estimand"].str.contains("bootstrap")]
    assert check_bootstrap(without, 16).verdict == "not-run"


def test_percentile_intervals_of_few_scenarios_are_widened() -> None:
    # A mean of normal scenarios, where the right interval is that of t.
    rng, n = np.random.default_rng(5), 8
    found = []
    for _ in range(200):
        seen = rng.normal(1.0, 1.0, n)
        means = rng.choice(seen, (2000, n)).mean(1)
        half = t.ppf(0.95, n - 1) * seen.std(ddof=1) / np.sqrt(n)
        ends = [(seen.mean() - half, seen.mean() + half), tuple(np.quantile(means, [0.05, 0.95]))]
        table = pd.DataFrame(ends, columns=["lo", "hi"]).assign(
            model="m", condition="c", scale="points", estimand=["gain", "gain_bootstrap"]
        )
        figure = check_bootstrap(table, n).figure
        assert figure is not None
        found.append(figure)
    assert np.median(found) < 1.03


def test_bootstrap_twins_of_the_tax(fitted_scores: Fitted) -> None:
    table = fitted_scores[1].table
    mine = table[(table["condition"] == "promote") & (table["scale"] == "points")]
    by_name = mine.set_index("estimand")
    for name in ("tax_rms", "tax_excess"):
        boot, clustered = by_name.loc[f"{name}_bootstrap"], by_name.loc[f"{name}_classical"]
        assert boot["mean"] == pytest.approx(clustered["mean"], abs=clustered["sd"])
        ratio = (boot["hi"] - boot["lo"]) / (clustered["hi"] - clustered["lo"])
        assert 0.7 < ratio < 1.3


def test_interval_of_a_difference_of_shares() -> None:
    # Newcombe (1998), table II, method 10: 56/70 against 48/80, and 10/10 against 0/20.
    z = 1.959964
    assert share_difference(56 / 70, 70, 48 / 80, 80, z=z) == pytest.approx(
        (0.0524, 0.3339), abs=5e-5
    )
    lo, hi = share_difference(1.0, 10, 0.0, 20, z=z)
    assert (lo, hi) == pytest.approx((0.6791, 1.0), abs=5e-5)


def test_refusals_are_named_by_condition() -> None:
    description = pd.DataFrame(
        {
            "model": "m",
            "condition": ["baseline", "promote", "placebo", "retest"],
            "role": ["baseline", "intervention", "placebo", "retest"],
            "rows": 500,
            "refused_share": [0.01, 0.08, 0.05, 0.01],
            "p_valid": 1.0,
            "position_bias": 0.0,
        }
    )
    check = check_answers(description)[0]
    assert check.verdict == "warn"
    assert check.figure == pytest.approx(0.07)
    assert "+0.070 [+0.049, +0.093] (promote)" in check.why
    assert "over the threshold: promote +0.070, placebo +0.040" in check.why


OTHER = Condition("other", "placebo")


@pytest.fixture(scope="module")
def two_placebos() -> pd.DataFrame:
    study = simulate_study(7, n_scenarios=6, conditions=(TARGETED, PLACEBO, OTHER))
    return study.judgments.table


def asked(table: pd.DataFrame, without: dict[str, str]) -> Check:
    """The check on models of which each lacks one condition."""
    models = [
        table[table["condition"] != missing].assign(model=model)
        for model, missing in without.items()
    ]
    conditions = (Condition("baseline", "baseline"), TARGETED, PLACEBO, OTHER)
    judgments = load_judgments(
        pd.concat(models, ignore_index=True), conditions=conditions, n_categories=11
    )
    return check_placebo_asked(drawn_posterior(judgments, draws=20))


def test_placebo_that_a_model_was_not_asked(two_placebos: pd.DataFrame) -> None:
    check = asked(two_placebos, {"a": "other", "b": "placebo"})
    assert (check.verdict, check.figure) == ("warn", 1.0)
    assert check.why == (
        "b: promote: placebo, its placebo, was not asked, so its excess is over other"
    )


def test_placebo_that_every_model_was_asked(two_placebos: pd.DataFrame) -> None:
    assert asked(two_placebos, {"a": "other", "b": "other"}).verdict == "pass"


def test_study_without_a_placebo_to_ask() -> None:
    study = simulate_study(7, n_scenarios=6, conditions=(TARGETED_ALONE,))
    check = check_placebo_asked(drawn_posterior(study.judgments, draws=20))
    assert check.verdict == "not-run"
