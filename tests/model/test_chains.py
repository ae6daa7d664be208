"""Chains on a density whose moments are known."""

from __future__ import annotations

import arviz as az
import jax
import numpy as np
import numpyro
import numpyro.distributions as dist

from vat_bayes.model.chains import Run, run_chains

MEAN, SD, SCALE = 3.0, 2.0, 0.5


def known() -> None:
    numpyro.sample("height", dist.Normal(MEAN, SD))
    numpyro.sample("spread", dist.HalfNormal(SCALE))


def test_moments_are_those_of_the_density() -> None:
    how = Run(draws=6000, tune=300, chains=2, seed=1, target_accept=0.8)
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
