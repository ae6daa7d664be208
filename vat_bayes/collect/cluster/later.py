"""Ctrl-C while a cluster starts: it counts when the cluster can be closed in an orderly way."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker


@contextlib.contextmanager
def interruption_later() -> Iterator[None]:
    """Put an interruption off until the end of the block.

    Dask asserts that workers are up when it closes, and a worker that is interrupted while Python
    imports its modules prints where. Processes and threads that are started in the block inherit
    that the signal is blocked, so that it reaches this process only. A second interruption counts
    at once.

    Raises
    ------
    KeyboardInterrupt
        At the end of the block, if the user interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread has handlers, and interruptions reach no other.
        yield
        return
    asked = False

    def note(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, note)
    mask = None
    if hasattr(signal, "pthread_sigmask"):
        # Where it has to be started, it lets the signal through again.
        resource_tracker.ensure_running()
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)
    if asked:
        raise KeyboardInterrupt
