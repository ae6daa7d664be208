"""Expected scores by Hamiltonian Monte Carlo with trajectories of a set length.

Their random effects are integrated out exactly, so this is as exact as NUTS. What is shorter is the
way: a chain first goes downhill from its random start, and the curvature there, by differences of
gradients, says how far it may move before it has moved at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.optimize import minimize

from vat_bayes.model.backends.numpyro import scores_model
from vat_bayes.model.chains import (
    RADIUS,
    Run,
    progress_bar,
    starting_point,
    trace_model,
)
from vat_bayes.model.fast.cores import on_cores
from vat_bayes.model.fast.engine import SAMPLER
from vat_bayes.model.fast.walker import Metric, Walker, learn_scales
from vat_bayes.model.flat import Layout
from vat_bayes.model.priors import ModelSpec
from vat_bayes.model.program import Program, compiled_once
from vat_bayes.model.sampling import EFFECTS, STANDARDISED, Samples, Settings, names_of_means
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Floats

# Steps downhill, and the step of differences of gradients, in unconstrained coordinates.
_DOWNHILL, _DIFFERENCE = 150, 1e-4
# A curvature below this says that the prior holds the parameter and not much else does.
_LEAST = 1.0
# Chunks of transitions after each of which the scales are learned anew, and those that then set the
# step size. After the first the means' curvature is computed again: at the foot of the hill it is
# that of no typical draw.
_SCALING, _STEPPING = (3, 4, 6), 4
_FIRST_STEP = 0.3
_HALVINGS = 10

Slope = Callable[[Floats], tuple[float, Floats]]


def sample_expected(design: ScoresDesign, spec: ModelSpec, settings: Settings) -> Samples:
    """Sample the parameters of expected scores.

    Parameters
    ----------
    design : ScoresDesign
    spec : ModelSpec
    settings : Settings
        The length of its warm-up and its target acceptance are those of NUTS and play no part.

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        When the density is not finite anywhere near the origin.
    """
    how = Run(
        settings.draws, settings.tune, settings.chains, settings.seed, settings.target_accept,
        dense=names_of_means(design, spec), leave_out=STANDARDISED, single=EFFECTS,
        progress=settings.progress,
    )  # fmt: skip
    layout, density, constrain = trace_model(scores_model, (design, spec), how)
    # On the device once and for all: each evaluation would put them there again.
    data = [jnp.asarray(x) for x in density.data]
    walker = compiled_once(
        ("walker", density.key, how.chains, how.chains <= jax.local_device_count()),
        lambda: Walker(partial(_slope, density.without_data(), layout), how.chains),
    )
    evaluate = compiled_once(("density", density.key), lambda: jax.jit(density.without_data()))
    expand = compiled_once(
        ("expand rows", constrain.key), lambda: jax.jit(_expander(constrain.without_data(), layout))
    )

    def slope(position: Floats) -> tuple[float, Floats]:
        value, gradient = evaluate(data, _cut(layout, position))
        return float(value), np.concatenate([np.asarray(gradient[k]) for k in layout.lengths])

    rng = np.random.default_rng(settings.seed)
    starts = [_start(slope, layout, settings.seed, chain) for chain in range(how.chains)]
    position = np.stack(on_cores(partial(_downhill, slope), starts))
    n_means = layout.lengths.get("dense", 0)
    state = walker.begin(data, position, _curvature(slope, position, n_means), _FIRST_STEP)
    for turn, chunks in enumerate(_SCALING):
        state = walker.adapt(data, state, chunks, rng)
        metric = learn_scales(state.metric, state.run, state.slopes)
        if turn == 0 and n_means:
            metric = metric._replace(root=_root(_mean_hessian(slope, state.position, n_means)))
        state = replace(state, metric=metric)
    state = walker.adapt(data, state, _STEPPING, rng)
    with progress_bar(how) as bar:
        task = bar.add_task("sampling", total=how.draws)
        state, kept = walker.draw(
            data, state, how.draws, rng, lambda done: bar.update(task, completed=done)
        )
    rows = expand(constrain.data, jnp.asarray(kept.position.reshape(-1, position.shape[1])))
    draws = {k: np.asarray(x).reshape(how.chains, how.draws, *x.shape[1:]) for k, x in rows.items()}
    return Samples(draws, kept.statistics(), SAMPLER)


def _cut(layout: Layout, position: Any) -> dict[str, Any]:
    """Cut one vector into those of the layout, which lie in it in their order."""
    ends = np.cumsum([0, *layout.lengths.values()])
    parts = (position[a:b] for a, b in pairwise(ends))
    return dict(zip(layout.lengths, parts, strict=True))


def _slope(density: Program, layout: Layout, position: Array, data: Any) -> tuple[Array, Array]:
    value, gradient = density(data, _cut(layout, position))
    return value, jnp.concatenate([gradient[k] for k in layout.lengths])


def _expander(constrain: Program, layout: Layout) -> Callable[[Any, Array], Any]:
    return lambda data, rows: jax.lax.map(lambda row: constrain(data, _cut(layout, row)), rows)


def _start(slope: Slope, layout: Layout, seed: int, chain: int) -> Floats:
    """Draw a point near the origin where the density is finite."""
    for halvings in range(_HALVINGS):
        there = starting_point(layout, seed, chain, RADIUS / 2**halvings)
        position = np.concatenate([there[k] for k in layout.lengths])
        value, gradient = slope(position)
        if np.isfinite(value) and np.isfinite(gradient).all():
            return position
    raise ValueError("the density of the model is not finite near the origin")


def _downhill(slope: Slope, position: Floats) -> Floats:
    """Go towards the mode, by a number of steps that need not reach it."""
    found = minimize(
        slope, position, jac=True, method="L-BFGS-B", options={"maxiter": _DOWNHILL, "maxcor": 20}
    )
    return np.asarray(found.x)


def _hessian(slope: Slope, position: Floats, coordinates: range) -> Floats:
    """Differences of the gradient along some coordinates, shape (coordinate, parameter)."""
    here, rows = slope(position)[1], []
    for i in coordinates:
        moved = position.copy()
        moved[i] += _DIFFERENCE
        rows.append(slope(moved)[1] - here)
    return np.stack(rows) / _DIFFERENCE


def _mean_hessian(slope: Slope, position: Floats, n: int) -> Floats:
    """Hessian of the first parameters, on average over the chains."""
    found = np.mean(on_cores(lambda x: _hessian(slope, x, range(n))[:, :n], position), 0)
    return np.asarray(0.5 * (found + found.T))


def _root(hessian: Floats) -> Floats:
    values, vectors = np.linalg.eigh(hessian)
    # Off the mode the curvature need not be positive; its size still sets the scale.
    return np.asarray(vectors / np.sqrt(np.maximum(np.abs(values), _LEAST)))


def _curvature(slope: Slope, position: Floats, n_means: int) -> Metric:
    """Scales by the curvature where the chains are: of the means as a whole, else one by one."""
    chains, size = position.shape
    own = np.zeros(size)

    def some(chain: int) -> None:
        # Each at the place of one of the chains: they are many, and a first guess will do.
        dealt = range(n_means + chain, size, chains)
        rows = _hessian(slope, position[chain], dealt) if dealt else np.zeros((0, size))
        own[dealt] = rows[np.arange(len(dealt)), dealt]

    on_cores(some, range(chains))
    root = _root(_mean_hessian(slope, position, n_means)) if n_means else np.zeros((0, 0))
    return Metric(root, 1.0 / np.sqrt(np.maximum(own[n_means:], _LEAST)))
