"""Does the fitted model say that data like these were to be expected."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.stats import norm

from vat_bayes.checks.check import Check, graded
from vat_bayes.model.access import array, labels, merge_chains, variable
from vat_bayes.model.structure import Floats

# Of data that fit, one set in a hundred has a cell that is further out.
_FALSE_ALARM = 0.01
# Standard deviations of a category count.
_FAILS = 6.0


def check_predictive(tree: xr.DataTree) -> list[Check]:
    """Posterior predictive checks of the ratings or the scores, by condition and by value.

    Ratings: how often each category was given in each condition, and among the supporting and the
    violating actions of each value. Scores: mean and spread of each condition, spread and kurtosis
    of the paired differences, mean and spread of the actions of each value. Kurtosis and the checks
    by value can warn and not fail: shifts are means, and stay calibrated under heavy tails and
    unequal spread.

    Parameters
    ----------
    tree : DataTree

    Returns
    -------
    list of Check
        ``not-run`` where the fit has no replicates.

    References
    ----------
    Gelman, Meng, Stern (1996). Posterior predictive assessment of model fitness. Statistica
    Sinica 6, 733-807.
    Anscombe (1948). The transformation of Poisson, binomial and negative-binomial data. Biometrika
    35, 246-254.
    """
    if "posterior_predictive" not in tree.children:
        ratings = tree.attrs["readout"] == "ratings"
        names = ["ppc_ratings"] if ratings else ["ppc_scores", "ppc_tails"]
        why = "fitted without replicates"
        return [Check(n, "not-run", None, None, why) for n in (*names, "ppc_by_value")]
    if tree.attrs["readout"] == "ratings":
        z, where = _largest(tree, "rating_counts")
        own = "state_cutpoint" in tree["posterior"].data_vars
        helps = z > _FAILS and not own
        hint = "; the model file `labels` gives each condition its own cutpoints" if helps else ""
        return [
            graded(
                "ppc_ratings", z, warn=3, fail=_FAILS,
                why="largest distance of an observed category count from its replicates, in their "
                f"sd on the root scale ({where}){hint}",
            ),
            _by_value(tree, "kind_counts", "category count"),
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
        _by_value(tree, "kind_statistics", "mean or spread"),
    ]  # fmt: skip


def _by_value(tree: xr.DataTree, name: str, what: str) -> Check:
    if name not in tree["observed_data"].data_vars:
        why = "replicates by value are not drawn for this statistical model"
        return Check("ppc_by_value", "not-run", None, None, why)
    z, where = _largest(tree, name)
    n = int(np.isfinite(np.asarray(variable(tree, "observed_data", name).values)).sum())
    return graded(
        "ppc_by_value",
        z,
        warn=float(norm.isf(_FALSE_ALARM / 2 / n)),
        fail=None,
        why=f"largest distance of an observed {what} of one value's supporting (+) or violating "
        f"(-) actions from its replicates, in their sd, of {n} ({where})",
    )


def _largest(tree: xr.DataTree, name: str, columns: slice = slice(None)) -> tuple[float, str]:
    """Find the observed statistic that is furthest from its replicates, and where it is."""
    observed = variable(tree, "observed_data", name)
    values = np.asarray(observed.values, dtype=float)[..., columns]
    replicated = merge_chains(array(tree, "posterior_predictive", name))[..., columns]
    z = _distance(values, replicated, counts=name.endswith("_counts"))
    if np.isnan(z).all():
        return float("nan"), "nothing to compare"
    place = np.unravel_index(np.nanargmax(z), z.shape)
    words = []
    for dimension, i in zip(observed.dims, place, strict=True):
        names = labels(tree, "observed_data", str(dimension))
        is_last = dimension == observed.dims[-1]
        label = (names[columns] if is_last else names)[i]
        words.append(f"{str(dimension).removeprefix('kind_')} {label}" if is_last else label)
    return float(z[place]), ", ".join(words)


def _distance(observed: Floats, replicated: Floats, *, counts: bool) -> Floats:
    """Distance from the replicates' mean in their sd; NaN where there is nothing to compare.

    Twice the root of a count has a standard deviation near one whatever its size. Of a count that
    is nearly always zero, replicates show none; half a unit keeps one rare event from counting as
    many standard deviations and many of them from being overlooked.
    """
    if counts:
        observed, replicated = (2.0 * np.sqrt(x + 0.375) for x in (observed, replicated))
    sd = replicated.std(0, ddof=1)
    if counts:
        sd = np.maximum(sd, 0.5)
    miss = np.abs(observed - replicated.mean(0))
    # Replicates that never vary: met exactly they say nothing, missed they say that the model
    # cannot have made the data.
    never = np.where(miss > 1e-9 * (1.0 + np.abs(observed)), np.inf, 0.0)
    return np.where(sd > 0, miss / np.where(sd > 0, sd, 1.0), np.where(np.isnan(miss), miss, never))
