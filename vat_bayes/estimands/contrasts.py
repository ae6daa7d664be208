"""The difference of the mean squares of two uncertain vectors, without the bias of their noise."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from vat_bayes.estimands.nearest import nearest_vectors
from vat_bayes.estimands.norms import Floats, debiased_mean_square

# The differences considered, in standard deviations of the scatter about the observed one.
_REACH = 10.0
_STEPS = 401
# An estimate is never shortened below this share of its square: from zero no direction is left.
_SHORTEST = 0.2


def debiased_difference(draws: Floats, other: Floats) -> Floats:
    """Return draws of the mean square of one vector minus that of another, by test inversion.

    As for one vector (`vat_bayes.estimands.norms.debiased_mean_square`): write a joint draw as
    ``m + e``, let ``x(d)`` be the pair of true vectors with the difference ``d`` that fits the
    estimate best, and ``P(d)`` the probability that the plain difference of ``x(d) + e`` is at
    least that of ``m``. ``P`` is the p-value of the hypothesis that the difference is at most
    ``d``, and read as a distribution function a confidence distribution of it. It takes both errors
    and their correlation into account at once. Each estimate is first shortened to its debiased
    norm, because the scatter of the difference grows with the norms, and those of the estimates
    hold their noise. Subtracting two debiased mean squares instead is
    biased where one of the two vectors is near zero: its mean square can't be debiased below zero.

    Parameters
    ----------
    draws, other : ndarray, shape (sample, n)
        Joint draws under a weakly informative prior. Where `other` is the same in all draws it is
        known, and only the first vector is debiased.

    Returns
    -------
    ndarray, shape (sample,)
        Draws of the difference of the mean squares, attached to the joint draws by the rank of
        their plain difference.

    References
    ----------
    Carpenter (1999). Test inversion bootstrap confidence intervals. JRSS B 61, 159-172.
    Lee, Young (2005). Parametric bootstrapping with nuisance parameters. Statistics & Probability
    Letters 71, 143-153.
    """
    n = draws.shape[1]
    if not np.ptp(other, axis=0).any():
        return debiased_mean_square(draws) - (other**2).mean(1)
    if not np.ptp(draws, axis=0).any():
        return (draws**2).mean(1) - debiased_mean_square(other)
    both = np.hstack([draws, other])
    signs = np.repeat([1.0, -1.0], n)
    centre = both.mean(0)
    error = both - centre
    plain, seen = both**2 @ signs, float(centre**2 @ signs)
    scatter = float((plain - seen).std())
    difference = seen + scatter * np.linspace(-_REACH, _REACH, _STEPS)
    covariance = error.T @ error / len(error)
    start = np.concatenate(
        [_shortened(centre[half], covariance[half, half]) for half in (slice(n), slice(n, None))]
    )
    true = nearest_vectors(start, covariance, signs, difference)
    # What the search for the multiplier reached, in place of what it was sent for.
    difference = np.maximum.accumulate(true**2 @ signs)
    own = error**2 @ signs
    p = np.array([(x**2 @ signs + 2.0 * (error @ (signs * x)) + own >= seen).mean() for x in true])
    p = np.maximum.accumulate(p)
    rank = (rankdata(plain, method="ordinal") - 0.5) / len(plain)
    # Ties of P would make the inverse ambiguous; a slope far below one draw's share parts them.
    return np.asarray(np.interp(rank, p + np.linspace(0.0, 1e-9, _STEPS), difference) / n)


def _shortened(estimate: Floats, covariance: Floats) -> Floats:
    """Scale an estimate to the norm that is left when its expected noise is taken off."""
    square = float(estimate @ estimate)
    left = 1.0 - float(np.trace(covariance)) / square if square > 0 else 0.0
    return np.asarray(estimate * np.sqrt(max(_SHORTEST, left)))
