"""Coupling of the values in one arm: the correlations, their norms, and whether there is any."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vat_bayes.estimands.arms import ArmInfo, stacked
from vat_bayes.estimands.norms import Floats
from vat_bayes.estimands.rows import Rows
from vat_bayes.model.coupling import offdiagonal_norm
from vat_bayes.values import VALUES

# A spread of the partial correlations below this is no coupling for any purpose, and it is wide
# enough to hold many prior draws.
_NEGLIGIBLE = 0.05
# Below this ratio the data speak against no coupling three to one (Jeffreys: substantially).
_EXCLUDED = 1 / 3


def no_coupling_ratio(posterior_scale: Floats, prior_scale: Floats) -> float:
    """Return the Savage-Dickey ratio of no coupling: its posterior over its prior probability.

    Parameters
    ----------
    posterior_scale, prior_scale : ndarray, shape (sample,)
        Draws of the spread of the partial correlations, whose prior is positive at zero.

    Returns
    -------
    float
        The Bayes factor in favour of no coupling.

    References
    ----------
    Wagenmakers et al. (2010). Bayesian hypothesis testing for psychologists: a tutorial on the
    Savage-Dickey method. Cognitive Psychology 60, 158-189. doi:10.1016/j.cogpsych.2009.12.001
    """
    prior = (prior_scale < _NEGLIGIBLE).mean()
    return float((posterior_scale < _NEGLIGIBLE).mean() / prior) if prior > 0 else 0.0


def add_coupling(
    rows: Rows,
    arm: ArmInfo,
    n: int,
    tree: xr.DataTree,
    *,
    measured: list[int],
    other_reference: bool = False,
) -> None:
    """Add the rows of one arm's coupling.

    A norm is positive in every draw, so no quantile of it is ever zero. Where the data do not
    exclude that there is no coupling, the interval is made to begin at no coupling and the row says
    ``at-floor``.

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
    other_reference : bool
        Whether the condition is compared with another one than the baseline. The model couples the
        effects against the baseline, and the rows say so.
    """
    found = "against-baseline" if other_reference else "ok"
    # A model file may leave coupling out; then there is nothing to report.
    modelled = bool(stacked(tree, "coupling_scale")[:, arm.index].any())
    coupling = stacked(tree, "coupling")[:, arm.index]
    for v in range(len(VALUES)):
        for w in range(v + 1, len(VALUES)):
            known = v in measured and w in measured
            rows.add(
                arm,
                n,
                "coupling",
                coupling[:, v, w] if known and modelled else None,
                value=f"{VALUES[v]}~{VALUES[w]}",
                scale="correlation",
                status=(found if modelled else "not-in-model") if known else "no-items",
            )
    if len(measured) < 2:
        return
    if not modelled:
        rows.add(arm, n, "nvat_offdiag", None, scale="correlation", status="not-in-model")
        rows.add(arm, n, "nvat_paper", None, scale="norm", status="not-in-model")
        return
    ratio = no_coupling_ratio(
        stacked(tree, "coupling_scale")[:, arm.index],
        stacked(tree, "coupling_scale", group="prior")[:, arm.index],
    )
    status = "at-floor" if ratio > _EXCLUDED else found
    for group, suffix in (("posterior", ""), ("prior", "_prior")):
        matrix = stacked(tree, "coupling", group=group)[:, arm.index][:, measured][:, :, measured]
        paper = np.sqrt((matrix**2).sum((-1, -2)) / len(measured))
        for name, draws, scale, none in (
            ("nvat_offdiag", offdiagonal_norm(matrix), "correlation", 0.0),
            ("nvat_paper", paper, "norm", 1.0),
        ):
            shown = status if group == "posterior" else "ok"
            rows.add(arm, n, f"{name}{suffix}", draws, scale=scale, status=shown)
            if shown == "at-floor":
                rows.records[-1]["lo"] = none
