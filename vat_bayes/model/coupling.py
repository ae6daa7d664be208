"""The coupling matrix: a correlation matrix built from shrunken partial correlations.

A correlation matrix of V values has V (V - 1) / 2 canonical partial correlations (Joe 2006;
Lewandowski, Kurowicka and Joe 2009), each free in (-1, 1). Here they are ``tanh(omega * z)`` with
standard normal ``z`` and a learned ``omega``: as omega goes to zero the matrix goes to the
identity, which an LKJ prior with a fixed concentration does not allow (LKJ(1) at V = 10 holds the
RMS correlation near .3).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def partial_count(n_values: int) -> int:
    """Return the number of partial correlations, V (V - 1) / 2."""
    return n_values * (n_values - 1) // 2


def cholesky_from_partials(partials: Floats, n_values: int) -> Floats:
    """Cholesky factor of a correlation matrix from its canonical partial correlations.

    Parameters
    ----------
    partials : ndarray, shape (..., V (V - 1) / 2)
        In (-1, 1), row by row of the strict lower triangle.
    n_values : int
        V.

    Returns
    -------
    ndarray, shape (..., V, V)
        Lower triangular with unit row norms.

    References
    ----------
    Lewandowski, Kurowicka, Joe (2009). Generating random correlation matrices based on vines and
    extended onion method. J. Multivariate Analysis 100(9), section 2.
    doi:10.1016/j.jmva.2009.04.008
    """
    factor = np.zeros((*partials.shape[:-1], n_values, n_values))
    factor[..., 0, 0] = 1.0
    start = 0
    for row in range(1, n_values):
        z = partials[..., start : start + row]
        start += row
        left = np.sqrt(np.cumprod(1.0 - z**2, axis=-1))
        factor[..., row, 0] = z[..., 0]
        factor[..., row, 1:row] = z[..., 1:] * left[..., :-1]
        factor[..., row, row] = left[..., -1]
    return factor


def offdiagonal_norm(coupling: Floats) -> Floats:
    """Compute the RMS of the off-diagonal correlations, ``||Omega - I||_F / sqrt(V (V - 1))``.

    Parameters
    ----------
    coupling : ndarray, shape (..., V, V)

    Returns
    -------
    ndarray, shape (...)
    """
    n_values = coupling.shape[-1]
    off = coupling * (1.0 - np.eye(n_values))
    return np.asarray(np.sqrt((off**2).sum((-1, -2)) / (n_values * (n_values - 1))))


def sample_prior_coupling(scale: float, n_values: int, n: int, *, seed: int) -> Floats:
    """Draw coupling matrices from the prior alone.

    Parameters
    ----------
    scale : float
        Prior scale of omega.
    n_values, n : int
        V and the number of draws.
    seed : int
        Seed of the draws.

    Returns
    -------
    ndarray, shape (n, V, V)
    """
    rng = np.random.default_rng(seed)
    omega = np.abs(rng.normal(0.0, scale, size=(n, 1)))
    partials = np.tanh(omega * rng.normal(size=(n, partial_count(n_values))))
    factor = cholesky_from_partials(partials, n_values)
    return np.asarray(factor @ np.swapaxes(factor, -1, -2))


def coupling_root(coupling: Floats) -> Floats:
    """Find a matrix whose product with its transpose is the coupling matrix.

    Parameters
    ----------
    coupling : ndarray, shape (..., V, V)
        Positive semi-definite: a partial correlation near one makes it singular in floating point,
        and it then has no Cholesky factor.

    Returns
    -------
    ndarray, shape (..., V, V)
        The Cholesky factor where there is one, else a symmetric root.
    """
    try:
        return np.asarray(np.linalg.cholesky(coupling))
    except np.linalg.LinAlgError:
        size, axes = np.linalg.eigh(coupling)
        root = np.sqrt(np.clip(size, 0.0, None))
        return np.asarray((axes * root[..., None, :]) @ np.swapaxes(axes, -1, -2))
