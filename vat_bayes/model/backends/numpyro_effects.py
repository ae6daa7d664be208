"""Normals in coordinates that follow the scales they are multiplied by.

NumPyro's sampler moves a standard normal by its own value (non-centred). Here it is moved by its
distance from where the data put it, given the factor that it is multiplied by, in units of how well
they know it: almost its own value where they say little, and almost the effect's (centred) where
they say much.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array
from jax.scipy.linalg import solve_triangular
from numpyro.distributions import constraints
from numpyro.distributions.transforms import AffineTransform, Transform

from vat_bayes.model.backends.numpyro_coordinates import Along
from vat_bayes.model.backends.numpyro_likelihoods import whitening
from vat_bayes.model.centring import Centring


def standard_normals(name: str, factor: Array, centring: Centring) -> Any:
    """Sample independent standard normals whose products with a factor are effects.

    Given the factor, the likelihood is taken for normal in the effects of a scenario, and for as
    informative in all scenarios as it is on average.

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
    rated = np.maximum((centring.information > 0).sum(1, keepdims=True), 1)
    known = jnp.asarray((centring.information / rated).sum(1))
    unit = np.eye(factor.shape[-1])
    precision = unit + jnp.einsum("avw,av,avx->awx", factor, known, factor)
    white = whitening(precision)
    # The small products first: what has scenarios in it is multiplied once.
    pull = factor @ jnp.swapaxes(white, -1, -2) @ white
    centre = jnp.asarray(centring.score) @ pull
    prior = _NormalAlong(centre.shape, _Whitened(centre, white))
    return numpyro.sample(name, prior.to_event(3))


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
    prior = _NormalAlong(slope.shape, AffineTransform(slope / precision, 1 / jnp.sqrt(precision)))
    return numpyro.sample(name, prior.to_event(slope.ndim))


class _NormalAlong(dist.Normal):  # type: ignore[misc]
    """A standard normal that is moved by what is transformed into it."""

    pytree_data_fields = ("transform",)

    def __init__(self, shape: tuple[int, ...], transform: Transform) -> None:
        self.transform = transform
        super().__init__(jnp.zeros(shape), 1.0)

    @constraints.dependent_property(is_discrete=False, event_dim=0)  # type: ignore[untyped-decorator]
    def support(self) -> Any:
        return Along(self.transform)


class _Whitened(Transform):  # type: ignore[misc]
    """From normals that are independent given the factor, scenario by scenario.

    Parameters
    ----------
    centre : Array, shape (arm, scenario, value)
    white : Array, shape (arm, value, value)
        Lower triangular; the covariance is its transpose times itself.
    """

    def __init__(self, centre: Array, white: Array) -> None:
        self.centre, self.white = centre, white

    def __call__(self, x: Any) -> Any:
        """Return the normals, shape (arm, scenario, value)."""
        return self.centre + x @ self.white

    def _inverse(self, y: Any) -> Any:
        about = jnp.swapaxes(y - self.centre, -1, -2)
        transposed = jnp.swapaxes(self.white, -1, -2)
        return jnp.swapaxes(solve_triangular(transposed, about, lower=False), -1, -2)

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        """Return it for each arm, shape (arm, 1, 1)."""
        lengths = jnp.diagonal(self.white, axis1=-2, axis2=-1)
        return x.shape[-2] * jnp.log(lengths).sum(-1)[:, None, None]

    def tree_flatten(self) -> Any:
        """Let JAX see the arrays."""
        return (self.centre, self.white), (("centre", "white"), {})
