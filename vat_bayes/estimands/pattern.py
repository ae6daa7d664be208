"""Rows that say which values paid: the largest loss, and the pattern on the value circle."""

from __future__ import annotations

import numpy as np

from vat_bayes.estimands.arms import ArmInfo
from vat_bayes.estimands.circle import circle_pattern, near_and_far, tax_anomalous, tax_structural
from vat_bayes.estimands.norms import Floats
from vat_bayes.estimands.rows import Rows
from vat_bayes.estimands.worst import worst_loss, worst_loss_floor, worst_probability
from vat_bayes.values import VALUES


def add_pattern(
    rows: Rows, arm: ArmInfo, n: int, shift: Floats, columns: list[int], *, pooled: bool = False
) -> None:
    """Add the rows of one arm.

    Parameters
    ----------
    rows : Rows
    arm : ArmInfo
        A fitted arm.
    n : int
        Number of scenarios.
    shift : ndarray, shape (sample, value)
        In points; NaN for a value without items.
    columns : list of int
        The off-target values that have items.
    pooled : bool
        Whether the effects have a prior with a learned spread.
    """
    if columns:
        _add_worst(rows, arm, n, shift, columns)
    if arm.condition.target:
        _add_circle(rows, arm, n, shift, columns, pooled=pooled)
    elif arm.condition.role == "intervention":
        for name in ("tax_structural", "tax_anomalous", "adjacent", "opposed"):
            rows.add(arm, n, name, None, status="no-target")


def _add_worst(rows: Rows, arm: ArmInfo, n: int, shift: Floats, columns: list[int]) -> None:
    draws, floor = worst_loss(shift, columns), worst_loss_floor(shift, columns)
    cleared = draws.mean() > np.quantile(floor, 0.5 + rows.level / 2)
    rows.add(arm, n, "worst_loss", draws, status="ok" if cleared else "at-floor")
    rows.add(arm, n, "worst_loss_floor", floor)
    for v, p in zip(columns, worst_probability(shift, columns), strict=True):
        rows.add_probability(arm, n, "p_worst_loss", float(p), value=VALUES[v])


def _add_circle(
    rows: Rows, arm: ArmInfo, n: int, shift: Floats, columns: list[int], *, pooled: bool
) -> None:
    target = arm.condition.target
    pattern = circle_pattern(target)
    aimed = shift[:, [VALUES.index(v) for v in target]]
    status = "ok" if pattern is not None else "targets-apart"
    if not columns or np.isnan(aimed).any():
        status = "no-items"
    along, off = None, None
    if pattern is not None and status == "ok":
        along = tax_structural(shift, pattern, target, columns)
        off = tax_anomalous(shift, pattern, target, columns, pooled=pooled)
    rows.add(arm, n, "tax_structural", along, status=status)
    rows.add(arm, n, "tax_anomalous", off, status=status)
    for name, side in zip(("adjacent", "opposed"), near_and_far(target), strict=True):
        there = [v for v in side if v in columns]
        draws = shift[:, there].mean(1) if there else None
        rows.add(arm, n, name, draws, status="ok" if there else "no-items")
