"""Chains of NumPyro's NUTS, compiled once for data of one shape.

The library's own driver compiles anew for every data set and length of chain, which takes longer
than sampling a small study. Here its kernel is called in chunks of one length, with the data as an
argument.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from numpyro.handlers import seed, trace
from numpyro.infer.hmc import hmc
from numpyro.infer.util import ParamInfo, constrain_fn, potential_energy, unconstrain_fn
from rich.console import Console
from rich.progress import Progress

from vat_bayes.model.flat import Layout, Point
from vat_bayes.model.metric import build_explorer
from vat_bayes.model.program import Program, compiled_once, take_out_data
from vat_bayes.model.structure import Floats

CHUNK = 50
"""Transitions in one call of the compiled program."""

RADIUS = 1.0
"""Half-width of the box, in unconstrained coordinates, in which the chains start."""


@dataclass(frozen=True)
class Run:
    """How to run the chains.

    Parameters
    ----------
    draws, tune, chains, seed : int
    target_accept : float
    dense : tuple of str
        Parameters whose covariance the warm-up learns whole.
    leave_out, single : tuple of str
        What is not kept, and what is kept in single precision: random effects, by the ten thousand.
    progress : bool
    """

    draws: int
    tune: int
    chains: int
    seed: int
    target_accept: float
    dense: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    progress: bool = False


def run_chains(
    model: Callable[..., None], arguments: tuple[Any, ...], how: Run
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Sample a NumPyro model.

    Parameters
    ----------
    model : callable
    arguments : tuple
    how : Run

    Returns
    -------
    dict of str to ndarray, shape (chain, draw, ...)
        Parameters and deterministic quantities.
    dict of str to ndarray, shape (chain, draw)
        ``diverging``, ``energy``, ``n_steps``, ``tree_depth`` and ``acceptance_rate``.

    Raises
    ------
    ValueError
        When the density is not finite anywhere near the origin.
    """
    layout, density, constrain = trace_model(model, arguments, how)
    parallel = 1 < how.chains <= jax.local_device_count()
    sampler = compiled_once(
        ("sampler", density.key, how.target_accept, how.tune, how.dense, parallel),
        lambda: _Sampler(density.without_data(), how, parallel=parallel),
    )
    expand = compiled_once(
        ("expand", constrain.key, parallel),
        lambda: _map(constrain.without_data(), parallel=parallel),
    )
    begin = [_begin(density, layout, how.seed, chain) for chain in range(how.chains)]
    keys = jax.random.split(jax.random.PRNGKey(how.seed), how.chains)
    programs = _Programs(sampler, expand, density.data, constrain.data)
    with progress_bar(how) as bar:
        if parallel:
            together = jax.tree.map(lambda *x: np.stack(x), *begin)
            parts = [_walk(programs, together, keys, how, bar)]
        else:
            parts = [_walk(programs, x, key, how, bar) for x, key in zip(begin, keys, strict=True)]
    join = (lambda x: x[0]) if parallel else np.stack
    draws = {k: join([p[0][k] for p in parts]) for k in parts[0][0]}
    stats = {k: join([p[1][k] for p in parts]) for k in parts[0][1]}
    stats["tree_depth"] = np.ceil(np.log2(stats["n_steps"] + 1))
    return draws, stats


def trace_model(
    model: Callable[..., None], arguments: tuple[Any, ...], how: Run
) -> tuple[Layout, Program, Program]:
    """Trace what the chains need of a model, its data taken out.

    Parameters
    ----------
    model : callable
    arguments : tuple
    how : Run

    Returns
    -------
    Layout
        Of the unconstrained parameters; the programs take and return points laid out by it.
    Program
        The negative log density and its gradient.
    Program
        From unconstrained parameters to what is kept of a draw.
    """
    shapes = jax.eval_shape(partial(_unconstrained, model, arguments), jax.random.PRNGKey(0))
    layout = Layout({k: x.shape for k, x in shapes.items()}, how.dense)
    example = jax.eval_shape(layout.join, shapes)
    density = take_out_data(
        jax.value_and_grad(lambda z: potential_energy(model, arguments, {}, layout.split(z))),
        example,
    )

    def expanded(z: Point) -> Point:
        every = constrain_fn(model, arguments, {}, layout.split(z), return_deterministic=True)
        return {
            k: x.astype(np.float32) if k in how.single else x
            for k, x in every.items()
            if k not in how.leave_out
        }

    return layout, density, take_out_data(expanded, example)


def _unconstrained(model: Callable[..., None], arguments: tuple[Any, ...], key: Array) -> Any:
    sites = trace(seed(model, key)).get_trace(*arguments)
    values = {
        name: site["value"]
        for name, site in sites.items()
        if site["type"] == "sample" and not site["is_observed"]
    }
    return unconstrain_fn(model, arguments, {}, values)


def starting_point(layout: Layout, root: int, chain: int, radius: float) -> Point:
    """Draw a point in a box about the origin.

    Parameters
    ----------
    layout : Layout
    root, chain : int
        Together the seed.
    radius : float
        Half-width of the box.

    Returns
    -------
    dict of str to ndarray, shape (length,)
    """
    rng = np.random.default_rng([root, chain])
    return {k: rng.uniform(-radius, radius, n) for k, n in layout.lengths.items()}


def _begin(density: Program, layout: Layout, root: int, chain: int) -> ParamInfo:
    """Find a point near the origin where the density is finite, with its energy and gradient."""
    evaluate = compiled_once(("density", density.key), lambda: jax.jit(density.without_data()))
    for halvings in range(10):
        z = starting_point(layout, root, chain, RADIUS / 2**halvings)
        value, gradient = evaluate(density.data, z)
        if np.isfinite(value) and all(np.isfinite(x).all() for x in gradient.values()):
            return ParamInfo(z, value, gradient)
    raise ValueError("the density of the model is not finite near the origin")


class _Programs(NamedTuple):
    """What is compiled, and the data that it is called with."""

    sampler: _Sampler
    expand: Any
    density_data: list[Any]
    constrain_data: list[Any]


class _Sampler:
    """The kernel for one traced density, compiled."""

    def __init__(self, density: Program, how: Run, *, parallel: bool) -> None:
        begin, advance = build_kernel(density, how)
        if parallel:
            self.begin: Any = jax.pmap(begin, in_axes=(0, 0, None))
            self.advance: Any = jax.pmap(advance, in_axes=(0, None))
        else:
            self.begin, self.advance = jax.jit(begin), jax.jit(advance)


def build_kernel(density: Program, how: Run) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Build the functions of one chain, for JAX to compile or to map over chains and data.

    Parameters
    ----------
    density : Program
        The negative log density and its gradient.
    how : Run

    Returns
    -------
    callable
        ``begin(start, key, data)`` returns the state in which the warm-up starts.
    callable
        ``advance(state, data)`` returns the state `CHUNK` transitions later, with the positions on
        the way and the sampler's statistics.
    """

    def potential(data: list[Any]) -> Any:
        # The gradient was traced with the density; differentiating that again would cost twice.
        energy = jax.custom_vjp(lambda z: density(data, z)[0])

        def forward(z: Point) -> Any:
            return density(data, z)

        def backward(gradient: Point, out: Array) -> tuple[Point]:
            return (jax.tree.map(lambda x: out * x, gradient),)

        energy.defvjp(forward, backward)
        return energy

    first, step = hmc(potential_fn_gen=potential, algo="NUTS")
    explore = build_explorer(potential)

    def begin(start: ParamInfo, key: Array, data: list[Any]) -> Any:
        here, there = jax.random.split(key)
        start, scale = explore(start, here, data)
        return first(
            start,
            how.tune,
            target_accept_prob=how.target_accept,
            dense_mass=[("dense",)] if how.dense else False,
            inverse_mass_matrix=_metric(start.z, scale) if how.dense else scale,
            model_args=(data,),
            rng_key=there,
        )

    def advance(state: Any, data: list[Any]) -> Any:
        def once(state: Any, _: None) -> Any:
            new = step(state, (data,))
            return new, (
                new.z,
                {
                    "diverging": new.diverging,
                    "energy": new.energy,
                    "n_steps": new.num_steps,
                    "acceptance_rate": new.accept_prob,
                },
            )

        return jax.lax.scan(once, state, None, length=CHUNK)

    return begin, advance


def _metric(z: Point, scale: Array) -> Any:
    """Bring the diagonal of an inverse metric into the form that the kernel takes."""
    by_block = ravel_pytree(z)[1](scale)
    metric = {("dense",): jnp.diag(by_block["dense"])}
    if "rest" in by_block:
        metric[("rest",)] = by_block["rest"]
    return metric


def _map(constrain: Program, *, parallel: bool) -> Any:
    def rows(data: list[Any], z: Point) -> Any:
        return jax.lax.map(lambda row: constrain(data, row), z)

    return jax.pmap(rows, in_axes=(None, 0)) if parallel else jax.jit(rows)


def _walk(
    programs: _Programs, start: Any, key: Array, how: Run, bar: Progress
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Run one chain, or all of them side by side, and keep what follows the warm-up."""
    task = bar.add_task("sampling", total=how.tune + how.draws)
    state = programs.sampler.begin(start, key, programs.density_data)
    axis = key.ndim - 1
    kept: list[tuple[dict[str, Floats], ...]] = []
    for end in range(CHUNK, how.tune + how.draws + CHUNK, CHUNK):
        state, (points, stats) = programs.sampler.advance(state, programs.density_data)
        if end > how.tune:
            draws = programs.expand(programs.constrain_data, points)
            kept.append(
                tuple({k: np.asarray(x) for k, x in part.items()} for part in (draws, stats))
            )
        bar.update(task, completed=min(end, how.tune + how.draws))
    # Chunks need not begin where the draws do.
    skipped = how.tune % CHUNK
    window = (slice(None),) * axis + (slice(skipped, skipped + how.draws),)

    def join(which: int) -> dict[str, Floats]:
        names = kept[0][which]
        return {k: np.concatenate([part[which][k] for part in kept], axis)[window] for k in names}

    return join(0), join(1)


def progress_bar(how: Run) -> Progress:
    """Make a bar that is shown where one is asked for and a terminal is there to show it."""
    console = Console(stderr=True)
    shown = how.progress and sys.stderr.isatty()
    return Progress(console=console, disable=not shown, transient=True)
