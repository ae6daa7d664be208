"""The coupling's partial correlations by length and direction.

In the full model they are ``tanh(omega z)`` with ``z`` standard normal and one ``omega`` per arm.
Data inform the product ``omega z`` alone, so that ``omega`` and the length of ``z`` trade off
against each other, and a sampler walks along that ridge slowly. Here the length ``r = omega |z|``
and the direction of ``z``, which are independent a priori, are sampled in their place; ``omega``
is drawn given ``r`` afterwards, which is exact because nothing else depends on it.

With ``omega ~ HN(s)`` and ``c = |z|`` chi-distributed, the density of ``r`` is the mean over ``c``
of ``HN(r / c; s) / c``: a smooth average that Gauss-Laguerre quadrature in ``c^2 / 2`` does to
all digits.
"""

from __future__ import annotations

import jax
import numpy as np
from jax import Array
from scipy.special import roots_genlaguerre

from vat_bayes.model.structure import Floats

_NODES = 32
# Points of the grid on which omega is drawn.
_GRID = 400


def _lengths(count: int) -> tuple[Floats, Floats]:
    """Nodes and weights of expectations over the length of ``count`` standard normals."""
    x, w = roots_genlaguerre(_NODES, count / 2 - 1)
    return np.sqrt(2 * x), w / w.sum()


def log_radius_density(radius: Array, scale: float, count: int) -> Array:
    """Compute the log-density of ``r = omega |z|``.

    Parameters
    ----------
    radius : Array, shape (arm,)
        Of either sign.
    scale : float
        Of the half-normal prior of ``omega``.
    count : int
        Length of ``z``.

    Returns
    -------
    Array, shape (arm,)
        Up to a constant.
    """
    c, w = _lengths(count)
    standard = radius[:, None] / (scale * c)
    return jax.nn.logsumexp(np.log(w / c) - 0.5 * standard**2, axis=1)


def draw_scales(radius: Floats, scale: float, count: int, rng: np.random.Generator) -> Floats:
    """Draw ``omega`` given ``r``.

    Parameters
    ----------
    radius : ndarray, shape (...)
    scale : float
    count : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (...)
    """
    # By the inverse of the distribution function of c = r / omega on a grid that holds all of it.
    middle = np.sqrt(count)
    c = np.linspace(max(1e-3, middle - 6.0), middle + 6.0, _GRID)
    own, pulled = (count - 2) * np.log(c) - 0.5 * c**2, -0.5 * (scale * c) ** -2.0
    flat = radius.ravel()
    u = rng.random(len(flat))
    drawn = np.empty(len(flat))
    for row, r in enumerate(flat):
        log_density = own + r**2 * pulled
        density = np.exp(log_density - log_density.max())
        below = np.cumsum(density) - 0.5 * density
        drawn[row] = np.interp(u[row] * density.sum(), below, c)
    return np.asarray((flat / drawn).reshape(radius.shape))
