"""Where the stand-in is built: a point near the middle of the posterior."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.special import logit

from vat_bayes.model.coupling import partial_count
from vat_bayes.model.fast.compiled import compiled
from vat_bayes.model.fast.data import ModelRatings
from vat_bayes.model.fast.density import Shape
from vat_bayes.model.fast.items import Ratings, Style
from vat_bayes.model.fast.posterior import (
    Centre,
    Posterior,
    scenario_likelihood,
    shape_effects,
)
from vat_bayes.model.fast.surrogate import (
    Surrogate,
    effect_blocks,
    flatten,
    from_blocks,
    unflatten,
)
from vat_bayes.model.structure import Floats

# No entry of means or style moves by more than this from one stand-in to the next.
_LONGEST = 0.7
# Below this an effect's scale makes its prior precision lose digits.
_SMALLEST_SCALE = 0.03

Surrogates = tuple[Surrogate, ...]


def first_centre(data: ModelRatings) -> Centre:
    """Guess from the baseline's category shares, with moderate scales.

    Parameters
    ----------
    data : ModelRatings

    Returns
    -------
    Centre
    """
    arms, v = data.n_states - 1, data.n_values
    rated = data.rating[:, 0]
    counts = np.bincount(rated[rated >= 0], minlength=data.n_categories) + 1.0
    below = np.cumsum(counts / counts.sum())[:-1]
    # The shares are averages over items, so the cutpoints are further out than their logits.
    style = Style(np.zeros(arms), np.zeros(arms), 1.2 * logit(below), np.log(np.array(0.7)))
    spread = np.broadcast_to(0.3**2 * np.eye(v), (arms, v, v))
    covariance = from_blocks(effect_blocks(jnp.asarray(np.array(0.5)), jnp.asarray(spread)))
    # All of NumPy's types: those of Python's numbers would compile everything once more.
    return Centre(
        jnp.asarray(np.zeros(data.n_states * v)), covariance, Style(*map(jnp.asarray, style))
    )


def start(shape: Shape, surrogates: Surrogates) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return the unconstrained parameters at the centres, uncoupled, and how much they may vary.

    The variation is that of a scale and of a correlation that are learned from as many noisy
    normal vectors as there are scenarios. It need only be of the right order.

    Parameters
    ----------
    shape : Shape
    surrogates : tuple of Surrogate

    Returns
    -------
    dict of str to ndarray
        The centres.
    dict of str to ndarray
        Standard deviations.
    """
    v = shape.n_values
    order = np.argsort(np.concatenate([np.array(a) for a in shape.model_arms]))
    scales, noises, counts = [], [], []
    # By NumPy: what JAX does outside of a compiled function it compiles operation by operation.
    known: Surrogates = jax.tree.map(np.asarray, surrogates)
    for surrogate, arms in zip(known, shape.model_arms, strict=True):
        n = surrogate.n.sum()
        total = np.einsum("g,gii->i", surrogate.n, surrogate.spread) / n
        scales.append(np.sqrt(np.diag(surrogate.centre.covariance)[v:]).reshape(-1, v))
        noises.append(total[v:].reshape(-1, v))
        counts.append(np.full(len(arms), n))
    u, noise = np.concatenate(scales)[order], np.concatenate(noises)[order]
    root_n = np.sqrt(np.concatenate(counts)[order])
    vary = np.minimum(noise / (u * root_n[:, None] * np.sqrt(2.0)), 0.3)
    # Share of what scatters that is effect, by arm.
    share = (u**2 / noise).mean(1)
    count = partial_count(v)
    correlation = 1.0 / (root_n * share)
    towards = np.minimum(correlation * np.sqrt(count) / 1.0, 0.9)
    alpha = np.stack([0.5 * np.log(s.centre.covariance[0, 0]) for s in known])
    spread = np.stack([1.0 / np.sqrt(2.0 * v * s.n.sum()) for s in known])
    sizes = {f"means_{m}": s.root.shape[0] for m, s in enumerate(known)}
    return {
        "alpha_scale": alpha,
        "signed_scale": u,
        "radius": np.full(shape.n_arms, 0.7),
        "towards": np.zeros((shape.n_arms, count)),
    } | {k: np.zeros(q) for k, q in sizes.items()}, {
        "alpha_scale": 2.0 * spread,
        "signed_scale": vary,
        "radius": np.full(shape.n_arms, 0.3),
        "towards": np.broadcast_to(towards[:, None], (shape.n_arms, count)),
    } | {k: np.ones(q) for k, q in sizes.items()}


@compiled
def style_curvature(ratings: Ratings, posterior: Posterior, style: Style) -> Array:
    """Minus the second derivative along the style with the effects held, (style, style)."""
    n_arms = style.beta.shape[0]
    effects = shape_effects(ratings, posterior.mode)
    flat = flatten(style)

    def score(vector: Array) -> Array:
        there = unflatten(vector, n_arms)
        return scenario_likelihood(ratings, effects, there, curvature=False).style.sum(0)

    here = score(flat)
    step = 1e-4
    rows = jax.lax.map(lambda d: (here - score(flat + step * d)) / step, jnp.eye(len(flat)))
    return 0.5 * (rows + rows.T)


@compiled
def em_step(posterior: Posterior, centre: Centre, curvature: Array, prior_scales: Array) -> Centre:
    """Move a centre by one step of EM, which is slow and does not go astray.

    Parameters
    ----------
    posterior : Posterior
        At the centre.
    centre : Centre
    curvature : Array, shape (style, style)
        From `style_curvature`, here or nearby.
    prior_scales : Array, shape (q,)
        Of means and style.

    Returns
    -------
    Centre
    """
    n, size = posterior.mode.shape
    n_arms = centre.style.beta.shape[0]
    v = size // (1 + n_arms)
    style = flatten(centre.style)
    # Beta and lambda have normal priors; those of cutpoints and kappa_scale are weak.
    centred = jnp.arange(len(style)) < 2 * n_arms
    precision = jnp.where(centred, prior_scales[size:] ** -2, 0.0)
    values, vectors = jnp.linalg.eigh(curvature + jnp.diag(precision))
    slope = vectors.T @ (posterior.style.sum(0) - precision * style)
    move = vectors @ (slope / jnp.maximum(jnp.abs(values), 1.0))

    mean = posterior.mode.mean(0)
    about = posterior.mode - mean
    moment = (about.T @ about + posterior.covariance.sum(0)) / n
    blocks = moment.reshape(1 + n_arms, v, 1 + n_arms, v)
    alpha = jnp.sqrt(jnp.diag(blocks[0, :, 0]).mean())
    spread = jnp.stack([blocks[a, :, a] for a in range(1, 1 + n_arms)])
    return Centre(
        mean,
        from_blocks(effect_blocks(alpha, spread)),
        unflatten(style + move * jnp.minimum(1.0, 0.3 / jnp.abs(move).max()), n_arms),
    )


def next_centres(
    shape: Shape, surrogates: Surrogates, draws: dict[str, Floats]
) -> tuple[Centre, ...]:
    """Move the centres to the means of draws, by a limited step.

    Parameters
    ----------
    shape : Shape
    surrogates : tuple of Surrogate
    draws : dict of str to ndarray, shape (chain, draw, ...)
        As the density names them.

    Returns
    -------
    tuple of Centre
    """
    mean = {k: x.mean((0, 1)) for k, x in draws.items()}
    scale = draws["u_scale"]
    spread = (scale[..., :, None] * draws["coupling"] * scale[..., None, :]).mean((0, 1))
    alpha = np.sqrt((draws["alpha_scale"] ** 2).mean((0, 1)))
    log_kappa = np.log(draws["kappa_scale"]).mean((0, 1))
    out = []
    for m, (surrogate, arms) in enumerate(zip(surrogates, shape.model_arms, strict=True)):
        rows, old = np.array(arms), jax.tree.map(np.asarray, surrogate.centre)
        place = np.concatenate([mean["theta"][m], mean["delta"][rows].ravel()])
        style = np.concatenate(
            [mean["beta"][rows], mean["lambda_"][rows], mean["cutpoint"][m], log_kappa[[m]]]
        )
        before = np.concatenate([np.ravel(x) for x in old.style])
        move = np.clip(style - before, -_LONGEST, _LONGEST)
        smallest = _SMALLEST_SCALE**2 * np.eye(spread.shape[-1])
        centre = Centre(
            old.mean + np.clip(place - old.mean, -2 * _LONGEST, 2 * _LONGEST),
            from_blocks(
                effect_blocks(np.maximum(alpha[m], _SMALLEST_SCALE), spread[rows] + smallest)
            ),
            unflatten(before + move, len(arms)),
        )
        out.append(jax.tree.map(jnp.asarray, centre))
    return tuple(out)
