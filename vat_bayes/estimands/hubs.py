"""Hubs of the coupling: which values move with the rest, and how unequal they are in that."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vat_bayes.estimands.arms import ArmInfo, stacked
from vat_bayes.estimands.norms import Floats
from vat_bayes.estimands.rows import Rows
from vat_bayes.values import VALUES


def hub_strength(coupling: Floats) -> Floats:
    """Root mean square of each value's couplings with all others.

    Parameters
    ----------
    coupling : ndarray, shape (sample, value, value)
        Correlation matrices.

    Returns
    -------
    ndarray, shape (sample, value)
        From 0 to 1.
    """
    n = coupling.shape[-1]
    return np.asarray(np.sqrt(np.maximum(0.0, (coupling**2).sum(-1) - 1.0) / (n - 1)))


def top_probability(strength: Floats) -> Floats:
    """Probability of each value to be the strongest hub; draws with a tie are shared.

    Parameters
    ----------
    strength : ndarray, shape (sample, value)

    Returns
    -------
    ndarray, shape (value,)
        Sums to one.
    """
    top = strength == strength.max(1, keepdims=True)
    return np.asarray((top / top.sum(1, keepdims=True)).mean(0))


def gini(strength: Floats) -> Floats:
    """Gini coefficient of the hubs: half their mean absolute difference over their mean.

    Parameters
    ----------
    strength : ndarray, shape (sample, value)
        Not negative.

    Returns
    -------
    ndarray, shape (sample,)
        0 when all are alike, ``1 - 1 / V`` when one value has everything; 0 where all are zero.

    References
    ----------
    Gini (1912). Variabilita e mutabilita. In the sorted form ``sum_i (2 i - V - 1) h_(i) / (V sum
    h)``.
    """
    ordered = np.sort(strength, axis=1)
    n = ordered.shape[1]
    total = ordered.sum(1)
    spread = ordered @ (2.0 * np.arange(1, n + 1) - n - 1)
    return np.asarray(np.divide(spread, n * total, out=np.zeros_like(total), where=total > 0))


def add_hubs(
    rows: Rows, arm: ArmInfo, n: int, tree: xr.DataTree, *, measured: list[int], status: str
) -> None:
    """Add the rows of one arm's hubs, each norm beside the same under the prior.

    Parameters
    ----------
    rows : Rows
    arm : ArmInfo
        A fitted arm.
    n : int
        Number of scenarios.
    tree : DataTree
    measured : list of int
        The values that items load on.
    status : str
        ``at-floor`` when the data do not exclude that there is no coupling: a hub is a norm and
        positive in every draw, so its interval then begins at zero.
    """
    if len(measured) < 3:  # of two values each is the other's only partner
        return
    posterior, prior = (
        hub_strength(stacked(tree, "coupling", group=g)[:, arm.index][:, measured][:, :, measured])
        for g in ("posterior", "prior")
    )
    top = top_probability(posterior)
    for k, v in enumerate(measured):
        name = VALUES[v]
        rows.add(arm, n, "hub", posterior[:, k], value=name, scale="correlation", status=status)
        if status == "at-floor":
            rows.records[-1]["lo"] = 0.0
        rows.add_probability(arm, n, "p_top_hub", float(top[k]), value=name)
    # Under the prior every value is as good a hub as any other, up to the order of construction.
    rows.add(arm, n, "hub_prior", prior.ravel(), scale="correlation")
    rows.add(arm, n, "gini", gini(posterior), scale="norm", status=status)
    if status == "at-floor":
        rows.records[-1]["lo"] = 0.0
    rows.add(arm, n, "gini_prior", gini(prior), scale="norm")
