"""Hamiltonian Monte Carlo on the stand-ins, compiled once for every stand-in of one shape.

The parameters are few, nearly normal, and their scales are known from one stand-in when the next is
sampled. So the length of a trajectory need not be found anew at every step, as NUTS does: it is
drawn around a fixed length in units of those scales, which keeps trajectories from closing (Neal
2011, section 5.4.2.2; Hoffman, Radul and Sountsov 2021). All chains share step size and lengths, so
that they run in step on several cores. A step takes two gradients and is more than twice as long as
a leapfrog step of the same error (Blanes, Casas and Sanz-Serna 2014).

References
----------
Blanes, Casas, Sanz-Serna (2014). Numerical integrators for the hybrid Monte Carlo method. SIAM
Journal on Scientific Computing 36(4), A1556-A1580, section 4.
Hoffman, Radul, Sountsov (2021). An adaptive-MCMC scheme for setting trajectory lengths in
Hamiltonian Monte Carlo. AISTATS, PMLR 130, 3907-3915.
Neal (2011). MCMC using Hamiltonian dynamics. In Handbook of Markov Chain Monte Carlo, 113-162.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from numpyro.infer.util import constrain_fn, potential_energy

from vat_bayes.model.fast.centre import Surrogates, start
from vat_bayes.model.fast.density import OUT_OF_ORDER, Shape, surrogate_model
from vat_bayes.model.structure import Floats, Ints

# Transitions in one call of the compiled function.
_CHUNK = 10
# Chunks that adapt the scales of the parameters in a first run, and the step size in every run.
_SCALING, _STEPPING = (2, 4, 5), 3
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
# Times that a starting point is brought nearer to the middle.
_HALVINGS = 10
# Weight of the scales so far, in draws, when draws say something else.
_PRIOR_DRAWS = 10


@dataclass(frozen=True)
class State:
    """Where a run ended, for the next one to begin at.

    Parameters
    ----------
    position : ndarray, shape (chain, parameter)
        Unconstrained.
    value, gradient : ndarray, shape (chain,) and (chain, parameter)
        The potential there and its gradient.
    scale : ndarray, shape (parameter,)
    step : float
        Step size in units of the scales.
    run, slopes : ndarray, shape (chain, draw, parameter)
        The last draws and the gradients there, which the scales are learned from.
    """

    position: Floats
    value: Floats
    gradient: Floats
    scale: Floats
    step: float
    run: Floats
    slopes: Floats


class _Here(NamedTuple):
    """A position and the potential and its gradient there."""

    position: Array
    value: Array
    gradient: Array


class _Transition(NamedTuple):
    position: Array
    gradient: Array
    diverging: Array
    energy: Array
    n_steps: Array
    accept: Array


class Sampler:
    """Samples the density of `surrogate_model`.

    The library's own driver compiles anew for every data set and length, which takes longer than
    sampling. Here the data are an argument.

    Parameters
    ----------
    shape : Shape
    chains : int
    """

    def __init__(self, shape: Shape, chains: int) -> None:
        self.shape, self.chains = shape, chains
        self._unravel: Any = None
        self._size = 0
        model = partial(surrogate_model, shape)

        def potential(position: Array, surrogates: Surrogates) -> Array:
            value: Array = potential_energy(model, (surrogates,), {}, self._unravel(position))
            return value

        slope = jax.value_and_grad(potential)

        def advance(
            here: _Here, key: Array, surrogates: Surrogates, tuning: tuple[Array, Array, Array]
        ) -> tuple[_Here, _Transition]:
            scale, step, counts = tuning

            def kick(state: Any, share: float) -> Any:
                position, momentum, value, gradient = state
                return position, momentum - share * step * scale * gradient, value, gradient

            def drift(state: Any) -> Any:
                position, momentum, _, _ = state
                position = position + 0.5 * step * scale * momentum
                return position, momentum, *slope(position, surrogates)

            def leap(_: int, state: Any) -> Any:
                middle = kick(drift(kick(state, _OUTER)), 1.0 - 2.0 * _OUTER)
                return kick(drift(middle), _OUTER)

            def once(here: _Here, inputs: tuple[Array, Array]) -> tuple[_Here, _Transition]:
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
                return here, _Transition(*here[::2], wrong, energy, count, accept)

            end, kept = jax.lax.scan(once, here, (jax.random.split(key, _CHUNK), counts))
            return _Here(*end), kept

        def constrain(positions: Array, surrogates: Surrogates) -> Any:
            def one(row: Array) -> Any:
                parameters = self._unravel(row)
                return constrain_fn(model, (surrogates,), {}, parameters, return_deterministic=True)

            return jax.lax.map(one, positions)

        # Side by side where there is a device for each chain, else one after the other.
        if 1 < chains <= jax.local_device_count():
            self._advance: Any = jax.pmap(advance, in_axes=(0, 0, None, None))
        else:
            self._advance = jax.jit(
                lambda here, keys, surrogates, tuning: jax.lax.map(
                    lambda x: advance(x[0], x[1], surrogates, tuning), (here, keys)
                )
            )
        self._constrain = jax.jit(constrain)

    def __call__(
        self, surrogates: Surrogates, draws: int, *, seed: int, state: State | None = None
    ) -> tuple[dict[str, Floats], dict[str, Floats], State]:
        """Sample.

        Parameters
        ----------
        surrogates : tuple of Surrogate
        draws : int
            Per chain, after the warm-up.
        seed : int
        state : State, optional
            Where the run before this one ended; without it, the scales are found first.

        Returns
        -------
        dict of str to ndarray, shape (chain, draw, ...)
            The parameters, ``radius`` in place of ``coupling_scale``.
        dict of str to ndarray, shape (chain, draw)
            The sampler's statistics.
        State
            With the scales of these draws.
        """
        rng = np.random.default_rng(seed)
        # Of one kind, wherever they come from: another kind would compile everything once more.
        surrogates = jax.tree.map(lambda x: jnp.asarray(np.asarray(x)), surrogates)
        begin, scales = start(self.shape, surrogates)
        flat, self._unravel = ravel_pytree(begin)
        self._size = len(flat)
        if state is None:
            scale = np.asarray(ravel_pytree(scales)[0])
            noise = scale * rng.normal(size=(self.chains, self._size))
            state = self._begin(surrogates, np.asarray(flat), noise, scale=scale, step=0.25)
            for chunks in _SCALING:
                state = self._adapt(surrogates, state, chunks, rng)
                state = replace(state, scale=self._scales(state))
        else:
            middle, noise = state.position.copy(), np.zeros_like(state.position)
            moving = np.concatenate([self._places(f"means_{m}") for m in range(len(surrogates))])
            # Means and style are in units of the stand-in, about its centre.
            middle[:, moving] = 0.0
            noise[:, moving] = rng.normal(size=(self.chains, len(moving)))
            state = self._begin(surrogates, middle, noise, scale=state.scale, step=state.step)
        state = self._adapt(surrogates, state, _STEPPING, rng)
        parts = []
        for _ in range(0, draws, _CHUNK):
            state, part = self._chunk(surrogates, state, rng)
            parts.append(part)
        kept = _Transition(*(np.concatenate(x, 1)[:, :draws] for x in zip(*parts, strict=True)))
        state = replace(state, run=kept.position, slopes=kept.gradient)
        rows = jnp.asarray(kept.position.reshape(-1, len(flat)))
        parameters = {
            k: np.asarray(x).reshape(self.chains, draws, *x.shape[1:])
            for k, x in self._constrain(rows, surrogates).items()
            if k not in ("signed_scale", "towards") and not k.startswith("means_")
        }
        statistics = {
            "diverging": kept.diverging,
            "energy": kept.energy,
            "n_steps": kept.n_steps,
            "tree_depth": np.ceil(np.log2(kept.n_steps + 1)),
            "acceptance_rate": kept.accept,
        }
        return parameters, statistics, replace(state, scale=self._scales(state))

    def _begin(
        self, surrogates: Surrogates, middle: Floats, noise: Floats, *, scale: Floats, step: float
    ) -> State:
        """Start about a point, nearer to it where the density is not one's own to start in.

        Steps of no length compute value and gradient with the function that samples; another one
        would compile the density a second time. A value of infinity has the first of them taken.
        """
        keys = jax.random.split(jax.random.PRNGKey(0), self.chains)
        stay = (jnp.asarray(scale), jnp.asarray(np.zeros(())), jnp.asarray(np.ones(_CHUNK, int)))
        for _ in range(_HALVINGS):
            position = middle + noise
            unknown = jnp.asarray(np.full(self.chains, np.inf))
            still = np.zeros_like(position)
            here = _Here(jnp.asarray(position), unknown, jnp.asarray(still))
            (_, value, gradient), _ = self._advance(here, keys, surrogates, stay)
            outside = ~(np.asarray(value) < OUT_OF_ORDER)
            if not outside.any():
                break
            noise = np.where(outside[:, None], 0.5 * noise, noise)
        value, gradient = np.asarray(value), np.asarray(gradient)
        run, slopes = position[:, None], gradient[:, None]
        return State(position, value, gradient, scale, step, run, slopes)

    def _places(self, name: str) -> Ints:
        """Where the parameters of one name are in the flat vector."""
        named = self._unravel(jnp.arange(self._size, dtype=float))
        return np.asarray(named[name], int)

    def _scales(self, state: State) -> Floats:
        """Bring the scales of the parameters up to date with the last run.

        The scale of a parameter is the fourth root of its variance over that of its gradient, so
        that it is not long where the others hold the parameter in a narrow place; see
        `vat_bayes.model.metric`.
        """
        draws, slopes = state.run.copy(), state.slopes.copy()
        # The signs of these say nothing, and a chain may or may not have changed them.
        radius = self._places("radius")
        signed = self._places("signed_scale").ravel()
        towards = self._places("towards").reshape(len(radius), -1)
        for rows, sign in (
            (towards.ravel(), np.repeat(np.sign(draws[:, :, radius]), towards.shape[1], axis=2)),
            (radius, np.sign(draws[:, :, radius])),
            (signed, np.sign(draws[:, :, signed])),
        ):
            draws[:, :, rows] *= sign
            slopes[:, :, rows] *= sign
        n = draws.shape[0] * draws.shape[1]
        within, steep = draws.var(1).mean(0), slopes.var(1).mean(0)
        # Where nothing has moved nothing is learned.
        moved = (within > 0) & (steep > 0)
        found = np.sqrt(np.where(moved, within, 1.0) / np.where(moved, steep, 1.0))
        both = (n * found + _PRIOR_DRAWS * state.scale**2) / (n + _PRIOR_DRAWS)
        return np.where(moved, np.sqrt(both), state.scale)

    def _adapt(
        self, surrogates: Surrogates, state: State, chunks: int, rng: np.random.Generator
    ) -> State:
        """Advance, and bring the share of accepted trajectories to its target."""
        parts: list[_Transition] = []
        steps = []
        for j in range(chunks):
            state, part = self._chunk(surrogates, state, rng)
            missed = float(part.accept.mean()) - _ACCEPTED
            # Robbins and Monro: corrections that become smaller.
            state = replace(state, step=state.step * np.exp(missed * 2.0 / np.sqrt(1 + j)))
            parts.append(part)
            steps.append(np.log(state.step))
        settled = float(np.exp(np.mean(steps[len(steps) // 2 :])))
        run, slopes = (np.concatenate(x, 1) for x in list(zip(*parts, strict=True))[:2])
        return replace(state, run=run, slopes=slopes, step=settled)

    def _chunk(
        self, surrogates: Surrogates, state: State, rng: np.random.Generator
    ) -> tuple[State, _Transition]:
        keys = jax.random.split(jax.random.PRNGKey(rng.integers(2**31)), self.chains)
        lengths = _LENGTH * rng.uniform(1 - _JITTER, 1 + _JITTER, _CHUNK)
        counts = np.clip(np.round(lengths / state.step), 1, _MOST_STEPS).astype(int)
        step = jnp.asarray(np.asarray(state.step, float))
        tuning = (jnp.asarray(state.scale), step, jnp.asarray(counts))
        here = _Here(*(jnp.asarray(x) for x in (state.position, state.value, state.gradient)))
        here, out = self._advance(here, keys, surrogates, tuning)
        position, value, gradient = (np.asarray(x) for x in here)
        state = replace(state, position=position, value=value, gradient=gradient)
        return state, _Transition(*(np.asarray(x) for x in out))
