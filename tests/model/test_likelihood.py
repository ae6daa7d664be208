"""Both backends and the reductions against the readable reference likelihoods."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
import pytest
from numpyro.infer.util import log_density
from pymc.model.transform.conditioning import remove_value_transforms
from scipy.special import logsumexp
from simulated_studies import (
    add_prompts_and_repeats,
    factorial_structure,
    irregular_ratings,
    irregular_scores,
    irregular_structure,
    log_prior,
    natural_parameters,
    raw_parameters,
    shuffled_items,
    unlike_scenarios,
)

from vat_bayes.model import effects, load_spec, ratings, scores
from vat_bayes.model.backends import numpyro as numpyro_models
from vat_bayes.model.backends import pymc as pymc_models
from vat_bayes.model.backends.numpyro_likelihoods import (
    inverse_and_log_det,
    log_between_and_slopes,
    log_gap,
    whitening,
)
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.scores import ScoresDesign, reduce_scores

SPEC = load_spec()
DESIGNS = [
    "scores-irregular", "scores-unlike", "scores-factorial", "ratings-plain", "ratings-rich",
    "ratings-unlike", "ratings-shuffled",
]  # fmt: skip


def make(kind: str, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    """A design and a random point in the backends' coordinates."""
    if kind == "scores-irregular":
        design: Any = irregular_scores(rng)
    elif kind == "scores-unlike":
        # No scenario has the pattern of another.
        s = irregular_structure(rng)
        state, item = np.nonzero(rng.random((s.n_states, len(s.items))) > 0.3)
        design = reduce_scores(s, state, item, rng.normal(0, 0.8, len(state)))
        assert all(len(g.scenarios) == 1 for g in design.groups)
    elif kind == "scores-factorial":
        s = factorial_structure(5)
        state, item = (x.ravel() for x in np.indices((s.n_states, len(s.items))))
        design = reduce_scores(s, state, item, rng.normal(0, 0.8, len(state)))
    elif kind in ("ratings-unlike", "ratings-shuffled"):
        s = unlike_scenarios(rng) if kind == "ratings-unlike" else shuffled_items(rng, 3)
        state, item = (x.ravel() for x in np.indices((s.n_states, len(s.items))))
        counts = rng.multinomial(1, rng.dirichlet(np.ones(5)), len(state))
        design = RatingsDesign(s, state, item, np.zeros_like(state), counts)
    else:
        design = irregular_ratings(rng, rich=kind == "ratings-rich")
    raw = raw_parameters(design.structure, rng, kind.partition("-")[0])
    if kind == "ratings-rich":
        raw = add_prompts_and_repeats(design.structure, rng, raw)
    return design, raw


def reference_density(design: Any, raw: dict[str, Any]) -> float:
    s = design.structure
    natural = natural_parameters(s, raw)
    if isinstance(design, ScoresDesign):
        likelihood = scores.log_likelihood(design, natural).sum()
        return float(likelihood + log_prior(s, SPEC, raw, "scores"))
    likelihood = ratings.log_likelihood(design, natural).sum()
    return float(likelihood + log_prior(s, SPEC, raw, "ratings"))


def stacked_draws(design: Any, points: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Several points as draws, with the deterministic quantities the backends keep."""
    natural = [natural_parameters(design.structure, p) for p in points]
    return {name: np.stack([p[name] for p in natural]) for name in natural[0]}


@pytest.mark.parametrize("kind", DESIGNS)
def test_numpyro_density_is_prior_times_reference_likelihood(kind: str) -> None:
    rng = np.random.default_rng(1)
    design, raw = make(kind, rng)
    is_scores = isinstance(design, ScoresDesign)
    model = numpyro_models.scores_model if is_scores else numpyro_models.ratings_model
    names = ["coupling"] if is_scores else ["coupling", "u", "cutpoint", "intercept"]

    def evaluate(at: Any) -> Any:
        density, trace = log_density(model, (design, SPEC), {}, at)
        return density, {name: trace[name]["value"] for name in names}

    with jax.enable_x64(True):
        density, found = jax.jit(evaluate)({k: np.asarray(x, float) for k, x in raw.items()})
    assert float(density) == pytest.approx(reference_density(design, raw), rel=1e-8)
    expected = natural_parameters(design.structure, raw)
    for name in names:
        close = 1e-10 if name == "cutpoint" else 1e-12
        np.testing.assert_allclose(found[name], expected[name], atol=close)


@pytest.mark.parametrize("kind", DESIGNS)
def test_pymc_density_is_prior_times_reference_likelihood(kind: str) -> None:
    rng = np.random.default_rng(1)
    design, raw = make(kind, rng)
    is_scores = isinstance(design, ScoresDesign)
    build = pymc_models.scores_model if is_scores else pymc_models.ratings_model
    model = remove_value_transforms(build(design, SPEC))
    # Every free variable is its own value variable here; one call is not worth compiling for.
    inputs = [model.rvs_to_values[v] for v in model.free_RVs]
    assert {v.name for v in inputs} == set(raw)
    outputs = [model.logp(sum=True), *model.replace_rvs_by_values([model["coupling"]])]
    function = pm.compile(inputs, outputs, mode="FAST_COMPILE", on_unused_input="ignore")
    density, coupling = function(*(raw[v.name] for v in inputs))
    assert float(density) == pytest.approx(reference_density(design, raw), rel=1e-8)
    expected = natural_parameters(design.structure, raw)["coupling"]
    np.testing.assert_allclose(coupling, expected, atol=1e-12)


@pytest.mark.parametrize("kind", DESIGNS)
def test_likelihood_of_draws_is_the_reference_scenario_by_scenario(kind: str) -> None:
    rng = np.random.default_rng(2)
    design, first = make(kind, rng)
    readout = kind.partition("-")[0]
    second = raw_parameters(design.structure, rng, readout)
    if kind == "ratings-rich":
        second = add_prompts_and_repeats(design.structure, rng, second)
    points = [first, second]
    draws = stacked_draws(design, points)
    if isinstance(design, ScoresDesign):
        found = effects.scores_log_likelihood(design, draws)
        expected = [
            scores.log_likelihood(design, natural_parameters(design.structure, p)) for p in points
        ]
    else:
        found = effects.ratings_log_likelihood(design, draws)
        expected = [by_scenario(design, p) for p in points]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def by_scenario(design: RatingsDesign, raw: dict[str, Any]) -> np.ndarray:
    s = design.structure
    cells = ratings.log_likelihood(design, natural_parameters(s, raw))
    out = np.zeros((len(s.models), len(s.scenarios)))
    for value, state, item in zip(cells, design.cell_state, design.cell_item, strict=True):
        out[s.state_model[state], s.item_scenario[item]] += value
    return out


@pytest.mark.parametrize("kind", DESIGNS)
def test_numpyro_gradient_is_the_slope_of_the_reference(kind: str) -> None:
    # Its derivatives are written out by hand; the reference knows nothing of them.
    rng = np.random.default_rng(5)
    design, raw = make(kind, rng)
    is_scores = isinstance(design, ScoresDesign)
    model = numpyro_models.scores_model if is_scores else numpyro_models.ratings_model
    raw = {k: np.asarray(x, float) for k, x in raw.items()}
    along = {k: rng.normal(size=x.shape) for k, x in raw.items()}
    # Shares add up to one in any direction that their density has.
    along = {k: x - x.mean(-1, keepdims=True) if k == "share" else x for k, x in along.items()}
    along = {k: 0.1 * x if k == "share" else x for k, x in along.items()}
    with jax.enable_x64(True):
        gradient = jax.jit(jax.grad(lambda at: log_density(model, (design, SPEC), {}, at)[0]))(raw)
    slope = sum(float((np.asarray(gradient[k]) * along[k]).sum()) for k in raw)
    step = 1e-5
    ahead, behind = (
        reference_density(design, {k: raw[k] + sign * step * along[k] for k in raw})
        for sign in (1, -1)
    )
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("kind", ["scores-irregular", "scores-factorial"])
@pytest.mark.parametrize("noise", [0.3, 1e-3])
def test_gradient_of_heavy_tailed_scenarios_is_the_slope_of_their_density(
    kind: str, noise: float
) -> None:
    # Their squares enter by a logarithm, where an error in one does not average out.
    rng = np.random.default_rng(8)
    design, raw = make(kind, rng)
    raw = {k: np.asarray(x, float) for k, x in raw.items()}
    raw["noise"][: len(design.structure.models)] = noise
    along = {k: rng.normal(size=x.shape) for k, x in raw.items()}
    along["noise"] *= raw["noise"]
    spec = load_spec("heavy-tailed")

    def density(at: Any) -> Any:
        return log_density(numpyro_models.scores_model, (design, spec), {}, at)[0]

    # With less noise still, no step is small beside it and large beside the density's last digits.
    step = 1e-5
    with jax.enable_x64(True):
        gradient = jax.jit(jax.grad(density))(raw)
        at = jax.jit(density)
        ahead, behind = (
            float(at({k: raw[k] + sign * step * along[k] for k in raw})) for sign in (1, -1)
        )
    slope = sum(float((np.asarray(gradient[k]) * along[k]).sum()) for k in raw)
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("noise", [1e-3, 1e-5, 1e-8])
def test_a_baseline_without_noise_leaves_no_hole_in_the_density(noise: float) -> None:
    # Real read-outs of a baseline come near this; chains go wherever digits are lost.
    design, raw = make("scores-factorial", np.random.default_rng(7))
    quiet = raw["noise"].copy()
    quiet[: len(design.structure.models)] = noise
    raw = raw | {"noise": quiet}

    def evaluate(at: Any) -> Any:
        return log_density(numpyro_models.scores_model, (design, SPEC), {}, at)[0]

    with jax.enable_x64(True):
        density = jax.jit(evaluate)(raw)
    assert float(density) == pytest.approx(reference_density(design, raw), rel=1e-9)


def test_inverse_and_log_det_of_several_matrices_and_their_slopes() -> None:
    rng = np.random.default_rng(6)
    half = rng.normal(size=(2, 4, 4))
    matrix = half @ half.swapaxes(1, 2) + np.eye(4)
    weight = rng.normal(size=(2, 4, 4))

    def ours(x: Any) -> Any:
        inverse, log_det = inverse_and_log_det(x)
        return (inverse * weight).sum() + (log_det * np.array([1.0, 3.0])).sum()

    def library(x: Any) -> Any:
        # Differentiated step by step.
        log_det = jnp.linalg.slogdet(x)[1]
        return (jnp.linalg.inv(x) * weight).sum() + (log_det * np.array([1.0, 3.0])).sum()

    with jax.enable_x64(True):
        assert float(ours(matrix)) == pytest.approx(float(library(matrix)), rel=1e-12)
        slope, expected = (jax.jit(jax.grad(f))(matrix) for f in (ours, library))
        broken = inverse_and_log_det(-matrix)
    # In a symmetric matrix two entries move together.
    for x, y in zip(slope, expected, strict=True):
        np.testing.assert_allclose(x + x.T, y + y.T, rtol=1e-9, atol=1e-12)
    assert all(np.isnan(x).any() for x in broken)


def test_whitening_of_several_matrices_and_its_slope() -> None:
    rng = np.random.default_rng(6)
    half = rng.normal(size=(2, 4, 4))
    matrix = half @ half.swapaxes(1, 2) + np.eye(4)
    weight = rng.normal(size=(2, 4, 4))

    def library(x: Any) -> Any:
        # Differentiated step by step.
        return (jnp.linalg.inv(jnp.linalg.cholesky(x)) * weight).sum()

    with jax.enable_x64(True):
        white = np.asarray(whitening(matrix))
        slope = np.asarray(jax.jit(jax.grad(lambda x: (whitening(x) * weight).sum()))(matrix))
        expected = np.asarray(jax.jit(jax.grad(library))(matrix))
    np.testing.assert_allclose(
        white @ matrix @ white.swapaxes(1, 2), np.broadcast_to(np.eye(4), matrix.shape), atol=1e-12
    )
    assert (np.triu(white, 1) == 0).all()
    # In a symmetric matrix two entries move together.
    np.testing.assert_allclose(
        slope + slope.swapaxes(1, 2), expected + expected.swapaxes(1, 2), rtol=1e-9, atol=1e-12
    )


def test_probabilities_of_a_cell_add_up_to_one() -> None:
    rng = np.random.default_rng(3)
    design, raw = make("ratings-rich", rng)
    p = effects.category_probabilities(design, stacked_draws(design, [raw]))
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(-1), 1.0, atol=1e-12)


def log_probability(upper: float, lower: float) -> tuple[float, np.ndarray]:
    """That of a category between two bounds, and its slopes in them."""
    with jax.enable_x64(True):
        value, rising, falling = log_between_and_slopes(*jnp.array([upper, lower]))
        slope = np.array([rising, -falling]) + jax.grad(log_gap, argnums=(0, 1))(upper, lower)
        return float(value + log_gap(upper, lower)), slope


@pytest.mark.parametrize(
    ("upper", "lower"),
    [(0.3, -0.2), (40.0, 39.0), (-39.0, -40.0), (700.0, 699.5), (-699.5, -700.0), (1e3, 2.0)],
)
def test_log_probability_of_a_category_in_the_tails(upper: float, lower: float) -> None:
    # In extended precision, from log F(x) = -log(1 + exp(-x)); both tails by the symmetry of F.
    b, a = np.longdouble(upper), np.longdouble(lower)
    if b + a > 0:
        b, a = -a, -b
    log_f = [-logsumexp([0.0, float(-x)]) if x > -600 else float(x) for x in (b, a)]
    expected = log_f[0] + float(np.log1p(-np.exp(np.longdouble(log_f[1] - log_f[0]))))
    value, slope = log_probability(upper, lower)
    assert value == pytest.approx(expected, rel=1e-12)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("gap", [1e-6, 1e-10, 1e-14])
@pytest.mark.parametrize("middle", [0.0, 30.0, -30.0])
def test_log_probability_over_tiny_gaps_is_the_density(middle: float, gap: float) -> None:
    # For a gap g around x the probability is g f(x) (1 + O(g^2)), and f(x) = F(x) F(-x).
    upper = middle + gap
    actual_gap = upper - middle
    log_density_there = -np.logaddexp(0, -middle) - np.logaddexp(0, middle)
    value, slope = log_probability(upper, middle)
    assert value == pytest.approx(np.log(actual_gap) + log_density_there, rel=1e-6)
    assert np.isfinite(slope).all()
    np.testing.assert_allclose(slope * actual_gap, [1.0, -1.0], rtol=1e-5)


def test_rare_ratings_have_a_finite_gradient_in_the_whole_model() -> None:
    rng = np.random.default_rng(4)
    design, raw = make("ratings-plain", rng)
    # Every item far beyond the last cutpoint, and rated lowest all the same.
    counts = np.zeros_like(design.counts)
    counts[:, 0] = 1
    design = RatingsDesign(
        design.structure, design.cell_state, design.cell_item, design.cell_prompt, counts
    )
    with jax.enable_x64(True):
        slope = jax.grad(
            lambda beta: log_density(
                numpyro_models.ratings_model, (design, SPEC), {}, raw | {"beta": beta}
            )[0]
        )
        gradient = jax.jit(slope)(np.full(3, 90.0))
    assert np.isfinite(np.asarray(gradient)).all()
