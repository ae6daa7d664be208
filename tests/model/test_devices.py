"""Devices that JAX divides the processor into: one for each chain, and never fewer than usual."""

from __future__ import annotations

import os

import pytest

from vat_bayes.model.devices import provide_devices


@pytest.mark.parametrize(("chains", "devices"), [(1, 4), (2, 4), (4, 4), (8, 8)])
def test_few_chains_have_the_devices_of_the_usual_number(
    chains: int, devices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Programs are kept by that number: with another, a fit finds none of those of other fits.
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=3")
    provide_devices(chains)
    assert os.environ["XLA_FLAGS"].split() == [f"--xla_force_host_platform_device_count={devices}"]
