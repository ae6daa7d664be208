"""NUTS on the stand-ins, compiled once for every stand-in of one shape."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from numpyro.infer.hmc import hmc
from numpyro.infer.util import constrain_fn, potential_energy

from vat_bayes.model.fast.centre import start
from vat_bayes.model.fast.density import Shape, surrogate_model
from vat_bayes.model.fast.surrogate import Surrogate
from vat_bayes.model.structure import Floats

# Warm-up steps. The parameters are sampled nearly independent, so few are needed.
TUNE = 300
# Transitions in one call of the compiled function.
_CHUNK = 50

Surrogates = tuple[Surrogate, ...]


class Sampler:
    """Samples the density of `surrogate_model`.

    The library's own driver compiles anew for every data set and length, which takes longer than
    sampling. Here its kernel is called in chunks of one length with the data as an argument.

    Parameters
    ----------
    shape : Shape
    chains : int
    target_accept : float
    """

    def __init__(self, shape: Shape, chains: int, target_accept: float) -> None:
        self.shape, self.chains = shape, chains
        self._unravel: Any = None
        model = partial(surrogate_model, shape)

        def potential(surrogates: Surrogates) -> Any:
            return lambda z: potential_energy(model, (surrogates,), {}, self._unravel(z))

        first, step = hmc(potential_fn_gen=potential, algo="NUTS")

        def begin(z: Array, key: Array, surrogates: Surrogates) -> Any:
            return first(
                z, TUNE, target_accept_prob=target_accept, model_args=(surrogates,), rng_key=key
            )

        def advance(state: Any, surrogates: Surrogates) -> Any:
            def once(state: Any, _: None) -> Any:
                new = step(state, (surrogates,))
                return new, (
                    new.z, new.diverging, new.energy, new.num_steps, new.accept_prob,
                )  # fmt: skip

            return jax.lax.scan(once, state, None, length=_CHUNK)

        def constrain(z: Array, surrogates: Surrogates) -> Any:
            def one(row: Array) -> Any:
                parameters = self._unravel(row)
                return constrain_fn(model, (surrogates,), {}, parameters, return_deterministic=True)

            return jax.lax.map(one, z)

        # Side by side where there is a device for each chain, else one after the other.
        self._parallel = 1 < chains <= jax.local_device_count()
        if self._parallel:
            self._begin: Any = jax.pmap(begin, in_axes=(0, 0, None))
            self._advance: Any = jax.pmap(advance, in_axes=(0, None))
        else:
            self._begin, self._advance = jax.jit(begin), jax.jit(advance)
        self._constrain = jax.jit(constrain)

    def __call__(
        self, surrogates: Surrogates, draws: int, *, seed: int
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Sample.

        Parameters
        ----------
        surrogates : tuple of Surrogate
        draws : int
            Per chain, after the warm-up.
        seed : int

        Returns
        -------
        dict of str to ndarray, shape (chain, draw, ...)
            The parameters.
        dict of str to ndarray, shape (chain, draw)
            The sampler's statistics.
        """
        begin, self._unravel = ravel_pytree(start(self.shape, surrogates))
        keys = jax.random.split(jax.random.PRNGKey(seed), self.chains)
        n = TUNE + draws
        if self._parallel:
            many = jnp.broadcast_to(begin, (self.chains, len(begin)))
            kept = self._run(many, keys, surrogates, n, axis=1)
        else:
            parts = [self._run(begin, key, surrogates, n, axis=0) for key in keys]
            kept = [np.stack(x) for x in zip(*parts, strict=True)]
        z, diverging, energy, steps, accept = (x[:, TUNE:n] for x in kept)
        flat = jnp.asarray(z.reshape(-1, z.shape[-1]))
        parameters = {
            k: np.asarray(x).reshape(self.chains, draws, *x.shape[1:])
            for k, x in self._constrain(flat, surrogates).items()
            if not k.startswith("means_")
        }
        return parameters, {
            "diverging": diverging,
            "energy": energy,
            "n_steps": steps,
            "tree_depth": np.ceil(np.log2(steps + 1)),
            "acceptance_rate": accept,
        }

    def _run(
        self, begin: Array, key: Array, surrogates: Surrogates, n: int, *, axis: int
    ) -> list[Floats]:
        state = self._begin(begin, key, surrogates)
        parts = []
        for _ in range(0, n, _CHUNK):
            state, out = self._advance(state, surrogates)
            parts.append([np.asarray(x) for x in out])
        return [np.concatenate(x, axis) for x in zip(*parts, strict=True)]
