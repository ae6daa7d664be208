"""Independent computations side by side on the processor's cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import jax


def on_cores[A, B](function: Callable[[A], B], arguments: Iterable[A]) -> list[B]:
    """Call a function for every argument, in double precision.

    Parameters
    ----------
    function : callable
        Mostly compiled code, which leaves the interpreter free for the other threads.
    arguments : iterable

    Returns
    -------
    list
        In the order of the arguments, whichever is done first.
    """

    def one(argument: A) -> B:
        # Precision is a setting of the thread.
        with jax.enable_x64(True):
            return function(argument)

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return list(pool.map(one, arguments))
