"""Which effects share a prior: within an arm, and over the models under one condition.

An *effect* is a condition's vector of effects on the ten values before the models differ: one per
arm, or, where a model file pools over models, one per condition that several models were judged
under. With targets ``T`` and the scale ``tau`` learned,

    effect_t = s z_t                                          for a target t: wide, not shrunk
    effect_v = rho mean_t(cos(angle(v, t)) effect_t) + tau z_v  for every other value v

where ``rho`` is zero unless the prior follows the value circle. Without a target every value has
``tau z_v``. All of this is in the condition's own units: with ``lambda`` the extremity of the arm,
``exp(lambda) delta`` of one model is its effect, plus ``model_scale * z`` where it is pooled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vat_bayes.model.priors import Prior
from vat_bayes.model.structure import Floats, Ints, Structure
from vat_bayes.values import cosine


@dataclass(frozen=True)
class Pooling:
    """The effects of one fit as index arrays.

    Parameters
    ----------
    effect : ndarray of int, shape (arm,)
        The effect of each arm.
    names : tuple of str
        Label of each effect: the arm's, or the condition's where models share it.
    shared : ndarray of int
        The effects that several models share.
    aimed : ndarray of int
        The effects that have a target.
    on_target : ndarray, shape (effect, value)
        1.0 at the targets.
    spill : ndarray, shape (effect, value, value)
        ``spill[e, v, t]`` is ``cos(angle(v, t)) / n_targets`` for a target t and an off-target v.
    """

    effect: Ints
    names: tuple[str, ...]
    shared: Ints
    aimed: Ints
    on_target: Floats
    spill: Floats

    @cached_property
    def pooled_arms(self) -> Ints:
        """The arms whose effect several models share."""
        return np.flatnonzero(np.isin(self.effect, self.shared))

    @cached_property
    def pooled_position(self) -> Ints:
        """Position among `shared` of the effect of each of the `pooled_arms`."""
        return np.searchsorted(self.shared, self.effect[self.pooled_arms])


def pool(structure: Structure, *, over_models: bool) -> Pooling:
    """Find the effects of a fit.

    Parameters
    ----------
    structure : Structure
    over_models : bool
        Whether arms of different models under the same condition share an effect.

    Returns
    -------
    Pooling
    """
    arms, values = structure.arms, structure.values
    keys = [a.condition.name if over_models else a.label for a in arms]
    found = list(dict.fromkeys(keys))
    effect = np.array([found.index(k) for k in keys], dtype=np.int64)
    count = np.bincount(effect, minlength=len(found))
    first = [arms[int(np.flatnonzero(effect == e)[0])] for e in range(len(found))]
    on_target = np.array([[float(v in a.condition.target) for v in values] for a in first])
    cosines = np.array([[cosine(v, t) for t in values] for v in values])
    n_targets = np.maximum(on_target.sum(1), 1.0)
    spill = (
        (1.0 - on_target)[:, :, None]
        * cosines
        * on_target[:, None, :]
        / n_targets[:, None, None]
    )  # fmt: skip
    return Pooling(
        effect=effect,
        names=tuple(name if count[e] > 1 else first[e].label for e, name in enumerate(found)),
        shared=np.flatnonzero(count > 1),
        aimed=np.flatnonzero(on_target.any(1)),
        on_target=on_target,
        spill=spill,
    )


def is_direct(pooling: Pooling, prior: Prior) -> bool:
    """Whether every ``delta`` has its own normal prior, and is sampled as it stands."""
    return prior.family == "normal" and not len(pooling.shared)


def effects(
    pooling: Pooling, prior: Prior, raw: Floats, tau: Floats, rho: Floats, *, unit: float = 1.0
) -> Floats:
    """Compute the effects from standard normal numbers, in plain numpy: the reference.

    Parameters
    ----------
    pooling : Pooling
    prior : Prior
        The prior of ``delta``.
    raw : ndarray, shape (effect, value)
        Standard normal.
    tau : ndarray, shape (effect,)
        Spread of the effects off target; not used when the prior is normal.
    rho : ndarray, shape (aimed,)
        Slope on the cosine; used when the prior follows the circle.
    unit : float
        What a prior scale of one is in the units of the outcome, which `tau` already has.

    Returns
    -------
    ndarray, shape (effect, value)
        In the condition's own units.
    """
    if prior.family == "normal":
        return prior.scale * unit * raw
    out = np.where(pooling.on_target > 0, (prior.target or 0.0) * unit * raw, tau[:, None] * raw)
    if prior.family == "circle":
        for slope, e in zip(rho, pooling.aimed, strict=True):
            out[e] += slope * (pooling.spill[e] @ out[e])
    return out
