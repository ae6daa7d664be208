"""Half-normal scales in coordinates in which chains mix.

NumPyro moves a positive parameter by its logarithm. A scale that may well be zero then has a tail
without end to the left and a wall to the right, and chains mix slowly in both. Here it is moved by
the centre of a normal whose positive part has the scale for its mean. In that coordinate both tails
of the prior are as light as a normal's.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array
from jax.scipy.special import erfc
from numpyro.distributions import constraints
from numpyro.distributions.transforms import Transform

from vat_bayes.model.backends.numpyro_coordinates import Along

_NEWTON = 12


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


def mean_positive_part(x: Array) -> Array:
    """Compute the mean of ``max(0, x + Z)`` for a standard normal Z.

    Parameters
    ----------
    x : Array

    Returns
    -------
    Array, shape of x
        ``x Phi(x) + phi(x)``, whose slope is ``Phi(x)``. It goes to zero as ``phi(x) / x^2`` and to
        ``x`` from above.
    """
    result: Array = _mean(x)
    return result


def _below(x: Array) -> Array:
    # JAX's own `ndtr` is of both tails, three times the work to compile.
    return 0.5 * erfc(x * -np.sqrt(0.5))


def _mean_value(x: Array) -> Array:
    return x * _below(x) + jnp.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)


def _mean_jvp(at: tuple[Any], along: tuple[Any]) -> tuple[Any, Any]:
    # Differentiating the parts would leave the difference of two equal terms beside it.
    return _mean_value(*at), _below(*at) * along[0]


_mean: Any = jax.custom_jvp(_mean_value)
_mean.defjvp(_mean_jvp)


class _FromCentre(Transform):  # type: ignore[misc]
    """From the centre of a normal to the mean of its positive part, in units of some scale."""

    domain = constraints.real
    codomain = constraints.positive

    def __init__(self, scale: Any) -> None:
        self.scale = scale

    def __call__(self, x: Any) -> Any:
        return self.scale * _mean(x)

    def _inverse(self, y: Any) -> Any:
        y = y / self.scale
        # Newton's steps for the logarithm, which is concave: from below they never overshoot.
        x = jnp.where(y < 1.0, -jnp.sqrt(-2.0 * jnp.log(jnp.minimum(y, 1.0))) - 1.0, y - 1.0)
        for _ in range(_NEWTON):
            value = _mean(x)
            x = x - value * jnp.log(value / y) / _below(x)
        return x

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        return jnp.log(self.scale * _below(x))

    def tree_flatten(self) -> Any:
        return (self.scale,), (("scale",), {})


class _HalfNormal(dist.HalfNormal):  # type: ignore[misc]
    @constraints.dependent_property(is_discrete=False, event_dim=0)  # type: ignore[untyped-decorator]
    def support(self) -> Any:
        return Along(_FromCentre(self.scale))
