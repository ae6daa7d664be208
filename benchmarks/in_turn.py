"""Studies on several processes, begun one by one until the time is up."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from vat_bayes.cli.programs import keep_programs_in

# Programs that JAX has compiled on this machine: every process needs the same ones, and compiling
# took a fifth of the time of a block of studies.
_PROGRAMS = Path(__file__).resolve().parents[1] / ".build" / "programs"


def finished[Job](
    jobs: Iterable[Job],
    work: Callable[[Job], Any],
    *,
    workers: int,
    minutes: float,
    renewed_after: int | None = None,
) -> Iterator[tuple[Job, Future[Any]]]:
    """Do jobs in other processes; yields each with its future when it is done.

    Parameters
    ----------
    jobs : iterable
        Each is begun when a process is free; none after `minutes`, and what is begun is ended.
    work : callable
        Of one job; a function of a module, since it is sent to another process.
    workers : int
    minutes : float
    renewed_after : int, optional
        Jobs after which a process is replaced.

    Yields
    ------
    job, future
    """
    keep_programs_in(_PROGRAMS)
    start, left = time.monotonic(), iter(jobs)
    # Not forked: JAX has threads.
    context = get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as taken,
        ProcessPoolExecutor(
            workers,
            mp_context=context,
            initializer=_keep_to_own_cores,
            initargs=(taken, workers),
            max_tasks_per_child=renewed_after,
        ) as pool,
    ):
        running: dict[Future[Any], Job] = {}
        while True:
            in_time = time.monotonic() - start < 60 * minutes
            for job in islice(left, workers - len(running) if in_time else 0):
                running[pool.submit(work, job)] = job
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future


def _keep_to_own_cores(taken: str, workers: int) -> None:
    """Keep this process to its share of the cores, where the system can.

    JAX begins as many threads as a process has cores. Those of two processes on two cores wait for
    each other: a gradient took five times as long as in two processes with a core each.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    import fcntl

    cores = sorted(os.sched_getaffinity(0))
    for place in range(min(workers, len(cores))):
        lock = os.open(Path(taken) / str(place), os.O_CREAT | os.O_RDWR)
        try:
            # Held until the process ends, whichever way it does.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        os.sched_setaffinity(0, cores[place::workers])
        return
