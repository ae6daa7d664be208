"""How probable a verdict must be at each of several looks, so that looking often costs nothing.

A verdict that is right with probability .95 at one look is wrong far more often than one time in
twenty when the data are looked at after every block and the first verdict counts. The errors
allowed are therefore spent over the looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import norm

Floats = npt.NDArray[np.float64]

# The density of the running sum is kept at this many points, up to so many standard deviations.
_POINTS = 801
_REACH = 8.0


def look_probabilities(shares: Sequence[float], probability: float) -> list[float]:
    """Return how probable a clause must be at each look.

    At a true value exactly at the bound, the normal score of a clause's probability is about
    standard normal, and over the looks it is a random walk over its root (a score that is a sum
    over scenarios). The error ``1 - probability`` is spent as ``2 - 2 Phi(z / sqrt(t))`` after the
    share ``t`` of all scenarios, with ``z`` the quantile of half the error: hardly any of it early,
    all of it at ``t = 1`` (Lan and DeMets 1983, after O'Brien and Fleming 1979). The
    boundaries follow by integration from look to look (Armitage, McPherson and Rowe 1969).

    Parameters
    ----------
    shares : sequence of float
        The share of all scenarios that each look has, ascending, above 0 and up to 1.
    probability : float
        What is asked of a single look, above .5.

    Returns
    -------
    list of float
        One probability for each look, never below `probability`.

    References
    ----------
    Armitage, McPherson, Rowe (1969). Repeated significance tests on accumulating data. Journal of
    the Royal Statistical Society A 132, 235-244.
    Lan, DeMets (1983). Discrete sequential boundaries for clinical trials. Biometrika 70, 659-663.
    O'Brien, Fleming (1979). A multiple testing procedure for clinical trials. Biometrics 35,
    549-556.
    """
    times = np.asarray(shares, dtype=float)
    if times.size == 0 or times[0] <= 0 or times[-1] > 1 + 1e-9 or (np.diff(times) <= 0).any():
        raise ValueError(f"the shares of the looks must rise from above 0 to 1, found {times}")
    error = 1 - probability
    spent = 2 * norm.sf(norm.isf(error / 2) / np.sqrt(times))
    # The walk at time t has variance t; `density` is that of walks that have not crossed yet.
    grid, density, crossed, before = np.zeros(1), np.ones(1), 0.0, 0.0
    found = []
    for time, target in zip(times, spent, strict=True):
        step, root = np.sqrt(time - before), np.sqrt(time)
        beyond = partial(_beyond, grid=grid, density=density, step=step, root=root)
        rest = max(float(target) - crossed, 1e-300)
        z = brentq(partial(_too_much, beyond=beyond, allowed=rest), -1.0, 40.0)
        z = max(z, float(norm.ppf(probability)))
        crossed += beyond(z)
        found.append(float(norm.cdf(z)))
        points = np.linspace(-_REACH * root, z * root, _POINTS)
        inside = norm.pdf((points[:, None] - grid) / step) @ density / step
        # The trapezoidal rule.
        inside *= points[1] - points[0]
        inside[[0, -1]] /= 2
        grid, density, before = points, inside, time
    return found


def _beyond(z: float, *, grid: Floats, density: Floats, step: float, root: float) -> float:
    """Probability that a walk that has not crossed yet is above the score `z` at the next look."""
    return float(density @ norm.sf((z * root - grid) / step))


def _too_much(z: float, *, beyond: Callable[[float], float], allowed: float) -> float:
    return beyond(z) - allowed
