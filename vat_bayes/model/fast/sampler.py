"""The sampler of the stand-ins, compiled once for every stand-in of one shape.

The parameters are few, nearly normal, and their scales are known from one stand-in when the next is
sampled; see `vat_bayes.model.fast.walker`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from numpyro.infer.util import constrain_fn, potential_energy

from vat_bayes.model.fast.centre import Surrogates, start
from vat_bayes.model.fast.density import OUT_OF_ORDER, Shape, surrogate_model
from vat_bayes.model.fast.walker import Metric, State, Walker, learn_scales
from vat_bayes.model.structure import Floats, Ints

# Chunks that adapt the scales of the parameters in a first run, and the step size in every run.
_SCALING, _STEPPING = (2, 4, 5), 3
# Step size that a first run begins with.
_FIRST_STEP = 0.25
# Times that a starting point is brought nearer to the middle.
_HALVINGS = 10


class Sampler:
    """Samples the density of `surrogate_model`.

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

        def constrain(positions: Array, surrogates: Surrogates) -> Any:
            def one(row: Array) -> Any:
                parameters = self._unravel(row)
                return constrain_fn(model, (surrogates,), {}, parameters, return_deterministic=True)

            return jax.lax.map(one, positions)

        self._walker = Walker(jax.value_and_grad(potential), chains)
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
            metric = Metric(np.zeros((0, 0)), scale)
            state = self._begin(surrogates, np.asarray(flat), noise, metric, _FIRST_STEP)
            for chunks in _SCALING:
                state = self._learn(self._walker.adapt(surrogates, state, chunks, rng))
        else:
            middle, noise = state.position.copy(), np.zeros_like(state.position)
            moving = np.concatenate([self._places(f"means_{m}") for m in range(len(surrogates))])
            # Means and style are in units of the stand-in, about its centre.
            middle[:, moving] = 0.0
            noise[:, moving] = rng.normal(size=(self.chains, len(moving)))
            state = self._begin(surrogates, middle, noise, state.metric, state.step)
        state = self._walker.adapt(surrogates, state, _STEPPING, rng)
        state, kept = self._walker.draw(surrogates, state, draws, rng)
        rows = jnp.asarray(kept.position.reshape(-1, len(flat)))
        parameters = {
            k: np.asarray(x).reshape(self.chains, draws, *x.shape[1:])
            for k, x in self._constrain(rows, surrogates).items()
            if k not in ("signed_scale", "towards") and not k.startswith("means_")
        }
        return parameters, kept.statistics(), self._learn(state)

    def _begin(
        self, surrogates: Surrogates, middle: Floats, noise: Floats, metric: Metric, step: float
    ) -> State:
        """Start about a point, nearer to it where the density is not one's own to start in."""
        for _ in range(_HALVINGS):
            state = self._walker.begin(surrogates, middle + noise, metric, step)
            outside = ~(state.value < OUT_OF_ORDER)
            if not outside.any():
                break
            noise = np.where(outside[:, None], 0.5 * noise, noise)
        return state

    def _places(self, name: str) -> Ints:
        """Where the parameters of one name are in the flat vector."""
        named = self._unravel(jnp.arange(self._size, dtype=float))
        return np.asarray(named[name], int)

    def _learn(self, state: State) -> State:
        """Bring the scales of the parameters up to date with the last run."""
        run, slopes = state.run.copy(), state.slopes.copy()
        # The signs of these say nothing, and a chain may or may not have changed them.
        radius = self._places("radius")
        signed = self._places("signed_scale").ravel()
        towards = self._places("towards").reshape(len(radius), -1)
        for rows, sign in (
            (towards.ravel(), np.repeat(np.sign(run[:, :, radius]), towards.shape[1], axis=2)),
            (radius, np.sign(run[:, :, radius])),
            (signed, np.sign(run[:, :, signed])),
        ):
            run[:, :, rows] *= sign
            slopes[:, :, rows] *= sign
        return replace(state, metric=learn_scales(state.metric, run, slopes))
