"""Draws from the prior alone, against the closed forms of their moments, and what they imply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from simulated_studies import TARGETED, factorial_structure, irregular_ratings, irregular_scores

from vat_bayes.estimands.implied import implied_prior
from vat_bayes.estimands.shifts import _tails
from vat_bayes.model import Prior, load_spec
from vat_bayes.model.pooling import pool
from vat_bayes.model.prior_draws import draw_prior
from vat_bayes.values import VALUES, cosine

N = 4000
TARGET = VALUES.index("benevolence")


def close(x: np.ndarray, sd: float) -> None:
    """The standard deviation of N draws is within four of its own standard errors."""
    assert np.std(x) == pytest.approx(sd, rel=4 / np.sqrt(2 * N) * 1.5)


def test_plain_priors_have_their_scales() -> None:
    design = irregular_scores(np.random.default_rng(0))
    draws = draw_prior(design, load_spec(), N, seed=1)
    assert draws["delta"].shape == (N, 3, 10)
    assert draws["noise"].shape == (N, design.structure.n_states)
    close(draws["lambda_"][:, 0], 0.3)
    # What a condition adds has these priors in its own units.
    stretch = np.exp(draws["lambda_"])
    close(stretch[:, 1] * draws["delta"][:, 1, 4], 1.0)
    close(stretch[:, 1] * draws["beta"][:, 1], 0.5)
    assert np.std(draws["delta"]) > 1.05
    scale = stretch[:, 2] * draws["u_scale"][:, 2, 3]
    assert stats.kstest(scale, stats.halfnorm(scale=0.5).cdf).pvalue > 1e-4
    again = draw_prior(design, load_spec(), N, seed=1)
    for name, x in draws.items():
        np.testing.assert_array_equal(x, again[name])


def test_cutpoints_are_quantiles_of_dirichlet_shares() -> None:
    design = irregular_ratings(np.random.default_rng(0), rich=True)
    for name, f in (("default", stats.logistic), ("probit", stats.norm)):
        draws = draw_prior(design, load_spec(name), N, seed=1)
        below = f.cdf(draws["cutpoint"][:, 0])
        # The first k of five Dirichlet(2) shares together are Beta(2 k, 10 - 2 k).
        for k in range(1, 5):
            assert stats.kstest(below[:, k - 1], stats.beta(2 * k, 10 - 2 * k).cdf).pvalue > 1e-4
        assert draws["prompt"].shape == (N, 2, 2)
        assert draws["prompt_shift_scale"].shape == (N, 3)
        assert "repeat_scale" in draws


def test_labels_of_each_state_scatter_about_the_shares_of_the_model() -> None:
    design = irregular_ratings(np.random.default_rng(0), rich=True)
    plain = load_spec()
    spec = replace(plain, ratings=plain.ratings | {"share_scale": Prior("half_normal", 0.7)})
    draws = draw_prior(design, spec, N, seed=4)
    assert stats.kstest(draws["share_scale"][:, 1], stats.halfnorm(scale=0.7).cdf).pvalue > 1e-4
    s = design.structure

    def log_shares(cutpoint: np.ndarray) -> np.ndarray:
        ends = stats.logistic.cdf(cutpoint)
        return np.log(np.diff(ends, prepend=0.0, append=1.0, axis=-1))

    # A ratio of two shares is the model's times exp(scale (z_1 - z_2)).
    last = s.n_states - 1
    own, common = (
        log_shares(draws["state_cutpoint"][:, last, 1]),
        log_shares(draws["cutpoint"][:, 1]),
    )
    assert s.state_model[last] == 1
    z = (own - common)[:, 3] - (own - common)[:, 1]
    assert stats.kstest(z / draws["share_scale"][:, 1], stats.norm(scale=2**0.5).cdf).pvalue > 1e-4


def test_effects_follow_the_circle() -> None:
    design = irregular_ratings(np.random.default_rng(0), rich=False)
    draws = draw_prior(design, load_spec("circle"), N, seed=2)
    delta = np.exp(draws["lambda_"])[..., None] * draws["delta"]
    slope, tau = draws["circle_slope"], draws["delta_scale"]
    close(delta[:, 0, TARGET], 1.5)
    # The placebo of model a has no target: every value strays by its own spread alone.
    z = delta[:, 1] / tau[:, [1]]
    assert stats.kstest(z.ravel(), stats.norm.cdf).pvalue > 1e-4
    # Arms 0 and 2 have one, and their slopes are in this order.
    for i, arm in enumerate((0, 2)):
        for v, name in enumerate(VALUES):
            if v != TARGET:
                mean = slope[:, i] * cosine(name, "benevolence") * delta[:, arm, TARGET]
                z = (delta[:, arm, v] - mean) / tau[:, arm]
                assert stats.kstest(z, stats.norm.cdf).pvalue > 1e-4


def test_models_share_the_effect_of_a_condition() -> None:
    design = irregular_scores(np.random.default_rng(0))
    draws = draw_prior(design, load_spec("several-models"), N, seed=3)
    assert draws["delta_common"].shape == (N, 1, 10)
    assert draws["model_scale"].shape == (N, 1)
    for arm in (0, 2):
        own = np.exp(draws["lambda_"][:, [arm]]) * draws["delta"][:, arm]
        z = (own - draws["delta_common"][:, 0]) / draws["model_scale"]
        assert stats.kstest(z.ravel(), stats.norm.cdf).pvalue > 1e-4
    pooling = pool(design.structure, over_models=True)
    assert pooling.names == ("promote", "a: placebo")
    np.testing.assert_array_equal(pooling.effect, [0, 1, 0])
    assert pool(factorial_structure(2, (TARGETED,)), over_models=True).shared.size == 0


def test_implied_prior_of_scores_is_that_of_the_parameters() -> None:
    # Without style the shift in points is delta itself: |N(0, 1)| at five categories.
    found = implied_prior(load_spec("minimal"), "scores")
    assert stats.kstest(found.gain, stats.norm.cdf).pvalue > 1e-4
    assert stats.kstest(9 * found.tax_rms**2, stats.chi2(9).cdf).pvalue > 1e-4
    np.testing.assert_array_equal(found.nvat_offdiag, 0.0)
    # Quarters of the range: at nine categories everything is twice as long.
    wide = implied_prior(load_spec("minimal"), "scores", n_categories=9)
    np.testing.assert_allclose(wide.gain, 2 * found.gain)


def test_implied_prior_of_ratings_stays_on_the_scale() -> None:
    found = implied_prior(load_spec(), "ratings").summary()
    assert (
        0 < found["gain_size"]["lo"] < found["gain_size"]["median"] < found["gain_size"]["hi"] < 4
    )


@pytest.mark.parametrize("df", [3.0, 4.0, 8.0])
def test_nodes_of_heavy_tails(df: float) -> None:
    # The mean of an expectation over the scenario's weight, against fine numerical integration.
    weight = stats.gamma(df / 2, scale=2 / df)
    grid = (np.arange(200_000) + 0.5) / 200_000
    for mean, scenario, own in ((1.0, 0.5, 0.7), (2.0, 1.5, 0.3)):
        variance = own**2 + scenario**2 / weight.ppf(grid)
        # E Phi(mean + sd z) in closed form.
        exact = stats.norm.cdf(mean / np.sqrt(1 + variance)).mean()
        nodes = _tails(df)
        assert sum(share for _, share in nodes) == pytest.approx(1.0)
        found = sum(
            share * stats.norm.cdf(mean / np.sqrt(1 + own**2 + stretch * scenario**2))
            for stretch, share in nodes
        )
        assert found == pytest.approx(exact, abs=1e-3)
    assert _tails(0.0) == [(1.0, 1.0)]
