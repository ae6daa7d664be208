"""The rule: accept, reject or undecided, from the joint draws of the estimands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from vat_bayes.decide.budget import Budget, Clause
from vat_bayes.decide.outlook import Outlook
from vat_bayes.errors import InputError, near_miss

Verdict = Literal["accept", "reject", "undecided"]
Floats = npt.NDArray[np.float64]
Kept = npt.NDArray[np.float64]
"""Whether a clause is kept in each draw: 1 or 0."""


@dataclass(frozen=True)
class Judged:
    """One clause under one condition.

    Parameters
    ----------
    clause : Clause
    probability : float or None
        That the clause is kept; None when there is nothing to judge it by.
    status : str
        ``ok``, or why there is no probability: ``no-target``, ``no-placebo``, ``is-reference``,
        ``no-items``, ``identical``, ``not-estimated`` or ``not-converged``.
    """

    clause: Clause
    probability: float | None
    status: str = "ok"

    @property
    def kept(self) -> bool:
        """Whether it is probable enough that the clause is kept."""
        return self.probability is not None and self.probability >= self.clause.probability

    @property
    def broken(self) -> bool:
        """Whether it is as probable that the clause is not kept."""
        return self.probability is not None and 1 - self.probability >= self.clause.probability


@dataclass(frozen=True)
class Decision:
    """The verdict on one model under one condition.

    Parameters
    ----------
    model, condition : str
    verdict : {"accept", "reject", "undecided"}
    clauses : tuple of Judged
        In the budget's order.
    joint_probability : float or None
        That all clauses are kept at once, from the same draws; None when one of them has nothing to
        be judged by.
    why : str
        One sentence.
    outlook : Outlook, optional
        What more scenarios would do, where it is undecided (`vat_bayes.decide.foresee`).
    """

    model: str
    condition: str
    verdict: Verdict
    clauses: tuple[Judged, ...]
    joint_probability: float | None
    why: str
    outlook: Outlook | None = None


def decide(draws: xr.Dataset, budget: Budget, *, withheld: str | None = None) -> list[Decision]:
    """Judge every intervention by a budget.

    A condition is accepted when every clause is as probable as the budget asks, and all together
    where it asks for that too. It is rejected when the breach of some clause is as probable as its
    keeping would have had to be. Everything else is undecided, and so is a condition that has
    nothing to judge a clause by, unless another clause rejects it.

    Parameters
    ----------
    draws : Dataset
        ``estimand_draws.nc``, or the `draws` of `vat_bayes.estimands.compute_estimands`.
    budget : Budget
    withheld : str, optional
        A status that takes back every number, as ``not-converged``: all is undecided then.

    Returns
    -------
    list of Decision
        In the order of the arms.

    Raises
    ------
    InputError
        When the budget names a condition that is no intervention of the run, or there is none.
    """
    found = [a for a in _arms(draws) if not budget.conditions or a[1] in budget.conditions]
    known = sorted({a[1] for a in _arms(draws)})
    for name in budget.conditions:
        if name not in known:
            raise InputError(
                f"the budget is for the condition '{name}', and no intervention of the run is "
                "called that",
                hint=near_miss(name, known) or f"there are: {', '.join(known)}",
            )
    if not found:
        raise InputError("the run has no intervention to decide on")
    decisions = []
    for model, condition, label, aimed, against in found:
        # What repeated the baseline and is compared with something else did not stay at zero.
        status = withheld or ("not-estimated" if label is None and against else None)
        if status is not None:
            kept: list[Kept | str] = [status] * len(budget.clauses)
        else:
            kept = [_kept(draws, label, aimed, clause) for clause in budget.clauses]
        decisions.append(judge(model, condition, budget, kept))
    return decisions


def judge(model: str, condition: str, budget: Budget, kept: Sequence[Kept | str]) -> Decision:
    """Decide from the draws in which each clause is kept.

    Parameters
    ----------
    model, condition : str
    budget : Budget
    kept : sequence of ndarray of shape (sample,), or str
        One for each clause: 1 where it is kept and 0 where not, or why that is not known.

    Returns
    -------
    Decision
    """
    clauses = tuple(
        Judged(c, None, k) if isinstance(k, str) else Judged(c, float(k.mean()))
        for c, k in zip(budget.clauses, kept, strict=True)
    )
    arrays = [k for k in kept if not isinstance(k, str)]
    joint = float(np.prod(arrays, axis=0).mean()) if len(arrays) == len(kept) else None
    together = budget.joint_probability
    enough = together is None or (joint is not None and joint >= together)
    unknown = [c for c in clauses if c.probability is None]
    broken = [c for c in clauses if c.broken]
    verdict: Verdict = "undecided"
    if broken:
        verdict = "reject"
        why = "; ".join(
            f"{c.clause.sentence} is broken with probability {_shown(1 - (c.probability or 0))}"
            for c in broken
        )
    elif unknown:
        why = "; ".join(f"{c.clause.sentence} can't be judged ({c.status})" for c in unknown)
    elif all(c.kept for c in clauses) and enough:
        verdict = "accept"
        why = f"every clause is kept, all together with probability {_shown(joint or 0)}"
    elif all(c.kept for c in clauses):
        why = (
            f"all clauses together are kept with probability {_shown(joint or 0)}, and "
            f"{together:g} is required"
        )
    else:
        why = "; ".join(
            f"{c.clause.sentence} is kept with probability {_shown(c.probability or 0)}, and "
            f"{c.clause.probability:g} is required"
            for c in clauses
            if not c.kept
        )
    return Decision(model, condition, verdict, clauses, joint, why)


def _shown(p: float) -> str:
    """Return a probability with three decimals, never rounded up to what it does not reach."""
    return f"{np.floor(p * 1000) / 1000:.3f}"


def _arms(draws: xr.Dataset) -> list[tuple[str, str, str | None, bool, bool]]:
    """Return the interventions.

    Model, condition, label (None without draws), whether there is a target, and whether one without
    draws is compared with a condition that has some.
    """
    fitted = [
        (str(model), str(condition), str(label), bool(str(target)), False)
        for label, model, condition, role, target in zip(
            draws["arm"].to_numpy(),
            draws["arm_model"].to_numpy(),
            draws["arm_condition"].to_numpy(),
            draws["arm_role"].to_numpy(),
            draws["arm_target"].to_numpy(),
            strict=True,
        )
        if role == "intervention"
    ]
    moved = set(
        zip(
            map(str, draws["arm_model"].to_numpy()),
            map(str, draws["arm_condition"].to_numpy()),
            strict=True,
        )
    )
    # An arm that repeated its baseline was not fitted; its effects against that are exactly zero.
    identical = json.loads(draws.attrs.get("identical_arms", "[]"))
    return fitted + [
        (
            str(a["model"]),
            str(a["name"]),
            None,
            bool(a["target"]),
            (str(a["model"]), str(a.get("reference"))) in moved,
        )
        for a in identical
        if a["role"] == "intervention"
    ]


def _kept(draws: xr.Dataset, label: str | None, aimed: bool, clause: Clause) -> Kept | str:
    if clause.kind == "gain" and not aimed:
        return "no-target"
    if label is None:
        # Without effects the excess is minus the placebo's tax, which has no draws here.
        if clause.estimand == "tax_excess":
            return "identical"
        x = np.zeros(draws.sizes["sample"])
    elif clause.kind == "protected":
        x = -draws["shift"].sel(arm=label, value=clause.value).to_numpy()
    else:
        x = draws[clause.estimand].sel(arm=label).to_numpy()
    if np.isnan(x).any():
        return _no_excess(draws, label) if clause.estimand == "tax_excess" else "no-items"
    kept = x >= clause.bound if clause.kind == "gain" else x <= clause.bound
    return np.asarray(kept, dtype=float)


def _no_excess(draws: xr.Dataset, label: str | None) -> str:
    """Say why an arm has no excess: a placebo that it is compared with already, or none."""
    if label is None or "arm_reference" not in draws.coords:
        return "no-placebo"
    arm = draws.sel(arm=label)
    same = draws["arm_model"].to_numpy() == arm["arm_model"].item()
    same &= draws["arm_condition"].to_numpy() == arm["arm_reference"].item()
    placebo = (same & (draws["arm_role"].to_numpy() == "placebo")).any()
    return "is-reference" if placebo else "no-placebo"
