"""The likelihood of expected scores in JAX, every random effect integrated out."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import gammaln

from vat_bayes.model.backends.numpyro_likelihoods import inverse_and_log_det
from vat_bayes.model.blocks import Blocks, build_blocks, build_scenario_rows
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Floats


class Scatter(NamedTuple):
    """Parameters of the scores' mean and covariance.

    Parameters
    ----------
    centre : Array, shape (state, value)
    shift, sharpness : Array, shape (state,)
    half : Array, shape (state, value, value)
        Factor of the covariance of a scenario's effects; zero for baselines.
    alpha_scale, kappa_scale : Array, shape (model,)
    noise : Array, shape (state,)
    """

    centre: Array
    shift: Array
    sharpness: Array
    half: Array
    alpha_scale: Array
    kappa_scale: Array
    noise: Array


def normal_scenarios(design: ScoresDesign, p: Scatter) -> Array:
    """Compute the log-likelihood of normal scenarios.

    Parameters
    ----------
    design : ScoresDesign
    p : Scatter

    Returns
    -------
    Array, shape ()
    """
    b = build_blocks(design)
    mean, covariance = _block_moments(b, p)
    about = b.mean - mean
    total = b.scatter + b.n[:, None, None] * about[:, :, None] * about[:, None, :]
    precision, log_det = inverse_and_log_det(covariance)
    out = -0.5 * (b.n * log_det + (precision * total).sum((1, 2))).sum()
    n_scores = float((b.n * b.real.sum(1)).sum())
    for i, residual in enumerate(design.residuals):
        precision, log_det = inverse_and_log_det(_residual_covariance(design, i, p))
        scatter, degrees = residual.scatters.sum(0), float(residual.degrees.sum())
        out -= 0.5 * (degrees * log_det + (precision * scatter).sum())
        n_scores += degrees * len(residual.states)
    return out - 0.5 * n_scores * np.log(2 * np.pi)


def heavy_tailed_scenarios(design: ScoresDesign, p: Scatter, df: float) -> Array:
    """Compute the log-likelihood of multivariate t scenarios: one weight for all scores of each.

    Parameters
    ----------
    design : ScoresDesign
    p : Scatter
    df : float
        Degrees of freedom.

    Returns
    -------
    Array, shape ()
    """
    b, rows = build_blocks(design), build_scenario_rows(design)
    mean, covariance = _block_moments(b, p)
    factor = jnp.linalg.cholesky(covariance)
    about = jnp.where(b.real[:, None, :], rows.scores - mean[:, None, :], 0.0)
    whitened = solve_triangular(factor, jnp.swapaxes(about, -1, -2), lower=True)
    square = jnp.zeros(len(rows.dimension)).at[rows.place].add((whitened**2).sum(1))
    log_det = jnp.zeros(len(rows.dimension)).at[rows.place].add(_log_det(factor)[:, None])
    for i, residual in enumerate(design.residuals):
        factor = jnp.linalg.cholesky(_residual_covariance(design, i, p))
        place = rows.residual_place[i]
        square = square.at[place].add(_quadratic(factor, residual.scatters))
        log_det = log_det.at[place].add(residual.degrees * _log_det(factor))
    d = rows.dimension
    each = gammaln((df + d) / 2) - gammaln(df / 2) - 0.5 * d * np.log(df * np.pi)
    each += -0.5 * log_det - 0.5 * (df + d) * jnp.log1p(square / df)
    return jnp.where((d > 0) & (np.arange(len(d)) < len(d) - 1), each, 0.0).sum()


def _block_moments(b: Blocks, p: Scatter) -> tuple[Array, Array]:
    """Mean and covariance of each pattern, (group, row) and (group, row, row)."""
    gain = p.sharpness[b.state]
    mean = gain * ((b.loading * p.centre[b.state]).sum(-1) + b.one * p.shift[b.state])
    varying = jnp.einsum("grv,grvw->grw", b.loading, p.half[b.state])
    between = (p.alpha_scale[b.model] ** 2)[:, None, None] * (
        b.loading @ np.swapaxes(b.loading, -1, -2)
    )
    between += b.same_arm * (varying @ jnp.swapaxes(varying, -1, -2))
    between += (p.kappa_scale[b.model] ** 2)[:, None, None] * b.same_axis
    covariance = gain[:, :, None] * gain[:, None, :] * between
    own = jnp.where(b.real, p.noise[b.state] ** 2, 1.0)
    covariance += own[:, :, None] * np.eye(b.state.shape[1])
    return jnp.where(b.real, mean, 0.0), covariance


def _residual_covariance(design: ScoresDesign, index: int, p: Scatter) -> Array:
    residual = design.residuals[index]
    gain = p.sharpness[residual.states]
    covariance = p.kappa_scale[residual.model] ** 2 * jnp.outer(gain, gain)
    return covariance + jnp.diag(p.noise[residual.states] ** 2)


def _log_det(factor: Array) -> Array:
    return 2.0 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)


def _quadratic(factor: Array, scatter: Floats | Array) -> Array:
    """Trace of the precision times a sum of cross products."""
    factor = jnp.broadcast_to(factor, scatter.shape)
    inner = solve_triangular(factor, scatter, lower=True)
    whitened = solve_triangular(factor, jnp.swapaxes(inner, -1, -2), lower=True)
    return jnp.trace(whitened, axis1=-2, axis2=-1)
