"""Hamiltonian Monte Carlo with trajectories of a set length, compiled once for data of one shape.

Where the scales of the parameters can be had, the length of a trajectory need not be found anew at
every step, as NUTS does: it is drawn around a fixed length in units of those scales, which keeps
trajectories from closing (Neal 2011, section 5.4.2.2; Hoffman, Radul and Sountsov 2021). All chains
share step size and lengths, so that they run in step on several cores. A step takes two gradients
and is more than twice as long as a leapfrog step of the same error (Blanes, Casas and Sanz-Serna
2014).

References
----------
Blanes, Casas, Sanz-Serna (2014). Numerical integrators for the hybrid Monte Carlo method. SIAM
Journal on Scientific Computing 36(4), A1556-A1580, section 4.
Hoffman, Radul, Sountsov (2021). An adaptive-MCMC scheme for setting trajectory lengths in
Hamiltonian Monte Carlo. AISTATS, PMLR 130, 3907-3915.
Neal (2011). MCMC using Hamiltonian dynamics. In Handbook of Markov Chain Monte Carlo, 113-162.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vat_bayes.model.structure import Floats

# Transitions in one call of the compiled function.
_CHUNK = 10
# Length of a trajectory in units of the parameters' scales, and how far it is drawn about that.
_LENGTH, _JITTER = 2.0, 0.4
_MOST_STEPS = 64
# Share of a step that is the first kick of the momentum, and the last: the one that keeps the
# largest error of the energy of a normal density lowest up to steps of twice its sd.
_OUTER = 0.21178
# Share of trajectories that are accepted; the best one is higher than that of single steps.
_ACCEPTED = 0.75
# Energy lost on a trajectory from which it counts as divergent, as in Stan.
_DIVERGENT = 1000.0
# Weight of the scales so far, in draws, when draws say something else.
_PRIOR_DRAWS = 10


class Metric(NamedTuple):
    """Scales of the parameters.

    ``root (q, q)`` is a factor of the covariance of the first q, which may be none, and ``scale
    (parameter - q,)`` are those of the rest.
    """

    root: Floats
    scale: Floats


@dataclass(frozen=True)
class State:
    """Where a run ended, for the next one to begin at.

    Parameters
    ----------
    position : ndarray, shape (chain, parameter)
        Unconstrained.
    value, gradient : ndarray, shape (chain,) and (chain, parameter)
        The potential there and its gradient.
    metric : Metric
    step : float
        Step size in units of the scales.
    run, slopes : ndarray, shape (chain, draw, parameter)
        The last draws and the gradients there, which the scales are learned from.
    """

    position: Floats
    value: Floats
    gradient: Floats
    metric: Metric
    step: float
    run: Floats
    slopes: Floats


class Transition(NamedTuple):
    """Draws with what is known of the trajectories to them, leading axes (chain, draw)."""

    position: Any
    gradient: Any
    diverging: Any
    energy: Any
    n_steps: Any
    accept: Any

    def statistics(self) -> dict[str, Floats]:
        """Return the sampler's statistics by their usual names."""
        return {
            "diverging": self.diverging,
            "energy": self.energy,
            "n_steps": self.n_steps,
            "tree_depth": np.ceil(np.log2(self.n_steps + 1)),
            "acceptance_rate": self.accept,
        }


class _Here(NamedTuple):
    """A position and the potential and its gradient there."""

    position: Array
    value: Array
    gradient: Array


class Walker:
    """Walks chains over a density.

    Parameters
    ----------
    slope : callable
        ``slope(position, data)`` returns the potential at one position and its gradient. The data
        are an argument, so that all of one shape share what is compiled.
    chains : int
    """

    def __init__(self, slope: Callable[[Array, Any], tuple[Array, Array]], chains: int) -> None:
        self.chains = chains

        def advance(
            here: _Here, key: Array, data: Any, tuning: tuple[Metric, Array, Array]
        ) -> tuple[_Here, Transition]:
            (root, scale), step, counts = tuning
            q = root.shape[0]

            def kick(state: Any, share: float) -> Any:
                position, momentum, value, gradient = state
                pull = jnp.concatenate([gradient[:q] @ root, scale * gradient[q:]])
                return position, momentum - share * step * pull, value, gradient

            def drift(state: Any) -> Any:
                position, momentum, _, _ = state
                move = jnp.concatenate([root @ momentum[:q], scale * momentum[q:]])
                position = position + 0.5 * step * move
                return position, momentum, *slope(position, data)

            def leap(_: int, state: Any) -> Any:
                middle = kick(drift(kick(state, _OUTER)), 1.0 - 2.0 * _OUTER)
                return kick(drift(middle), _OUTER)

            def once(here: _Here, inputs: tuple[Array, Array]) -> tuple[_Here, Transition]:
                key, count = inputs
                momentum = jax.random.normal(key, here.position.shape)
                energy = here.value + 0.5 * (momentum**2).sum()
                begin = (here.position, momentum, here.value, here.gradient)
                position, momentum, value, gradient = jax.lax.fori_loop(0, count, leap, begin)
                lost = value + 0.5 * (momentum**2).sum() - energy
                lost = jnp.where(jnp.isnan(lost), jnp.inf, lost)
                accept = jnp.minimum(1.0, jnp.exp(-lost))
                taken = jax.random.uniform(jax.random.fold_in(key, 1)) < accept
                there = _Here(position, value, gradient)
                here = jax.tree.map(partial(jnp.where, taken), there, here)
                wrong = lost > _DIVERGENT
                return here, Transition(*here[::2], wrong, energy, count, accept)

            end, kept = jax.lax.scan(once, here, (jax.random.split(key, _CHUNK), counts))
            return _Here(*end), kept

        # Side by side where there is a device for each chain, else one after the other.
        if 1 < chains <= jax.local_device_count():
            self._advance: Any = jax.pmap(advance, in_axes=(0, 0, None, None))
        else:
            self._advance = jax.jit(
                lambda here, keys, data, tuning: jax.lax.map(
                    lambda x: advance(x[0], x[1], data, tuning), (here, keys)
                )
            )

    def begin(self, data: Any, position: Floats, metric: Metric, step: float) -> State:
        """Start at given positions.

        Steps of no length compute value and gradient with the function that samples; another one
        would compile the density a second time. A value of infinity has the first of them taken.

        Parameters
        ----------
        data : pytree of Array
        position : ndarray, shape (chain, parameter)
        metric : Metric
        step : float

        Returns
        -------
        State
        """
        keys = jax.random.split(jax.random.PRNGKey(0), self.chains)
        unknown, still = np.full(self.chains, np.inf), np.zeros_like(position)
        here = _Here(*(jnp.asarray(x) for x in (position, unknown, still)))
        (_, value, gradient), _ = self._advance(
            here, keys, data, _tuning(metric, 0.0, np.ones(_CHUNK, int))
        )
        value, gradient = np.asarray(value), np.asarray(gradient)
        return State(position, value, gradient, metric, step, position[:, None], gradient[:, None])

    def adapt(self, data: Any, state: State, chunks: int, rng: np.random.Generator) -> State:
        """Advance, and bring the share of accepted trajectories to its target.

        Parameters
        ----------
        data : pytree of Array
        state : State
        chunks : int
            Of ten transitions each.
        rng : Generator

        Returns
        -------
        State
        """
        parts: list[Transition] = []
        steps = []
        for j in range(chunks):
            state, part = self._chunk(data, state, rng)
            missed = float(part.accept.mean()) - _ACCEPTED
            # Robbins and Monro: corrections that become smaller.
            state = replace(state, step=state.step * np.exp(missed * 2.0 / np.sqrt(1 + j)))
            parts.append(part)
            steps.append(np.log(state.step))
        settled = float(np.exp(np.mean(steps[len(steps) // 2 :])))
        run, slopes = (np.concatenate(x, 1) for x in list(zip(*parts, strict=True))[:2])
        return replace(state, run=run, slopes=slopes, step=settled)

    def draw(
        self,
        data: Any,
        state: State,
        draws: int,
        rng: np.random.Generator,
        tell: Callable[[int], None] = lambda done: None,
    ) -> tuple[State, Transition]:
        """Sample with everything held.

        Parameters
        ----------
        data : pytree of Array
        state : State
        draws : int
            Per chain.
        rng : Generator
        tell : callable
            Is told the number of draws so far.

        Returns
        -------
        State
        Transition
        """
        parts = []
        for done in range(0, draws, _CHUNK):
            state, part = self._chunk(data, state, rng)
            parts.append(part)
            tell(min(done + _CHUNK, draws))
        kept = Transition(*(np.concatenate(x, 1)[:, :draws] for x in zip(*parts, strict=True)))
        return replace(state, run=kept.position, slopes=kept.gradient), kept

    def _chunk(self, data: Any, state: State, rng: np.random.Generator) -> tuple[State, Transition]:
        keys = jax.random.split(jax.random.PRNGKey(rng.integers(2**31)), self.chains)
        lengths = _LENGTH * rng.uniform(1 - _JITTER, 1 + _JITTER, _CHUNK)
        counts = np.clip(np.round(lengths / state.step), 1, _MOST_STEPS).astype(int)
        here = _Here(*(jnp.asarray(x) for x in (state.position, state.value, state.gradient)))
        here, out = self._advance(here, keys, data, _tuning(state.metric, state.step, counts))
        position, value, gradient = (np.asarray(x) for x in here)
        state = replace(state, position=position, value=value, gradient=gradient)
        return state, Transition(*(np.asarray(x) for x in out))


def _tuning(metric: Metric, step: float, counts: Any) -> tuple[Metric, Array, Array]:
    # All of NumPy's types: those of Python's numbers would compile everything once more.
    return (
        Metric(*map(jnp.asarray, metric)),
        jnp.asarray(np.asarray(step, float)),
        jnp.asarray(counts),
    )


def learn_scales(metric: Metric, run: Floats, slopes: Floats) -> Metric:
    """Bring the scales of all but the first parameters up to date with the last run.

    The scale of a parameter is the fourth root of its variance over that of its gradient, so that
    it is not long where the others hold the parameter in a narrow place; see
    `vat_bayes.model.metric`.

    Parameters
    ----------
    metric : Metric
    run, slopes : ndarray, shape (chain, draw, parameter)

    Returns
    -------
    Metric
    """
    rest = slice(len(metric.root), None)
    n = run.shape[0] * run.shape[1]
    within, steep = run[:, :, rest].var(1).mean(0), slopes[:, :, rest].var(1).mean(0)
    # Where nothing has moved nothing is learned.
    moved = (within > 0) & (steep > 0)
    found = np.sqrt(np.where(moved, within, 1.0) / np.where(moved, steep, 1.0))
    both = (n * found + _PRIOR_DRAWS * metric.scale**2) / (n + _PRIOR_DRAWS)
    return metric._replace(scale=np.where(moved, np.sqrt(both), metric.scale))
