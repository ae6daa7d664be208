"""Likelihood of the ratings of one item with its own effect integrated out.

The item effect ``kappa_i`` is shared by all states, so the ratings of an item are dependent given
the scenario's effects. It is one-dimensional and is integrated by adaptive Gauss-Hermite quadrature
(Liu and Pierce 1994), which is exact for practical purposes: pairing is not approximated.

References
----------
Liu, Pierce (1994). A note on Gauss-Hermite quadrature. Biometrika 81(3), 624-629.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vat_bayes.model.fast.compiled import compiled
from vat_bayes.model.fast.data import ModelRatings
from vat_bayes.model.ratings import FAR

N_NODES = 9
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(N_NODES)
# log of weight / N(node; 0, 1): what a node stands for when any density is integrated.
_LOG_WEIGHTS = np.log(_WEIGHTS) + _NODES**2 / 2
# Ratings that are done at a time: what is computed on the way of so many stays in the processor's
# nearest cache, which takes a quarter of the time.
_BLOCK = 400
# Least probability of a rating, and factors of that size whose product is still a number.
_LEAST, _FACTORS = 1e-14, 16
# Beyond so many logits nothing changes, and stand-ins for infinite ones, whose exponentials and
# the products of the two are still numbers.
_STEEP, _ENDLESS = 100.0, 600.0


class Style(NamedTuple):
    """Parameters of the likelihood that are not mean or covariance of the effects.

    ``beta`` and ``lambda_`` have shape (arm,), ``cutpoint`` (K - 1,), ``log_kappa`` ().
    """

    beta: Array
    lambda_: Array
    cutpoint: Array
    log_kappa: Array


class Ratings(NamedTuple):
    """Arrays of `ModelRatings` on the device, with the quadrature's centre and width per item."""

    item_scenario: Array
    rating: Array
    index: Array
    weight: Array
    centre: Array
    width: Array


class ItemMoments(NamedTuple):
    """Log-likelihood of every item, shape (item,), and its derivatives.

    ``gradient (item, state)`` and ``information (item, state, state)``, the negative Hessian, are
    with respect to the linear predictors; ``style (item, style)`` to the entries of `Style` in
    order; ``kappa_mean`` and ``kappa_sd (item,)`` are the moments of the item effect.
    """

    value: Array
    gradient: Array
    information: Array
    style: Array
    kappa_mean: Array
    kappa_sd: Array


def to_device(data: ModelRatings) -> Ratings:
    """Put the ratings where JAX computes.

    Parameters
    ----------
    data : ModelRatings

    Returns
    -------
    Ratings
    """
    n = len(data.items)
    return Ratings(
        jnp.asarray(data.item_scenario),
        jnp.asarray(data.rating),
        jnp.asarray(data.index),
        jnp.asarray(data.weight),
        # Of NumPy's type: that of a Python number would compile everything once more.
        jnp.asarray(np.zeros(n)),
        jnp.asarray(np.full(n, 0.7)),
    )


def predictor(ratings: Ratings, effects: Array, style: Style) -> Array:
    """Compute the linear predictor without the item effect.

    Parameters
    ----------
    ratings : Ratings
    effects : Array, shape (scenario, state, value)
        Endorsement at baseline, then what each arm adds to it.
    style : Style

    Returns
    -------
    Array, shape (item, state)
    """
    arms = effects[:, :1] + effects[:, 1:]
    endorsement = jnp.concatenate([effects[:, :1], arms], 1)
    gathered = endorsement[ratings.item_scenario[:, None], :, ratings.index]
    eta = (ratings.weight[:, :, None] * gathered).sum(1)
    return eta + jnp.concatenate([jnp.zeros(1), style.beta])


@compiled
def item_moments(ratings: Ratings, effects: Array, style: Style, *, curvature: bool) -> ItemMoments:
    """Integrate the item effects out.

    Parameters
    ----------
    ratings : Ratings
    effects : Array, shape (scenario, state, value)
    style : Style
    curvature : bool
        Whether the information is wanted; without it that field is empty.

    Returns
    -------
    ItemMoments
    """
    eta = predictor(ratings, effects, style)
    n, states = eta.shape
    size = max(1, _BLOCK // states)
    blocks = -(-n // size)

    def parted(x: Array, filling: float) -> Array:
        over = ((0, blocks * size - n), *((0, 0),) * (x.ndim - 1))
        return jnp.pad(x, over, constant_values=filling).reshape(blocks, size, *x.shape[1:])

    found = jax.lax.map(
        lambda rows: _of_block(*rows, style=style, curvature=curvature),
        (
            parted(ratings.rating, -1),
            parted(eta, 0.0),
            parted(ratings.centre, 0.0),
            parted(ratings.width, 1.0),
        ),
    )
    return ItemMoments(*(x.reshape(-1, *x.shape[2:])[:n] if x.size else x for x in found))


def _of_block(
    rating: Array, eta: Array, centre: Array, width: Array, *, style: Style, curvature: bool
) -> ItemMoments:
    """Integrate the effects of some items out, given ``rating`` and ``eta (item, state)``."""
    seen = (rating >= 0)[:, :, None]
    ends = jnp.pad(style.cutpoint, 1, constant_values=(-FAR, FAR))
    gain = jnp.exp(jnp.concatenate([jnp.zeros(1), style.lambda_]))[:, None]
    kappa = centre[:, None] + width[:, None] * _NODES
    # F(end - total) by one exponential for both ends: those of the ends are few.
    total = gain * (eta[:, :, None] + kappa[:, None, :])
    odds = jnp.exp(jnp.clip(total, -_STEEP, _STEEP))
    at_end = jnp.exp(-jnp.clip(gain * ends, -_ENDLESS, _ENDLESS))
    above, below = (_at_rating(at_end, rating, k)[:, :, None] for k in (1, 0))
    f_upper, f_lower = 1.0 / (1.0 + odds * above), 1.0 / (1.0 + odds * below)
    # Far out both are 1 or 0 and their difference is lost; no posterior mass is there.
    probability = jnp.maximum(f_upper - f_lower, _LEAST)
    kappa_scale = jnp.exp(style.log_kappa)
    log_prior = -0.5 * (kappa / kappa_scale) ** 2 - style.log_kappa
    log_joint = _log_product(jnp.where(seen, probability, 1.0))
    log_joint += log_prior + _LOG_WEIGHTS + jnp.log(width)[:, None] - 0.5 * np.log(2 * np.pi)
    value = jax.nn.logsumexp(log_joint, 1)
    weight = jnp.exp(log_joint - value[:, None])

    # Logistic F: (f(b) - f(a)) / (F(b) - F(a)) = 1 - F(a) - F(b), with f = F (1 - F).
    slope = jnp.where(seen, gain * (f_upper + f_lower - 1.0), 0.0)
    gradient = (slope * weight[:, None, :]).sum(-1)
    d_upper, d_lower = f_upper * (1 - f_upper), f_lower * (1 - f_lower)
    information = jnp.zeros((0,))
    if curvature:
        own = jnp.where(seen, gain**2 * (d_upper + d_lower), 0.0)
        own = (own * weight[:, None, :]).sum(-1)
        about = slope - gradient[:, :, None]
        shared = jnp.einsum("icq,idq->icd", about * weight[:, None, :], about)
        information = own[:, :, None] * jnp.eye(own.shape[1]) - shared
    mean = (weight * kappa).sum(1)
    square = (weight * kappa**2).sum(1)

    # Derivatives with respect to the style, averaged over the item effect: beta moves eta; a
    # cutpoint moves the upper end of the category below it and the lower end of the one above.
    share = jnp.where(seen, weight[:, None, :] / probability, 0.0)
    at_upper = gain[:, 0] * (share * d_upper).sum(-1)
    at_lower = gain[:, 0] * (share * d_lower).sum(-1)
    far = jnp.broadcast_to(gain * ends, at_end.shape)
    upper, lower = (_at_rating(far, rating, k)[:, :, None] - total for k in (1, 0))
    sharper = (share * (upper * d_upper - lower * d_lower)).sum(-1)
    cut = jnp.arange(style.cutpoint.shape[0])
    rated = rating[:, :, None]
    at_cutpoint = jnp.where(rated == cut, at_upper[:, :, None], 0.0)
    at_cutpoint -= jnp.where(rated == cut + 1, at_lower[:, :, None], 0.0)
    score = [gradient[:, 1:], sharper[:, 1:], at_cutpoint.sum(1)]
    score.append((square / kappa_scale**2 - 1.0)[:, None])
    return ItemMoments(
        value,
        gradient,
        information,
        jnp.concatenate(score, 1),
        mean,
        jnp.sqrt(jnp.maximum(square - mean**2, 1e-12)),
    )


def _at_rating(by_end: Array, rating: Array, further: int) -> Array:
    """Look up what belongs to the end of each rating's category, by comparison; (item, state).

    Where there is no rating it is what belongs to the first.
    """
    found = jnp.broadcast_to(by_end[:, further], rating.shape)
    for k in range(1, by_end.shape[1] - 1):
        found = jnp.where(rating == k, by_end[:, k + further], found)
    return found


def _log_product(probability: Array) -> Array:
    """Sum the logarithms over states, of (item, state, node), by few of them."""
    states = range(0, probability.shape[1], _FACTORS)
    return sum(
        (jnp.log(probability[:, k : k + _FACTORS].prod(1)) for k in states),
        start=jnp.zeros(()),
    )


@compiled
def kappa_slopes(ratings: Ratings, effects: Array, style: Style) -> Array:
    """How each item effect's mean moves with the item's linear predictors, shape (item, state).

    Parameters
    ----------
    ratings : Ratings
    effects : Array, shape (scenario, state, value)
    style : Style

    Returns
    -------
    Array
        A rating that is explained by the predictor leaves less to be explained by the item.
    """
    eta = predictor(ratings, effects, style)
    seen = (ratings.rating >= 0)[:, :, None]
    category = jnp.maximum(ratings.rating, 0)
    ends = jnp.pad(style.cutpoint, 1, constant_values=(-FAR, FAR))
    gain = jnp.exp(jnp.concatenate([jnp.zeros(1), style.lambda_]))[:, None]
    kappa = ratings.centre[:, None] + ratings.width[:, None] * _NODES
    total = eta[:, :, None] + kappa[:, None, :]
    f_upper = jax.nn.sigmoid(gain * (ends[category + 1][:, :, None] - total))
    f_lower = jax.nn.sigmoid(gain * (ends[category][:, :, None] - total))
    log_likelihood = jnp.log(jnp.maximum(f_upper - f_lower, 1e-14))
    log_joint = jnp.where(seen, log_likelihood, 0.0).sum(1)
    log_joint += _LOG_WEIGHTS - 0.5 * (kappa / jnp.exp(style.log_kappa)) ** 2
    weight = jax.nn.softmax(log_joint, 1)
    slope = jnp.where(seen, gain * (f_upper + f_lower - 1.0), 0.0)
    about = kappa - (weight * kappa).sum(1, keepdims=True)
    return jnp.einsum("icq,iq->ic", slope, weight * about)
