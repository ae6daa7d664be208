"""All checks of one fit, and the gate that they are."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from vat_bayes.checks.calibration import check_calibration
from vat_bayes.checks.check import Check
from vat_bayes.checks.convergence import check_convergence, gating_failures
from vat_bayes.checks.design import (
    check_answers,
    check_bootstrap,
    check_classical,
    check_effect,
    check_null,
    check_placebo_asked,
)
from vat_bayes.checks.fast_engine import check_fast_engine
from vat_bayes.checks.leave_out import NAME as LEAVE_OUT
from vat_bayes.checks.loo import check_loo
from vat_bayes.checks.nulls import check_coupling_null, check_over_retest
from vat_bayes.checks.predictive import check_predictive
from vat_bayes.checks.prior import check_prior
from vat_bayes.checks.sensitivity import check_sensitivity
from vat_bayes.estimands import CLASSICAL_SUFFIXES, Estimands, withhold
from vat_bayes.model.access import count_scenarios

# It takes several fits, so it is run only when asked for.
_NOT_REFITTED = Check(
    LEAVE_OUT, "not-run", None, None, "it takes several fits: vat-bayes check RUN --refit"
)


def run_checks(
    tree: xr.DataTree,
    estimands: Estimands,
    *,
    description: pd.DataFrame | None = None,
    leave_out: Check | None = None,
) -> list[Check]:
    """Run every check on a fit.

    Parameters
    ----------
    tree : DataTree
    estimands : Estimands
    description : DataFrame, optional
        What `vat_bayes.judgments.describe` returns; without it the checks of the answers are
        ``not-run``.
    leave_out : Check, optional
        What `vat_bayes.checks.check_leave_out` found; without it that check is ``not-run``.

    Returns
    -------
    list of Check
    """
    return [
        *gating_checks(tree, estimands.draws),
        *check_predictive(tree),
        check_calibration(tree),
        check_loo(tree),
        leave_out or _NOT_REFITTED,
        check_classical(estimands.table),
        check_bootstrap(estimands.table, count_scenarios(tree)),
        *check_prior(tree, estimands.draws),
        *check_sensitivity(tree, estimands.draws),
        check_effect(tree, estimands.draws),
        check_over_retest(tree),
        check_placebo_asked(tree),
        check_null(estimands.table, estimands.draws, tree, "placebo"),
        check_null(estimands.table, estimands.draws, tree, "retest"),
        check_coupling_null(estimands.table, estimands.draws),
        *check_answers(description),
    ]


def gating_checks(tree: xr.DataTree, draws: xr.Dataset) -> list[Check]:
    """Run the checks that `gate` asks, which take a small part of the time of all.

    Parameters
    ----------
    tree : DataTree
    draws : Dataset
        Joint draws of the estimands.

    Returns
    -------
    list of Check
    """
    return [*check_convergence(tree, draws), check_fast_engine(tree)]


def gate(estimands: Estimands, checks: Sequence[Check]) -> Estimands:
    """Withhold every posterior number of a fit that did not converge or can't be trusted.

    Parameters
    ----------
    estimands : Estimands
    checks : sequence of Check

    Returns
    -------
    Estimands
        The same, or with status ``not-converged``; the classical twins stay.
    """
    if not gating_failures(checks):
        return estimands
    names = set(estimands.table["estimand"])
    classical = {n for n in names if n.endswith(CLASSICAL_SUFFIXES)}
    return withhold(estimands, "not-converged", tuple(sorted(names - classical)))
