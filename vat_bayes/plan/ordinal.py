"""Variance components in points of an ordinal model, whose parameters are in logits."""

from __future__ import annotations

import numpy as np

from vat_bayes.model.priors import Link
from vat_bayes.model.ratings import distribution_function
from vat_bayes.plan.components import Components, Floats

_SCENARIOS = 4000
_STEP = 0.05


def ordinal_components(
    *,
    cutpoint: Floats,
    theta: Floats,
    delta: Floats,
    alpha_scale: float,
    kappa_scale: float,
    u_scale: Floats,
    coupling: Floats,
    beta: float = 0.0,
    lambda_: float = 0.0,
    noise_scale: float = 0.0,
    wording_scale: float = 0.0,
    link: Link = "logistic",
    target: tuple[int, ...] = (),
    rated: bool = True,
    source: str = "",
    seed: int = 0,
) -> Components:
    """Bring the scatter of an ordinal model to rating points, by simulation.

    4000 scenarios are drawn, each with a supporting and a violating item of every value. What the
    two items of a value have in common is the scenario's part (their covariance), what is left of
    an item's variance is its own, and the variance of a rating about its expectation is chance.

    Parameters
    ----------
    cutpoint : ndarray, shape (K - 1,)
    theta, delta, u_scale : ndarray, shape (value,)
    alpha_scale, kappa_scale, noise_scale : float
        Of scenarios, items, and items within a condition.
    coupling : ndarray, shape (value, value)
    beta, lambda_ : float
        Response style under the condition.
    wording_scale : float
        How much a wording changes the effect.
    link : {"logistic", "probit"}
    target : tuple of int
    rated : bool
        Whether ratings are drawn. If not, the expected score is read and chance has no part.
    source : str
    seed : int

    Returns
    -------
    Components
    """
    rng = np.random.default_rng(seed)
    n, v, sign = _SCENARIOS, len(theta), np.array([1.0, -1.0])
    alpha = alpha_scale * rng.normal(size=(n, v))
    kappa = kappa_scale * rng.normal(size=(n, v, 2))
    u = (rng.normal(size=(n, v)) @ np.linalg.cholesky(coupling).T) * u_scale
    noise = noise_scale * rng.normal(size=(2, n, v, 2))
    before = (theta + alpha)[..., None] * sign + kappa + noise[0]
    moved = theta + alpha + delta + u
    after = moved[..., None] * sign + kappa + beta + noise[1]
    sharp = float(np.exp(lambda_))
    score_before, chance_before = _moments(before, cutpoint, 1.0, link)
    score_after, chance_after = _moments(after, cutpoint, sharp, link)
    difference = (score_after - score_before) * sign
    centred = difference - difference.mean(0)
    halves = [centred[..., 0], centred[..., 1]]
    of_scenario = (halves[0].T @ halves[1] + halves[1].T @ halves[0]) / (2 * n)
    item = np.maximum((centred**2).mean((0, 2)) - np.diag(of_scenario), 0.0)
    rating = (chance_before + chance_after).mean((0, 2)) / 2 if rated else np.zeros(v)
    further, _ = _moments(after + _STEP * sign, cutpoint, sharp, link)
    slope = ((further - score_after) * sign).mean((0, 2)) / _STEP
    return Components(
        effect=_nonnegative(of_scenario),
        item=item,
        rating=rating,
        wording=(slope * wording_scale) ** 2,
        target=target,
        source=source,
        n_categories=len(cutpoint) + 1,
    )


def _moments(eta: Floats, cutpoint: Floats, sharp: float, link: Link) -> tuple[Floats, Floats]:
    """Mean and variance of a rating, each of the shape of `eta`."""
    above = [distribution_function((eta - c) * sharp, link) for c in cutpoint]
    mean = np.sum(above, axis=0)
    # E y^2 of a count of thresholds passed: the k-th adds 2 k - 1.
    square = np.sum([(2 * k + 1) * a for k, a in enumerate(above)], axis=0)
    return mean, square - mean**2


def _nonnegative(matrix: Floats) -> Floats:
    """Return the nearest covariance: a direction can't vary by less than nothing."""
    variance, axes = np.linalg.eigh(matrix)
    return np.asarray((axes * np.maximum(variance, 0.0)) @ axes.T)
