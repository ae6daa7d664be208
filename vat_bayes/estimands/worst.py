"""The largest loss, which value has it, and what it would be under no effect."""

from __future__ import annotations

import numpy as np

from vat_bayes.estimands.norms import Floats

# Null estimates times draws: enough for the quantile that the floor is used for, in a few ms.
_MOST = 500


def worst_loss(shift: Floats, columns: list[int]) -> Floats:
    """Largest off-target loss, zero where every value rose.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    columns : list of int
        The off-target values.

    Returns
    -------
    ndarray, shape (sample,)
        In the units of `shift`, not negative.
    """
    return np.asarray(np.maximum(0.0, -shift[:, columns].min(1)))


def worst_probability(shift: Floats, columns: list[int]) -> Floats:
    """Probability of each off-target value to be the one that lost most.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    columns : list of int

    Returns
    -------
    ndarray, shape (column,)
        What is missing from a sum of one is the probability that no value lost anything.
    """
    off = shift[:, columns]
    lowest, lost = off.argmin(1), off.min(1) < 0
    return np.asarray([((lowest == k) & lost).mean() for k in range(len(columns))])


def worst_loss_floor(shift: Floats, columns: list[int]) -> Floats:
    """Return what the posterior mean of the largest loss would be under no effect.

    Under no effect the posterior mean scatters like a centred draw ``m``, and the largest loss
    averages ``max(0, -(m + e))`` over the posterior. The largest of correlated errors has no closed
    form; the average is over draws, at most 500 of ``m`` and 500 of ``e``, evenly spaced.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    columns : list of int

    Returns
    -------
    ndarray, shape (at most 500,)
        One posterior mean for each ``m``.
    """
    centred = shift[:, columns] - shift[:, columns].mean(0)
    some = np.unique(np.linspace(0, len(centred) - 1, _MOST).astype(int))
    error = centred[some]
    return np.array([np.maximum(0.0, -(m + error).min(1)).mean() for m in error])
