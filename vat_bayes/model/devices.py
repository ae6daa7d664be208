"""How many devices JAX divides the processor into."""

from __future__ import annotations

import numpyro

_LEAST = 4


def provide_devices(chains: int) -> None:
    """Give every chain a device of its own, so that they run side by side.

    It only works before JAX has started: a later call with more chains has them run one after the
    other. What JAX keeps of compiled programs is by the number of devices, so fits with few chains
    get those of the default number, and share programs with fits with others.

    Parameters
    ----------
    chains : int
    """
    numpyro.set_host_device_count(max(chains, _LEAST))
