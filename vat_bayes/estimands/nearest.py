"""The true vectors that fit an uncertain estimate best, each with a given sum of signed squares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# A covariance estimated from few scenarios has directions of no variance at all, which are not
# known exactly for that; a tenth of the average variance in every direction keeps them open.
_RIDGE = 0.1
# The logarithm of the distance to a pole of the multiplier, in halvings of this span.
_SPAN = 21.0
_HALVINGS = 45


def nearest_vectors(estimate: Floats, covariance: Floats, signs: Floats, values: Floats) -> Floats:
    """Return the most likely true vector for each value of ``sum_i signs_i x_i^2``.

    It minimises ``(m - x)' S^-1 (m - x)`` under that constraint, so ``x = (I + k S A)^-1 m`` with
    ``A = diag(signs)`` and the one multiplier ``k`` that keeps ``S^-1 + k A`` positive definite and
    gives the value. With signs of one and errors that are alike in all directions it is a multiple
    of `estimate`.

    Parameters
    ----------
    estimate : ndarray, shape (n,)
        Not zero.
    covariance : ndarray, shape (n, n)
        Of the errors of the estimate.
    signs : ndarray, shape (n,)
        1 or -1; with ones alone the constraint is on the norm.
    values : ndarray, shape (k,)
        Of the constraint; not negative when all signs are 1.

    Returns
    -------
    ndarray, shape (k, n)

    References
    ----------
    Lee, Young (2005). Parametric bootstrapping with nuisance parameters. Statistics & Probability
    Letters 71, 143-153 (tests at the constrained estimate of what is not tested).
    """
    open_ = (1 - _RIDGE) * covariance + _RIDGE * np.diag(_average(np.diag(covariance), signs))
    variance, axes = np.linalg.eigh(open_)
    root = np.sqrt(variance)
    # In coordinates in which the errors are alike, the constraint has its own principal axes.
    half = axes * root @ axes.T
    weight, own = np.linalg.eigh(half @ (signs[:, None] * half))
    along = own.T @ (axes / root @ axes.T @ estimate)
    low, high = np.full(len(values), -_SPAN), np.full(len(values), _SPAN)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        found = along / (1.0 + _multiplier(middle, weight)[:, None] * weight)
        above = found**2 @ weight > values
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.asarray(found @ (half @ own).T)


def _average(variance: Floats, signs: Floats) -> Floats:
    """Average the variances over the coordinates of the same sign."""
    out = np.empty_like(variance)
    for sign in (-1.0, 1.0):
        out[signs == sign] = variance[signs == sign].mean() if (signs == sign).any() else 0.0
    return out


def _multiplier(t: Floats, weight: Floats) -> Floats:
    """Map all numbers to the multipliers between the poles, in increasing order."""
    below = np.expm1(np.minimum(t, 0.0)) / weight[-1]
    if weight[0] < 0:
        above = np.expm1(-np.maximum(t, 0.0)) / weight[0]
    else:
        above = np.expm1(np.maximum(t, 0.0)) / weight[-1]
    return np.asarray(np.where(t < 0, below, above))
