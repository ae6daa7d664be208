"""Are the predicted probabilities of the ratings reliable: of what is given .3, does .3 happen."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.optimize import isotonic_regression

from vat_bayes.checks.check import Check, graded
from vat_bayes.model.access import array, merge_chains
from vat_bayes.model.structure import Floats

_NAME = "ppc_calibration"
# A hundredth is no miscalibration to warn of, however surely the data show it.
_NEGLIGIBLE = 0.01
_QUANTILE = 0.99


def check_calibration(tree: xr.DataTree) -> Check:
    """Compare the predicted probabilities of the ratings with the ones that isotonic fits find.

    The prediction is that for a new item of a new scenario: the probability of a rating of at most
    k, for each state, value and polarity. For each k, the observed shares are regressed on the
    predictions by the pool-adjacent-violators algorithm; how far the fit is from the predictions
    is how far they are from reliable. Replicated data say how far it is by chance.

    Parameters
    ----------
    tree : DataTree

    Returns
    -------
    Check
        Its figure is the root mean square distance, a probability; warns over the 99% quantile of
        the replicates.

    References
    ----------
    Dimitriadis, Gneiting, Jordan (2021). Stable reliability diagrams for probabilistic classifiers.
    PNAS 118(8). doi:10.1073/pnas.2016191118
    """
    if tree.attrs["readout"] != "ratings":
        why = "expected scores are no probabilities of ratings; ppc_scores holds them to the data"
        return Check(_NAME, "not-run", None, None, why)
    if "kind_counts" not in tree["observed_data"].data_vars:
        why = "replicates by value are not drawn for this statistical model"
        if "posterior_predictive" not in tree.children:
            why = "fitted without replicates"
        return Check(_NAME, "not-run", None, None, why)
    observed = array(tree, "observed_data", "kind_counts")
    replicated = merge_chains(array(tree, "posterior_predictive", "kind_counts"))
    forecast = _cumulative(replicated.mean(0))
    weight = observed.sum(-1)
    seen = weight > 0

    def distance(counts: Floats) -> float:
        share = _cumulative(counts)
        each = [
            miscalibration(forecast[seen, k], share[seen, k], weight[seen])
            for k in range(share.shape[-1])
        ]
        return float(np.sqrt(np.square(each).mean()))

    found, chance = distance(observed), [distance(x) for x in replicated]
    limit = max(_NEGLIGIBLE, float(np.quantile(chance, _QUANTILE)))
    return graded(
        _NAME,
        found,
        warn=limit,
        fail=None,
        why="distance (RMS) between the predicted probabilities of ratings of new items and those "
        "that an isotonic fit (PAVA) finds in the data; the threshold is what one replicate in a "
        "hundred exceeds",
    )


def miscalibration(forecast: Floats, share: Floats, weight: Floats) -> float:
    """Compute the weighted RMS distance of forecasts from their isotonic recalibration.

    Parameters
    ----------
    forecast, share : ndarray, shape (n,)
        Predicted probability and observed share of each event.
    weight : ndarray, shape (n,)
        Judgments behind each share.

    Returns
    -------
    float
    """
    # Equal forecasts are one event: with the larger share first they are pooled.
    order = np.lexsort((-share, forecast))
    forecast, weight = forecast[order], weight[order]
    fitted = isotonic_regression(share[order], weights=weight).x
    return float(np.sqrt(np.average((fitted - forecast) ** 2, weights=weight)))


def _cumulative(counts: Floats) -> Floats:
    """Share of ratings of at most k, shape (state, kind, K - 1); NaN where there are none."""
    total = counts.sum(-1, keepdims=True)
    share = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    return np.asarray(share.cumsum(-1)[..., :-1])
