"""Run the studies, as many as time allows, and write ``docs/calibration.md``.

Every finished study is kept under ``.build/validation``, by the digest of the code that it tests,
and published with the page in ``docs/calibration``: a run that was cut short goes on, on any
machine, and a change of the statistical code begins again.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

from benchmarks.in_turn import finished
from benchmarks.validation.archive import pack, unpack
from benchmarks.validation.page import write_page
from benchmarks.validation.tasks import ROOT, Task, collect, digest, run, tasks


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__)
    kinds = ["coverage", "null", "misspecified", "coupling", "sbc", "subset"]
    parser.add_argument("--studies", type=int, default=200, help="of each kind")
    parser.add_argument("--backend", choices=["numpyro", "pymc"], help="only what it fits")
    parser.add_argument("--readout", choices=["distribution", "ratings"], help="only what is of it")
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--scenarios", type=int, nargs="+", help="only studies of so many")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument(
        "--page-only", action="store_true", help="write the page from what is there"
    )
    options = parser.parse_args()
    code = digest()
    folder = ROOT / ".build" / "validation" / code
    published = options.out / "calibration"
    other = unpack(published, code, folder)
    if other:
        print(f"{other} published studies are of other code than this and are not counted")
    every = list(tasks(options.studies, options.only))
    if options.backend:
        every = [t for t in every if options.backend in t[1]]
    if options.readout:
        every = [t for t in every if f"-{options.readout}-" in t[1]]
    if options.scenarios:
        sizes = [f"-S{n}-" for n in options.scenarios]
        every = [t for t in every if any(size in t[1] for size in sizes)]
    todo = [t for t in every if not (folder / t[0] / f"{t[1]}-{t[2]:04d}.csv").is_file()]
    print(f"{len(every) - len(todo)} of {len(every)} studies are there, in {folder}", flush=True)
    if not options.page_only:
        go(todo, folder, options.workers, options.minutes)
    pack(folder, code, published)
    command = "python -m benchmarks.validation"
    planned = len(list(tasks(options.studies, kinds)))
    print(write_page(collect(folder), planned, options.out, command))


def go(todo: list[Task], folder: Path, workers: int, minutes: float) -> None:
    """Run studies until all are done or the time is up."""
    start = time.monotonic()
    # Renewed now and then: compiled programs pile up.
    ended = finished(
        todo, partial(run, folder=folder), workers=workers, minutes=minutes, renewed_after=200
    )
    for done, ((_, key, seed, _), future) in enumerate(ended, 1):
        passed = (time.monotonic() - start) / 60
        error = future.exception()
        said = f"{type(error).__name__}: {error}" if error else "done"
        print(f"{done} of {len(todo)}  {passed:.1f} min  {key} seed {seed}: {said}", flush=True)


if __name__ == "__main__":
    main()
