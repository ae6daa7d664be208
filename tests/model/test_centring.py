"""Coordinates of the random effects of ratings, against SciPy and the reference likelihood."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer.util import constrain_fn, potential_energy, unconstrain_fn
from scipy.stats import norm
from simulated_studies import (
    V,
    factorial_structure,
    irregular_structure,
    natural_parameters,
    raw_parameters,
)

from vat_bayes.model.backends.numpyro_effects import scaled_normals, standard_normals
from vat_bayes.model.centring import Centring, guess_centring
from vat_bayes.model.ratings import RatingsDesign, draw_counts, log_likelihood

RNG = np.random.default_rng(5)
MATRIX = np.tril(RNG.normal(size=(2, 3, 3)))
OF_SCENARIOS = Centring(RNG.normal(size=(2, 4, 3)), RNG.uniform(0, 5, (2, 4, 3)))
OF_REPEATS = Centring(RNG.normal(size=(3, 5)), RNG.uniform(0, 9, (3, 5)))


def effects_of_scenarios() -> None:
    length = numpyro.sample("length", dist.Normal())
    standard_normals("x", jnp.exp(length) * MATRIX, OF_SCENARIOS)


def effects_of_repeats() -> None:
    length = numpyro.sample("length", dist.Normal())
    scaled_normals("x", jnp.exp(length), OF_REPEATS)


def quadratic(which: str, length: float, x: np.ndarray) -> float:
    """Log-likelihood that a centring stands for, to second order about zero."""
    if which == "repeats":
        e = np.exp(length) * x
        return float((OF_REPEATS.score * e - 0.5 * OF_REPEATS.information * e**2).sum())
    total = 0.0
    for arm, scenario in np.ndindex(2, 4):
        e = np.exp(length) * MATRIX[arm] @ x[arm, scenario]
        total += OF_SCENARIOS.score[arm, scenario] @ e
        # A scenario is known as well as all are on average.
        total -= 0.5 * OF_SCENARIOS.information[arm].mean(0) @ e**2
    return float(total)


@pytest.mark.parametrize("which", ["scenarios", "repeats"])
def test_other_coordinates_of_the_same_density(which: str) -> None:
    model = effects_of_scenarios if which == "scenarios" else effects_of_repeats
    shape = (2, 4, 3) if which == "scenarios" else (3, 5)
    with jax.enable_x64(True):
        for length in (-3.0, 0.0, 2.0):
            at = {"length": np.array(length), "x": RNG.normal(size=shape)}
            x = np.asarray(constrain_fn(model, (), {}, at)["x"])
            unit = np.asarray(
                jax.jacobian(lambda z, at=at: constrain_fn(model, (), {}, at | {"x": z})["x"])(
                    at["x"]
                )
            ).reshape(x.size, x.size)
            density = norm.logpdf(length) + norm.logpdf(x).sum()
            expected = density + np.linalg.slogdet(unit)[1]
            assert -float(potential_energy(model, (), {}, at)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("which", ["scenarios", "repeats"])
def test_given_the_scales_they_are_standard_normal_under_the_likelihood_guessed(which: str) -> None:
    model = effects_of_scenarios if which == "scenarios" else effects_of_repeats
    shape = (2, 4, 3) if which == "scenarios" else (3, 5)
    with jax.enable_x64(True):
        for length in (-2.0, 0.0, 1.0):
            left = []
            for _ in range(3):
                z = RNG.normal(size=shape)
                at = {"length": np.array(length), "x": z}
                x = np.asarray(constrain_fn(model, (), {}, at)["x"])
                energy = float(potential_energy(model, (), {}, at))
                left.append(-energy + quadratic(which, length, x) - norm.logpdf(z).sum())
            # Whatever is left depends on the scale alone.
            np.testing.assert_allclose(left, left[0], rtol=1e-9)


@pytest.mark.parametrize("which", ["scenarios", "repeats"])
def test_coordinates_of_given_effects_give_these_effects(which: str) -> None:
    model = effects_of_scenarios if which == "scenarios" else effects_of_repeats
    shape = (2, 4, 3) if which == "scenarios" else (3, 5)
    with jax.enable_x64(True):
        given = {"length": np.array(0.7), "x": RNG.normal(size=shape)}
        at = unconstrain_fn(model, (), {}, given)
        assert not np.allclose(at["x"], given["x"])
        back = constrain_fn(model, (), {}, at)
        np.testing.assert_allclose(back["x"], given["x"], rtol=1e-9)


def rated(replicates: int) -> tuple[RatingsDesign, dict[str, np.ndarray]]:
    """Draw ratings and the parameters behind them."""
    rng = np.random.default_rng(11)
    s = factorial_structure(30)
    raw = raw_parameters(s, rng, "ratings")
    raw["u_scale"] = np.full((2, V), 0.8)
    raw["alpha_scale"] = raw["kappa_scale"] = np.array([0.8])
    if replicates > 1:
        raw |= {
            "repeat_scale": np.array([0.7]),
            "repeat_raw": rng.normal(size=(s.n_states, len(s.items))),
        }
    state, item = (x.ravel() for x in np.indices((s.n_states, len(s.items))))
    k = s.n_categories
    one_each = RatingsDesign(s, state, item, np.zeros_like(state), np.zeros((len(state), k), int))
    truth = natural_parameters(s, raw)
    counts = []
    for category in range(k):
        counts.append(replicates * np.eye(k, dtype=int)[np.full(len(state), category)])
    probability = np.exp(
        [
            log_likelihood(RatingsDesign(s, state, item, one_each.cell_prompt, c), truth)
            / replicates
            for c in counts
        ]
    ).T
    n = np.full(len(state), replicates)
    drawn = draw_counts(rng, n, probability[None])[0]
    return RatingsDesign(s, state, item, one_each.cell_prompt, drawn), truth


def slope_and_curvature(
    design: RatingsDesign, truth: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """First two derivatives of the reference in every effect, about zero, the rest being true."""
    s = design.structure
    about = truth | {"u": np.zeros_like(truth["u"])}
    step = 1e-3
    low, middle, high = (
        log_likelihood(design, about | {"beta": truth["beta"] + h}) for h in (-step, 0.0, step)
    )
    slope, bend = (high - low) / (2 * step), (high - 2 * middle + low) / step**2
    total = np.zeros((s.n_states, len(s.scenarios), V))
    curvature = np.zeros_like(total)
    where = (design.cell_state, s.item_scenario[design.cell_item])
    np.add.at(total, where, s.loading[design.cell_item] * slope[:, None])
    np.add.at(curvature, where, s.loading[design.cell_item] ** 2 * bend[:, None])
    return total[1:], -curvature[1:]


def test_the_guess_is_near_the_reference_likelihood() -> None:
    design, truth = rated(1)
    found = guess_centring(design).scenario
    slope, curvature = slope_and_curvature(design, truth)
    ratio = found.information.mean(1) / curvature.mean(1)
    assert (ratio > 0.6).all() and (ratio < 1.8).all()
    assert np.corrcoef(found.score.ravel(), slope.ravel())[0, 1] > 0.75


@pytest.mark.parametrize("replicates", [1, 8])
def test_the_guess_predicts_the_effects(replicates: int) -> None:
    design, truth = rated(replicates)
    found = guess_centring(design)
    for part, variance, effect in (
        (found.scenario, 0.8**2, truth["u"]),
        (found.repeat, 0.7**2, truth.get("repeat")),
    ):
        if effect is None:
            continue
        mean = variance * part.score / (1 + variance * part.information)
        # Of a best linear predictor, the slope of what is predicted is one.
        assert 0.6 < (mean * effect).sum() / (mean**2).sum() < 1.4
        assert np.corrcoef(mean.ravel(), effect.ravel())[0, 1] > 0.4


def test_the_effect_of_a_condition_is_not_in_the_guess() -> None:
    design, truth = rated(1)
    assert np.abs(truth["delta"]).max() > 0.9
    found = guess_centring(design).scenario
    np.testing.assert_allclose(found.score.mean(1), 0, atol=1e-9)


def test_what_the_states_have_in_common_is_not_in_the_guess() -> None:
    design, truth = rated(1)
    # The intercepts are as large as the effects, which arms do not share.
    assert truth["intercept"].std() > truth["u"].std()
    one, other = guess_centring(design).scenario.score.reshape(2, -1)
    # With the intercepts it is .26; their prediction takes a little of every arm's own with it.
    assert -0.2 < np.corrcoef(one, other)[0, 1] < 0.05


def shared_pair_by_pair(design: RatingsDesign) -> float:
    """What repeats share in units of logits squared, from every pair of one model's ratings."""
    s = design.structure
    cell, category = np.nonzero(design.counts)
    times = design.counts[cell, category]
    cell, category = np.repeat(cell, times), np.repeat(category, times)
    state, item = design.cell_state[cell], design.cell_item[cell]
    share = np.bincount(category, minlength=s.n_categories) + 0.5
    share /= share.sum()
    ridit = np.cumsum(share) - share / 2
    score = 2 * ridit[category] - 1
    information = (share * (2 * ridit - 1) ** 2).sum()
    first = np.argmax(s.loading[item] != 0, axis=1)
    sign = s.loading[item, first] > 0
    group = np.unique(np.stack([state, first, sign]), axis=1, return_inverse=True)[1].ravel()
    score = score - (np.bincount(group, score) / np.bincount(group))[group]
    weighted = s.loading[item] * score[:, None]
    places = np.where(s.loading[item] != 0, s.loading[item] ** 2, 0)
    scenario = s.item_scenario[item]
    same_state, same_item = (x[:, None] == x[None] for x in (state, item))
    self = np.eye(len(score), dtype=bool)
    near = ~same_item & (scenario[:, None] == scenario[None])
    one = np.outer(score, score)

    def mean(products: np.ndarray, pairs: np.ndarray, which: np.ndarray) -> float:
        return float(products[which].sum() / pairs[which].sum())

    both, many = weighted @ weighted.T, places @ places.T
    found = (
        mean(one, np.ones_like(one), same_item & same_state & ~self)
        - mean(one, np.ones_like(one), same_item & ~same_state)
        - mean(both, many, near & same_state)
        + mean(both, many, near & ~same_state)
    )
    return found / information**2


def test_what_repeats_share_is_that_of_all_pairs_of_ratings() -> None:
    rng = np.random.default_rng(2)
    s = irregular_structure(rng)
    own = dataclasses.replace(s, models=("a",), arms=s.arms[:2])
    state, item = (x.ravel() for x in np.indices((own.n_states, len(own.items))))
    # What is shared is made to be there: an item is mostly rated the same in one state.
    favourite = rng.integers(0, 5, len(state))
    probability = 0.08 + 0.6 * np.eye(5)[favourite]
    counts = draw_counts(rng, rng.integers(1, 5, len(state)), probability[None])[0]
    design = RatingsDesign(own, state, item, np.zeros_like(state), counts)
    expected = shared_pair_by_pair(design)
    assert expected > 0.05
    found = guess_centring(design)
    repeat = found.repeat.information
    discounted = repeat / (1 + expected * repeat)
    total = np.zeros((own.n_states, len(own.scenarios), V))
    for i, scenario in enumerate(own.item_scenario):
        total[:, scenario] += own.loading[i] ** 2 * discounted[:, i, None]
    np.testing.assert_allclose(found.scenario.information, total[1:], rtol=1e-6)


@pytest.mark.parametrize("items", [1, 20])
def test_ratings_that_say_nothing_have_a_guess(items: int) -> None:
    s = factorial_structure(1)
    state, item = (x.ravel() for x in np.indices((s.n_states, items)))
    counts = np.zeros((len(state), s.n_categories), int)
    counts[:, 4] = 2
    found = guess_centring(RatingsDesign(s, state, item, np.zeros_like(state), counts))
    for part in (found.scenario, found.repeat):
        assert np.isfinite(part.score).all() and np.isfinite(part.information).all()
        assert (part.information >= 0).all()
        assert np.abs(part.score).max() < 1e-9
