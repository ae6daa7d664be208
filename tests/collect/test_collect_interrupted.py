"""Ctrl-C while a cluster starts: no process of it sees the signal, and it counts in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from vat_bayes.collect.cluster.later import interruption_later

_IS_BLOCKED = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"


def test_an_interruption_waits_for_the_end_of_the_block() -> None:
    before = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    done = []
    with pytest.raises(KeyboardInterrupt), interruption_later():
        os.kill(os.getpid(), signal.SIGINT)
        # What is started meanwhile has the signal blocked, in a thread as well.
        started = threading.Thread(
            target=lambda: done.append(
                subprocess.check_output([sys.executable, "-c", _IS_BLOCKED], text=True)
            )
        )
        started.start()
        started.join()
    assert done == ["True\n"]
    assert before == (
        signal.getsignal(signal.SIGINT),
        signal.pthread_sigmask(signal.SIG_BLOCK, []),
    )


def test_without_an_interruption_nothing_happens() -> None:
    with interruption_later():
        pass
    inside = threading.Thread(target=test_without_an_interruption_nothing_happens)
    if threading.current_thread() is threading.main_thread():
        inside.start()
        inside.join()
