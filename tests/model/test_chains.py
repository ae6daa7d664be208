"""Chains on a density whose moments are known."""

from __future__ import annotations

import arviz as az
import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from vat_bayes.model.chains import Run, run_chains

MEAN, SD, SCALE = 3.0, 2.0, 0.5


def known() -> None:
    numpyro.sample("height", dist.Normal(MEAN, SD))
    numpyro.sample("spread", dist.HalfNormal(SCALE))


@pytest.mark.parametrize("length", [None, 2.2], ids=["NUTS", "set length"])
def test_moments_are_those_of_the_density(length: float | None) -> None:
    how = Run(draws=6000, tune=300, chains=2, seed=1, target_accept=0.8, length=length)
    with jax.enable_x64(True):
        draws, stats = run_chains(known, (), how)
    assert draws["height"].shape == stats["n_steps"].shape == (2, 6000)
    # First and second moments of a normal and of a half-normal.
    expected = {
        "height": (MEAN, MEAN**2 + SD**2),
        "spread": (SCALE * np.sqrt(2 / np.pi), SCALE**2),
    }
    for name, moments in expected.items():
        for power, moment in enumerate(moments, 1):
            x = draws[name] ** power
            error = float(az.mcse(x, method="mean"))
            assert error < 0.03 * moment
            assert abs(x.mean() - moment) < 4 * error, (name, power)


def test_trajectories_of_a_set_length_are_not_all_of_one() -> None:
    how = Run(draws=200, tune=100, chains=1, seed=1, target_accept=0.8, length=5.0)
    with jax.enable_x64(True):
        _, stats = run_chains(known, (), how)
    steps = stats["n_steps"]
    assert steps.max() <= 64
    # Varied by two fifths to either side: ratios up to 7 to 3.
    assert steps.max() / steps.min() == pytest.approx(7 / 3, rel=0.3)
