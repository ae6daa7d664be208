"""What the likelihoods are made of, in JAX, with derivatives written out.

Differentiated step by step, a Cholesky factor costs several times its own computation, and the
exponentials of a rating's probability are taken twice. Both have short derivatives in what is at
hand once the value is known.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import log_ndtr

from vat_bayes.model.ratings import SMALL_GAP


def log_normal_probability(upper: Array, lower: Array) -> Array:
    """Compute ``log(F(upper) - F(lower))`` for normal F, stable in both tails.

    Both bounds are brought into the lower tail by symmetry, where ``log F`` keeps its digits, and a
    gap too small for a difference is the density in its middle times its width.

    Parameters
    ----------
    upper, lower : Array
        ``upper > lower``.

    Returns
    -------
    Array, shape of the arguments broadcast
    """
    flip = upper + lower > 0
    b, a = jnp.where(flip, -lower, upper), jnp.where(flip, -upper, lower)
    gap = b - a
    small = gap < SMALL_GAP
    # The branch that is not taken must have a finite gradient as well.
    top = log_ndtr(b)
    apart = jnp.where(small, -1.0, log_ndtr(jnp.where(small, b - 1.0, a)) - top)
    middle = 0.5 * (a + b)
    density = -0.5 * middle**2 - 0.5 * np.log(2 * np.pi)
    narrow = density + jnp.log(jnp.where(small, gap, 1.0))
    return jnp.where(small, narrow, top + jnp.log(-jnp.expm1(apart)))


def log_gap(upper: Array, lower: Array) -> Array:
    """Compute ``log(1 - exp(lower - upper))``, see `log_between_and_slopes`."""
    return jnp.log(-jnp.expm1(lower - upper))


def log_between_and_slopes(upper: Array, lower: Array) -> tuple[Array, Array, Array]:
    """Compute ``log(F(upper) F(-lower))`` for logistic F.

    ``F(b) - F(a) = F(b) F(-a) (1 - exp(a - b))`` holds exactly, so that no difference of nearly
    equal numbers is taken, and the last factor has no linear predictor in it: see `log_gap`.

    Parameters
    ----------
    upper, lower : Array

    Returns
    -------
    value : Array, shape of the arguments broadcast
    rising : Array
        Its slope in the upper bound.
    falling : Array
        Minus its slope in the lower bound.
    """
    # Neither exponential overflows, and each is taken once.
    above, below = jnp.exp(-jnp.abs(upper)), jnp.exp(-jnp.abs(lower))
    value = jnp.minimum(upper, 0.0) - jnp.maximum(lower, 0.0)
    value -= jnp.log((1.0 + above) * (1.0 + below))
    # d log F(x) / dx = F(-x).
    rising = jnp.where(upper > 0, above, 1.0) / (1.0 + above)
    falling = jnp.where(lower > 0, 1.0, below) / (1.0 + below)
    return value, rising, falling


def inverse_and_log_det(matrix: Array) -> tuple[Array, Array]:
    """Compute inverse and log determinant of symmetric matrices.

    Their differentials are ``-S^-1 dS S^-1`` and ``trace(S^-1 dS)``.

    Parameters
    ----------
    matrix : Array, shape (..., row, row)
        Positive definite.

    Returns
    -------
    inverse : Array, shape (..., row, row)
    log_det : Array, shape (...)
        Both NaN where the matrix is not positive definite.

    References
    ----------
    Petersen, Pedersen (2012). The Matrix Cookbook, equations 40 and 43.
    """
    inverse, log_det = _inverse(matrix)
    return inverse, log_det


def whitening(matrix: Array) -> Array:
    """Compute the inverse of the Cholesky factor of symmetric matrices.

    Its differential is ``-half(L^-1 dS L^-T) L^-1``, with ``half`` the lower triangle less half of
    the diagonal.

    Parameters
    ----------
    matrix : Array, shape (..., row, row)
        Positive definite.

    Returns
    -------
    Array, shape (..., row, row)
        Lower triangular; NaN where the matrix is not positive definite.

    References
    ----------
    Murray (2016). Differentiation of the Cholesky decomposition. arXiv:1602.07527, section 3.1.
    """
    result: Array = _whitening(matrix)
    return result


def _factor_and_whitening(matrix: Array) -> tuple[Array, Array]:
    factor = jnp.linalg.cholesky(matrix)
    unit = jnp.broadcast_to(jnp.eye(matrix.shape[-1]), matrix.shape)
    return factor, solve_triangular(factor, unit, lower=True)


def _whitening_value(matrix: Array) -> Array:
    return _factor_and_whitening(matrix)[1]


def _whitening_jvp(at: tuple[Any], along: tuple[Any]) -> tuple[Any, Any]:
    inverse, (step,) = _whitening_value(*at), along
    size = inverse.shape[-1]
    half = np.tril(np.ones((size, size))) - 0.5 * np.eye(size)
    return inverse, -(half * (inverse @ step @ jnp.swapaxes(inverse, -1, -2))) @ inverse


_whitening: Any = jax.custom_jvp(_whitening_value)
_whitening.defjvp(_whitening_jvp)


def _inverse_value(matrix: Array) -> tuple[Array, Array]:
    factor, whitening = _factor_and_whitening(matrix)
    log_det = 2.0 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
    return jnp.swapaxes(whitening, -1, -2) @ whitening, log_det


def _inverse_jvp(at: tuple[Any], along: tuple[Any]) -> tuple[Any, Any]:
    inverse, log_det = _inverse_value(*at)
    (step,) = along
    return (inverse, log_det), (-inverse @ step @ inverse, (inverse * step).sum((-1, -2)))


_inverse: Any = jax.custom_jvp(_inverse_value)
_inverse.defjvp(_inverse_jvp)
