"""Run the studies, as many as time allows, and write ``docs/calibration.md``.

Every finished study is kept under ``.build/validation``, by the digest of the code that it tests:
a run that was cut short goes on, and a change of the statistical code begins again.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from benchmarks.validation.page import write_page
from benchmarks.validation.sbc import run_sbc
from benchmarks.validation.settings import planned
from benchmarks.validation.study import run_study
from benchmarks.validation.subset import PAIRS, data_folder, run_subset

ROOT = Path(__file__).resolve().parents[2]
TESTED = ("model", "estimands", "simulate", "judgments")
THIRDS = 20

Task = tuple[str, str, int, Callable[[], pd.DataFrame]]


def digest() -> str:
    """Return the digest of the statistical code and of its model files."""
    files = [p for room in TESTED for p in sorted((ROOT / "vat_bayes" / room).rglob("*.py"))]
    files += [ROOT / "models" / "bayes" / "default.toml"]
    return hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()[:12]


def tasks(studies: int, only: list[str]) -> Iterator[Task]:
    """Yield every study, seed by seed, so that a run that is cut short has some of each kind."""
    settings = [s for s in planned() if s.suite in only]
    for seed in range(1, studies + 1):
        for setting in settings:
            yield "studies", setting.key, seed, partial(run_study, setting, seed)
        if "sbc" in only:
            for backend in ("numpyro", "pymc"):
                for readout in ("distribution", "ratings"):
                    key = f"sbc-{readout}-{backend}"
                    yield "sbc", key, seed, partial(run_sbc, readout, backend, seed)
        if "subset" in only and seed <= THIRDS + 1 and data_folder() is not None:
            for pair in range(len(PAIRS)):
                # The first is the fit of all scenarios.
                which = seed - 2 if seed > 1 else -1
                yield "subset", f"subset-{pair}", seed, partial(run_subset, pair, which)


def run(task: Task, folder: Path) -> None:
    """Run one study and keep its rows; a study that breaks is reported and left out."""
    suite, key, seed, work = task
    path = folder / suite / f"{key}-{seed:04d}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_file = path.with_suffix(".partial")
    work().to_csv(partial_file, index=False)
    partial_file.rename(path)


def collect(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the rows of every finished study."""
    found = {}
    for suite in ("studies", "sbc", "subset"):
        files = sorted((folder / suite).glob("*.csv"))
        if files:
            frames = [pd.read_csv(f, keep_default_na=True) for f in files]
            found[suite] = pd.concat(frames).fillna({"failed": "", "value": ""})
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__)
    kinds = ["coverage", "null", "misspecified", "coupling", "sbc", "subset"]
    parser.add_argument("--studies", type=int, default=200, help="of each kind")
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument(
        "--page-only", action="store_true", help="write the page from what is there"
    )
    options = parser.parse_args()
    folder = ROOT / ".build" / "validation" / digest()
    every = list(tasks(options.studies, options.only))
    todo = [t for t in every if not (folder / t[0] / f"{t[1]}-{t[2]:04d}.csv").is_file()]
    print(f"{len(every) - len(todo)} of {len(every)} studies are there, in {folder}", flush=True)
    if not options.page_only:
        go(todo, folder, options.workers, options.minutes)
    command = " ".join(["python -m benchmarks.validation", *sys.argv[1:]])
    print(write_page(collect(folder), len(every), options.out, command))


def go(todo: list[Task], folder: Path, workers: int, minutes: float) -> None:
    """Run studies until all are done or the time is up."""
    start, left = time.monotonic(), iter(todo)
    done = 0
    # Not forked: JAX has threads. Renewed now and then: compiled programs pile up.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, max_tasks_per_child=40) as pool:
        running: dict[Future[None], Task] = {}
        while True:
            in_time = time.monotonic() - start < 60 * minutes
            for task in islice(left, workers - len(running) if in_time else 0):
                running[pool.submit(run, task, folder)] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                _, key, seed, _ = running.pop(future)
                done += 1
                passed = (time.monotonic() - start) / 60
                error = future.exception()
                said = f"{type(error).__name__}: {error}" if error else "done"
                print(
                    f"{done} of {len(todo)}  {passed:.1f} min  {key} seed {seed}: {said}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
