"""Estimates against known truth, for studies that were simulated or built to have one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from vat_bayes.errors import InputError
from vat_bayes.report import words
from vat_bayes.report.estimates import Estimate
from vat_bayes.report.run import Arm, Run


@dataclass(frozen=True)
class Compared:
    """One estimate with its true value."""

    arm: Arm
    estimate: Estimate
    truth: float

    @property
    def inside(self) -> bool | None:
        """Whether the interval holds the truth; None where there is no interval."""
        if not self.estimate.known:
            return None
        return self.estimate.lo <= self.truth <= self.estimate.hi


def compare(run: Run) -> tuple[Compared, ...]:
    """Return every row of the run's truth with its estimate, in the order of the truth.

    Raises
    ------
    InputError
        When the truth lacks a column.
    """
    if run.truth is None:
        return ()
    missing = [c for c in ("condition", "estimand", "value", "truth") if c not in run.truth.columns]
    if missing:
        raise InputError(f"the columns {', '.join(missing)} are missing", where="the truth table")
    found = []
    for row in run.truth.to_dict("records"):
        text: dict[str, str] = {
            k: "" if pd.isna(row.get(k)) else str(row[k])
            for k in ("model", "condition", "estimand", "value", "scale")
            if k in row
        }
        truth = float(row["truth"])
        for arm in run.arms:
            if arm.condition != text["condition"] or text.get("model") not in (None, "", arm.model):
                continue
            if math.isfinite(truth):
                e = _estimate(run, arm, text)
                found.append(Compared(arm, e, truth))
    return tuple(found)


def _estimate(run: Run, arm: Arm, text: dict[str, str]) -> Estimate:
    scale = text.get("scale") or None
    e = run.get(arm, text["estimand"], text["value"], scale or "points")
    if scale is None and e.status == "not-estimated":
        e = run.get(arm, text["estimand"], text["value"])
    return e


def true_shifts(run: Run, arm: Arm) -> dict[str, float]:
    """Return an arm's true shifts in points, by value."""
    return {
        c.estimate.value: c.truth
        for c in compare(run)
        if c.arm == arm and c.estimate.estimand == "shift" and c.estimate.scale == "points"
    }


def verdict(compared: tuple[Compared, ...], level: float) -> str:
    """Say how many intervals hold their truth, and how many should."""
    judged = [c for c in compared if c.inside is not None]
    if not judged:
        return "No interval is there to hold a true value."
    inside = sum(bool(c.inside) for c in judged)
    verb = "lies" if inside == 1 else "lie"
    rest = len(compared) - len(judged)
    withheld = f" For {words.count(rest)} more the estimate is withheld." if rest else ""
    return (
        f"{inside} of {len(judged)} true values {verb} inside their {words.percent(level)} "
        f"intervals; about {round(level * len(judged))} are expected. The estimates of a condition "
        f"share their data, so the number can stray from that.{withheld}"
    )
