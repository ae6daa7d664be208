"""The parts of the fast engine against slower computations of the same quantities."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import log_density
from scipy import stats
from scipy.special import expit
from simulated_studies import factorial_structure, irregular_ratings, log_prior, simulate_study

from vat_bayes.conditions import Condition
from vat_bayes.model import load_spec
from vat_bayes.model.build import prepare
from vat_bayes.model.fast.centre import em_step, first_centre, style_curvature
from vat_bayes.model.fast.data import ModelRatings, split_models
from vat_bayes.model.fast.density import cutpoint_log_prior, shape_of, surrogate_model
from vat_bayes.model.fast.engine import _work, patterns
from vat_bayes.model.fast.importance import exact_moments
from vat_bayes.model.fast.items import Style, _log_product, item_moments, to_device
from vat_bayes.model.fast.posterior import (
    Centre,
    scenario_likelihood,
    scenario_posterior,
    shape_effects,
)
from vat_bayes.model.fast.radius import draw_scales, log_radius_density
from vat_bayes.model.fast.surrogate import (
    Slopes,
    Surrogate,
    build_surrogate,
    diagonal_blocks,
    effect_blocks,
    flatten,
    from_blocks,
    laplace_moments,
    log_likelihood,
    style_slopes,
    tilt,
)
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.values import VALUES

SPEC = load_spec()
V = 10


def one_rating_each(rng: np.random.Generator, n_scenarios: int = 6) -> RatingsDesign:
    s = factorial_structure(n_scenarios)
    state, item = (x.ravel() for x in np.indices((s.n_states, len(s.items))))
    counts = np.eye(5, dtype=np.int64)[rng.integers(0, 5, len(state))]
    return RatingsDesign(s, state, item, np.zeros(len(state), dtype=int), counts)


def centre(rng: np.random.Generator, n_arms: int) -> Centre:
    style = Style(
        jnp.asarray(rng.normal(0, 0.2, n_arms)),
        jnp.asarray(rng.normal(0, 0.2, n_arms)),
        jnp.array([-1.5, -0.4, 0.5, 1.6]),
        jnp.asarray(np.log(0.6)),
    )
    root = 0.3 * np.eye(V) + 0.05 * rng.normal(size=(n_arms, V, V))
    spread = jnp.asarray(root @ np.swapaxes(root, 1, 2))
    return Centre(
        jnp.asarray(rng.normal(0, 0.4, (1 + n_arms) * V)),
        from_blocks(effect_blocks(jnp.asarray(0.5), spread)),
        style,
    )


def test_item_likelihood_is_the_integral_over_the_item_effect() -> None:
    rng = np.random.default_rng(0)
    data = split_models(one_rating_each(rng))[0]
    c = centre(rng, 2)
    effects = rng.normal(0, 0.5, (6, 3, V))
    with jax.enable_x64(True):
        style = c.style
        found = np.asarray(
            item_moments(to_device(data), jnp.asarray(effects), style, curvature=False).value
        )
    beta = np.concatenate([[0], np.asarray(style.beta)])
    gain = np.exp(np.concatenate([[0], np.asarray(style.lambda_)]))
    ends = np.concatenate([[-np.inf], np.asarray(style.cutpoint), [np.inf]])
    grid, width = np.linspace(-6, 6, 4001, retstep=True)
    sd = float(np.exp(style.log_kappa))
    density = np.exp(-0.5 * (grid / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
    for i in range(0, len(data.items), 7):
        product = density.copy()
        for state in range(3):
            row = effects[data.item_scenario[i]]
            value = row[0] + (row[state] if state else 0)
            eta = data.weight[i, 0] * value[data.index[i, 0]] + beta[state] + grid
            k = data.rating[i, state]
            upper, lower = (expit((e - eta) * gain[state]) for e in (ends[k + 1], ends[k]))
            product *= upper - lower
        assert found[i] == pytest.approx(np.log(product.sum() * width), abs=2e-4)


@pytest.mark.parametrize("n_states", [1, 16, 37])
def test_logarithms_are_added_over_any_number_of_states(n_states: int) -> None:
    # Of probabilities so small that the product of all of them would be zero.
    probability = np.random.default_rng(0).uniform(1e-14, 2e-14, (3, n_states, 9))
    with jax.enable_x64(True):
        found = np.asarray(_log_product(jnp.asarray(probability)))
    np.testing.assert_allclose(found, np.log(probability).sum(1), rtol=1e-12)


@pytest.mark.parametrize("irregular", [False, True])
def test_derivatives_of_the_scenario_likelihood(irregular: bool) -> None:
    rng = np.random.default_rng(1)
    design = irregular_ratings(rng, rich=False) if irregular else one_rating_each(rng)
    data = split_models(design)[0]
    n, n_arms = len(data.scenarios), data.n_states - 1
    with jax.enable_x64(True):
        ratings, c = to_device(data), centre(rng, n_arms)
        x = jnp.asarray(rng.normal(0, 0.5, (n, 1 + n_arms, V)))
        local = scenario_likelihood(ratings, x, c.style)

        def value(effects: Any, style: Style) -> Any:
            return scenario_likelihood(ratings, effects, style, curvature=False).value

        slopes = jax.jit(jax.grad(lambda e, style: value(e, style).sum(), argnums=(0, 1)))
        slope, by_style = slopes(x, c.style)
        np.testing.assert_allclose(local.gradient, slope.reshape(n, -1), atol=1e-10)
        np.testing.assert_allclose(local.style.sum(0), flatten(by_style), atol=1e-9)

        def own(effects: Any, s: Any) -> Any:
            return value(x.at[s].set(effects.reshape(x.shape[1:])), c.style)[s]

        bend = jax.jit(jax.hessian(own))
        for s in range(n):
            np.testing.assert_allclose(local.information[s], -bend(x[s].ravel(), s), atol=1e-9)


def stand_in(
    data: ModelRatings, c: Centre, rng: np.random.Generator
) -> tuple[Surrogate, Any, Slopes, Any]:
    group, observed = patterns(data)
    member = group == np.arange(len(observed))[:, None]
    groups = jnp.asarray(member / member.sum(1, keepdims=True))
    ratings, posterior = scenario_posterior(to_device(data), c)
    moments = laplace_moments(posterior, groups)
    slopes = style_slopes(ratings, c, posterior, groups)
    n = jnp.asarray(member.sum(1).astype(float))
    precision = jnp.ones(len(c.mean) + len(flatten(c.style)))
    return (
        build_surrogate(
            c, moments, slopes, n=n, prior_precision=precision, observed=jnp.asarray(observed)
        ),
        moments,
        slopes,
        (n, ratings, posterior, groups),
    )


def test_stand_in_has_the_scores_it_was_built_from() -> None:
    rng = np.random.default_rng(2)
    data = split_models(irregular_ratings(rng, rich=False))[0]
    with jax.enable_x64(True):
        c = centre(rng, data.n_states - 1)
        surrogate, moments, slopes, (n, *_) = stand_in(data, c, rng)
        score = jax.grad(log_likelihood, argnums=(1, 2, 3))
        states = data.n_states
        at = (surrogate, c.mean, diagonal_blocks(c.covariance, states), flatten(c.style))
        mean, blocks, style = jax.jit(score)(*at)
        np.testing.assert_allclose(mean, n @ moments.gradient, atol=1e-6)
        np.testing.assert_allclose(style, moments.style, atol=1e-6)
        expected = 0.5 * jnp.einsum("g,gij->ij", n, moments.square)
        np.testing.assert_allclose(blocks, diagonal_blocks(expected, states), atol=1e-6)
        # And the scores move along the style as their slopes say.
        hessian = jax.jit(jax.jacfwd(score, argnums=3))(*at)
        np.testing.assert_allclose(
            hessian[0], jnp.einsum("g,kgi->ik", n, slopes.gradient), atol=1e-6
        )
        expected = 0.5 * jnp.einsum("g,kgij->kij", n, slopes.square)
        expected = jnp.stack([diagonal_blocks(x, states) for x in expected], -1)
        np.testing.assert_allclose(hessian[1], expected, atol=1e-6)
        np.testing.assert_allclose(hessian[2], 0.5 * (slopes.style + slopes.style.T), atol=1e-6)


def test_moments_keep_their_digits_where_couplings_are_at_their_limit() -> None:
    rng = np.random.default_rng(6)
    data = split_models(one_rating_each(rng))[0]
    with jax.enable_x64(True):
        c = centre(rng, 2)
        signs = np.sign(rng.normal(size=V))

        def coupled(gap: float) -> tuple[np.ndarray, ...]:
            """Arms whose effects all go together but for so much of their variance."""
            arm = 0.2 * ((1.0 - gap) * np.outer(signs, signs) + gap * np.eye(V))
            blocks = effect_blocks(jnp.asarray(0.5), jnp.asarray(np.stack([arm, arm])))
            at = c._replace(covariance=from_blocks(blocks))
            _, posterior = scenario_posterior(to_device(data), at)
            n = len(data.scenarios)
            found = laplace_moments(posterior, jnp.full((1, n), 1.0 / n))
            return tuple(np.asarray(x) for x in found)

        for near, nearer in zip(coupled(1e-6), coupled(1e-9), strict=True):
            np.testing.assert_allclose(near, nearer, atol=1e-3 * np.abs(near).max())


def test_slopes_are_those_of_moments_computed_anew() -> None:
    rng = np.random.default_rng(3)
    data = split_models(one_rating_each(rng))[0]
    with jax.enable_x64(True):
        c = centre(rng, 2)
        _, moments, slopes, (_, ratings, posterior, groups) = stand_in(data, c, rng)
        step = 1e-4
        for k in (0, 3, 5, 8):
            vector = flatten(c.style).at[k].add(step)
            moved = c._replace(style=Style(vector[:2], vector[2:4], vector[4:-1], vector[-1]))
            # On the same quadrature: with another the difference of two integrals is noise.
            _, again = scenario_posterior(ratings, moved, posterior.mode)
            there = laplace_moments(again, groups)
            for name in ("gradient", "square", "style"):
                change = (getattr(there, name) - getattr(moments, name)) / step
                found = getattr(slopes, name)[k]
                scale = float(jnp.abs(change).max())
                np.testing.assert_allclose(found, change, atol=2e-3 * scale + 1e-6)


def test_importance_sampling_finds_the_moments_of_a_long_chain() -> None:
    # Metropolis from the Laplace approximation: another way to the same posterior moments.
    rng = np.random.default_rng(4)
    data = split_models(one_rating_each(rng, 2))[0]
    with jax.enable_x64(True):
        c = centre(rng, 2)
        _, _, _, (_, ratings, posterior, groups) = stand_in(data, c, rng)
        found = exact_moments(ratings, posterior, c, groups, n_points=512, seed=1).moments
        prior = np.linalg.inv(np.asarray(c.covariance))
        root = np.linalg.inv(np.asarray(posterior.factor))
        mode = np.asarray(posterior.mode)
        evaluate = jax.jit(
            lambda x: (
                scenario_likelihood(
                    ratings, shape_effects(ratings, x), c.style, curvature=False
                ).value
            )
        )

        def log_weight(x: np.ndarray, z: np.ndarray) -> np.ndarray:
            about = x - np.asarray(c.mean)
            quadratic = (about @ prior * about).sum(1)
            return np.asarray(evaluate(jnp.asarray(x))) - 0.5 * quadratic + 0.5 * (z**2).sum(1)

        x, current, total, n = mode, log_weight(mode, 0 * mode), np.zeros_like(mode), 4000
        for _ in range(n):
            z = rng.normal(size=mode.shape)
            proposal = mode + np.einsum("sj,sji->si", z, root)
            there = log_weight(proposal, z)
            accept = np.log(rng.random(len(mode))) < there - current
            x = np.where(accept[:, None], proposal, x)
            current = np.where(accept, there, current)
            total += x
    chain = ((total / n - np.asarray(c.mean)) @ prior).mean(0)
    spread = np.sqrt(np.diag(prior @ np.asarray(posterior.covariance).mean(0) @ prior))
    # Four Monte Carlo errors of an independence chain that accepts most proposals.
    np.testing.assert_allclose(
        np.asarray(found.gradient)[0], chain, atol=4 * float(spread.max()) / np.sqrt(n)
    )


def test_priors_are_those_of_the_full_model() -> None:
    rng = np.random.default_rng(5)
    design = one_rating_each(rng)
    data, s = split_models(design)[0], design.structure
    with jax.enable_x64(True):
        surrogate, *_ = stand_in(data, centre(rng, 2), rng)
        shape = shape_of(s, SPEC)
        differences = []
        for _ in range(4):
            raw = {
                "alpha_scale": rng.uniform(0.2, 0.6, 1),
                "signed_scale": rng.uniform(0.1, 0.5, (2, V)) * rng.choice([-1.0, 1.0], (2, V)),
                "radius": rng.uniform(-2, 2, 2),
                "towards": rng.normal(size=(2, 45)),
            }
            z = rng.normal(0, 0.3, surrogate.root.shape[0])
            found, trace = log_density(
                surrogate_model, (shape, (surrogate,)), {}, raw | {"means_0": z}
            )
            values = {k: np.asarray(x["value"]) for k, x in trace.items() if "value" in x}
            blocks = effect_blocks(
                values["alpha_scale"][0],
                values["u_scale"][:, :, None] * values["coupling"] * values["u_scale"][:, None, :],
            )
            mean = jnp.concatenate([values["theta"][0], values["delta"].ravel()])
            style = jnp.concatenate(
                [values["beta"], values["lambda_"], values["cutpoint"][0],
                 jnp.log(values["kappa_scale"])]
            )  # fmt: skip
            names = ("theta", "delta", "beta", "lambda_", "kappa_scale", "share")
            natural = {k: values[k] for k in (*names, "alpha_scale", "u_scale")}
            # The two factors of the partial correlations are not sampled as such.
            natural |= {"coupling_scale": np.full(2, 0.3), "partial_raw": np.zeros((2, 45))}
            expected = float(log_likelihood(surrogate, mean, blocks, style))
            expected += log_prior(s, SPEC, natural, "ratings")
            # Change of variables: from shares to cutpoints and from kappa_scale to its logarithm.
            spread = SPEC.scale("ratings", "coupling_scale")
            expected += float(log_radius_density(raw["radius"], spread, 45).sum())
            expected -= 0.5 * (raw["towards"] ** 2).sum()
            below = np.cumsum(values["share"][0])[:-1]
            expected += np.log(below * (1 - below)).sum() + np.log(values["kappa_scale"][0])
            differences.append(float(found) - expected)
    np.testing.assert_allclose(differences, differences[0], atol=1e-6)


def test_length_of_the_partials_has_its_density() -> None:
    # r = omega |z|: on a grid of omega, against the closed form by quadrature in |z|.
    radius, scale = np.array([-2.5, 0.05, 0.4, 1.3, 4.0]), 0.3
    omega = np.linspace(1e-4, 2.5, 400_001)
    joint = stats.halfnorm.pdf(omega, scale=scale) / omega
    joint = joint * stats.chi.pdf(np.abs(radius)[:, None] / omega, 45)
    expected = np.log(np.trapezoid(joint, omega, axis=1))
    with jax.enable_x64(True):
        found = np.asarray(log_radius_density(jnp.asarray(radius), scale, 45))
    np.testing.assert_allclose(found - found[1], expected - expected[1], atol=1e-6)


def test_scale_of_the_partials_is_drawn_given_their_length() -> None:
    rng = np.random.default_rng(7)
    omega = np.abs(rng.normal(0, 0.3, 20_000))
    radius = omega * np.sqrt(rng.chisquare(45, len(omega)))
    again = draw_scales(radius, 0.3, 45, rng)
    # Drawn from the prior, the pair must again have the joint distribution of the prior.
    assert stats.ks_2samp(again, omega).pvalue > 1e-3
    assert stats.ks_2samp((radius / again) ** 2, rng.chisquare(45, 20_000)).pvalue > 1e-3
    assert np.corrcoef(radius / again, again)[0, 1] == pytest.approx(0, abs=4 / np.sqrt(20_000))


def test_sign_of_a_scale_turns_its_correlations() -> None:
    rng = np.random.default_rng(8)
    with jax.enable_x64(True):
        surrogate, *_ = stand_in(split_models(one_rating_each(rng))[0], centre(rng, 2), rng)
        shape = shape_of(one_rating_each(rng).structure, SPEC)
        raw: dict[str, Any] = {
            "alpha_scale": np.array([0.4]), "signed_scale": rng.uniform(0.1, 0.5, (2, V)),
            "radius": np.array([1.0, 2.0]), "towards": rng.normal(size=(2, 45)),
            "means_0": np.zeros(surrogate.root.shape[0]),
        }  # fmt: skip
        low, j = np.tril_indices(V, -1)
        turned = np.where((low == 3) | (j == 3), -1.0, 1.0)
        other = raw | {
            "signed_scale": raw["signed_scale"] * np.where(np.arange(V) == 3, -1.0, 1.0),
            "towards": raw["towards"] * turned,
        }
        (d1, t1), (d2, t2) = (
            log_density(surrogate_model, (shape, (surrogate,)), {}, x) for x in (raw, other)
        )
    # The same point of the model, written twice.
    assert float(d1) == pytest.approx(float(d2), abs=1e-8)
    for name in ("u_scale", "coupling"):
        np.testing.assert_allclose(t1[name]["value"], t2[name]["value"], atol=1e-12)


def test_tilt_changes_the_score_by_what_it_is_given() -> None:
    rng = np.random.default_rng(9)
    with jax.enable_x64(True):
        c = centre(rng, 2)
        surrogate, *_ = stand_in(split_models(one_rating_each(rng))[0], c, rng)
        at = (c.mean, diagonal_blocks(c.covariance, 3), flatten(c.style))
        given = [rng.normal(size=x.shape) for x in at]
        given[1] += given[1].swapaxes(1, 2)
        score = jax.jit(jax.grad(log_likelihood, argnums=(1, 2, 3)))
        before, after = score(surrogate, *at), score(tilt(surrogate, *map(jnp.asarray, given)), *at)
    for x, y, z in zip(before, after, given, strict=True):
        np.testing.assert_allclose(y - x, z, atol=1e-6)


def test_cutpoints_out_of_order_are_impossible() -> None:
    with jax.enable_x64(True):
        assert float(cutpoint_log_prior(jnp.array([-1.0, 0.5, 0.2, 1.0]), 2.0)) < -1e9


def test_way_to_the_middle_does_not_go_astray_with_many_arms() -> None:
    """Steps cut coordinate by coordinate leave their direction, and the style swings ever wider."""
    arms = tuple(Condition(f"promote-{v}", "intervention", (v,)) for v in VALUES)
    study = simulate_study(3, readout="ratings", n_scenarios=24, conditions=arms)
    design = prepare(study.judgments, "ratings").design
    assert isinstance(design, RatingsDesign)
    (data,) = split_models(design)
    steepness = []
    with jax.enable_x64(True):
        work, here = _work(data, shape_of(design.structure, SPEC)), first_centre(data)
        for _ in range(10):
            posterior = work.refresh(here)
            steepness.append(float(jnp.abs(posterior.style.sum(0)).max()))
            curvature = style_curvature(work.ratings, posterior, here.style)
            here = em_step(posterior, here, curvature, work.prior_scales)
    assert max(steepness) == steepness[0]
    assert steepness[-1] < 0.1 * steepness[0]


def test_scenarios_are_grouped_by_what_they_lack() -> None:
    rng = np.random.default_rng(6)
    data = split_models(irregular_ratings(rng, rich=False))[0]
    group, observed = patterns(data)
    assert group.max() + 1 == len(observed)
    for s in range(len(data.scenarios)):
        rows = data.item_scenario == s
        states = (data.rating[rows] >= 0).any(0)
        seen = observed[group[s]].reshape(data.n_states, V)
        assert (seen[1:].any(1) == states[1:]).all()
