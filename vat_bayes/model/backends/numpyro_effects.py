"""Normals in coordinates that follow the scales they are multiplied by.

NumPyro's sampler moves a standard normal by its own value (non-centred). Here it is moved by its
distance from where the data put it, given the factor that it is multiplied by, in units of how well
they know it: almost its own value where they say little, and almost the effect's (centred) where
they say much.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import Array
from numpyro.distributions import constraints
from numpyro.distributions.transforms import AffineTransform

from vat_bayes.model.backends.numpyro_coordinates import Along
from vat_bayes.model.centring import Centring


def standard_normals(name: str, factor: Array, centring: Centring) -> Any:
    """Sample independent standard normals whose products with a factor are effects.

    Given the factor, the likelihood is taken for normal in each of them by itself, which leaves out
    what it says about two of them together.

    Parameters
    ----------
    name : str
    factor : Array, shape (arm, value, value)
        The effects are ``factor @ x``.
    centring : Centring, shape (arm, scenario, value)

    Returns
    -------
    Array, shape (arm, scenario, value)

    References
    ----------
    Papaspiliopoulos, Roberts, Skold (2007). A general framework for the parametrization of
    hierarchical models. Statistical Science 22, 59-73.
    """
    slope = jnp.einsum("avw,asv->asw", factor, centring.score)
    information = jnp.einsum("avw,asv->asw", factor**2, centring.information)
    return _standard_normals(name, slope, information)


def scaled_normals(name: str, scale: Array, centring: Centring) -> Any:
    """Sample independent standard normals whose products with scales are effects.

    Parameters
    ----------
    name : str
    scale : Array, shape that broadcasts to that of `centring`
    centring : Centring

    Returns
    -------
    Array, shape of `centring`
    """
    return _standard_normals(name, scale * centring.score, scale**2 * centring.information)


def _standard_normals(name: str, slope: Array, information: Array) -> Any:
    precision = 1 + information
    prior = _NormalAbout(slope / precision, 1 / jnp.sqrt(precision))
    return numpyro.sample(name, prior.to_event(slope.ndim))


class _NormalAbout(dist.Normal):  # type: ignore[misc]
    """A standard normal that is moved by its distance from a centre in some unit."""

    pytree_data_fields = ("centre", "unit")

    def __init__(self, centre: Any, unit: Any) -> None:
        self.centre, self.unit = centre, unit
        super().__init__(jnp.zeros_like(centre), 1.0)

    @constraints.dependent_property(is_discrete=False, event_dim=0)  # type: ignore[untyped-decorator]
    def support(self) -> Any:
        return Along(AffineTransform(self.centre, self.unit))
