"""Scenarios left out: by importance weights, and by fitting again."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from check_fits import Fitted
from simulated_studies import Simulated, drawn_posterior, simulate_study

from vat_bayes.checks import check_leave_out
from vat_bayes.checks.loo import check_loo
from vat_bayes.judgments import Judgments
from vat_bayes.model import fit


def test_left_out_scenarios_are_predicted(scores_study: Simulated) -> None:
    parts: list[set[str]] = []

    def refit(part: Judgments) -> xr.DataTree:
        parts.append(set(part.table["scenario"]))
        return fit(part, chains=1, draws=100, tune=100, seed=5)

    check = check_leave_out(scores_study.judgments, refit, folds=2, seed=1)
    assert check.verdict == "pass"
    assert check.figure is not None
    assert check.figure <= 1
    everything = set(scores_study.judgments.table["scenario"])
    assert [len(p) for p in parts] == [8, 8]
    assert parts[0] | parts[1] == everything
    assert not parts[0] & parts[1]


@pytest.mark.parametrize(("off", "verdict"), [("promote", "warn"), (None, "fail")])
def test_wrong_effects_miss_what_was_left_out(
    scores_study: Simulated, fitted_scores: Fitted, off: str | None, verdict: str
) -> None:
    tree = fitted_scores[0].copy(deep=True)
    delta = tree["posterior"]["delta"]
    wrong = delta + 2.0 * (True if off is None else delta["arm"] == off)
    tree["posterior"]["delta"] = wrong.transpose(*delta.dims)
    check = check_leave_out(scores_study.judgments, lambda _: tree, folds=2)
    assert check.verdict == verdict
    assert check.figure is not None
    assert check.figure < 0.8
    assert off is None or f"most misses: 20, {off}" in check.why


def test_predictions_of_ratings(ratings_study: Simulated, fitted_ratings: Fitted) -> None:
    # A fit that has seen the scenarios predicts no worse than one that has not.
    check = check_leave_out(ratings_study.judgments, lambda _: fitted_ratings[0], folds=3)
    assert check.verdict == "pass"
    assert "of 30 mean shifts" in check.why


def test_too_few_scenarios_to_part() -> None:
    study = simulate_study(1, n_scenarios=3)
    check = check_leave_out(study.judgments, lambda _: pytest.fail("fitted"))
    assert (check.verdict, check.why) == ("not-run", "3 scenarios can't be parted")


def test_loo_of_a_precise_posterior_passes_and_of_a_vague_one_warns(
    fitted_scores: Fitted,
) -> None:
    study = simulate_study(3, n_scenarios=8)
    precise = check_loo(drawn_posterior(study.judgments, spread=0.002))
    assert precise.verdict == "pass"
    # Sixteen scenarios, and effects of three conditions on ten values that vary over them.
    vague = check_loo(fitted_scores[0])
    assert vague.verdict == "warn"
    assert vague.figure is not None
    assert precise.figure is not None
    assert vague.figure > precise.figure
    assert "importance weights" in vague.why


def test_loo_of_fits(fitted_scores: Fitted, fitted_ratings: Fitted) -> None:
    for tree, _ in (fitted_scores, fitted_ratings):
        check = check_loo(tree)
        assert check.verdict in ("pass", "warn")
        assert "16 scenarios" in check.why
        likelihood = tree["log_likelihood"]["judgments"]
        # The density of what was left out is below that of what was fitted.
        in_sample = np.log(np.exp(likelihood - likelihood.max()).mean(("chain", "draw")))
        in_sample = float((in_sample + likelihood.max()).sum())
        out_of_sample = float(check.why.split("density ")[1].split(" ")[0])
        assert out_of_sample < in_sample


def test_loo_needs_a_likelihood_of_new_scenarios(fitted_ratings: Fitted) -> None:
    tree = fitted_ratings[0].copy(deep=True)
    group = tree["log_likelihood"].to_dataset()
    tree["log_likelihood"] = xr.DataTree(group.rename(judgments="judgments_given_effects"))
    tree.attrs["no_scenario_likelihood"] = "it takes too long"
    check = check_loo(tree)
    assert (check.verdict, check.why) == (
        "not-run",
        "no likelihood by scenario: it takes too long",
    )


@pytest.mark.parametrize("spoilt", ["one chain stuck", "all stuck", "one draw has all the weight"])
def test_loo_without_a_pareto_k_does_not_pass(spoilt: str) -> None:
    study = simulate_study(1, n_scenarios=8)
    tree = drawn_posterior(study.judgments, chains=4, draws=100)
    likelihood = tree["log_likelihood"]["judgments"].values
    if spoilt == "one draw has all the weight":
        likelihood[0, 0] -= 1e6
    else:
        likelihood[: 1 if spoilt == "one chain stuck" else 4] = likelihood.min((0, 1))
    found = check_loo(tree)
    assert (found.verdict, found.figure) == ("warn", None)
