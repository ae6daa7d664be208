"""Norms of uncertain vectors without the upward bias of noise.

The mean square of a noisy vector estimates signal plus error variance: of nine shifts that are all
exactly zero, the root mean square of posterior draws is about 1.4 standard errors and no interval
of it contains zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from vat_bayes.estimands.nearest import nearest_vectors

Floats = npt.NDArray[np.float64]

# Norms up to this many error norms above the estimate are considered; beyond it nothing is left.
_REACH = 8.0
_STEPS = 241


def debiased_mean_square(draws: Floats) -> Floats:
    """Return draws of the mean square of a vector, by test inversion.

    Write a draw as ``m + e`` with posterior mean ``m``. For a true vector ``x`` the estimate would
    scatter as ``x + e``. Of all vectors of the norm ``t |m|`` let ``x(t)`` be the one that fits the
    estimate best (`nearest_vectors`; ``t m`` where the errors are alike in all directions). Then
    ``P(t) = P(|x(t) + e|^2 >= |m|^2)`` is the p-value of the hypothesis that the norm is at most
    ``t |m|``. It rises from ``P(0)``, the p-value of no signal at all, to one: a confidence
    distribution of the norm, with a lump of probability at zero when the data do not exclude it.
    Its quantiles are attached to the draws by the rank of their plain mean square, which keeps the
    dependence on everything else in the posterior.

    An estimate that is shorter than noise alone makes it in half of all studies is read as if it
    were as long as that (`as_long_as_noise`). Without this, one study in twenty of nothing at all
    would have an interval of zero width at zero, and a bound could be kept by luck in a study that
    is too small to see it broken.

    Parameters
    ----------
    draws : ndarray, shape (sample, n)
        Joint draws under a weakly informative prior.

    Returns
    -------
    ndarray, shape (sample,)
        Draws of the mean square, in squared units of `draws`.

    References
    ----------
    Carpenter (1999). Test inversion bootstrap confidence intervals. JRSS B 61, 159-172.
    Lee, Young (2005). Parametric bootstrapping with nuisance parameters. Statistics & Probability
    Letters 71, 143-153.
    Xie, Singh (2013). Confidence distribution. International Statistical Review 81, 3-39.
    Cowan, Cranmer, Gross, Vitells (2011). Power-constrained limits. arXiv:1105.3166.
    """
    centre = draws.mean(0)
    error = draws - centre
    plain = (draws**2).mean(1)
    own = (error**2).sum(1)
    noise = float(own.mean())
    centre = as_long_as_noise(centre, own)
    norm = float(centre @ centre)
    if norm <= 0.0 or noise <= 0.0:
        return plain
    along = error @ centre
    # Even steps from zero, and fine ones around the estimate: where it is precise, P rises from
    # zero to one within a sliver of the even ones.
    even = np.linspace(0.0, 1.0 + _REACH * np.sqrt(noise / norm), _STEPS)
    fine = 1.0 + np.linspace(-_REACH, _REACH, _STEPS) * along.std() / norm
    step = np.unique(np.maximum(0.0, np.concatenate([even, fine])))
    true = nearest_vectors(
        centre, error.T @ error / len(error), np.ones_like(centre), step**2 * norm
    )
    p = np.array(
        [
            (t * t * norm + 2.0 * (error @ x) + own >= norm).mean()
            for t, x in zip(step, true, strict=True)
        ]
    )
    p = np.maximum.accumulate(p)
    rank = (rankdata(plain, method="ordinal") - 0.5) / len(plain)
    # The smallest norm that each rank allows, straight between the steps that enclose it.
    after = np.minimum(np.searchsorted(p, rank), len(p) - 1)
    before = np.maximum(after - 1, 0)
    gap = np.maximum(p[after] - p[before], np.finfo(float).tiny)
    part = np.clip((rank - p[before]) / gap, 0.0, 1.0)
    root = np.where(after == 0, 0.0, step[before] + part * (step[after] - step[before]))
    return np.asarray(root**2 * norm / draws.shape[1])


def as_long_as_noise(estimate: Floats, squares: Floats) -> Floats:
    """Lengthen an estimate to what noise alone makes of it in half of all studies.

    The upper end of an interval is then never below the one that a study without any effect has in
    the middle: a power-constrained limit, with the power of one half.

    Parameters
    ----------
    estimate : ndarray, shape (n,)
    squares : ndarray, shape (sample,)
        Squared lengths of the errors.

    Returns
    -------
    ndarray, shape (n,)
        The estimate itself where it is longer than that, or zero.

    References
    ----------
    Cowan, Cranmer, Gross, Vitells (2011). Power-constrained limits. arXiv:1105.3166.
    """
    length = float(estimate @ estimate)
    if length <= 0.0:
        return estimate
    return np.asarray(estimate * np.sqrt(max(1.0, float(np.median(squares)) / length)))


def mean_square(draws: Floats, *, pooled: bool) -> Floats:
    """Return draws of the mean square of a vector, by the rule that the prior asks for.

    Under an independent, wide prior the mean square of a draw is signal plus error, and is
    debiased. Under a prior whose spread is learned the posterior of the norm is already right, and
    the draws no longer scatter about their mean as the mean scatters about the truth, which the
    debiasing assumes.

    Parameters
    ----------
    draws : ndarray, shape (sample, n)
    pooled : bool
        Whether the effects have a prior with a learned spread.

    Returns
    -------
    ndarray, shape (sample,)
    """
    return np.asarray((draws**2).mean(1)) if pooled else debiased_mean_square(draws)


def signed_root(square: Floats) -> Floats:
    """Take the square root and keep the sign of a difference of squares.

    Parameters
    ----------
    square : ndarray

    Returns
    -------
    ndarray, shape of `square`
    """
    return np.asarray(np.sign(square) * np.sqrt(np.abs(square)))


def measured_values(shift: Floats, columns: list[int]) -> list[int]:
    """Drop the values that no item loads on.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
        NaN where no item loads on a value.
    columns : list of int
        Values to choose from.

    Returns
    -------
    list of int
    """
    return [v for v in columns if not np.isnan(shift[:, v]).any()]
