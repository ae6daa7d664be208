"""Series of conditions that differ in dose, as the rows of the estimates tell them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from vat_bayes.report.estimates import Estimate
from vat_bayes.report.run import Arm, Run


@dataclass(frozen=True)
class Dosed:
    """A series on one model.

    Parameters
    ----------
    name : str
        The stem that the conditions share.
    arms : tuple of Arm
        By increasing dose.
    doses : tuple of float
        As many.
    rises : tuple of Estimate
        The probability that the gain, and that the tax, falls at no step.
    """

    name: str
    arms: tuple[Arm, ...]
    doses: tuple[float, ...]
    rises: tuple[Estimate, Estimate]


def find_doses(run: Run, model: str) -> tuple[Dosed, ...]:
    """Return the dose series of one model.

    Parameters
    ----------
    run : Run
        The run.
    model : str
        One of its models.

    Returns
    -------
    tuple of Dosed
        Those whose doses are all known, in the order of their last arms.
    """
    doses = _doses(run)
    mine = {a.condition: a for a in run.arms if a.model == model}
    before = {
        e.value: a
        for a in mine.values()
        for e in run.all(a)
        if e.estimand in ("trajectory_gain", "trajectory_tax")
    }
    lower = {a: mine[name] for name, a in before.items() if name in mine}
    found = []
    for arm in mine.values():
        names = dict.fromkeys(e.value for e in run.all(arm) if e.estimand.startswith("p_monotone_"))
        for name in names:
            arms = [arm]
            while (a := lower.get(arms[0])) is not None and a not in arms:
                arms.insert(0, a)
            known = [doses.get((a.model, a.condition), math.nan) for a in arms]
            if len(arms) > 1 and all(math.isfinite(d) for d in known):
                gain, tax = (run.get(arm, f"p_monotone_{k}", name) for k in ("gain", "tax"))
                found.append(Dosed(name, tuple(arms), tuple(known), (gain, tax)))
    return tuple(found)


def _doses(run: Run) -> dict[tuple[str, str], float]:
    """Return the dose of every arm, fitted or not, that has one."""
    draws = run.draws
    if "arm_dose" not in draws.variables:
        return {}
    found = {
        (str(m), str(c)): float(d)
        for m, c, d in zip(
            draws["arm_model"].to_numpy(),
            draws["arm_condition"].to_numpy(),
            draws["arm_dose"].to_numpy(),
            strict=True,
        )
    }
    # An arm that repeated its baseline has no draws; it still is a step of its series.
    for a in json.loads(draws.attrs.get("identical_arms", "[]")):
        if a.get("dose") is not None:
            found[str(a["model"]), str(a["name"])] = float(a["dose"])
    return found
