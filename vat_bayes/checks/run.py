"""All checks of one fit, and the gate that they are."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from vat_bayes.checks.check import Check
from vat_bayes.checks.convergence import GATING, check_convergence
from vat_bayes.checks.design import check_answers, check_classical, check_effect, check_null
from vat_bayes.checks.predictive import check_predictive
from vat_bayes.estimands import CLASSICAL_SUFFIXES, Estimands, withhold

NOT_YET = {
    "prior_sensitivity": "power scaling of the priors is not part of this version",
    "leave_scenario_out": "cross-validation over scenarios is not part of this version",
}


def run_checks(
    tree: xr.DataTree, estimands: Estimands, *, description: pd.DataFrame | None = None
) -> list[Check]:
    """Run every check on a fit.

    Parameters
    ----------
    tree : DataTree
    estimands : Estimands
    description : DataFrame, optional
        What `vat_bayes.judgments.describe` returns; without it the checks of the answers are
        ``not-run``.

    Returns
    -------
    list of Check
    """
    return [
        *check_convergence(tree, estimands.draws["shift"]),
        *check_predictive(tree),
        check_classical(estimands.table),
        check_effect(tree, estimands.draws),
        check_null(estimands.table, estimands.draws, tree, "placebo"),
        check_null(estimands.table, estimands.draws, tree, "retest"),
        *check_answers(description),
        *(Check(name, "not-run", None, None, why) for name, why in NOT_YET.items()),
    ]


def gate(estimands: Estimands, checks: Sequence[Check]) -> Estimands:
    """Withhold every posterior number of a fit that did not converge.

    Parameters
    ----------
    estimands : Estimands
    checks : sequence of Check

    Returns
    -------
    Estimands
        The same, or with status ``not-converged``; the classical twins stay.
    """
    if not any(c.verdict == "fail" and c.check in GATING for c in checks):
        return estimands
    names = set(estimands.table["estimand"])
    classical = {n for n in names if n.endswith(CLASSICAL_SUFFIXES)}
    return withhold(estimands, "not-converged", tuple(sorted(names - classical)))
