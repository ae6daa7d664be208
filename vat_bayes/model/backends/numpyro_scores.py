"""The likelihood of expected scores in JAX, every random effect integrated out."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.lax import stop_gradient
from jax.scipy.special import gammaln

from vat_bayes.model.backends.numpyro_likelihoods import inverse_and_log_det
from vat_bayes.model.blocks import build_scenario_rows
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.state_blocks import StateBlocks, build_state_blocks


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

    First derivatives only, see `_squares_and_log_det`.

    Parameters
    ----------
    design : ScoresDesign
    p : Scatter

    Returns
    -------
    Array, shape ()
    """
    b = build_state_blocks(design)
    # What the mean is off by counts once for every scenario; a root of the cross products once.
    rows = jnp.concatenate([(b.mean - _means(b, p))[:, None], b.about], 1)
    weights = np.ones(rows.shape[:2])
    weights[:, 0] = b.n
    squares, log_det = _squares_and_log_det(b, p, rows)
    out = -0.5 * (b.n * log_det + (weights * squares).sum(1)).sum()
    n_scores = float((b.n * b.observed.sum((1, 2))).sum())
    for i, residual in enumerate(design.residuals):
        precision, log_det = inverse_and_log_det(_residual_covariance(design, i, p))
        scatter, degrees = residual.scatters.sum(0), float(residual.degrees.sum())
        out -= 0.5 * (degrees * log_det + (precision * scatter).sum())
        n_scores += degrees * len(residual.states)
    return out - 0.5 * n_scores * np.log(2 * np.pi)


def heavy_tailed_scenarios(design: ScoresDesign, p: Scatter, df: float) -> Array:
    """Compute the log-likelihood of multivariate t scenarios: one weight for all scores of each.

    First derivatives only, see `_squares_and_log_det`.

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
    b, rows = build_state_blocks(design, scenarios=True), build_scenario_rows(design)
    about = (b.mean - _means(b, p))[:, None] + b.about
    squares, log_det = _squares_and_log_det(b, p, about)
    square = jnp.zeros(len(rows.dimension)).at[rows.place].add(squares)
    log_dets = jnp.zeros(len(rows.dimension)).at[rows.place].add(log_det[:, None])
    for i, residual in enumerate(design.residuals):
        precision, log_det = inverse_and_log_det(_residual_covariance(design, i, p))
        place = rows.residual_place[i]
        square = square.at[place].add((precision * residual.scatters).sum((1, 2)))
        log_dets = log_dets.at[place].add(residual.degrees * log_det)
    d = rows.dimension
    each = gammaln((df + d) / 2) - gammaln(df / 2) - 0.5 * d * np.log(df * np.pi)
    each += -0.5 * log_dets - 0.5 * (df + d) * jnp.log1p(square / df)
    return jnp.where((d > 0) & (np.arange(len(d)) < len(d) - 1), each, 0.0).sum()


def _means(b: StateBlocks, p: Scatter) -> Array:
    """Mean of every score, (group, state, axis); zero where there is none."""
    centre = jnp.einsum("gav,gcv->gca", b.loading, p.centre[b.state])
    centre += b.one[:, None, :] * p.shift[b.state][:, :, None]
    return b.observed * p.sharpness[b.state][:, :, None] * centre


def _squares_and_log_det(b: StateBlocks, p: Scatter, rows: Array) -> tuple[Array, Array]:
    """Squared length of rows in units of the covariance of all states, and its log determinant.

    See `vat_bayes.model.state_blocks` for the identities. The minimising ``x`` is held while the
    squares are differentiated, which gives their gradient (the slope in ``x`` is zero there) and
    saves the derivatives of all that ``x`` is made of. It does not give second derivatives.

    Parameters
    ----------
    b : StateBlocks
    p : Scatter
    rows : Array, shape (group, row, state, axis)

    Returns
    -------
    squares : Array, shape (group, row)
    log_det : Array, shape (group,)
    """
    unit = np.eye(b.observed.shape[2])
    kappa, alpha = p.kappa_scale[b.model][:, None], p.alpha_scale[b.model][:, None]
    stretch = jnp.sqrt(kappa**2 + (alpha * b.length) ** 2) - kappa
    root = (b.direction * stretch[:, None, :]) @ np.swapaxes(b.direction, -1, -2)
    root += kappa[..., None] * unit

    here = b.observed[:, :, :, None] * b.observed[:, :, None, :]
    gain = p.sharpness[b.state][:, :, None, None]
    varying = gain * jnp.einsum("gav,gcvw->gcaw", b.loading, p.half[b.state])
    noise = (p.noise[b.state] ** 2)[:, :, None, None] * unit
    own = here * (varying @ jnp.swapaxes(varying, -1, -2) + noise)
    precision, log_det = inverse_and_log_det(own + (1.0 - b.observed)[..., None] * unit)
    precision = here * precision

    shared = unit + root @ (gain**2 * precision).sum(1) @ root
    inner, shared_log_det = inverse_and_log_det(shared)
    pulls = jnp.einsum("gcrb,gcba->gra", jnp.swapaxes(rows, 1, 2), gain * precision)
    x = stop_gradient(pulls @ root @ inner)
    left = rows - (x @ root)[:, :, None, :] * gain[:, None, :, :, 0] * b.observed[:, None]
    left = jnp.swapaxes(left, 1, 2)
    squares = ((left @ precision) * left).sum((1, 3)) + (x**2).sum(-1)
    return squares, log_det.sum(1) + shared_log_det


def _residual_covariance(design: ScoresDesign, index: int, p: Scatter) -> Array:
    residual = design.residuals[index]
    gain = p.sharpness[residual.states]
    covariance = p.kappa_scale[residual.model] ** 2 * jnp.outer(gain, gain)
    return covariance + jnp.diag(p.noise[residual.states] ** 2)
