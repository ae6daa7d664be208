"""Half-normal scales in coordinates in which chains mix.

NumPyro moves a positive parameter by its logarithm. A scale that may well be zero then has a tail
without end to the left and a wall to the right, and chains mix slowly in both. Here it is moved by
the standard normal with the same probability below it, in which its prior is a standard normal.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array
from jax.scipy.special import erf, erfinv, ndtr, ndtri
from numpyro.distributions import constraints
from numpyro.distributions.transforms import Transform, biject_to


def half_normal(name: str, scale: Any, *shape: int) -> Any:
    """Sample independent half-normals of this shape.

    Parameters
    ----------
    name : str
    scale : float or Array, shape broadcast to `shape`
    *shape : int

    Returns
    -------
    Array, shape `shape`
    """
    prior = _HalfNormal(jnp.broadcast_to(jnp.asarray(scale), shape))
    return numpyro.sample(name, prior.to_event(len(shape)))


def half_normal_quantile(x: Array) -> Array:
    """Find the half-normal of scale one with the probability below it of a standard normal.

    Parameters
    ----------
    x : Array

    Returns
    -------
    Array, shape of x
        It goes to zero as ``sqrt(pi / 2)`` times the probability below ``x``, and to ``x`` from
        above. Digits are kept in both tails as far as x = 37, beyond which it is infinite.
    """
    result: Array = _quantile(x)
    return result


# Compiled, so that it is traced once for a shape: a fit traces its model several times.
@jax.jit  # type: ignore[untyped-decorator]
def _quantile_value(x: Array) -> Array:
    low = x < 0
    small = np.sqrt(2.0) * erfinv(ndtr(jnp.where(low, x, 0.0)))
    return jnp.where(low, small, -ndtri(0.5 * ndtr(-jnp.where(low, 0.0, x))))


def _quantile_jvp(at: tuple[Any], along: tuple[Any]) -> tuple[Any, Any]:
    # Of the density of the one over that of the other; differentiating the parts loses the tails.
    (x,), (step,) = at, along
    y = _quantile(x)
    return y, 0.5 * jnp.exp(0.5 * (y**2 - x**2)) * step


_quantile: Any = jax.custom_jvp(_quantile_value)
_quantile.defjvp(_quantile_jvp)


class _FromNormal(Transform):  # type: ignore[misc]
    """From a standard normal to a half-normal of some scale."""

    domain = constraints.real
    codomain = constraints.positive

    def __init__(self, scale: Any) -> None:
        self.scale = scale

    def __call__(self, x: Any) -> Any:
        return self.scale * _quantile(x)

    def _inverse(self, y: Any) -> Any:
        y = y / self.scale
        low = y < 0.5
        small = ndtri(erf(jnp.where(low, y, 0.0) / np.sqrt(2.0)))
        return jnp.where(low, small, -ndtri(2.0 * ndtr(-jnp.where(low, 0.5, y))))

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return jnp.log(self.scale / 2.0) + 0.5 * ((y / self.scale) ** 2 - x**2)

    def tree_flatten(self) -> Any:
        return (self.scale,), (("scale",), {})


class _PositiveBeside(constraints.Constraint):  # type: ignore[misc]
    """Positive, and to be moved in the coordinates of a half-normal of this scale."""

    def __init__(self, scale: Any) -> None:
        self.scale = scale

    def __call__(self, x: Any) -> Any:
        return x > 0

    def feasible_like(self, prototype: Any) -> Any:
        return jnp.broadcast_to(self.scale, jnp.shape(prototype))

    def tree_flatten(self) -> Any:
        return (self.scale,), (("scale",), {})


class _HalfNormal(dist.HalfNormal):  # type: ignore[misc]
    @constraints.dependent_property(is_discrete=False, event_dim=0)  # type: ignore[untyped-decorator]
    def support(self) -> Any:
        return _PositiveBeside(self.scale)


@biject_to.register(_PositiveBeside)  # type: ignore[untyped-decorator]
def _coordinates(constraint: _PositiveBeside) -> _FromNormal:
    return _FromNormal(constraint.scale)
