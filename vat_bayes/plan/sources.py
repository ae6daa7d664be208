"""Components from a statistical model's priors, from a simulated model, or as they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from scipy.special import logit
from scipy.stats import norm

from vat_bayes.errors import InputError
from vat_bayes.model import ModelSpec, load_spec
from vat_bayes.plan.components import Components
from vat_bayes.plan.ordinal import ordinal_components
from vat_bayes.simulate import World, draw_world
from vat_bayes.values import VALUES

Readout = Literal["ratings", "distribution"]
TARGET = VALUES.index("benevolence")
# The median of a half-normal with scale one.
_MEDIAN = float(norm.ppf(0.75))


def assumed_components(
    spec: ModelSpec | str = "default", readout: Readout = "ratings", *, n_categories: int = 5
) -> Components:
    """Return what a model file's priors say: every scale at its prior median.

    Parameters
    ----------
    spec : ModelSpec or str
    readout : {"ratings", "distribution"}
    n_categories : int
        K.

    Returns
    -------
    Components
        For ratings at no effect, a flat use of the categories and no coupling.
    """
    spec = spec if isinstance(spec, ModelSpec) else load_spec(spec)
    v = len(VALUES)
    source = f"the medians of the priors of the model file '{spec.name}'"
    if readout == "distribution":
        priors, point = spec.priors("scores"), (n_categories - 1) / 4
        u = _MEDIAN * priors["u_scale"].scale * point
        noise = _MEDIAN * priors["noise"].scale * point
        return Components(
            effect=u**2 * np.eye(v),
            item=np.full(v, 2 * noise**2),
            rating=np.zeros(v),
            wording=np.zeros(v),
            target=(TARGET,),
            source=source,
            n_categories=n_categories,
        )
    priors = spec.priors("ratings")
    wording = priors.get("prompt_shift_scale")
    even = np.arange(1, n_categories) / n_categories
    return ordinal_components(
        cutpoint=logit(even) if spec.link == "logistic" else norm.ppf(even),
        theta=np.zeros(v),
        delta=np.zeros(v),
        alpha_scale=_MEDIAN * priors["alpha_scale"].scale,
        kappa_scale=_MEDIAN * priors["kappa_scale"].scale,
        u_scale=np.full(v, _MEDIAN * priors["u_scale"].scale),
        coupling=np.eye(v),
        wording_scale=_MEDIAN * wording.scale if wording else 0.0,
        link=spec.link,
        target=(TARGET,),
        source=source,
    )


def world_components(
    world: World | None = None, readout: Readout = "ratings", *, condition: int = 1
) -> Components:
    """Return the components of a simulated model.

    Parameters
    ----------
    world : World, optional
        That of ``vat-bayes simulate --seed 0`` when absent.
    readout : {"ratings", "distribution"}
    condition : int
        Position of the condition.

    Returns
    -------
    Components
    """
    world = world or draw_world(seed=0)
    return ordinal_components(
        cutpoint=world.cutpoint,
        theta=world.theta,
        delta=world.delta[condition],
        alpha_scale=world.alpha_scale,
        kappa_scale=world.kappa_scale,
        u_scale=world.u_scale[condition],
        coupling=world.coupling[condition],
        beta=float(world.beta[condition]),
        lambda_=float(world.lambda_[condition]),
        noise_scale=world.noise_scale,
        target=tuple(VALUES.index(t) for t in world.conditions[condition].target),
        rated=readout == "ratings",
        source="the model that `vat-bayes simulate` draws from",
    )


def declared(components: Components, sds: Mapping[str, float | None]) -> Components:
    """Put declared standard deviations in the place of assumed ones.

    Parameters
    ----------
    components : Components
    sds : mapping of str to float or None
        In points, by ``effect``, ``item``, ``rating`` and ``wording``; None where nothing is
        declared. A declared ``effect`` keeps the correlations between the values.

    Returns
    -------
    Components

    Raises
    ------
    InputError
        When one is negative or not finite.
    """
    given = {k: x for k, x in sds.items() if x is not None}
    for name, sd in given.items():
        if not (np.isfinite(sd) and sd >= 0):
            raise InputError(f"--{name}-sd is {sd}, expected a number of points from 0 on")
    if not given:
        return components
    effect = components.effect
    if "effect" in given:
        sd, size = given.pop("effect"), np.sqrt(np.diag(effect))
        own = np.eye(len(effect))
        correlation = np.divide(
            effect, np.outer(size, size), out=own, where=np.outer(size, size) > 0
        )
        effect = sd**2 * correlation
    others = {k: np.full(len(effect), sd**2) for k, sd in given.items()}
    source = f"{components.source}, with what was declared in place of it"
    return replace(components, effect=effect, source=source, **others)  # type: ignore[arg-type]
