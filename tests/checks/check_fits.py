"""Short fits with the real sampler, for the checks to be tested on."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr

from vat_bayes.checks import Check
from vat_bayes.estimands import Estimands, compute_estimands
from vat_bayes.judgments import Judgments
from vat_bayes.model import fit, load_spec
from vat_bayes.model.priors import ModelSpec, Prior

Fitted = tuple[xr.DataTree, Estimands]


def fitted(judgments: Judgments, spec: ModelSpec | str = "default", *, chains: int = 2) -> Fitted:
    tree = fit(judgments, spec=spec, chains=chains, draws=500, tune=250, seed=3)
    return tree, compute_estimands(tree)


def with_effects(scale: float) -> ModelSpec:
    """The default model with another prior of the intervention effects."""
    spec = load_spec()
    delta = {"delta": Prior("normal", scale)}
    return replace(spec, scores=spec.scores | delta, ratings=spec.ratings | delta)


def named(checks: list[Check], name: str) -> Check:
    (found,) = [c for c in checks if c.check == name]
    return found
