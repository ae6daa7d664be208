"""Does the fitted model say that data like these were to be expected."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vat_bayes.checks.check import Check, graded
from vat_bayes.model.access import array, labels, merge_chains, variable


def check_predictive(tree: xr.DataTree) -> list[Check]:
    """Posterior predictive check of the ratings, or of the scores.

    Ratings: how often each category was given in each condition. Scores: mean and spread of each
    condition, spread and kurtosis of the paired differences; kurtosis can warn and not fail, since
    means stay calibrated under heavy tails.

    Parameters
    ----------
    tree : DataTree

    Returns
    -------
    list of Check

    References
    ----------
    Gelman, Meng, Stern (1996). Posterior predictive assessment of model fitness. Statistica
    Sinica 6, 733-807.
    """
    if tree.attrs["readout"] == "ratings":
        z, where = _largest(tree, "rating_counts", slice(None))
        return [
            graded(
                "ppc_ratings", z, warn=3, fail=6,
                why="largest distance of an observed category count from its replicates, in their "
                f"sd ({where})",
            )
        ]  # fmt: skip
    spread, where = _largest(tree, "score_statistics", slice(0, 3))
    tails, where_tails = _largest(tree, "score_statistics", slice(3, 4))
    return [
        graded(
            "ppc_scores", spread, warn=3, fail=6,
            why="largest distance of an observed mean or spread from its replicates, in their "
            f"sd ({where})",
        ),
        graded(
            "ppc_tails", tails, warn=4, fail=None,
            why=f"the same for the kurtosis of the paired differences ({where_tails}); heavy tails "
            "widen nothing here",
        ),
    ]  # fmt: skip


def _largest(tree: xr.DataTree, name: str, columns: slice) -> tuple[float, str]:
    observed = variable(tree, "observed_data", name)
    replicated = merge_chains(array(tree, "posterior_predictive", name))[..., columns]
    values = np.asarray(observed.values, dtype=float)[..., columns]
    sd = replicated.std(0, ddof=1)
    z = np.abs(values - replicated.mean(0)) / np.where(sd > 0, sd, np.nan)
    # A count that never varies and is met exactly is no evidence either way.
    z = np.where((sd == 0) & (values == replicated.mean(0)), 0.0, z)
    if np.isnan(z).all():
        return float("nan"), "nothing to compare"
    row, column = np.unravel_index(np.nanargmax(z), z.shape)
    state = labels(tree, "observed_data", "state")[row]
    dimension = str(observed.dims[1])
    label = labels(tree, "observed_data", dimension)[columns][column]
    return float(z[row, column]), f"{state}, {dimension} {label}"
