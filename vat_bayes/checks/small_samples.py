"""Estimates whose intervals are known not to cover in small studies."""

from __future__ import annotations

import xarray as xr

from vat_bayes.estimands import Estimands, withhold
from vat_bayes.model.access import count_scenarios

FEWEST_FOR_EXTREMITY = 48
"""Scenarios. With 24 the 90 % intervals of ratings held the truth in 77 % of simulated studies,
with 48 in 9 of 10 (docs/calibration.md)."""


def withhold_small(estimands: Estimands, tree: xr.DataTree) -> Estimands:
    """Withhold the extremity of ratings where scenarios are few.

    The ten shifts of a condition have wide priors in logits of the baseline. The flatter the
    condition's answers, the more room there is for shifts of the same size in its own units, which
    pulls `lambda` down by ten times its posterior variance: a standard deviation at 24 scenarios,
    and in proportion to their number less.

    Parameters
    ----------
    estimands : Estimands
    tree : DataTree

    Returns
    -------
    Estimands
        The same, or with the status ``too-few-scenarios`` for `style_extremity`.
    """
    scenarios = count_scenarios(tree)
    if tree.attrs["readout"] != "ratings" or scenarios >= FEWEST_FOR_EXTREMITY:
        return estimands
    return withhold(estimands, "too-few-scenarios", ("style_extremity",))
