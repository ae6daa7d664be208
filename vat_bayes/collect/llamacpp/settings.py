"""What is chosen where a study does not say it: threads and the size of a batch."""

from __future__ import annotations

import math
import os
from pathlib import Path

from vat_bayes.collect.llamacpp.decoder import BATCH

# Below this size the threads wait for each other longer than they work.
_SMALL_MODEL = 20_000_000
# A GPU is idle for most of a short batch.
_BATCH_ON_A_GPU = 2048
_CORES = Path("/sys/devices/system/cpu")
# The quota of a container: microseconds of CPU time in each period, or "max".
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def automatic_threads(n_parameters: int) -> int:
    """Return how many threads evaluate a model best on the CPU.

    One for a small model; otherwise one for each core that this process may use. Hardware threads
    that share a core share its arithmetic units too, and a container's quota is no more cores.

    Parameters
    ----------
    n_parameters : int
        The number of the model's weights.
    """
    return 1 if n_parameters < _SMALL_MODEL else usable_cores()


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores = {_core(cpu) for cpu in os.sched_getaffinity(0)}
    return max(1, min(len(cores), _quota(len(cores))))


def automatic_batch(n_gpu_layers: int) -> int:
    """Return how many tokens are evaluated at a time: more on a GPU.

    It depends on the study alone, because in the mode ``batched`` it changes the last bits.
    """
    return _BATCH_ON_A_GPU if n_gpu_layers else BATCH


def _core(cpu: int) -> str:
    try:
        shared = _CORES / f"cpu{cpu}" / "topology" / "thread_siblings_list"
        return shared.read_text().strip()
    except OSError:
        return str(cpu)


def _quota(cores: int) -> int:
    try:
        allowed, period = _QUOTA.read_text().split()
        return cores if allowed == "max" else math.ceil(int(allowed) / int(period))
    except (OSError, ValueError):
        return cores
