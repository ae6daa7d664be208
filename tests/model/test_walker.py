"""The fast engine's own walk, on densities that are known."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from vat_bayes.model.fast.walker import Metric, State, Transition, Walker, learn_scales

MIDDLE = np.array([1.0, -2.0, 0.5, 3.0, 0.0])
ROOT = np.array(
    [
        [0.1, 0.0, 0.0, 0.0, 0.0],
        [0.9, 0.3, 0.0, 0.0, 0.0],
        [0.0, 0.0, 2.0, 0.0, 0.0],
        [0.0, 0.1, 0.0, 0.02, 0.0],
        [0.0, 0.0, 0.5, 0.0, 1.0],
    ]
)
COVARIANCE = ROOT @ ROOT.T
PRECISION = np.linalg.inv(COVARIANCE)


def slope(position: Array, middle: Array) -> tuple[Array, Array]:
    """Potential of the normal density with that middle, and its gradient."""
    about = position - middle
    pull = PRECISION @ about
    return 0.5 * about @ pull, pull


def walk(chains: int, draws: int, metric: Metric, seed: int = 0) -> tuple[State, Transition]:
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        walker, middle = Walker(slope, chains), jnp.asarray(MIDDLE)
        position = MIDDLE + rng.normal(size=(chains, 5)) @ ROOT.T
        state = walker.begin(middle, position, metric, 0.5)
        state = walker.adapt(middle, state, 4, rng)
        return walker.draw(middle, state, draws, rng)


def own_scales(first: int) -> Metric:
    """The covariance of the first parameters and the sds of the rest."""
    root = np.linalg.cholesky(COVARIANCE[:first, :first])
    return Metric(root, np.sqrt(np.diag(COVARIANCE))[first:])


@pytest.mark.parametrize(("chains", "first"), [(2, 0), (1, 2), (2, 5)])
def test_draws_have_the_moments_of_the_density(chains: int, first: int) -> None:
    metric = own_scales(first)
    if not first:
        # The fourth parameter is narrow given the second, which a scale of its own must heed.
        wide, narrow = np.diag(COVARIANCE), np.diag(PRECISION) ** -1
        metric = Metric(np.zeros((0, 0)), (wide * narrow) ** 0.25)
    _, kept = walk(chains, 4000, metric)
    flat = kept.position.reshape(-1, 5)
    assert kept.position.shape == (chains, 4000, 5)
    white = (flat - MIDDLE) @ np.linalg.inv(ROOT).T
    # Trajectories of such lengths are worth a draw at least every fifty.
    n = len(white) / 50
    np.testing.assert_allclose(white.mean(0), 0.0, atol=4 / np.sqrt(n))
    np.testing.assert_allclose(np.cov(white.T), np.eye(5), atol=4 * np.sqrt(2 / n))
    assert not kept.diverging.any()
    assert kept.accept.mean() > 0.55


def test_same_seed_same_draws_and_other_data_other_draws() -> None:
    (_, one), (_, again), (_, other) = (walk(2, 20, own_scales(2), s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.position, again.position)
    assert not np.array_equal(one.position, other.position)


def test_gradients_are_those_at_the_draws() -> None:
    state, kept = walk(2, 30, own_scales(2))
    expected = (kept.position - MIDDLE) @ PRECISION
    np.testing.assert_allclose(kept.gradient, expected, atol=1e-9)
    np.testing.assert_array_equal(state.position, kept.position[:, -1])


def test_long_steps_lose_less_energy_than_leapfrog_steps_of_the_same_price() -> None:
    """Steps of 1.2 sds, two gradients each, against leapfrog steps of 0.6."""
    rng = np.random.default_rng(3)
    size = 200
    with jax.enable_x64(True):
        walker = Walker(lambda x, data: (0.5 * (x**2).sum() + data, x), 1)
        state = walker.begin(
            jnp.zeros(()), rng.normal(size=(1, size)), Metric(np.zeros((0, 0)), np.ones(size)), 1.2
        )
        _, kept = walker.draw(jnp.zeros(()), state, 200, rng)
    position, momentum = rng.normal(size=(2, 200, size))
    before = 0.5 * (position**2 + momentum**2).sum(1)
    for _ in range(4):
        momentum = momentum - 0.3 * position
        position = position + 0.6 * momentum
        momentum = momentum - 0.3 * position
    lost = 0.5 * (position**2 + momentum**2).sum(1) - before
    assert kept.accept.mean() > np.minimum(1.0, np.exp(-lost)).mean() + 0.1


def test_scales_are_learned_from_draws_and_gradients() -> None:
    rng = np.random.default_rng(4)
    run = MIDDLE + rng.normal(size=(2, 20_000, 5)) @ ROOT.T
    slopes = (run - MIDDLE) @ PRECISION
    metric = learn_scales(Metric(np.eye(2), np.full(3, 0.1)), run, slopes)
    expected = (np.diag(COVARIANCE) / np.diag(PRECISION)) ** 0.25
    np.testing.assert_allclose(metric.scale, expected[2:], rtol=0.05)
    np.testing.assert_array_equal(metric.root, np.eye(2))


def test_what_has_not_moved_keeps_its_scale() -> None:
    still: Any = np.zeros((2, 10, 3))
    metric = learn_scales(Metric(np.zeros((0, 0)), np.array([0.1, 1.0, 7.0])), still, still)
    np.testing.assert_array_equal(metric.scale, [0.1, 1.0, 7.0])


def test_trajectories_are_not_all_of_one_length() -> None:
    with jax.enable_x64(True):
        walker, middle = Walker(slope, 1), jnp.asarray(MIDDLE)
        state = walker.begin(middle, MIDDLE[None], own_scales(2), 0.05)
        _, kept = walker.draw(middle, state, 200, np.random.default_rng(0))
    steps = kept.n_steps
    # Varied by two fifths to either side: ratios up to 7 to 3.
    assert steps.max() / steps.min() == pytest.approx(7 / 3, rel=0.1)
