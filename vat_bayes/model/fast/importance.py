"""Exact posterior moments of every scenario's effects, by importance sampling.

The normal approximation at the mode is the proposal. Its points are a Sobol sequence with a random
shift of its own for every scenario, each with its mirror image: smooth integrands lose most of
their Monte Carlo error, and errors of different scenarios do not add up (Owen 1997; L'Ecuyer and
Lemieux 2002). How uneven the weights are says how far the posterior of the effects is from normal.

References
----------
L'Ecuyer, Lemieux (2002). Recent advances in randomized quasi-Monte Carlo methods. In Modeling
Uncertainty, 419-474. doi:10.1007/0-306-48102-2_20
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.special import ndtri
from scipy.stats import qmc

from vat_bayes.model.fast.compiled import compiled
from vat_bayes.model.fast.cores import on_cores
from vat_bayes.model.fast.items import Ratings
from vat_bayes.model.fast.posterior import Centre, Posterior, scenario_likelihood, shape_effects
from vat_bayes.model.fast.surrogate import Moments
from vat_bayes.model.structure import Floats


class Weighted(NamedTuple):
    """Moments and the log weights they come from, shape (scenario, point).

    ``log_evidence (scenario,)`` is the logarithm of the mean weight, the correction of the Laplace
    approximation of each scenario's marginal likelihood.
    """

    moments: Moments
    log_weight: Floats
    log_evidence: Floats


@compiled
def _evaluate(
    ratings: Ratings, posterior: Posterior, centre: Centre, prior: Array, z: Array
) -> tuple[Array, Array, Array]:
    x = (
        posterior.mode
        + jax.scipy.linalg.solve_triangular(posterior.factor, z[:, :, None], lower=True, trans=1)[
            :, :, 0
        ]
    )
    local = scenario_likelihood(ratings, shape_effects(ratings, x), centre.style, curvature=False)

    def log_joint(value: Array, effects: Array) -> Array:
        about = effects - centre.mean
        return value - 0.5 * (about @ prior * about).sum(1)

    at_mode = log_joint(posterior.log_likelihood, posterior.mode)
    log_weight = log_joint(local.value, x) - at_mode + 0.5 * (z**2).sum(1)
    return x, log_weight, local.style


def exact_moments(
    ratings: Ratings,
    posterior: Posterior,
    centre: Centre,
    groups: Array,
    *,
    n_points: int,
    seed: int,
) -> Weighted:
    """Estimate the moments without the normal approximation.

    Parameters
    ----------
    ratings : Ratings
    posterior : Posterior
    centre : Centre
    groups : Array, shape (group, scenario)
    n_points : int
        Points per scenario, a power of two.
    seed : int

    Returns
    -------
    Weighted
    """
    n, size = posterior.mode.shape
    rng = np.random.default_rng(seed)
    base = qmc.Sobol(size, scramble=False).random(n_points // 2) + 0.5 / (n_points // 2)
    shift = rng.random((n, size))
    prior = jnp.linalg.inv(centre.covariance)

    def evaluate(pair: tuple[Floats, float]) -> list[Floats]:
        row, sign = pair
        u = np.clip((row + shift) % 1.0, 1e-9, 1 - 1e-9)
        z = jnp.asarray(sign * ndtri(u))
        return [np.asarray(x) for x in _evaluate(ratings, posterior, centre, prior, z)]

    found = on_cores(evaluate, [(row, sign) for row in base for sign in (1.0, -1.0)])
    points, logs, styles = zip(*found, strict=True)
    log_weight = np.stack(logs, 1)
    top = log_weight.max(1, keepdims=True)
    raw = np.exp(log_weight - top)
    weight = raw / raw.sum(1, keepdims=True)
    about = np.stack(points, 1) - np.asarray(posterior.mode)[:, None]
    style = np.stack(styles, 1)
    # The moments of the proposal are known: only the difference is estimated.
    change = weight - 1.0 / n_points
    first = np.einsum("sn,sni->si", change, about)
    share = np.asarray(groups)
    flat = about.reshape(-1, size)
    precision = np.asarray(prior)
    mean = np.asarray(posterior.mode) - np.asarray(centre.mean) + first
    g = mean @ precision
    weights, squares = [], []
    for row in share:
        scaled = (row[:, None] * change).reshape(-1, 1) * flat
        covariance = np.einsum("s,sij->ij", row, np.asarray(posterior.covariance))
        covariance += scaled.T @ flat - (row[:, None] * first).T @ first
        weights.append(precision - precision @ covariance @ precision)
        squares.append((row[:, None] * g).T @ g - weights[-1])
    moments = Moments(
        jnp.asarray(share @ g),
        jnp.asarray(np.stack(squares)),
        jnp.asarray(np.stack(weights)),
        jnp.asarray(np.einsum("sn,snk->k", weight, style)),
    )
    return Weighted(moments, log_weight, (top + np.log(raw.mean(1, keepdims=True)))[:, 0])
