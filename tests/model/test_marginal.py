"""The likelihood of a scenario with its effects integrated out, against exact integrals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import multivariate_normal
from simulated_studies import (
    RETEST,
    TARGETED,
    V,
    factorial_structure,
    natural_parameters,
    raw_parameters,
)

from vat_bayes.model.marginal import integrated_log_likelihood, integration_work
from vat_bayes.model.ratings import RatingsDesign


def one_item(rng: np.random.Generator, times: int) -> RatingsDesign:
    """One item of one value under two states, rated a number of times in each."""
    whole = factorial_structure(1, (RETEST,), values=("power",))
    keep = np.array([0])
    structure = type(whole)(
        **{
            **{f: getattr(whole, f) for f in whole.__dataclass_fields__},
            "items": whole.items[:1],
            "loading": whole.loading[keep],
            "item_scenario": whole.item_scenario[keep],
        }
    )
    counts = rng.multinomial(times, [0.1, 0.2, 0.3, 0.3, 0.1], size=2)
    zero = np.zeros(2, dtype=int)
    return RatingsDesign(structure, np.array([0, 1]), zero, zero, counts)


def on_a_grid(design: RatingsDesign, p: dict[str, np.ndarray]) -> float:
    """Integrate over the two linear predictors on a fine grid."""
    w = design.structure.loading[0]
    mean = np.array([w @ p["theta"][0], w @ (p["theta"][0] + p["delta"][0]) + p["beta"][0]])
    shared = p["alpha_scale"][0] ** 2 * (w @ w) + p["kappa_scale"][0] ** 2
    covariance = np.full((2, 2), shared)
    scaled = w * p["u_scale"][0]
    covariance[1, 1] += scaled @ p["coupling"][0] @ scaled
    if design.has_repeats:
        covariance += p["repeat_scale"][0] ** 2 * np.eye(2)
    reach = np.linspace(-7, 7, 561)
    axes = [m + s * reach for m, s in zip(mean, np.sqrt(np.diag(covariance)), strict=True)]
    parts = []
    for state, axis in enumerate(axes):
        sharp = np.exp(p["lambda_"][0]) if state else 1.0
        below = expit((p["cutpoint"][0] - axis[:, None]) * sharp)
        ends = np.column_stack([np.zeros(len(axis)), below, np.ones(len(axis))])
        parts.append(np.exp((design.counts[state] * np.log(np.diff(ends, axis=1))).sum(1)))
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    density = multivariate_normal(mean, covariance).pdf(grid)
    cell = (axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0])
    return float(np.log((density * parts[0][:, None] * parts[1][None, :]).sum() * cell))


@pytest.mark.parametrize("times", [1, 6])
def test_two_ratings_of_one_item_against_a_grid(times: int) -> None:
    rng = np.random.default_rng(7)
    design = one_item(rng, times)
    points = []
    for _ in range(4):
        raw = raw_parameters(design.structure, rng, "ratings")
        raw |= {"repeat_scale": rng.uniform(0.1, 0.4, 1)}
        points.append(natural_parameters(design.structure, raw) | raw)
    draws = {k: np.stack([p[k] for p in points]) for k in points[0]}
    found = integrated_log_likelihood(design, draws)
    assert found.shape == (4, 1, 1)
    exact = np.array([on_a_grid(design, p) for p in points])
    # What is lost is third and higher order in the width of the effects; it hardly depends on the
    # draw, and differences between draws are what importance weights are made of.
    error = found[:, 0, 0] - exact
    np.testing.assert_allclose(error, 0, atol=0.03)
    assert np.ptp(error) < 0.03 < np.ptp(exact)


def test_effects_at_zero_leave_the_plain_likelihood() -> None:
    rng = np.random.default_rng(1)
    design = one_item(rng, 1)
    raw = raw_parameters(design.structure, rng, "ratings")
    for name in ("alpha_scale", "kappa_scale", "u_scale"):
        raw[name] = np.full_like(raw[name], 1e-9)
    p = natural_parameters(design.structure, raw)
    found = integrated_log_likelihood(design, {k: v[None] for k, v in p.items()})
    w, total = design.structure.loading[0], 0.0
    for state in (0, 1):
        eta = w @ (p["theta"][0] + state * p["delta"][0]) + state * p["beta"][0]
        below = expit((p["cutpoint"][0] - eta) * np.exp(state * p["lambda_"][0]))
        chance = np.diff(np.concatenate([[0], below, [1]]))
        total += float(np.log(chance[design.counts[state].argmax()]))
    assert found.item() == pytest.approx(total, abs=1e-6)


def test_work_grows_with_the_cube_of_the_states() -> None:
    rng = np.random.default_rng(0)
    sizes = []
    for arms in ((RETEST,), (RETEST, TARGETED, type(RETEST)("more", "retest"))):
        s = factorial_structure(3, arms)
        state, item = (x.ravel() for x in np.indices((s.n_states, len(s.items))))
        counts = rng.multinomial(1, np.full(5, 0.2), size=len(state))
        design = RatingsDesign(s, state, item, np.zeros_like(state), counts)
        sizes.append(integration_work(design, 10))
    assert sizes[1] / sizes[0] == pytest.approx(8)
    assert V == 10
