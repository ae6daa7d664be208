"""A first guess of the metric, before the warm-up learns it.

With the unit metric that warm-ups begin with, the first hundred trajectories of a stiff posterior
are of the full 1023 steps and cost more than all the rest. The scatter of the gradients beside that
of the draws tells the scale of a coordinate from short trajectories, which have not been across
it yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree
from numpyro.infer.hmc import hmc
from numpyro.infer.util import ParamInfo

# Rounds of short trajectories, each with the metric that the one before it left.
_ROUNDS, _TRAJECTORIES, _STEPS = 4, 30, 12
_ACCEPT = 0.8


def build_explorer(
    potential: Callable[..., Any],
) -> Callable[[ParamInfo, Array, list[Any]], tuple[ParamInfo, Array]]:
    """Return a function that walks into the posterior and reads off its scales.

    Each round is Hamiltonian Monte Carlo of fixed length. For a normal posterior with independent
    coordinates the variance of coordinate ``z`` over that of its gradient is the fourth power of
    its sd, whatever part of it was visited; the square root is the diagonal metric of Seyboldt,
    Carlson and Carpenter (2026). Preconditioning Hamiltonian Monte Carlo by minimizing Fisher
    divergence.

    Parameters
    ----------
    potential : callable
        ``potential(data)`` returns the negative log density as a function of a point.

    Returns
    -------
    callable
        ``explore(start, key, data)`` returns a point with its energy and gradient, and the diagonal
        of the inverse metric, shape (coordinate,), in the order of `jax.flatten_util.ravel_pytree`.
    """
    first, step = hmc(potential_fn_gen=potential, algo="HMC")

    def explore(start: ParamInfo, key: Array, data: list[Any]) -> tuple[ParamInfo, Array]:
        def one_round(
            carry: tuple[ParamInfo, Array], key: Array
        ) -> tuple[tuple[ParamInfo, Array], None]:
            start, scale = carry
            state = first(
                start,
                _TRAJECTORIES,
                num_steps=_STEPS,
                trajectory_length=None,
                target_accept_prob=_ACCEPT,
                adapt_mass_matrix=False,
                inverse_mass_matrix=scale,
                model_args=(data,),
                rng_key=key,
            )

            def once(state: Any, _: None) -> Any:
                new = step(state, (data,))
                return new, (ravel_pytree(new.z)[0], ravel_pytree(new.z_grad)[0])

            state, (points, gradients) = jax.lax.scan(once, state, None, length=_TRAJECTORIES)
            half = slice(_TRAJECTORIES // 2, None)
            ratio = points[half].var(0) / gradients[half].var(0)
            # A coordinate that has not moved keeps the scale that it has.
            known = jnp.isfinite(ratio) & (ratio > 0)
            scale = jnp.where(known, jnp.sqrt(jnp.where(known, ratio, 1.0)), scale)
            return (ParamInfo(state.z, state.potential_energy, state.z_grad), scale), None

        unit = jnp.ones_like(ravel_pytree(start.z)[0])
        (end, scale), _ = jax.lax.scan(one_round, (start, unit), jax.random.split(key, _ROUNDS))
        return end, scale

    return explore
