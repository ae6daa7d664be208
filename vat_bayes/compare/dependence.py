"""Joint draws of two posteriors whose errors come partly from the same scenarios.

Both runs average over a sample of scenarios, and where the samples overlap their errors go
together. Each posterior keeps the draws that it has; what is added is which draw of the one goes
with which of the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from vat_bayes.estimands.norms import Floats
from vat_bayes.model.structure import Ints

# Canonical correlations are kept below one, so that what is left of an error has a variance.
_MOST = 0.995


def scenario_correlation(a: Floats, b: Floats, pairs: Ints) -> Floats:
    """Correlate the errors of two runs' shifts through the scenarios that they share.

    The error of a mean over scenarios is the sum of what each scenario adds to it. Two such sums
    are correlated through the scenarios that are in both, and their covariance is estimated like a
    cluster-robust variance (Liang and Zeger 1986), by the products over these scenarios.

    Parameters
    ----------
    a : ndarray, shape (scenario, value)
        What each scenario of the first run adds to the error of every shift.
    b : ndarray, shape (scenario', value)
        The same of the second.
    pairs : ndarray of int, shape (shared, 2)
        Positions of the shared scenarios.

    Returns
    -------
    ndarray, shape (value, value)
        Rows are the values of the first run. Zero where a value has no error.

    References
    ----------
    Liang, Zeger (1986). Longitudinal data analysis using generalized linear models. Biometrika 73,
    13-22. doi:10.1093/biomet/73.1.13
    """
    left, right = (np.sqrt((x**2).sum(0)) for x in (a, b))
    product = a[pairs[:, 0]].T @ b[pairs[:, 1]]
    size = np.outer(left, right)
    return np.asarray(np.divide(product, size, out=np.zeros_like(product), where=size > 0))


def entangle(a: Floats, b: Floats, correlation: Floats) -> Floats:
    """Give independent draws of two vectors a correlation, and leave the mean and covariance.

    Parameters
    ----------
    a, b : ndarray, shape (sample, n), (sample, m)
        Independent draws.
    correlation : ndarray, shape (n, m)
        Wanted between the two. Canonical correlations above one, which a noisy estimate can imply,
        are brought below it.

    Returns
    -------
    ndarray, shape (sample, m)
        Draws like `b`, correlated with `a`.

    Notes
    -----
    With whitened draws ``x`` of `a` and ``y`` of `b`, and ``M = Sa^-1/2 C Sb^-1/2``, the draws
    ``x M + y (I - M'M)^1/2`` have the identity as covariance and `M` as covariance with ``x``.
    """
    mean_a, mean_b = a.mean(0), b.mean(0)
    root_a, back_a = _roots(np.cov(a.T).reshape(a.shape[1], -1))
    root_b, back_b = _roots(np.cov(b.T).reshape(b.shape[1], -1))
    wanted = a.std(0, ddof=1)[:, None] * correlation * b.std(0, ddof=1)
    left, size, right = np.linalg.svd(back_a @ wanted @ back_b, full_matrices=False)
    size = np.minimum(size, _MOST)
    shared = (left * size) @ right
    rest, _ = _roots(np.eye(b.shape[1]) - shared.T @ shared)
    mixed = (a - mean_a) @ back_a @ shared + (b - mean_b) @ back_b @ rest
    return np.asarray(mean_b + mixed @ root_b)


def _roots(covariance: Floats) -> tuple[Floats, Floats]:
    """Return the symmetric square root and its inverse; a direction without variance has none."""
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0.0)
    least = 1e-12 * max(values.max(), np.finfo(float).tiny)
    root = np.sqrt(values)
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=values > least)
    return (vectors * root) @ vectors.T, (vectors * inverse) @ vectors.T


def in_order_of(draws: Floats, guide: Floats) -> Floats:
    """Reorder draws so that they rise and fall with a guide; ties of the draws stay draws.

    Parameters
    ----------
    draws, guide : ndarray, shape (sample,)

    Returns
    -------
    ndarray, shape (sample,)
        The same numbers, whose ranks are those of the guide.

    References
    ----------
    Iman, Conover (1982). A distribution-free approach to inducing rank correlation among input
    variables. Communications in Statistics B 11, 311-334. doi:10.1080/03610918208812265
    """
    order = np.argsort(guide, kind="stable")
    ordered = np.empty_like(draws)
    ordered[order] = np.sort(draws)
    return ordered


def opposing(a: Floats, b: Floats, correlation: float) -> Floats:
    """Reorder draws so that their difference is as wide as a bound on the correlation allows.

    Parameters
    ----------
    a, b : ndarray, shape (sample,)
        Independent draws.
    correlation : float
        From 0 to 1; what the correlation can be at most. It is taken as negative.

    Returns
    -------
    ndarray, shape (sample,)
        The draws `b` in another order.
    """
    x, y = (ndtri(rankdata(z, method="ordinal") / (len(z) + 1)) for z in (a, b))
    return in_order_of(b, -correlation * x + np.sqrt(1.0 - correlation**2) * y)


@dataclass(frozen=True)
class Dependence:
    """How the errors of two runs hang together.

    Parameters
    ----------
    kind : {"paired", "independent", "bounded"}
        ``paired``: estimated from the scenarios that are shared; ``independent``: none is shared;
        ``bounded``: not known, so the interval is as wide as it can be.
    bound : float
        What the correlation can be at most where it is not known.
    why : str
        One sentence.
    """

    kind: str
    bound: float
    why: str
