"""The likelihood itself at draws of the parameters, against the stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vat_bayes.model.fast.compiled import compiled
from vat_bayes.model.fast.density import Shape
from vat_bayes.model.fast.importance import exact_moments
from vat_bayes.model.fast.posterior import Centre, Posterior
from vat_bayes.model.fast.surrogate import (
    Surrogate,
    effect_blocks,
    effect_mean,
    from_blocks,
    log_likelihood,
    unflatten,
)
from vat_bayes.model.fast.work import Work
from vat_bayes.model.structure import Floats, Ints

# Draws at which it is computed, and points of importance sampling at each.
N_DRAWS, _POINTS = 100, 16
_LEAST_SCALE = 1e-3
PARAMETERS = (
    "theta", "delta", "beta", "lambda_", "cutpoint", "alpha_scale", "kappa_scale", "u_scale",
)  # fmt: skip


def point(shape: Shape, draw: Mapping[str, Array], m: int) -> tuple[Array, Array, Array]:
    """Mean, blocks of the covariance and style of one model at one draw.

    To the variances is added what makes no difference to any effect and leaves the covariance an
    inverse where couplings are at their limits.
    """
    rows = np.array(shape.model_arms[m])
    scale = draw["u_scale"][rows]
    spread = scale[:, :, None] * draw["coupling"][rows] * scale[:, None, :]
    log_kappa = jnp.log(draw["kappa_scale"][m])[None]
    spread += _LEAST_SCALE**2 * jnp.eye(shape.n_values)
    style = [draw["beta"][rows], draw["lambda_"][rows], draw["cutpoint"][m], log_kappa]
    return (
        effect_mean(draw["theta"][m], draw["delta"][rows]),
        effect_blocks(draw["alpha_scale"][m], spread),
        jnp.concatenate(style),
    )


def points(shape: Shape, there: Mapping[str, Array], m: int) -> list[tuple[Floats, ...]]:
    """Compute `point` at several draws.

    Parameters
    ----------
    shape : Shape
    there : mapping of str to Array, shape (point, ...)
    m : int

    Returns
    -------
    list of tuple of ndarray
    """
    at_once = jax.jit(jax.vmap(lambda draw: point(shape, draw, m)))(dict(there))
    return list(zip(*(np.asarray(x) for x in at_once), strict=True))


def parameters_at(draws: Mapping[str, Floats], rows: Ints) -> dict[str, Array]:
    """Take the parameters that make a point at some of the draws, chains stacked."""
    flat = {k: draws[k].reshape(-1, *draws[k].shape[2:])[rows] for k in (*PARAMETERS, "coupling")}
    return {k: jnp.asarray(x) for k, x in flat.items()}


def log_ratios(
    works: tuple[Work, ...],
    surrogates: tuple[Surrogate, ...],
    draws: Mapping[str, Floats],
    shape: Shape,
    *,
    seed: int,
) -> tuple[Floats, list[Floats]]:
    """Compute the logarithm of likelihood over stand-in at draws.

    Parameters
    ----------
    works : tuple of Work
    surrogates : tuple of Surrogate
    draws : mapping of str to ndarray, shape (chain, draw, ...)
    shape : Shape
    seed : int

    Returns
    -------
    ndarray, shape (point,)
        Centred; the points are draws spread over the chains.
    list of ndarray, shape (point, style)
        The style of each model there.
    """
    n = draws["theta"].shape[0] * draws["theta"].shape[1]
    there = parameters_at(draws, np.linspace(0, n - 1, N_DRAWS).astype(int))
    out = np.zeros(N_DRAWS)
    styles: list[list[Floats]] = [[] for _ in works]
    stand_in = jax.jit(log_likelihood)
    for m, (work, surrogate) in enumerate(zip(works, surrogates, strict=True)):
        for j, (mean, blocks, style) in enumerate(points(shape, there, m)):
            styles[m].append(style)
            centre = Centre(mean, from_blocks(blocks), unflatten(style, len(shape.model_arms[m])))
            out[j] += _log_evidence(replace(work), centre, seed)
            out[j] -= float(stand_in(surrogate, mean, blocks, style))
    return out - out.mean(), [np.stack(x) for x in styles]


def _log_evidence(work: Work, centre: Centre, seed: int) -> float:
    """Log marginal likelihood: Laplace's method, corrected by importance sampling.

    The points are the same at every draw, so most of their error cancels between draws.
    """
    posterior = work.refresh(centre)
    extra = exact_moments(
        work.ratings, posterior, centre, work.groups, n_points=_POINTS, seed=seed
    ).log_evidence
    return float(_laplace(posterior, centre) + extra.sum())


@compiled
def _laplace(posterior: Posterior, centre: Centre) -> Array:
    prior = jnp.linalg.inv(centre.covariance)
    about = posterior.mode - centre.mean
    log_det = 2.0 * jnp.log(jnp.diagonal(posterior.factor, axis1=1, axis2=2)).sum(1)
    each = posterior.log_likelihood - 0.5 * (about @ prior * about).sum(1) - 0.5 * log_det
    return each.sum() - 0.5 * each.shape[0] * jnp.linalg.slogdet(centre.covariance)[1]
