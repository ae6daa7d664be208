"""Priors: their density, how far the estimates lean on them, and what they say by themselves."""

from __future__ import annotations

import arviz as az
import numpy as np
import pytest
import xarray as xr
from check_fits import Fitted, named
from scipy.stats import kstest, norm
from simulated_studies import RETEST, drawn_posterior, simulate_study

from vat_bayes.checks.prior import check_prior, gains
from vat_bayes.checks.quantities import estimand_draws
from vat_bayes.checks.sensitivity import check_sensitivity, power_scaling
from vat_bayes.values import VALUES


def test_estimates_lean_on_a_tight_prior_and_not_on_a_wide_one(
    fitted_scores: Fitted, tight_scores: Fitted
) -> None:
    wide = named(check_sensitivity(fitted_scores[0], fitted_scores[1].draws), "prior_sensitivity")
    assert wide.verdict == "pass"
    tight = named(check_sensitivity(tight_scores[0], tight_scores[1].draws), "prior_sensitivity")
    assert tight.verdict == "warn"
    assert tight.figure is not None
    assert wide.figure is not None
    assert tight.figure > 3 * wide.figure
    assert "that of the effects" in tight.why
    assert "the data move it" in tight.why


def test_power_scaling_of_a_conjugate_posterior() -> None:
    # y ~ N(mu, 1), mu ~ N(0, s): the prior to the power a is N(0, s / sqrt(a)), so that the scaled
    # posterior is known and its distance can be taken from fresh draws of it.
    rng = np.random.default_rng(0)
    rates = {}
    for s in (10.0, 0.5):
        precision = 1 + 1 / s**2
        mu = rng.normal(3 / precision, precision**-0.5, size=(4, 2000))
        log_prior = -0.5 * (mu / s) ** 2
        rates[s] = power_scaling({"mu": mu}, {"mu": log_prior})["mu"]
        data = az.from_dict({"posterior": {"mu": mu}, "log_prior": {"mu": log_prior}})
        assert rates[s] == pytest.approx(float(az.psense(data)["mu"]))
    assert rates[10.0] < 0.05 < rates[0.5]


def test_nothing_is_guessed_where_a_prior_is_unknown(fitted_scores: Fitted) -> None:
    tree = fitted_scores[0].copy(deep=True)
    del tree["log_prior"]
    tree.attrs["no_log_prior"] = "the prior of 'delta_scale' is not known here"
    for check in check_sensitivity(tree, fitted_scores[1].draws):
        assert (check.verdict, check.figure) == ("not-run", None)
        assert check.why == "the prior of 'delta_scale' is not known here"


def test_scaled_quantities_are_those_of_the_estimands(fitted_scores: Fitted) -> None:
    tree, estimands = fitted_scores
    found, draws = estimand_draws(estimands.draws), estimands.draws
    shift = draws["shift"].sel(arm="promote").values
    off = [v for v in range(len(VALUES)) if VALUES[v] != "benevolence"]
    np.testing.assert_allclose(found["gain"]["promote"], draws["gain"].sel(arm="promote"))
    plain = np.sqrt((shift[:, off] ** 2).mean(1))
    np.testing.assert_allclose(found["tax_rms"]["promote"], plain)
    placebo = draws["shift"].sel(arm="placebo").values
    excess = (shift[:, off] ** 2).mean(1) - (placebo[:, off] ** 2).mean(1)
    np.testing.assert_allclose(found["tax_excess"]["promote"], excess)
    assert set(found["tax_excess"]) == {"promote"}
    names = draws["arm_condition"].values.tolist()
    against = ["placebo" if n == "promote" else "" for n in names]
    beside = draws.assign_coords(arm_reference=("arm", against))
    assert not estimand_draws(beside)["tax_excess"]
    norm = found["nvat_offdiag"]["placebo"].mean()
    rows = estimands.table
    mine = rows[(rows["estimand"] == "nvat_offdiag") & (rows["condition"] == "placebo")]
    assert norm == pytest.approx(mine["mean"].item(), rel=1e-5)


def test_priors_on_the_scale_of_the_estimates(fitted_scores: Fitted, tight_scores: Fitted) -> None:
    checks = check_prior(fitted_scores[0], fitted_scores[1].draws)
    assert {c.check: c.verdict for c in checks} == {
        "prior_gain": "pass",
        "prior_coupling": "pass",
    }
    tight = named(check_prior(tight_scores[0], tight_scores[1].draws), "prior_gain")
    assert tight.verdict == "warn"
    assert "all but excluded" in tight.why


def test_prior_gain_is_that_of_a_direct_simulation(fitted_scores: Fitted) -> None:
    # Scores with response style held: the effect itself, whose unit is a quarter of the range.
    found = gains(fitted_scores[0], "prior")["promote"]
    assert kstest(found, norm(scale=2.5).cdf).pvalue > 0.001


def changed(tree: xr.DataTree, name: str, values: np.ndarray) -> xr.DataTree:
    copy = tree.copy(deep=True)
    copy["prior"][name] = copy["prior"][name].copy(data=values)
    return copy


def test_priors_that_are_too_wide_or_far_off(fitted_scores: Fitted) -> None:
    tree, estimands = fitted_scores
    delta = tree["prior"]["delta"].to_numpy()
    wide = named(check_prior(changed(tree, "delta", 10 * delta), estimands.draws), "prior_gain")
    assert wide.verdict == "warn"
    assert "much of the prior" in wide.why
    away = named(
        check_prior(changed(tree, "delta", 0.1 * delta - 3), estimands.draws), "prior_gain"
    )
    assert away.verdict == "warn"
    assert "pulls against the data" in away.why


@pytest.mark.parametrize(("correlation", "what"), [(0.3, "next to none"), (0.0, "a strong one")])
def test_prior_of_the_coupling_must_leave_room(
    fitted_scores: Fitted, correlation: float, what: str
) -> None:
    tree, estimands = fitted_scores
    matrix = tree["prior"]["coupling"].to_numpy().copy()
    wobble = np.random.default_rng(0).uniform(-0.02, 0.02, (*matrix.shape[:-2], 1, 1))
    matrix[:] = correlation + wobble
    matrix[..., np.arange(10), np.arange(10)] = 1.0
    check = named(check_prior(changed(tree, "coupling", matrix), estimands.draws), "prior_coupling")
    assert check.verdict == "warn"
    assert what in check.why


def test_prior_checks_need_prior_draws_and_a_target() -> None:
    tree = drawn_posterior(simulate_study(1, n_scenarios=5).judgments, draws=20)
    from vat_bayes.estimands import compute_estimands

    found = named(check_prior(tree, compute_estimands(tree).draws), "prior_gain")
    assert (found.verdict, "prior draws" in found.why) == ("not-run", True)
    aimless = drawn_posterior(
        simulate_study(1, n_scenarios=5, conditions=(RETEST,)).judgments, draws=20
    )
    found = named(check_prior(aimless, compute_estimands(aimless).draws), "prior_gain")
    assert (found.verdict, "target" in found.why) == ("not-run", True)


def test_a_density_that_is_no_number_does_not_pass(fitted_scores: Fitted) -> None:
    tree = fitted_scores[0].copy(deep=True)
    tree["log_prior"]["delta"].values[0, 0] = np.nan
    for check in check_sensitivity(tree, fitted_scores[1].draws):
        assert (check.verdict, check.figure) == ("warn", None)
        assert check.why == "the prior of the effects has no finite density at some draw"
