"""Every switch of a model file: both backends against densities written out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import pymc as pm
import pytest
from numpyro.infer.util import log_density
from pymc.model.transform.conditioning import remove_value_transforms
from scipy import stats
from simulated_studies import (
    V,
    add_prompts_and_repeats,
    coupling_matrix,
    irregular_ratings,
    irregular_scores,
    log_prior,
    natural_parameters,
    raw_parameters,
)

from vat_bayes.model import ModelSpec, Prior, effects, load_spec, ratings, scores
from vat_bayes.model.backends import numpyro as numpyro_models
from vat_bayes.model.backends import pymc as pymc_models
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Structure
from vat_bayes.values import VALUES

PLAIN = load_spec("no-pooling")
HALF = Prior("half_normal", 0.4)


def with_priors(readout: str, link: str = "logistic", **priors: Prior) -> ModelSpec:
    changed = getattr(PLAIN, readout) | {k.rstrip("_"): p for k, p in priors.items()}
    return replace(PLAIN, **{readout: changed}, link=link)


SPECS: dict[str, Callable[[str], ModelSpec]] = {
    "exchangeable": lambda r: with_priors(r, delta=Prior("exchangeable", 0.6, target=1.2)),
    "circle": lambda r: with_priors(r, delta=Prior("circle", 0.6, target=1.2, slope=0.5)),
    "models": lambda r: with_priors(r, model_scale=HALF),
    "circle-models": lambda r: with_priors(
        r, delta=Prior("circle", 0.6, target=1.2, slope=0.5), model_scale=HALF
    ),
    "tails": lambda r: with_priors(r, scenario=Prior("student_t", 4.5)),
    "fixed": lambda r: with_priors(
        r,
        beta=Prior("fixed", 0.0),
        lambda_=Prior("fixed", 0.0),
        coupling_scale=Prior("fixed", 0.0),
    ),
    "probit": lambda r: with_priors(r, link="probit"),
    "nested": lambda r: with_priors(
        r, prompt_shift_scale=HALF, subvalue_scale=HALF, subvalue_shift_scale=HALF
    ),
    "labels": lambda r: with_priors(r, prompt_shift_scale=HALF, share_scale=HALF),
    "labels-probit": lambda r: with_priors(r, link="probit", share_scale=HALF),
}
CASES = [
    *((r, k) for r in ("scores", "ratings") for k in list(SPECS)[:6]),
    ("ratings", "probit"),
    ("ratings", "nested"),
    ("ratings", "labels"),
    ("ratings", "labels-probit"),
]


@dataclass(frozen=True)
class Point:
    """A random point: what the backends sample, and what the reference likelihood takes."""

    raw: dict[str, Any]
    natural: dict[str, Any]


def with_subvalues(s: Structure, rng: np.random.Generator) -> Structure:
    """Seven sub-values; some items name none, and items on several values have none."""
    alone = (s.loading != 0).sum(1) == 1
    named = rng.integers(-1, 7, len(s.items))
    assert alone.any()
    assert (named[~alone] >= 0).any()
    return replace(s, subvalues=tuple("abcdefg"), item_subvalue=named)


def make(readout: str, kind: str) -> tuple[Any, ModelSpec, Point]:
    rng = np.random.default_rng(5)
    spec = SPECS[kind](readout)
    rich = kind in ("nested", "labels")
    if readout == "scores":
        design: Any = irregular_scores(rng)
    else:
        design = irregular_ratings(rng, rich=rich)
        if kind == "nested":
            design = replace(design, structure=with_subvalues(design.structure, rng))
    return design, spec, draw_point(design, spec, readout, rng)


def draw_point(design: Any, spec: ModelSpec, readout: str, rng: np.random.Generator) -> Point:
    s, priors = design.structure, getattr(spec, readout)
    unit = s.point if readout == "scores" else 1.0
    raw = raw_parameters(s, rng, readout)
    if readout == "ratings" and design.has_prompts:
        raw = add_prompts_and_repeats(s, rng, raw)
    m, a = len(s.models), len(s.arms)
    if priors["beta"].family == "fixed":
        raw |= {"beta": np.zeros(a), "lambda_": np.zeros(a), "coupling_scale": np.zeros(a)}
    more: dict[str, Any] = {}
    for name, n in (("prompt_shift", a), ("subvalue", m), ("subvalue_shift", a)):
        if f"{name}_scale" in priors:
            shape = (n, len(s.prompts), V) if name == "prompt_shift" else (n, len(s.subvalues))
            more[f"{name}_scale"] = rng.uniform(0.1, 0.5, n)
            more[f"{name}_raw"] = rng.normal(size=shape)
    if "share_scale" in priors:
        more["share_scale"] = rng.uniform(0.3, 0.8, m)
        more["share_raw"] = rng.normal(size=(s.n_states, len(s.prompts), s.n_categories))
    if "scenario" in priors and readout == "ratings":
        more["scenario_precision"] = rng.gamma(2.0, 0.5, (m, len(s.scenarios)))
    delta, extra = pooled_effects(s, priors, unit, rng)
    if extra:
        del raw["delta"]
        # The effects so far are in the units of each arm.
        delta = np.exp(-raw["lambda_"])[:, None] * delta
    raw |= more | extra
    natural = natural_parameters(s, raw) | {"delta": raw.get("delta", delta)}
    for name in ("prompt_shift", "subvalue", "subvalue_shift"):
        if f"{name}_raw" in raw:
            z, scale = raw[f"{name}_raw"], raw[f"{name}_scale"]
            natural[name] = np.stack([w * x for w, x in zip(scale, z, strict=True)])
    if "scenario_precision" in raw:
        weight = np.sqrt(raw["scenario_precision"])
        natural["u"] = np.stack(
            [natural["u"][i] / weight[arm.model][:, None] for i, arm in enumerate(s.arms)]
        )
    if spec.link == "probit":
        natural["cutpoint"] = stats.norm.ppf(np.cumsum(raw["share"], 1)[:, :-1])
    if "share_scale" in raw:
        natural["state_cutpoint"] = own_cutpoints(s, raw, spec.link)
    if priors["beta"].family == "fixed":
        raw = {k: v for k, v in raw.items() if k not in ("beta", "lambda_", "coupling_scale",
                                                         "partial_raw")}  # fmt: skip
    return Point(raw, natural)


def own_cutpoints(s: Structure, raw: dict[str, Any], link: str) -> np.ndarray:
    """Cutpoints of every state and prompt, from their shares one by one."""
    out = np.zeros((s.n_states, len(s.prompts), s.n_categories - 1))
    quantile = (stats.logistic if link == "logistic" else stats.norm).ppf
    for state, prompt in np.ndindex(*out.shape[:2]):
        m = s.state_model[state]
        share = raw["share"][m] * np.exp(raw["share_scale"][m] * raw["share_raw"][state, prompt])
        out[state, prompt] = quantile(np.cumsum(share / share.sum())[:-1])
    return out


def pooled_effects(
    s: Structure, priors: dict[str, Prior], unit: float, rng: np.random.Generator
) -> tuple[np.ndarray | None, dict[str, Any]]:
    """``delta`` by its definition, arm by arm, and the numbers it is made of."""
    prior, over_models = priors["delta"], "model_scale" in priors
    if prior.family == "normal" and not over_models:
        return None, {}
    # In the study of two models, both have a condition called promote; one has a placebo too.
    assert [a.label for a in s.arms] == ["a: promote", "a: placebo", "b: promote"]
    effect = [0, 1, 0] if over_models else [0, 1, 2]
    n = max(effect) + 1
    extra: dict[str, Any] = {"effect_raw": rng.normal(size=(n, V))}
    aimed = [e for e in range(n) if s.arms[effect.index(e)].condition.target]
    if prior.family != "normal":
        extra["delta_scale"] = rng.uniform(0.2, 0.5, n)
    if prior.family == "circle":
        extra["circle_slope"] = rng.normal(0, 0.4, len(aimed))
    common = np.zeros((n, V))
    for e in range(n):
        z = extra["effect_raw"][e]
        target = s.arms[effect.index(e)].condition.target
        for v, name in enumerate(VALUES):
            if prior.family == "normal":
                common[e, v] = prior.scale * unit * z[v]
            elif name in target:
                common[e, v] = prior.target * unit * z[v]
            else:
                common[e, v] = extra["delta_scale"][e] * z[v]
        if prior.family == "circle" and target:
            (t,) = (VALUES.index(x) for x in target)
            for v in range(V):
                if v != t:
                    angle = 2 * np.pi * (v - t) / V
                    common[e, v] += (
                        extra["circle_slope"][aimed.index(e)] * np.cos(angle) * common[e, t]
                    )
    delta = common[effect]
    if over_models:
        extra["model_scale"] = rng.uniform(0.1, 0.4, 1)
        extra["deviation_raw"] = rng.normal(size=(2, V))
        delta[[0, 2]] += extra["model_scale"][0] * extra["deviation_raw"]
    return delta, extra


def reference_density(design: Any, spec: ModelSpec, point: Point) -> float:
    s = design.structure
    is_scores = isinstance(design, ScoresDesign)
    readout = "scores" if is_scores else "ratings"
    priors = getattr(spec, readout)
    unit = s.point if is_scores else 1.0
    if is_scores:
        total = scores.log_likelihood(design, point.natural, spec.scenario_df("scores")).sum()
    else:
        total = ratings.log_likelihood(design, point.natural, spec.link).sum()
    own = {}
    for name, x in point.raw.items():
        if name == "delta_scale":
            total += stats.halfnorm(scale=priors["delta"].scale * unit).logpdf(x).sum()
        elif name == "model_scale":
            total += stats.halfnorm(scale=priors["model_scale"].scale * unit).logpdf(x).sum()
        elif name == "circle_slope":
            total += stats.norm(scale=priors["delta"].slope).logpdf(x).sum()
        elif name == "scenario_precision":
            half = priors["scenario"].scale / 2
            total += stats.gamma(half, scale=1 / half).logpdf(x).sum()
        else:
            own[name] = x
    return float(total + log_prior(s, spec, own, readout))


@pytest.mark.parametrize(("readout", "kind"), CASES)
def test_numpyro_density(readout: str, kind: str) -> None:
    design, spec, point = make(readout, kind)
    model = getattr(numpyro_models, f"{readout}_model")
    with jax.enable_x64(True):
        density, trace = log_density(model, (design, spec), {}, point.raw)
        delta = np.asarray(trace["delta"]["value"])
        coupling = np.asarray(trace["coupling"]["value"])
    sampled = {k for k, site in trace.items() if site["type"] == "sample"} - {"scores", "ratings"}
    assert sampled == set(point.raw)
    np.testing.assert_allclose(delta, point.natural["delta"], atol=1e-12)
    np.testing.assert_allclose(coupling, point.natural["coupling"], atol=1e-12)
    assert float(density) == pytest.approx(reference_density(design, spec, point), rel=1e-8)


@pytest.mark.parametrize(("readout", "kind"), CASES)
def test_pymc_density(readout: str, kind: str) -> None:
    design, spec, point = make(readout, kind)
    model = remove_value_transforms(getattr(pymc_models, f"{readout}_model")(design, spec))
    inputs = [model.rvs_to_values[v] for v in model.free_RVs]
    assert {v.name for v in inputs} == set(point.raw)
    delta = model.replace_rvs_by_values([model["delta"]])
    outputs = [model.logp(sum=True), *delta]
    function = pm.compile(inputs, outputs, mode="FAST_COMPILE", on_unused_input="ignore")
    density, found = function(*(point.raw[v.name] for v in inputs))
    np.testing.assert_allclose(found, point.natural["delta"], atol=1e-12)
    assert float(density) == pytest.approx(reference_density(design, spec, point), rel=1e-8)


@pytest.mark.parametrize(("readout", "kind"), CASES)
def test_likelihood_of_draws(readout: str, kind: str) -> None:
    design, spec, point = make(readout, kind)
    s = design.structure
    draws = {k: np.asarray(v)[None] for k, v in (point.raw | point.natural).items()}
    if readout == "scores":
        df = spec.scenario_df("scores")
        found = effects.scores_log_likelihood(design, draws, df)[0]
        expected = scores.log_likelihood(design, point.natural, df)
    else:
        found = effects.ratings_log_likelihood(design, draws, spec.link)[0]
        cells = ratings.log_likelihood(design, point.natural, spec.link)
        expected = np.zeros_like(found)
        for value, state, item in zip(cells, design.cell_state, design.cell_item, strict=True):
            expected[s.state_model[state], s.item_scenario[item]] += value
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_no_coupling_is_the_identity() -> None:
    _, _, point = make("scores", "fixed")
    np.testing.assert_array_equal(point.natural["coupling"][0], coupling_matrix(0.0, np.ones(45)))
    np.testing.assert_array_equal(point.natural["coupling"][0], np.eye(V))
