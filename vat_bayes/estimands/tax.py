"""Gain and tax of one arm from the joint draws of its shifts."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from vat_bayes.estimands.contrasts import debiased_difference
from vat_bayes.estimands.norms import Floats, mean_square, signed_root
from vat_bayes.values import VALUES

# Below this ratio the data speak against no tax three to one (Jeffreys: substantially).
EXCLUDED = 1 / 3
# The share of the prior that counts as no tax: the smallest norms, enough of them to be counted.
_NEGLIGIBLE = 0.05


def no_tax_ratio(posterior: Floats, prior: Floats) -> float:
    """Return how much likelier a negligible norm is under the posterior than under the prior.

    Parameters
    ----------
    posterior, prior : ndarray, shape (sample,)
        Draws of the same norm.

    Returns
    -------
    float
        The Savage-Dickey ratio, with the lowest twentieth of the prior as the hypothesis.

    References
    ----------
    Wagenmakers et al. (2010). Bayesian hypothesis testing for psychologists: a tutorial on the
    Savage-Dickey method. Cognitive Psychology 60, 158-189. doi:10.1016/j.cogpsych.2009.12.001
    """
    return float((posterior <= np.quantile(prior, _NEGLIGIBLE)).mean() / _NEGLIGIBLE)


def off_target(target: tuple[str, ...], values: tuple[str, ...] = VALUES) -> list[int]:
    """Return the positions of the values that an intervention does not aim at."""
    return [i for i, v in enumerate(values) if v not in target]


def gain(shift: Floats, target: tuple[str, ...], direction: int) -> Floats:
    """Direction times the shift of the target, averaged over targets.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    target : tuple of str
        Not empty.
    direction : {1, -1}

    Returns
    -------
    ndarray, shape (sample,)
    """
    columns = [VALUES.index(v) for v in target]
    return np.asarray(direction * shift[:, columns].mean(1))


def is_resolved(draws: Floats) -> bool:
    """Decide whether a ratio may be formed over this gain.

    The sign must be known with probability .975 and the sd must be under a third of the mean.

    Parameters
    ----------
    draws : ndarray, shape (sample,)

    Returns
    -------
    bool
    """
    sure = max((draws > 0).mean(), (draws < 0).mean()) > 0.975
    return bool(sure and draws.std(ddof=1) < abs(draws.mean()) / 3)


def is_wrong_way(draws: Floats) -> bool:
    """Decide whether the target surely moved against the declared direction.

    Parameters
    ----------
    draws : ndarray, shape (sample,)
        Draws of the gain.

    Returns
    -------
    bool
    """
    return bool((draws < 0).mean() > 0.975)


def tax_rms(shift: Floats, columns: list[int], *, pooled: bool = False) -> Floats:
    """Root mean square of the off-target shifts, debiased where the effects are not pooled.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    columns : list of int
        The off-target values.
    pooled : bool
        See `vat_bayes.estimands.norms.mean_square`.

    Returns
    -------
    ndarray, shape (sample,)
    """
    return np.asarray(np.sqrt(mean_square(shift[:, columns], pooled=pooled)))


def tax_excess(shift: Floats, other: Floats, columns: list[int], *, pooled: bool = False) -> Floats:
    """Signed root of the mean square of a condition minus that of its placebo or retest.

    Parameters
    ----------
    shift, other : ndarray, shape (sample, value)
        Joint draws of the condition and of what it is contrasted with.
    columns : list of int
        The off-target values of the condition; the same ones are taken from the other.
    pooled : bool
        See `vat_bayes.estimands.norms.mean_square`.

    Returns
    -------
    ndarray, shape (sample,)
    """
    mine, theirs = shift[:, columns], other[:, columns]
    if pooled:
        return signed_root((mine**2).mean(1) - (theirs**2).mean(1))
    return signed_root(debiased_difference(mine, theirs))


def displacement(shift: Floats, columns: list[int]) -> Floats:
    """Average the absolute off-target shifts.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    columns : list of int
        The off-target values.

    Returns
    -------
    ndarray, shape (sample,)
        In the units of `shift`.
    """
    return np.asarray(np.abs(shift[:, columns]).mean(1))


def loss(shift: Floats, columns: list[int]) -> Floats:
    """Average the off-target losses, ``max(0, -shift)``.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    columns : list of int
        The off-target values.

    Returns
    -------
    ndarray, shape (sample,)
        In the units of `shift`.
    """
    return np.asarray(np.maximum(0.0, -shift[:, columns]).mean(1))


def displacement_floor(shift: Floats, columns: list[int]) -> Floats:
    """Return what the posterior mean displacement would be under no effect at this precision.

    Under no effect the posterior mean scatters like a centred draw ``m`` and the displacement
    averages ``|m + e|`` over the posterior: the mean of a folded normal. That is 1.13 standard
    errors on average.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    columns : list of int

    Returns
    -------
    ndarray, shape (sample,)
    """
    centred, sd = _centred(shift, columns)
    z = centred / sd
    folded = sd * (2 * norm.pdf(z) + z * (2 * norm.cdf(z) - 1))
    return np.asarray(folded.mean(1))


def loss_floor(shift: Floats, columns: list[int]) -> Floats:
    """Return what the posterior mean loss would be under no effect at this precision.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    columns : list of int

    Returns
    -------
    ndarray, shape (sample,)
    """
    centred, sd = _centred(shift, columns)
    z = centred / sd
    return np.asarray((sd * (norm.pdf(z) - z * norm.cdf(-z))).mean(1))


def _centred(shift: Floats, columns: list[int]) -> tuple[Floats, Floats]:
    off = shift[:, columns]
    sd = np.maximum(off.std(0, ddof=1), np.finfo(float).tiny)
    return off - off.mean(0), sd
