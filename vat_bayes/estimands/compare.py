"""Rows that set conditions against each other: dose series, frontier and pairs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from vat_bayes.estimands.arms import ArmInfo, is_still
from vat_bayes.estimands.contrasts import debiased_step
from vat_bayes.estimands.frontier import beats, on_frontier
from vat_bayes.estimands.norms import Floats
from vat_bayes.estimands.rows import Rows
from vat_bayes.estimands.trajectory import Series, find_series, monotone_probability


def add_comparisons(
    rows: Rows,
    arms: list[ArmInfo],
    counts: Sequence[int],
    gain: Sequence[Floats],
    tax: Sequence[Floats],
    *,
    off: Sequence[Floats],
    pooled: bool,
) -> None:
    """Add the rows of all arms.

    Parameters
    ----------
    rows : Rows
    arms : list of ArmInfo
        Fitted ones first, then those that repeated their baseline.
    counts : sequence of int
        Number of scenarios of every arm.
    gain, tax : sequence of ndarray, shape (sample,)
        Joint draws of the fitted arms in points; NaN where there is none.
    off : sequence of ndarray, shape (sample, value)
        The off-target shifts that the taxes are made of, in points.
    pooled : bool
        See `vat_bayes.estimands.norms.mean_square`.
    """
    if not gain:
        return
    nothing = np.zeros_like(gain[0])
    missing = np.full_like(nothing, np.nan)

    def of(i: int, a: ArmInfo) -> tuple[Floats, Floats]:
        if a.index is not None:
            return gain[i], tax[i]
        if not is_still(arms, a):
            return missing, missing
        return nothing if a.condition.target else missing, nothing

    points = {id(a): of(i, a) for i, a in enumerate(arms)}
    n = {id(a): count for a, count in zip(arms, counts, strict=True)}
    still = nothing[:, None]
    shifts = {id(a): off[i] if a.index is not None else still for i, a in enumerate(arms)}
    for series in find_series(arms):
        _add_series(rows, series, points, None if pooled else shifts, n)
    for model in dict.fromkeys(a.model for a in arms):
        mine = [
            a
            for a in arms
            if a.model == model
            and a.index is not None
            and a.condition.role == "intervention"
            and not np.isnan(points[id(a)]).any()
        ]
        _add_pairs(rows, mine, points, n)


_Points = dict[int, tuple[Floats, Floats]]


def _add_series(
    rows: Rows,
    series: Series,
    points: _Points,
    shifts: dict[int, Floats] | None,
    n: dict[int, int],
) -> None:
    """Add one series; with the shifts, the steps of the tax are debiased as such."""
    last = series.arms[-1]
    for k, name in enumerate(("gain", "tax")):
        draws = np.stack([points[id(a)][k] for a in series.arms], axis=1)
        if series.repeats:
            rows.add(
                last, n[id(last)], f"p_monotone_{name}", None, value=series.name,
                scale="probability", status="dose-repeated",
            )  # fmt: skip
            continue
        if np.isnan(draws).any():
            continue
        steps = np.diff(draws, axis=1)
        if name == "tax" and shifts is not None:
            each = [shifts[id(a)] for a in series.arms]
            steps = np.stack([debiased_step(b, a) for a, b in pairwise(each)], axis=1)
        for (before, arm), step in zip(pairwise(series.arms), steps.T, strict=True):
            value = before.condition.name
            rows.add(arm, n[id(arm)], f"trajectory_{name}", step, value=value)
        p = monotone_probability(steps)
        rows.add_probability(last, n[id(last)], f"p_monotone_{name}", p, value=series.name)


def _add_pairs(rows: Rows, arms: list[ArmInfo], points: _Points, n: dict[int, int]) -> None:
    if not arms:
        return
    gain, tax = (np.stack([points[id(a)][k] for a in arms], axis=1) for k in (0, 1))
    for i, (arm, p) in enumerate(zip(arms, on_frontier(gain, tax), strict=True)):
        rows.add_probability(arm, n[id(arm)], "pareto", float(p))
        for j, other in enumerate(arms):
            if j != i:
                p_both = beats(gain[:, i], tax[:, i], gain[:, j], tax[:, j])
                rows.add_probability(arm, n[id(arm)], "p_beats", p_both, value=other.condition.name)
