"""The priors that both measurement paths share, in PyMC; called inside a model's context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from vat_bayes.model.coupling import partial_count
from vat_bayes.model.pooling import Pooling, is_direct, pool
from vat_bayes.model.priors import Prior
from vat_bayes.model.structure import Structure

Priors = Mapping[str, Prior]


def style(priors: Priors, n_arms: int, unit: float) -> tuple[Any, Any]:
    """Sample acquiescence and extremity, each of shape (arm,); zero where they are fixed.

    The prior of acquiescence, as of all that a condition adds, is in the condition's own units.
    """
    if priors["lambda"].family == "fixed":
        lambda_ = pm.Deterministic("lambda_", pt.zeros(n_arms))
    else:
        lambda_ = pm.Normal("lambda_", 0, priors["lambda"].scale, shape=n_arms)
    if priors["beta"].family == "fixed":
        beta = pm.Deterministic("beta", pt.zeros(n_arms))
    else:
        scale = priors["beta"].scale * unit * pt.exp(-lambda_)
        beta = pm.Normal("beta", 0, scale, shape=n_arms)
    return beta, lambda_


def coupling_factor(prior: Prior, n_arms: int, n_values: int) -> Any:
    """Sample the Cholesky factor of each arm's coupling matrix, shape (arm, value, value)."""
    if prior.family == "fixed":
        pm.Deterministic("coupling_scale", pt.zeros(n_arms))
        identity = pt.as_tensor(np.broadcast_to(np.eye(n_values), (n_arms, n_values, n_values)))
        return pm.Deterministic("coupling", identity)
    omega = pm.HalfNormal("coupling_scale", prior.scale, shape=n_arms)
    raw = pm.Normal("partial_raw", shape=(n_arms, partial_count(n_values)))
    partials = pt.tanh(omega[:, None] * raw)
    rows = [pt.concatenate([pt.ones((n_arms, 1)), pt.zeros((n_arms, n_values - 1))], axis=1)]
    start = 0
    for row in range(1, n_values):
        z = partials[:, start : start + row]
        start += row
        left = pt.sqrt(pt.cumprod(1.0 - z**2, axis=1))
        parts = [z[:, :1], z[:, 1:] * left[:, :-1], left[:, -1:]]
        rows.append(pt.concatenate([*parts, pt.zeros((n_arms, n_values - row - 1))], axis=1))
    factor = pt.stack(rows, axis=1)
    pm.Deterministic("coupling", pt.matmul(factor, factor.mT))
    return factor


def intervention_effects(s: Structure, priors: Priors, unit: float, lambda_: Any) -> Any:
    """Sample ``delta``, shape (arm, value), under the prior of the model file.

    Parameters
    ----------
    s : Structure
    priors : mapping of str to Prior
    unit : float
        What a prior scale of one is in the units of the outcome.
    lambda_ : TensorVariable, shape (arm,)
        Extremity: the priors are those of ``exp(lambda) delta``.

    Returns
    -------
    TensorVariable
    """
    prior = priors["delta"]
    pooling = pool(s, over_models="model_scale" in priors)
    own = pt.exp(-lambda_)[:, None]
    if is_direct(pooling, prior):
        return pm.Normal("delta", 0, prior.scale * unit * own, shape=(len(s.arms), len(s.values)))
    common = _effects(pooling, prior, unit, len(s.values))
    delta = common[pooling.effect]
    if len(pooling.shared):
        pm.Deterministic("delta_common", common[pooling.shared])
        scale = priors["model_scale"].scale * unit
        spread = pm.HalfNormal("model_scale", scale, shape=len(pooling.shared))
        raw = pm.Normal("deviation_raw", shape=(len(pooling.pooled_arms), len(s.values)))
        deviation = spread[pooling.pooled_position][:, None] * raw
        delta = pt.inc_subtensor(delta[pooling.pooled_arms], deviation)
    return pm.Deterministic("delta", own * delta)


def _effects(pooling: Pooling, prior: Prior, unit: float, n_values: int) -> Any:
    n = len(pooling.names)
    raw = pm.Normal("effect_raw", shape=(n, n_values))
    if prior.family == "normal":
        return prior.scale * unit * raw
    tau = pm.HalfNormal("delta_scale", prior.scale * unit, shape=n)
    wide = (prior.target or 0.0) * unit
    out = pt.where(pooling.on_target > 0, wide, tau[:, None]) * raw
    if prior.family == "circle" and len(pooling.aimed):
        slope = pm.Normal("circle_slope", 0, prior.slope, shape=len(pooling.aimed))
        spill = pooling.spill[pooling.aimed]
        implied = (spill * out[pooling.aimed][:, None, :]).sum(-1)
        out = pt.inc_subtensor(out[pooling.aimed], slope[:, None] * implied)
    return out
