"""Coordinates of half-normal scales, against SciPy and finite differences."""

from typing import Any

import jax
import numpy as np
import numpyro
import pytest
from numpyro.distributions.transforms import biject_to
from numpyro.infer.util import potential_energy
from scipy.special import pbdv
from scipy.stats import halfnorm, norm

from vat_bayes.model.backends.numpyro_scales import half_normal, mean_positive_part

POINTS = np.array([-30.0, -9.0, -4.0, -1.0, -0.01, 0.0, 0.01, 1.0, 4.0, 9.0, 30.0])
SCALE = np.array([0.3, 2.0])


def model() -> None:
    half_normal("scale", SCALE, 2)


def transform() -> Any:
    sites = numpyro.handlers.trace(numpyro.handlers.seed(model, 0)).get_trace()
    return biject_to(sites["scale"]["fn"].base_dist.support)


def test_it_is_the_mean_of_what_is_positive() -> None:
    with jax.enable_x64(True):
        y = np.asarray(mean_positive_part(POINTS))
    # Repeated integrals of the error function, which SciPy has as a parabolic cylinder function.
    expected = pbdv(-2.0, -POINTS)[0] * norm.pdf(0) * np.exp(-0.25 * POINTS**2)
    np.testing.assert_allclose(y, expected, rtol=1e-9)
    assert (np.diff(y) > 0).all()


@pytest.mark.parametrize("x", POINTS)
def test_there_and_back_with_the_slope_that_the_density_is_multiplied_by(x: float) -> None:
    step = 1e-4
    with jax.enable_x64(True):
        to = transform()
        at = np.full(2, x)
        y = to(at)
        back = np.asarray(to._inverse(y))
        slope = np.exp(np.asarray(to.log_abs_det_jacobian(at, y)))
        rise = np.asarray(to(at + step)) - np.asarray(to(at - step))
        derivative = np.diagonal(np.asarray(jax.jacobian(to)(at)))
    np.testing.assert_allclose(back, at, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(slope, rise / (2 * step), rtol=1e-5)
    np.testing.assert_allclose(derivative, slope, rtol=1e-12)


def test_in_these_coordinates_the_prior_has_light_tails() -> None:
    with jax.enable_x64(True):
        for x in (-30.0, -8.0, -1.0, 0.0, 2.0, 8.0):
            at = {"scale": np.array([x, 0.5 * x])}
            energy = float(potential_energy(model, (), {}, at))
            # The scale itself drops out: the coordinate is in units of it.
            y = np.asarray(mean_positive_part(at["scale"]))
            expected = (halfnorm.logpdf(y) + norm.logcdf(at["scale"])).sum()
            assert energy == pytest.approx(-expected, rel=1e-9)
            # Beyond any exponential, on both sides.
            assert energy > 0.3 * (at["scale"] ** 2).sum()
