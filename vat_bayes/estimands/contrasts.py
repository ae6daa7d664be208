"""Differences of two uncertain vectors in size, without the bias of their noise."""

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
    return np.asarray(_by_rank(plain, p, difference) / n)


def debiased_step(draws: Floats, other: Floats) -> Floats:
    """Return draws of the root mean square of one vector minus that of another, by test inversion.

    As `debiased_difference`, with the difference of the norms in place of that of their squares.
    The pair of true vectors ``x(d)`` lies along the estimates; of their lengths the likeliest are
    taken, given that they differ by ``d`` and that neither is negative. Subtracting two debiased
    norms instead is biased towards zero where just one vector is: neither can be below it.

    Parameters
    ----------
    draws : ndarray, shape (sample, n)
        Joint draws under a weakly informative prior. Where they are all the same the vector is
        known, and only the other is debiased.
    other : ndarray, shape (sample, m)
        Likewise; of other values, perhaps.

    Returns
    -------
    ndarray, shape (sample,)
        Draws of the difference, attached to the joint draws by the rank of their plain difference.

    References
    ----------
    Carpenter (1999). Test inversion bootstrap confidence intervals. JRSS B 61, 159-172.
    Lee, Young (2005). Parametric bootstrapping with nuisance parameters. Statistics & Probability
    Letters 71, 143-153.
    """
    known = [not np.ptp(x, axis=0).any() for x in (draws, other)]
    if any(known):
        here, there = (
            np.sqrt((x**2).mean(1) if k else debiased_mean_square(x))
            for x, k in zip((draws, other), known, strict=True)
        )
        return np.asarray(here - there)
    # In units in which the root mean square is the length.
    vectors = [x / np.sqrt(x.shape[1]) for x in (draws, other)]
    centres = [x.mean(0) for x in vectors]
    errors = [x - c for x, c in zip(vectors, centres, strict=True)]
    ways = [c / max(float(np.linalg.norm(c)), np.finfo(float).tiny) for c in centres]
    start = [
        float(np.linalg.norm(_shortened(c, e.T @ e / len(e))))
        for c, e in zip(centres, errors, strict=True)
    ]
    along = np.cov(*(e @ w for e, w in zip(errors, ways, strict=True)))
    seen = float(np.linalg.norm(centres[0]) - np.linalg.norm(centres[1]))
    plain = np.linalg.norm(vectors[0], axis=1) - np.linalg.norm(vectors[1], axis=1)
    step = start[0] - start[1] + float(plain.std()) * np.linspace(-_REACH, _REACH, _STEPS)
    # Moved by what an error is likely to be, given by how much it changes the difference.
    pull = along @ [1.0, -1.0] / ([1.0, -1.0] @ along @ [1.0, -1.0])
    first = start[0] + (step - start[0] + start[1]) * pull[0]
    first = np.maximum(first, np.maximum(step, 0.0))
    squares = [(e**2).sum(1) for e in errors]
    crosses = [2.0 * (e @ w) for e, w in zip(errors, ways, strict=True)]

    def lengths(which: int, true: float) -> Floats:
        square = true**2 + true * crosses[which] + squares[which]
        return np.asarray(np.sqrt(np.maximum(square, 0.0)))

    p = np.array(
        [
            (lengths(0, r) - lengths(1, r - d) >= seen).mean()
            for r, d in zip(first, step, strict=True)
        ]
    )
    return _by_rank(plain, p, step)


def _by_rank(plain: Floats, p: Floats, difference: Floats) -> Floats:
    """Give each joint draw the quantile of the distribution function P that its rank asks for."""
    rank = (rankdata(plain, method="ordinal") - 0.5) / len(plain)
    # Ties of P would make the inverse ambiguous; a slope far below one draw's share parts them.
    rising = np.maximum.accumulate(p) + np.linspace(0.0, 1e-9, _STEPS)
    return np.asarray(np.interp(rank, rising, difference))


def _shortened(estimate: Floats, covariance: Floats) -> Floats:
    """Scale an estimate to the norm that is left when its expected noise is taken off."""
    square = float(estimate @ estimate)
    left = 1.0 - float(np.trace(covariance)) / square if square > 0 else 0.0
    return np.asarray(estimate * np.sqrt(max(_SHORTEST, left)))
