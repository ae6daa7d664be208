"""Replicates against data: by condition, by value, and the reliability of the probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from check_fits import Fitted, named
from scipy.optimize import minimize
from simulated_studies import Simulated, drawn_posterior, simulate_study

from vat_bayes.checks.calibration import check_calibration, miscalibration
from vat_bayes.checks.predictive import check_predictive
from vat_bayes.model.kinds import kind_labels
from vat_bayes.values import VALUES


def test_data_from_the_model_pass(fitted_ratings: Fitted, fitted_scores: Fitted) -> None:
    for tree, _ in (fitted_ratings, fitted_scores):
        assert {c.check: c.verdict for c in check_predictive(tree)}["ppc_by_value"] == "pass"
    assert check_calibration(fitted_ratings[0]).verdict == "pass"


def test_values_with_other_answers_are_named(heaped_ratings: Fitted) -> None:
    tree, _ = heaped_ratings
    by_value = named(check_predictive(tree), "ppc_by_value")
    assert by_value.verdict == "warn"
    assert any(v in by_value.why for v in ("power", "security", "hedonism"))
    # All values together get their categories about right: only the values tell.
    assert named(check_predictive(tree), "ppc_ratings").verdict == "pass"


def test_probabilities_that_are_far_off_warn(fitted_ratings: Fitted) -> None:
    tree = fitted_ratings[0].copy(deep=True)
    counts = tree["observed_data"]["kind_counts"].to_numpy()
    assert check_calibration(tree).verdict == "pass"
    # Half of all ratings at the upper end, which was not predicted. That values differ by less than
    # was predicted would not be seen in so small a study.
    top = np.eye(counts.shape[-1])[-1] * counts.sum(-1, keepdims=True)
    put(tree, "observed_data", "kind_counts", 0.5 * counts + 0.5 * top)
    check = check_calibration(tree)
    assert check.verdict == "warn", check
    assert check.figure is not None
    assert check.threshold is not None
    assert check.figure > check.threshold


def test_counts_by_value_are_those_of_the_table(
    fitted_ratings: Fitted, ratings_study: Simulated
) -> None:
    tree, _ = fitted_ratings
    found = tree["observed_data"]["kind_counts"]
    table = ratings_study.judgments.table
    assert found.sizes["kind"] == 2 * len(VALUES) == len(kind_labels_of(tree))
    for (condition, value, polarity, rating), n in table.value_counts(
        ["condition", "value", "polarity", "rating"]
    ).items():
        kind = f"{value} {'+' if polarity > 0 else '-'}"
        assert found.sel(state=condition, kind=kind, rating=rating) == n
    assert found.sum() == len(table)


def kind_labels_of(tree: xr.DataTree) -> list[str]:
    return [str(k) for k in tree["observed_data"]["kind"].values]


def test_kinds_are_named_in_the_order_of_the_values(fitted_ratings: Fitted) -> None:
    labels = kind_labels_of(fitted_ratings[0])
    assert labels[:2] == [f"{VALUES[0]} +", f"{VALUES[0]} -"]
    assert len(set(labels)) == 20
    assert kind_labels.__doc__


def test_scores_have_no_probabilities_to_calibrate(fitted_scores: Fitted) -> None:
    check = check_calibration(fitted_scores[0])
    assert (check.verdict, check.figure) == ("not-run", None)
    assert "no probabilities" in check.why


def put(tree: xr.DataTree, group: str, name: str, values: np.ndarray) -> None:
    tree[group][name] = tree[group][name].copy(data=values)


@pytest.mark.parametrize(("seen", "verdict"), [(0, "pass"), (1, "pass"), (60, "fail")])
def test_a_count_that_replicates_never_show(seen: int, verdict: str) -> None:
    study = simulate_study(2, readout="ratings", n_scenarios=5)
    tree = drawn_posterior(study.judgments)
    replicated = tree["posterior_predictive"]["rating_counts"].to_numpy().copy()
    replicated[..., 1, 4] = 0.0
    put(tree, "posterior_predictive", "rating_counts", replicated)
    observed = replicated.mean((0, 1)).round()
    observed[1, 4] = seen
    put(tree, "observed_data", "rating_counts", observed)
    check = named(check_predictive(tree), "ppc_ratings")
    assert check.verdict == verdict
    assert ("promote, rating 5" in check.why) == (seen > 0)
    # What to do about it is said where it fails.
    assert ("model file `labels`" in check.why) == (verdict == "fail")


def test_a_statistic_that_never_varies_and_is_missed_fails() -> None:
    tree = drawn_posterior(simulate_study(2, n_scenarios=5).judgments)
    replicated = tree["posterior_predictive"]["score_statistics"].to_numpy().copy()
    replicated[..., 1, 2] = 0.25
    put(tree, "posterior_predictive", "score_statistics", replicated)
    observed = replicated.mean((0, 1))
    put(tree, "observed_data", "score_statistics", observed)
    assert named(check_predictive(tree), "ppc_scores").verdict == "pass"
    observed[1, 2] = 0.5
    put(tree, "observed_data", "score_statistics", observed)
    check = named(check_predictive(tree), "ppc_scores")
    assert (check.verdict, check.figure) == ("fail", None)
    assert "promote, statistic shift_sd" in check.why


def test_isotonic_distance_against_a_general_optimiser() -> None:
    rng = np.random.default_rng(3)
    forecast = np.sort(rng.random(8))
    share, weight = rng.random(8), rng.integers(1, 9, 8).astype(float)
    # Isotonic regression is a quadratic programme: non-negative steps from a free start.
    steps = np.tril(np.ones((8, 8)))

    def loss(x: np.ndarray) -> float:
        return float((weight * (steps @ x - share) ** 2).sum())

    bounds = [(None, None)] + [(0, None)] * 7
    best = minimize(loss, np.zeros(8), bounds=bounds, tol=1e-14).x
    expected = np.sqrt(np.average((steps @ best - forecast) ** 2, weights=weight))
    shuffled = rng.permutation(8)
    found = miscalibration(forecast[shuffled], share[shuffled], weight[shuffled])
    assert found == pytest.approx(expected, abs=1e-4)


def test_reliable_forecasts_have_no_distance_and_shifted_ones_do() -> None:
    p = np.linspace(0.1, 0.9, 9)
    assert miscalibration(p, p, np.ones(9)) == pytest.approx(0.0, abs=1e-12)
    assert miscalibration(p, p - 0.1, np.ones(9)) == pytest.approx(0.1)
