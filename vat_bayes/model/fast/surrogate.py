"""A Gaussian stand-in for the marginal likelihood that agrees with it to second order.

Let ``b_s`` be the effects of scenario ``s``, normal with mean ``mu`` and covariance ``Sigma``, and
``phi`` the style. The score of the marginal likelihood follows from posterior moments alone
(Fisher's identity). With ``g_s = Sigma0^-1 (E b_s - mu0)`` and
``W_s = Sigma0^-1 - Sigma0^-1 Cov(b_s) Sigma0^-1``, at the centre ``(mu0, Sigma0, phi)``

    d / d mu = sum_s g_s,    d / d Sigma = 1/2 sum_s (g_s g_s' - W_s),    d / d phi = sum_s s_s.

The stand-in is the likelihood of normal pseudo-data with one error covariance ``W^-1 - Sigma0``,
``W`` the mean of ``W_s``, whose mean and scatter are linear in ``phi`` and chosen so that all three
scores agree with the above, and so do their derivatives with respect to ``phi`` (and ``mu``, which
agree by themselves: ``d g_s / d mu = -W_s``). It depends on the data through one D by D matrix per
pattern of missing data, so its cost does not grow with scenarios or items.

Freezing pseudo-data per cell instead matches none of the scores once cells differ in information,
and then scales and coupling are off by several posterior sds.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vat_bayes.model.fast.compiled import compiled
from vat_bayes.model.fast.cores import on_cores
from vat_bayes.model.fast.items import Ratings, Style
from vat_bayes.model.fast.posterior import (
    Centre,
    Posterior,
    mean_style,
    random_signs,
    scenario_likelihood,
    shape_effects,
)

# Step of the differences along the style, in logits; they are of smooth functions in double
# precision.
_STEP = 1e-4
# Information of a combination of effects that the items do not measure, as a share of the largest.
_LEAST = 1e-7


class Moments(NamedTuple):
    """What the scores need, averaged over each group of scenarios.

    Shapes: ``gradient (group, D)``, ``square (group, D, D)`` the mean of ``g g' - W_s``,
    ``weight (group, D, D)`` the mean of ``W_s``, ``style (style,)`` summed over all scenarios.
    """

    gradient: Array
    square: Array
    weight: Array
    style: Array


class Slopes(NamedTuple):
    """Derivatives of `Moments` along the style, leading axis (style,), from ``n ()`` scenarios."""

    gradient: Array
    square: Array
    style: Array
    n: Array


class Surrogate(NamedTuple):
    """The stand-in of one model.

    ``n (group,)`` scenarios; ``spread (group, D, D)`` the total covariance ``Sigma0 + N``;
    ``pull (group, D)`` and ``scatter (group, D, D)`` mean and second moment of the pseudo-data
    about ``mu0``, with their slopes along the style, those of the scatter as lower triangles
    ``(group, style, D (D + 1) / 2)``; ``linear (style,)`` and ``curvature (style, style)`` the rest
    of the style's score; ``root (q, q)`` a factor of the approximate posterior covariance of means
    and style, to sample in.
    """

    n: Array
    spread: Array
    pull: Array
    scatter: Array
    pull_slope: Array
    scatter_slope: Array
    linear: Array
    curvature: Array
    centre: Centre
    observed: Array
    root: Array


def flatten(style: Style) -> Array:
    """Put the style into one vector."""
    return jnp.concatenate([jnp.ravel(x) for x in style])


def unflatten(vector: Array, n_arms: int) -> Style:
    """Invert `flatten`."""
    return Style(vector[:n_arms], vector[n_arms : 2 * n_arms], vector[2 * n_arms : -1], vector[-1])


@compiled
def laplace_moments(posterior: Posterior, groups: Array) -> Moments:
    """Moments with every scenario's posterior taken as normal about its mode.

    Parameters
    ----------
    posterior : Posterior
    groups : Array, shape (group, scenario)
        Indicators of the groups, each row divided by its number of scenarios.

    Returns
    -------
    Moments
    """
    # At the mode ``g`` is the gradient of the log-likelihood, and with its information ``I`` there
    # ``W = I - I Cov I``: the same as by ``Sigma0^-1``, which has no digits left where scales or
    # couplings make ``Sigma0`` nearly singular.
    g, information = posterior.gradient, posterior.information
    each = information - information @ posterior.covariance @ information
    weight = jnp.einsum("gs,sij->gij", groups, each)
    square = jnp.einsum("gs,si,sj->gij", groups, g, g) - weight
    return Moments(groups @ g, square, weight, posterior.style.sum(0))


@compiled
def _one_slope(
    ratings: Ratings,
    centre: Centre,
    posterior: Posterior,
    *,
    groups: Array,
    direction: Array,
    signs: Array,
) -> Slopes:
    n_arms = centre.style.beta.shape[0]
    moved = unflatten(flatten(centre.style) + _STEP * direction, n_arms)
    here = shape_effects(ratings, posterior.mode)
    changed = scenario_likelihood(ratings, here, moved, curvature=False).gradient
    # The mode moves by the covariance times the change of the gradient (implicit function theorem).
    move = jnp.einsum("sij,sj->si", posterior.covariance, changed - posterior.gradient)
    there = scenario_likelihood(ratings, shape_effects(ratings, posterior.mode + move), moved)
    prior = jnp.linalg.inv(centre.covariance)
    change = jnp.einsum(
        "sij,sjk->sik", posterior.covariance, there.information - posterior.information
    )
    n_groups, (_, size, _) = groups.shape[0], change.shape
    # d Cov = -Cov (d information) Cov, summed over scenarios as one matrix product per group.
    left = jnp.swapaxes(change, 0, 1).reshape(size, -1)
    covariance_change = jnp.stack(
        [
            -left @ (groups[g, :, None, None] * posterior.covariance).reshape(-1, size)
            for g in range(n_groups)
        ]
    )
    g0 = (posterior.mode - centre.mean) @ prior
    g1 = move @ prior
    cross = jnp.einsum("gs,si,sj->gij", groups, g1, g0)
    square = cross + jnp.swapaxes(cross, 1, 2) + prior @ covariance_change @ prior
    factor = jnp.linalg.cholesky(there.information + prior)
    style = mean_style(ratings, posterior.mode + move, factor, moved, signs) - posterior.style
    return Slopes(groups @ g1 / _STEP, square / _STEP, style.sum(0) / _STEP, jnp.ones(()))


def style_slopes(ratings: Ratings, centre: Centre, posterior: Posterior, groups: Array) -> Slopes:
    """Differentiate the moments along every entry of the style.

    Parameters
    ----------
    ratings : Ratings
    centre : Centre
    posterior : Posterior
    groups : Array, shape (group, scenario)

    Returns
    -------
    Slopes
    """
    signs = random_signs(ratings, *posterior.mode.shape)

    def along(direction: Array) -> Slopes:
        return _one_slope(
            ratings, centre, posterior, groups=groups, direction=direction, signs=signs
        )

    parts = on_cores(along, jnp.eye(len(flatten(centre.style))))
    gradient, square, style, _ = (jnp.asarray(np.stack(x)) for x in zip(*parts, strict=True))
    return Slopes(gradient, square, style, jnp.asarray(float(len(posterior.mode))))


@compiled
def build_surrogate(
    centre: Centre,
    moments: Moments,
    slopes: Slopes,
    *,
    n: Array,
    prior_precision: Array,
    observed: Array,
) -> Surrogate:
    """Choose the pseudo-data.

    Parameters
    ----------
    centre : Centre
    moments : Moments
    slopes : Slopes
    n : Array, shape (group,)
    prior_precision : Array, shape (q,)
        Of means and style, for `Surrogate.root`.
    observed : Array of bool, shape (group, D)
        Which effects a group has ratings on. The others get independent pseudo-data that depend on
        nothing.

    Returns
    -------
    Surrogate
    """
    size = centre.mean.shape[0]
    both = observed[:, :, None] & observed[:, None, :]
    unit = jnp.where(both, 0.0, jnp.eye(size))
    # Few items can leave combinations of values without information: a little keeps W invertible.
    largest = jnp.max(jnp.abs(moments.weight), axis=(1, 2), keepdims=True)
    weight = jnp.where(both, moments.weight, 0.0) + _LEAST * largest * jnp.eye(size) + unit
    spread = jnp.linalg.inv(weight)
    spread = 0.5 * (spread + jnp.swapaxes(spread, 1, 2))

    def scaled(square: Array) -> Array:
        inside = jnp.where(both, square, 0.0)
        product = spread @ (0.5 * (inside + jnp.swapaxes(inside, -1, -2))) @ spread
        # Symmetric to the last digit: where items are few the entries are so large that their
        # rounding would show in the scores.
        return 0.5 * (product + jnp.swapaxes(product, -1, -2))

    scatter = scaled(moments.square) + spread
    pull = jnp.einsum("gij,gj->gi", spread, jnp.where(observed, moments.gradient, 0.0))
    rows, columns = np.tril_indices(size)
    scatter_slope = jnp.swapaxes(jax.vmap(scaled)(slopes.square), 0, 1)
    triangle = scatter_slope[:, :, rows, columns]
    pull_slope = jnp.einsum("gij,kgj->gki", spread, jnp.where(observed, slopes.gradient, 0.0))
    # What the scatter already says about the style at the centre, -n/2 tr(W dC).
    said = -0.5 * jnp.einsum("g,gij,gkij->k", n, weight, scatter_slope)
    curvature = -0.5 * (slopes.style + slopes.style.T)

    total = jnp.einsum("g,gij->ij", n, jnp.where(both, moments.weight, 0.0))
    cross = jnp.einsum("g,kgi->ki", n, slopes.gradient)
    information = jnp.block([[total, -cross.T], [-cross, curvature]])
    values, vectors = jnp.linalg.eigh(information + jnp.diag(prior_precision))
    # Far from the posterior the curvature need not be positive; its size still sets the scale.
    root = vectors / jnp.sqrt(jnp.maximum(jnp.abs(values), prior_precision.min()))
    return Surrogate(
        n, spread, pull, scatter, pull_slope, triangle,
        moments.style - said, curvature, centre, observed, root,
    )  # fmt: skip


def _inverse(matrix: Array) -> tuple[Array, Array]:
    """Invert a positive definite matrix; with the logarithm of its determinant."""
    factor = jnp.linalg.cholesky(matrix)
    root = jax.scipy.linalg.solve_triangular(factor, jnp.eye(matrix.shape[0]), lower=True)
    return root.T @ root, 2.0 * jnp.log(jnp.diagonal(factor)).sum()


def _inverse_by_halves(matrix: Array) -> tuple[Array, Array]:
    """As `_inverse`, mostly as products, which are faster than factors and solves."""
    half = matrix.shape[0] // 2
    below = matrix[half:, :half]
    first, log_first = _inverse(matrix[:half, :half])
    slope = below @ first
    second, log_second = _inverse(matrix[half:, half:] - slope @ below.T)
    cross = second @ slope
    inverse = jnp.block([[first + slope.T @ cross, -cross.T], [-cross, second]])
    return inverse, log_first + log_second


def _symmetric(triangle: Array, size: int) -> Array:
    """Make a matrix from its lower triangle."""
    rows, columns = np.tril_indices(size)
    lower = jnp.zeros((size, size)).at[rows, columns].set(triangle, unique_indices=True)
    return lower + lower.T - jnp.diag(jnp.diagonal(lower))


def _add_blocks(matrix: Array, blocks: Array) -> Array:
    """Add blocks (state, V, V) to the diagonal of a matrix (D, D)."""
    states, v, _ = blocks.shape
    cube = matrix.reshape(states, v, states, v)
    return (cube + blocks[:, :, None] * jnp.eye(states)[:, None, :, None]).reshape(matrix.shape)


def diagonal_blocks(matrix: Array, states: int) -> Array:
    """Take the blocks ``(state, V, V)`` on the diagonal of a matrix ``(D, D)``."""
    v = matrix.shape[0] // states
    return jnp.stack([matrix[k : k + v, k : k + v] for k in range(0, states * v, v)])


def _forward(spread: Array, blocks: Array, scatter: Array) -> tuple[Array, tuple[Array, ...]]:
    """Compute ``log |M| + tr(M^-1 C)``, M the spread with blocks added, and what slopes need."""
    precision, log_det = _inverse_by_halves(_add_blocks(spread, blocks))
    return log_det + (precision * scatter).sum(), (precision, scatter, blocks)


def _backward(kept: tuple[Array, ...], cotangent: Array) -> tuple[None, Array, Array]:
    precision, scatter, blocks = kept
    states, v, _ = blocks.shape
    # d tr(M^-1 C) / d M = -M^-1 C M^-1, of which only the blocks are wanted.
    left, right = (x.reshape(states, v, -1) for x in (precision @ scatter, precision))
    slope = diagonal_blocks(precision, states) - jnp.einsum("cvd,cwd->cvw", left, right)
    return None, cotangent * slope, cotangent * precision


# Written out, the gradient takes one product; through the Cholesky factor it takes several solves.
_log_det_and_trace = jax.custom_vjp(lambda spread, blocks, c: _forward(spread, blocks, c)[0])
_log_det_and_trace.defvjp(_forward, _backward)


def log_likelihood(surrogate: Surrogate, mean: Array, blocks: Array, style: Array) -> Array:
    """Evaluate the stand-in.

    Parameters
    ----------
    surrogate : Surrogate
    mean : Array, shape (D,)
        Of the effects of a scenario.
    blocks : Array, shape (state, V, V)
        Of their covariance, from `effect_blocks`.
    style : Array, shape (style,)

    Returns
    -------
    Array, shape ()
        Up to a constant.
    """
    moved = style - flatten(surrogate.centre.style)
    e = mean - surrogate.centre.mean
    states, v, _ = blocks.shape
    added = blocks - diagonal_blocks(surrogate.centre.covariance, states)
    total = surrogate.linear @ moved - 0.5 * moved @ surrogate.curvature @ moved
    for g in range(surrogate.n.shape[0]):
        observed = surrogate.observed[g].reshape(states, v)
        both = observed[:, :, None] & observed[:, None, :]
        d = surrogate.pull[g] + moved @ surrogate.pull_slope[g]
        here = e * surrogate.observed[g]
        scatter = surrogate.scatter[g] + _symmetric(moved @ surrogate.scatter_slope[g], e.shape[0])
        scatter += jnp.outer(here, here) - jnp.outer(here, d) - jnp.outer(d, here)
        each = _log_det_and_trace(surrogate.spread[g], jnp.where(both, added, 0.0), scatter)
        total -= 0.5 * surrogate.n[g] * each
    return total


@compiled
def tilt(surrogate: Surrogate, mean: Array, blocks: Array, style: Array) -> Surrogate:
    """Change the score of a stand-in at its centre, by changing its pseudo-data.

    Parameters
    ----------
    surrogate : Surrogate
    mean : Array, shape (D,)
        What is added to the score of the means.
    blocks : Array, shape (state, V, V)
        To that of the covariance's blocks, symmetric.
    style : Array, shape (style,)

    Returns
    -------
    Surrogate
    """
    n = surrogate.n
    seen = surrogate.observed.astype(float)
    # Scenarios without ratings on an effect take no part of the change.
    each = mean / jnp.maximum(n @ seen, 1.0)
    both = seen[:, :, None] * seen[:, None, :]
    every = from_blocks(blocks) / jnp.maximum(jnp.einsum("g,gij->ij", n, both), 1.0)
    spread = surrogate.spread
    pull = jnp.einsum("gij,gj->gi", spread, seen * each)
    scatter = 2.0 * spread @ (both * every) @ spread
    return surrogate._replace(
        pull=surrogate.pull + pull,
        scatter=surrogate.scatter + scatter,
        linear=surrogate.linear + style,
    )


def effect_mean(theta: Array, delta: Array) -> Array:
    """Prior mean of a scenario's effects from ``theta (value,)`` and ``delta (arm, value)``."""
    return jnp.concatenate([theta, delta.ravel()])


@compiled
def effect_blocks(alpha_scale: Array, spread: Array) -> Array:
    """Prior covariance of a scenario's effects, which are independent between states.

    Parameters
    ----------
    alpha_scale : Array, shape ()
    spread : Array, shape (arm, V, V)
        Covariance of each arm's ``u``.

    Returns
    -------
    Array, shape (state, V, V)
    """
    return jnp.concatenate([alpha_scale**2 * jnp.eye(spread.shape[-1])[None], spread])


@compiled
def from_blocks(blocks: Array) -> Array:
    """Make a block-diagonal matrix ``(D, D)`` from its blocks ``(state, V, V)``."""
    size = blocks.shape[0] * blocks.shape[1]
    return _add_blocks(jnp.zeros((size, size)), blocks)
