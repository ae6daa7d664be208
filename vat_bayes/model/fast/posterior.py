"""Posterior of every scenario's effects at one value of the parameters.

Scenarios are independent given the parameters, so all of this is one batch over scenarios. The
effects of a scenario are ``(theta + alpha, delta_1 + u_1, ..., delta_A + u_A)``, D = (1 + A) V
numbers that are normal a priori with the mean `Centre.mean` and block-diagonal covariance.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vat_bayes.model.fast.compiled import compiled
from vat_bayes.model.fast.items import Ratings, Style, item_moments

_STEPS = 25
# After a step of so many logits the next one would be of less than its square.
_TOLERANCE = 1e-2
# After a shorter step the quadrature stays where it is.
_STILL = 1e-3
# No step of Newton's method moves an effect by more than this many logits.
_LONGEST = 1.0
# Pairs of points for expectations over a scenario's effects: the more ratings there are, the more
# their errors cancel, and the more they cost.
_PAIRED, _MOST_PAIRS = 100_000, 8


class Centre(NamedTuple):
    """A value of the parameters: prior mean (D,), prior covariance (D, D), and the style."""

    mean: Array
    covariance: Array
    style: Style


class Posterior(NamedTuple):
    """Mode (scenario, D), precision and covariance there (scenario, D, D), and its parts.

    ``log_joint (scenario,)`` is the log of likelihood times prior at the mode, without constants
    of the prior; ``gradient (scenario, D)`` is that of the log-likelihood; ``style (scenario,
    style)`` its derivative with respect to the style.
    """

    mode: Array
    factor: Array
    covariance: Array
    log_likelihood: Array
    gradient: Array
    information: Array
    style: Array


class _Local(NamedTuple):
    value: Array
    gradient: Array
    information: Array
    style: Array
    kappa_mean: Array
    kappa_sd: Array


def _arm_basis(by_state: Array, axis: int) -> Array:
    """Turn derivatives by state's endorsement into those by (baseline, added by arm)."""
    moved = jnp.moveaxis(by_state, axis, 0)
    moved = jnp.concatenate([moved.sum(0, keepdims=True), moved[1:]])
    return jnp.moveaxis(moved, 0, axis)


@compiled
def scenario_likelihood(
    ratings: Ratings, effects: Array, style: Style, *, curvature: bool = True
) -> _Local:
    """Add the items of each scenario up.

    Parameters
    ----------
    ratings : Ratings
    effects : Array, shape (scenario, state, value)
    style : Style
    curvature : bool

    Returns
    -------
    _Local
        ``value (scenario,)``, ``gradient (scenario, D)``, ``information (scenario, D, D)``,
        ``style (scenario, style)``, ``kappa_mean`` and ``kappa_sd (item,)``.
    """
    n, states, values = effects.shape
    m = item_moments(ratings, effects, style, curvature=curvature)
    where, index, weight = ratings.item_scenario, ratings.index, ratings.weight

    def total(x: Array) -> Array:
        return jax.ops.segment_sum(x, where, n, indices_are_sorted=True)

    # Turned into derivatives by effect when they are added up: items are many.
    slots = index.shape[1]
    gradient = jnp.zeros((n * values, states))
    for k in range(slots):
        gradient += jax.ops.segment_sum(
            m.gradient * weight[:, k, None], where * values + index[:, k], n * values
        )
    gradient = _arm_basis(gradient, 1).reshape(n, values, states)
    gradient = jnp.swapaxes(gradient, 1, 2).reshape(n, -1)
    information = jnp.zeros((0,))
    if curvature:
        if slots == 1:
            square = m.information * weight[:, :1, None] ** 2
            same = jax.ops.segment_sum(square, where * values + index[:, 0], n * values)
            same = _arm_basis(_arm_basis(same, 1), 2).reshape(n, values, states, states)
            information = jnp.einsum("svcd,vw->scvdw", same, jnp.eye(values))
        else:
            pairs = jnp.zeros((n * values * values, states, states))
            for k in range(slots):
                for j in range(slots):
                    key = (where * values + index[:, k]) * values + index[:, j]
                    both = (weight[:, k] * weight[:, j])[:, None, None]
                    pairs += jax.ops.segment_sum(m.information * both, key, n * values * values)
            pairs = _arm_basis(_arm_basis(pairs, 1), 2)
            pairs = pairs.reshape(n, values, values, states, states)
            information = jnp.transpose(pairs, (0, 3, 1, 4, 2))
        information = information.reshape(n, states * values, states * values)
    return _Local(total(m.value), gradient, information, total(m.style), m.kappa_mean, m.kappa_sd)


def shape_effects(ratings: Ratings, flat: Array) -> Array:
    """Give flat effects (scenario, D) their axes (scenario, state, value)."""
    return flat.reshape(flat.shape[0], ratings.rating.shape[1], -1)


@compiled
def _newton(
    ratings: Ratings, mode: Array, centre: Centre, prior: Array
) -> tuple[Array, Array, Array, Array]:
    """One step of Newton's method for every scenario.

    Returns the new mode, the largest of the steps, and mean and sd of the item effects before.
    """
    local = scenario_likelihood(ratings, shape_effects(ratings, mode), centre.style)
    factor = jnp.linalg.cholesky(local.information + prior)
    slope = local.gradient - (mode - centre.mean) @ prior
    step = jax.scipy.linalg.cho_solve((factor, True), slope[:, :, None])[:, :, 0]
    longest = jnp.abs(step).max(1, keepdims=True)
    moved = mode + jnp.minimum(1.0, _LONGEST / longest) * step
    return moved, longest.max(), local.kappa_mean, local.kappa_sd


def mean_style(ratings: Ratings, mode: Array, factor: Array, style: Style, signs: Array) -> Array:
    """Average the derivative with respect to the style over the normal approximation.

    At the mode alone it would be biased: the effects are uncertain and the derivative is curved in
    them. Two opposite points ``mode +- L'^-1 r``, r a vector of random signs, are right on average
    for every quadratic function.

    Parameters
    ----------
    ratings : Ratings
    mode, factor : Array
        As in `Posterior`.
    style : Style
    signs : Array, shape (pair, scenario, D)
        Of -1 and 1.

    Returns
    -------
    Array, shape (scenario, style)
    """

    def at(step: Array) -> Array:
        effects = shape_effects(ratings, mode + step)
        return scenario_likelihood(ratings, effects, style, curvature=False).style

    steps = jnp.stack(
        [
            jax.scipy.linalg.solve_triangular(factor, r[:, :, None], lower=True, trans=1)[:, :, 0]
            for r in signs
        ]
    )
    # One body in a loop: compiling takes longer than running.
    return jax.lax.map(at, jnp.concatenate([steps, -steps])).mean(0)


def random_signs(ratings: Ratings, n: int, size: int) -> Array:
    """Draw the same random signs every time for `mean_style`, shape (pair, n, size)."""
    pairs = int(np.clip(_PAIRED // ratings.rating.size, 1, _MOST_PAIRS))
    return jnp.asarray(np.random.default_rng(0).choice([-1.0, 1.0], (pairs, n, size)))


@compiled
def _finish(ratings: Ratings, mode: Array, centre: Centre, prior: Array, signs: Array) -> Posterior:
    local = scenario_likelihood(ratings, shape_effects(ratings, mode), centre.style)
    factor = jnp.linalg.cholesky(local.information + prior)
    inverse = jax.scipy.linalg.solve_triangular(
        factor, jnp.broadcast_to(jnp.eye(factor.shape[-1]), factor.shape), lower=True
    )
    covariance = jnp.swapaxes(inverse, 1, 2) @ inverse
    return Posterior(
        mode,
        factor,
        covariance,
        local.value,
        local.gradient,
        local.information,
        mean_style(ratings, mode, factor, centre.style, signs),
    )


def scenario_posterior(
    ratings: Ratings, centre: Centre, start: Array | None = None
) -> tuple[Ratings, Posterior]:
    """Find the mode and curvature of every scenario's effects.

    Parameters
    ----------
    ratings : Ratings
    centre : Centre
    start : Array, shape (scenario, D), optional
        Where to start; by default the prior mean.

    Returns
    -------
    Ratings
        With the quadrature of every item moved to where its mass is.
    Posterior
    """
    n = int(ratings.item_scenario[-1]) + 1
    mode = jnp.broadcast_to(centre.mean, (n, len(centre.mean))) if start is None else start
    prior = jnp.linalg.inv(centre.covariance)
    for _ in range(_STEPS):
        mode, longest, mean, sd = _newton(ratings, mode, centre, prior)
        if longest > _STILL:
            ratings = ratings._replace(centre=mean, width=sd)
        if longest < _TOLERANCE:
            break
    return ratings, _finish(ratings, mode, centre, prior, random_signs(ratings, *mode.shape))
