"""The prior's density at the draws, for both backends, against NumPyro, PyMC and scipy."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pymc as pm
import pytest
from numpyro.infer.util import log_density
from pymc.model.transform.conditioning import remove_value_transforms
from scipy import stats
from simulated_studies import (
    add_prompts_and_repeats,
    irregular_ratings,
    irregular_scores,
    natural_parameters,
    raw_parameters,
)
from simulated_studies import log_prior as reference

from vat_bayes.model import load_spec, ratings, scores
from vat_bayes.model.backends import numpyro as numpyro_models
from vat_bayes.model.backends import pymc as pymc_models
from vat_bayes.model.log_prior import UnknownPriorError, log_prior
from vat_bayes.model.priors import ADDED, Prior


def total(densities: dict[str, np.ndarray]) -> float:
    return float(sum(x.sum() for x in densities.values()))


def point(readout: str, rich: bool):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(4)
    design = irregular_scores(rng) if readout == "scores" else irregular_ratings(rng, rich=rich)
    raw = raw_parameters(design.structure, rng, readout)
    if rich:
        raw = add_prompts_and_repeats(design.structure, rng, raw)
    return design, raw


def effects(raw: dict[str, np.ndarray]) -> float:
    """Density of the random effects, which are standard normal before they are scaled."""
    return float(sum(stats.norm.logpdf(x).sum() for k, x in raw.items() if k.endswith("_raw")))


def own_units(raw: dict[str, np.ndarray], *names: str) -> float:
    """Log of the Jacobian from a condition's own units to those of the baseline."""
    total = 0.0
    for name in names or ADDED:
        if name in raw and name in ADDED:
            each = raw[name].size / len(raw["lambda_"])
            total += each * float(raw["lambda_"].sum())
    return total


def test_scaling_the_priors_of_effects_says_nothing_of_extremity() -> None:
    design, raw = point("ratings", True)
    moved = dict(raw)
    step = np.array([0.3, -0.2, 0.5])
    for name in ADDED:
        if name in raw:
            moved[name] = raw[name] * np.exp(-step).reshape(-1, *[1] * (raw[name].ndim - 1))
    moved["lambda_"] = raw["lambda_"] + step
    both = [
        log_prior(design, load_spec(), {k: np.asarray(v)[None, None] for k, v in r.items()})
        for r in (raw, moved)
    ]
    for name in ADDED:
        if name in raw:
            np.testing.assert_allclose(both[0][name], both[1][name], rtol=1e-9)


@pytest.mark.parametrize(("readout", "rich"), [("scores", False), ("ratings", True)])
def test_density_of_the_priors(readout: str, rich: bool) -> None:
    design, raw = point(readout, rich)
    spec = load_spec()
    drawn = {k: np.asarray(v)[None, None] for k, v in raw.items()}
    found = total(log_prior(design, spec, drawn))
    density = reference(design.structure, spec, raw, readout)
    # What a condition adds is measured in its own units, in which it is exp(lambda) as large.
    found += own_units(raw)
    assert found + effects(raw) == pytest.approx(density)

    natural = natural_parameters(design.structure, raw)
    if readout == "scores":
        model, likelihood = numpyro_models.scores_model, scores.log_likelihood
    else:
        model, likelihood = numpyro_models.ratings_model, ratings.log_likelihood
    with jax.enable_x64(True):
        joint = jax.jit(lambda at: log_density(model, (design, spec), {}, at)[0])(raw)
    rest = effects(raw) + likelihood(design, natural).sum()
    assert found + rest == pytest.approx(float(joint), rel=1e-9)


def test_density_is_that_of_pymc() -> None:
    design, raw = point("scores", False)
    spec = load_spec()
    model = remove_value_transforms(pymc_models.scores_model(design, spec))
    drawn = {k: np.asarray(v)[None, None] for k, v in raw.items()}
    mine = log_prior(design, spec, drawn)
    inputs = [model.rvs_to_values[v] for v in model.free_RVs]
    asked = [v for v in model.free_RVs if v.name in mine]
    assert len(asked) == len(mine)
    each = model.logp(vars=asked, sum=False)
    function = pm.compile(inputs, each, mode="FAST_COMPILE", on_unused_input="ignore")
    found = function(*(raw[v.name] for v in inputs))
    for variable, expected in zip(asked, found, strict=True):
        density = mine[variable.name].sum() + own_units(raw, variable.name)
        assert density == pytest.approx(expected.sum(), rel=1e-6), variable.name


def test_what_is_fixed_has_no_density_and_what_is_unknown_is_refused() -> None:
    design, raw = point("scores", False)
    spec = load_spec()
    drawn = {k: np.asarray(v)[None, None] for k, v in raw.items()}
    fixed = replace(spec, scores=spec.scores | {"beta": Prior("fixed", 0.0)})
    assert set(log_prior(design, spec, drawn)) - set(log_prior(design, fixed, drawn)) == {"beta"}
    pooled = replace(spec, scores=spec.scores | {"delta": Prior("exchangeable", 0.3, target=1.0)})
    with pytest.raises(UnknownPriorError, match="the density of the prior of 'delta'"):
        log_prior(design, pooled, drawn)
    with pytest.raises(UnknownPriorError, match="the prior of 'delta_scale' is not known here"):
        log_prior(design, spec, {**drawn, "delta_scale": np.ones((1, 1, 3))})
