"""The expected width of the interval of a tax beyond its placebo's."""

from __future__ import annotations

import numpy as np

from vat_bayes.estimands.tax import tax_excess
from vat_bayes.plan.components import Components, Floats

# Simulated pairs of estimates, and draws of each.
_STUDIES, _DRAWS = 48, 400


def joint_covariance(
    condition: Components,
    placebo: Components,
    columns: list[int],
    scenarios: int,
    *,
    items: float = 2.0,
    prompts: int = 1,
    repeats: int = 1,
) -> Floats:
    """Return the covariance of the estimated shifts under a condition and under its placebo.

    Both are differences from one baseline: its ratings, and half of what an item adds to such a
    difference (an item scatters under the baseline as under the condition), are in both.

    Parameters
    ----------
    condition, placebo : Components
    columns : list of int
        Positions of the values.
    scenarios : int
    items : float
        Items of each value in a scenario.
    prompts, repeats : int

    Returns
    -------
    ndarray, shape (2 values, 2 values)
        The condition's values first.
    """
    at = np.ix_(columns, columns)
    own = [
        c.covariance(scenarios, items=items, prompts=prompts, repeats=repeats)[at]
        for c in (condition, placebo)
    ]
    rating = np.minimum(condition.rating, placebo.rating) / (prompts * repeats)
    item = np.minimum(condition.item, placebo.item) / 2
    shared = np.diag(((rating + item) / (items * scenarios))[columns])
    return np.block([[own[0], shared], [shared, own[1]]])


def expected_width(
    covariance: Floats, taxes: tuple[float, float], degrees: int, *, level: float, seed: int
) -> float:
    """Return the mean width of the interval of `tax_excess` over simulated estimates.

    Parameters
    ----------
    covariance : ndarray, shape (2 n, 2 n)
        From `joint_covariance`.
    taxes : (float, float)
        The true taxes of condition and placebo, in points; which values move is drawn.
    degrees : int
        Degrees of freedom of the estimated variance.
    level : float
    seed : int

    Returns
    -------
    float
        In points.
    """
    rng = np.random.default_rng([seed, 2])
    n = len(covariance) // 2
    variance, axes = np.linalg.eigh(covariance)
    factor = axes * np.sqrt(np.maximum(variance, 0.0))
    # A variance that is estimated from few scenarios makes the draws heavier than normal.
    heavier = np.sqrt(degrees / max(1.0, degrees - 2.0))
    tails = ((1 - level) / 2, (1 + level) / 2)
    columns = list(range(n))
    found = []
    for _ in range(_STUDIES):
        direction = rng.normal(size=(2, n))
        direction /= np.sqrt((direction**2).mean(1, keepdims=True))
        true = np.concatenate([t * d for t, d in zip(taxes, direction, strict=True)])
        estimate = true + factor @ rng.normal(size=2 * n)
        draws = estimate + heavier * rng.normal(size=(_DRAWS, 2 * n)) @ factor.T
        lo, hi = np.quantile(tax_excess(draws[:, :n], draws[:, n:], columns), tails)
        found.append(hi - lo)
    return float(np.mean(found))
