"""What a worker on this machine does first: it leaves an interruption to the command."""

from __future__ import annotations

import signal


def dask_setup(_worker: object) -> None:
    """Ignore the interruption that a terminal sends to every process of a command.

    The command ends its workers itself; each of them would print a traceback otherwise.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
