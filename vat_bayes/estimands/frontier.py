"""Conditions against each other in the gain-tax plane: frontier and pairwise probabilities."""

from __future__ import annotations

import numpy as np

from vat_bayes.estimands.norms import Floats


def on_frontier(gain: Floats, tax: Floats) -> Floats:
    """Probability of each condition to lie on the gain-tax frontier.

    In a draw a condition is off the frontier when another one has no less gain and no more tax, and
    is better in one of the two. Doing nothing, with gain and tax zero, is one of the others: a
    condition that moves its target the wrong way at a tax is never worth taking.

    Parameters
    ----------
    gain, tax : ndarray, shape (sample, condition)
        Joint draws.

    Returns
    -------
    ndarray, shape (condition,)
    """
    nothing = np.zeros((len(gain), 1))
    all_gain, all_tax = np.hstack([gain, nothing]), np.hstack([tax, nothing])
    no_worse = (all_gain[:, None] >= gain[..., None]) & (all_tax[:, None] <= tax[..., None])
    better = (all_gain[:, None] > gain[..., None]) | (all_tax[:, None] < tax[..., None])
    return np.asarray(1.0 - (no_worse & better).any(-1).mean(0))


def beats(gain: Floats, tax: Floats, other_gain: Floats, other_tax: Floats) -> float:
    """Probability that a condition has more gain and less tax than another one.

    Parameters
    ----------
    gain, tax, other_gain, other_tax : ndarray, shape (sample,)
        Joint draws of both conditions.

    Returns
    -------
    float
        An equal tax, which is common at zero, counts half.
    """
    less = (tax < other_tax) + 0.5 * (tax == other_tax)
    more = (gain > other_gain) + 0.5 * (gain == other_gain)
    return float((more * less).mean())
