"""Many simulated studies of ratings at once, their chains side by side on one accelerator.

    python -m benchmarks.validation.together --scenarios 24 48 --minutes 10

A study of ratings takes a processor core a quarter of a minute, and an accelerator is hardly busier
with a thousand of them than with one. The kernel, its settings, the starting points and the seeds
are those of a fit (`vat_bayes.model.chains`), mapped over studies that differ in nothing but their
ratings. It was tried on processors with four studies, and not yet on an accelerator. Everything
from the draws onwards is done by processes on the processors. Studies that do not pass the
convergence gate are left to ``python -m benchmarks.validation``, which fits them again for longer,
as all others that are missing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.validation.settings import Setting, planned
from benchmarks.validation.study import CHAINS, DRAWS, TUNE, held_against_truth
from benchmarks.validation.tasks import ROOT, digest
from vat_bayes.checks import gate, gating_checks, gating_failures
from vat_bayes.estimands import compute_estimands
from vat_bayes.judgments import load_judgments
from vat_bayes.model.build import Prepared, prepare
from vat_bayes.model.engine import sample_prior
from vat_bayes.model.priors import load_spec
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.sampling import Samples
from vat_bayes.model.tree import build_tree
from vat_bayes.simulate import Simulated, simulate

Study = tuple[Setting, int]
# Of the effects of scenarios and items nothing is kept: no estimand needs them.
LEFT_OUT = ("u", "u_raw", "intercept", "item_raw", "partial_raw", "share")
ACCEPT = 0.8


def draw(study: Study) -> tuple[Simulated, Prepared]:
    """Simulate one study and bring it into arrays."""
    setting, seed = study
    made = simulate(setting.scenarios, seed=seed, readout="ratings", world=setting.world(seed))
    return made, prepare(load_judgments(made.judgments, n_categories=5))


def own_data(study: Study) -> tuple[np.ndarray, ...]:
    """Return the arrays that the model of one study does not share with the others."""
    design = draw(study)[1].design
    assert isinstance(design, RatingsDesign) and (design.counts.sum(1) == 1).all()
    category = design.counts.argmax(1)
    centring = design.centring.scenario
    return category, category + 1, centring.score, centring.information


def finish(study: Study, folder: Path, place: int, seconds: float, out: Path) -> bool:
    """From the draws of one study to its rows; False when they do not pass the gate."""
    setting, seed = study
    made, prepared = draw(study)
    found = {p.stem: np.array(np.load(p, mmap_mode="r")[place]) for p in folder.glob("*.npy")}
    stats = {k[5:]: found.pop(k) for k in list(found) if k.startswith("stat-")}
    stats["tree_depth"] = np.ceil(np.log2(stats["n_steps"] + 1))
    spec = load_spec()
    samples = Samples(found, stats, "NumPyro NUTS, studies side by side")
    prior = _prior(setting.scenarios)
    tree = build_tree(prepared, samples, prior, {"seconds": seconds}, spec=spec, replicate=False)
    estimands = compute_estimands(tree)
    checks = gating_checks(tree, estimands.draws)
    if gating_failures(checks):
        return False
    rows = held_against_truth(
        setting, seed, made, tree=tree, estimands=gate(estimands, checks), checks=checks
    )
    path = out / f"{setting.key}-{seed:04d}.csv"
    rows.to_csv(path.with_suffix(".partial"), index=False)
    path.with_suffix(".partial").rename(path)
    return True


@cache
def _prior(scenarios: int) -> dict[str, Any]:
    setting = next(s for s in planned() if s.readout == "ratings")
    design = prepare(
        load_judgments(
            simulate(scenarios, seed=1, world=setting.world(1)).judgments, n_categories=5
        )
    ).design
    return sample_prior(design, load_spec(), seed=1)


def sample_together(
    studies: list[Study], own: list[tuple[np.ndarray, ...]], folder: Path
) -> Iterator[float]:
    """Run all chains of all studies; yields the share that is done, and leaves draws in a folder.

    Parameters
    ----------
    studies : list of (Setting, int)
        Of one number of scenarios.
    own : list of tuple of ndarray
        See `own_data`.
    folder : Path
        Gets a file for each parameter, shape (study, chain, draw, ...).

    Yields
    ------
    float
    """
    import jax
    import jax.numpy as jnp
    from numpyro.infer.util import ParamInfo

    from vat_bayes.model.backends.numpyro import ratings_model
    from vat_bayes.model.chains import CHUNK, RADIUS, Run, build_kernel, starting_point, trace_model

    how = Run(DRAWS, TUNE, CHAINS, 0, ACCEPT, leave_out=LEFT_OUT)
    spec = load_spec()
    with jax.enable_x64(True):
        traced = [
            trace_model(ratings_model, (draw(study)[1].design, spec), how) for study in studies[:2]
        ]
        (layout, density, constrain), (_, other, _) = traced
        assert density.key == other.key, "the studies differ in more than their ratings"
        data, axes = _with_own(density.data, other.data, own)
        begin, advance = build_kernel(density.without_data(), how)
        points: list[dict[str, Any]] = [
            {k: np.stack(x) for k, x in _columns(
                [starting_point(layout, seed, chain, RADIUS) for chain in range(CHAINS)]
            )}
            for _, seed in studies
        ]  # fmt: skip
        z = {k: np.stack(x) for k, x in _columns(points)}
        keys = jnp.stack(
            [jax.random.split(jax.random.PRNGKey(seed), CHAINS) for _, seed in studies]
        )

        def first(z: Any, key: Any, data: Any) -> Any:
            return begin(ParamInfo(z, *density(data, z)), key, data)

        def side_by_side(function: Any, *mapped: int) -> Any:
            inner = jax.vmap(function, in_axes=(*mapped, None))
            return jax.jit(jax.vmap(inner, in_axes=(*mapped, axes)))

        state = side_by_side(first, 0, 0)(z, keys, data)
        step = side_by_side(advance, 0)
        # That of the first study: what differs between studies is used by `LEFT_OUT` alone.
        shown = constrain.data
        expand = jax.jit(
            lambda z: jax.lax.map(
                jax.vmap(jax.vmap(lambda one: constrain(shown, one))),
                jax.tree.map(lambda x: jnp.moveaxis(x, 2, 0), z),
            )
        )
        files: dict[str, Any] = {}
        for end in range(CHUNK, TUNE + DRAWS + CHUNK, CHUNK):
            state, (positions, stats) = step(state, data)
            if end > TUNE:
                place = slice(end - CHUNK - TUNE, end - TUNE)
                kept = {k: jnp.moveaxis(x, 0, 2) for k, x in expand(positions).items()}
                for name, x in (kept | {f"stat-{k}": v for k, v in stats.items()}).items():
                    array = np.asarray(x)
                    if name not in files:
                        shape = (*array.shape[:2], DRAWS, *array.shape[3:])
                        files[name] = np.lib.format.open_memmap(
                            folder / f"{name}.npy", "w+", array.dtype, shape
                        )
                    files[name][:, :, place] = array
            else:
                jax.block_until_ready(stats)
            yield end / (TUNE + DRAWS)


def _columns(rows: list[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    return [(k, [row[k] for row in rows]) for k in rows[0]]


def _with_own(
    one: list[Any], other: list[Any], own: list[tuple[np.ndarray, ...]]
) -> tuple[list[Any], list[int | None]]:
    """Stack what differs between studies, which must be what `own_data` returns of them."""
    data: list[Any] = []
    axes: list[int | None] = []
    for a, b in zip(one, other, strict=True):
        if np.array_equal(a, b):
            data.append(a)
            axes.append(None)
            continue
        which = [
            i for i, (x, y) in enumerate(zip(own[0], own[1], strict=True))
            if np.array_equal(a, x) and np.array_equal(b, y)
        ]  # fmt: skip
        assert which, "the studies differ in more than their own data"
        data.append(np.stack([x[which[0]] for x in own]).astype(np.asarray(a).dtype))
        axes.append(0)
    assert 0 in axes
    return data, axes


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--studies", type=int, default=200, help="of each kind")
    parser.add_argument("--scenarios", type=int, nargs="+", default=[24, 48, 96])
    parser.add_argument("--batch", type=int, default=1000, help="studies side by side")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no batch after that")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--room", type=Path, help="folder for draws, gigabytes of them")
    parser.add_argument("--out", type=Path, default=ROOT / ".build" / "validation" / digest())
    asked = parser.parse_args()
    out = asked.out / "studies"
    out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    finishing: list[Future[bool]] = []
    # The accelerator belongs to this process.
    with _without_accelerator():
        pool = ProcessPoolExecutor(asked.workers, mp_context=get_context("spawn"))
        list(pool.map(_prior, [asked.scenarios[0]] * asked.workers))
    for studies in _batches(asked.scenarios, asked.studies, asked.batch, out):
        if time.monotonic() - start > 60 * asked.minutes:
            break
        begun = time.monotonic()
        folder = Path(tempfile.mkdtemp(dir=asked.room))
        own = list(pool.map(own_data, studies, chunksize=8))
        for share in sample_together(studies, own, folder):
            passed = time.monotonic() - start
            print(f"{passed:6.1f} s  {len(studies)} studies: {share:.0%}", flush=True)
        seconds = (time.monotonic() - begun) / len(studies)
        arguments = [(s, folder, i, seconds, out) for i, s in enumerate(studies)]
        finishing += [pool.submit(finish, *x) for x in arguments]
    passed = [f.result() for f in finishing]
    print(f"{sum(passed)} of {len(passed)} passed, {time.monotonic() - start:.0f} s", flush=True)
    pool.shutdown()


@contextmanager
def _without_accelerator() -> Iterator[None]:
    before = os.environ.get("JAX_PLATFORMS")
    os.environ["JAX_PLATFORMS"] = "cpu"
    try:
        yield
    finally:
        if before is None:
            del os.environ["JAX_PLATFORMS"]
        else:
            os.environ["JAX_PLATFORMS"] = before


def _batches(scenarios: list[int], n: int, size: int, out: Path) -> Iterator[list[Study]]:
    """Yield the studies that are missing, those of one number of scenarios together."""
    for s in scenarios:
        every = [
            (setting, seed)
            for setting in planned()
            for seed in range(1, n + 1)
            if setting.readout == "ratings"
            and setting.scenarios == s
            and setting.backend == "numpyro"
            and setting.engine == "auto"
        ]
        missing = [x for x in every if not (out / f"{x[0].key}-{x[1]:04d}.csv").is_file()]
        for first in range(0, len(missing), size):
            if len(missing) - first > 1:
                yield missing[first : first + size]


if __name__ == "__main__":
    main()
