"""The priors that both measurement paths share, in NumPyro."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array
from jax.nn import softplus

from vat_bayes.model.backends.numpyro_scales import half_normal
from vat_bayes.model.coupling import partial_count
from vat_bayes.model.pooling import Pooling, is_direct, pool
from vat_bayes.model.priors import Prior
from vat_bayes.model.structure import Structure

Priors = Mapping[str, Prior]


def normal(name: str, scale: Any, *shape: int) -> Any:
    """Sample independent centred normals of this shape."""
    return numpyro.sample(name, dist.Normal(0.0, scale).expand(shape).to_event(len(shape)))


def style(priors: Priors, n_arms: int, unit: float) -> tuple[Array, Array]:
    """Sample acquiescence and extremity, each of shape (arm,); zero where they are fixed.

    The prior of acquiescence, as of all that a condition adds, is in the condition's own units.
    """
    if priors["lambda"].family == "fixed":
        lambda_ = numpyro.deterministic("lambda_", jnp.zeros(n_arms))
    else:
        lambda_ = normal("lambda_", priors["lambda"].scale, n_arms)
    if priors["beta"].family == "fixed":
        beta = numpyro.deterministic("beta", jnp.zeros(n_arms))
    else:
        beta = normal("beta", priors["beta"].scale * unit * jnp.exp(-lambda_), n_arms)
    return beta, lambda_


def coupling_factor(prior: Prior, n_arms: int, n_values: int) -> Array:
    """Sample the Cholesky factor of each arm's coupling matrix, shape (arm, value, value)."""
    if prior.family == "fixed":
        numpyro.deterministic("coupling_scale", jnp.zeros(n_arms))
        factor = jnp.broadcast_to(jnp.eye(n_values), (n_arms, n_values, n_values))
        numpyro.deterministic("coupling", factor)
        return factor
    omega = half_normal("coupling_scale", prior.scale, n_arms)
    raw = normal("partial_raw", 1.0, n_arms, partial_count(n_values))
    rows, columns = np.tril_indices(n_values, -1)
    angle = jnp.zeros((n_arms, n_values, n_values)).at[:, rows, columns].set(omega[:, None] * raw)
    # log(1 - tanh(x)^2), which keeps its digits where tanh saturates. One product sums it over the
    # columns before: a loop over rows compiles twice as long.
    left = 2.0 * (np.log(2.0) - angle - softplus(-2.0 * angle))
    before = left @ np.triu(np.ones((n_values, n_values)), 1)
    factor = (jnp.tanh(angle) + np.eye(n_values)) * jnp.exp(0.5 * before)
    numpyro.deterministic("coupling", factor @ jnp.swapaxes(factor, -1, -2))
    return factor


def intervention_effects(s: Structure, priors: Priors, unit: float, lambda_: Array) -> Array:
    """Sample ``delta``, shape (arm, value), under the prior of the model file.

    Parameters
    ----------
    s : Structure
    priors : mapping of str to Prior
    unit : float
        What a prior scale of one is in the units of the outcome.
    lambda_ : Array, shape (arm,)
        Extremity: the priors are those of ``exp(lambda) delta``.

    Returns
    -------
    Array
    """
    prior = priors["delta"]
    pooling = pool(s, over_models="model_scale" in priors)
    own = jnp.exp(-lambda_)[:, None]
    if is_direct(pooling, prior):
        return normal("delta", prior.scale * unit * own, len(s.arms), len(s.values))
    common = _effects(pooling, prior, unit, len(s.values))
    delta = jnp.asarray(common)[pooling.effect]
    if len(pooling.shared):
        numpyro.deterministic("delta_common", jnp.asarray(common)[pooling.shared])
        spread = half_normal("model_scale", priors["model_scale"].scale * unit, len(pooling.shared))
        raw = normal("deviation_raw", 1.0, len(pooling.pooled_arms), len(s.values))
        delta = delta.at[pooling.pooled_arms].add(spread[pooling.pooled_position][:, None] * raw)
    return numpyro.deterministic("delta", own * delta)


def _effects(pooling: Pooling, prior: Prior, unit: float, n_values: int) -> Array:
    n = len(pooling.names)
    raw = normal("effect_raw", 1.0, n, n_values)
    if prior.family == "normal":
        return prior.scale * unit * raw
    tau = half_normal("delta_scale", prior.scale * unit, n)
    wide = (prior.target or 0.0) * unit
    out = jnp.where(pooling.on_target > 0, wide, tau[:, None]) * raw
    if prior.family == "circle" and len(pooling.aimed):
        slope = normal("circle_slope", prior.slope, len(pooling.aimed))
        implied = jnp.einsum("evt,et->ev", pooling.spill[pooling.aimed], out[pooling.aimed])
        out = out.at[pooling.aimed].add(slope[:, None] * implied)
    return out
