"""The decision as it was written down, in the report's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vat_bayes.errors import InputError
from vat_bayes.report import words
from vat_bayes.report.run import Run

VERDICTS = ("accept", "undecided", "reject")
"""From the best to the worst."""


@dataclass(frozen=True)
class JudgedClause:
    """One clause under one condition.

    Parameters
    ----------
    kind : {"gain", "tax", "protected"}
    estimand, value : str
        What is held against the bound; of a shift, the loss.
    bound : float
        In rating points.
    text : str
        The clause in words.
    required : float
        How probable it must be that it is kept.
    probability : float or None
        How probable that is; None where it can't be judged, and `status` says why.
    status : str
    kept, broken : bool
    """

    kind: str
    estimand: str
    value: str
    bound: float
    text: str
    required: float
    probability: float | None
    status: str
    kept: bool
    broken: bool


@dataclass(frozen=True)
class Ruling:
    """The verdict on one condition.

    Parameters
    ----------
    model, condition : str
    verdict : {"accept", "undecided", "reject"}
    why : str
        One sentence.
    joint_probability : float or None
        That every clause is kept at once.
    clauses : tuple of JudgedClause
    """

    model: str
    condition: str
    verdict: str
    why: str
    joint_probability: float | None
    clauses: tuple[JudgedClause, ...]


@dataclass(frozen=True)
class Decided:
    """A decision by a declared budget.

    Parameters
    ----------
    budget : mapping
        ``name, sha256, joint_probability, file, file_changed, first_used``.
    budgets_used : int
        How many different budgets were used on the run.
    decisions : tuple of Ruling
        In the order of the file.
    """

    budget: Mapping[str, Any]
    budgets_used: int
    decisions: tuple[Ruling, ...]

    @property
    def verdict(self) -> str:
        """The worst of all: reject before undecided before accept."""
        return max((d.verdict for d in self.decisions), key=VERDICTS.index, default="undecided")


def decided(run: Run) -> Decided | None:
    """Return the decision of a run, or None where there is no ``decision.json``.

    Parameters
    ----------
    run : Run
        The run. Where its fit failed after the decision was made, there is no probability and
        everything is undecided.

    Raises
    ------
    InputError
        When the file lacks what its layout promises.
    """
    found = run.decision
    if not found:
        return None
    try:
        used = found.get("budgets_used", 1)
        return Decided(
            budget={
                "name": str(found["budget"]["name"]),
                "sha256": str(found["budget"]["sha256"]),
                "joint_probability": found["budget"]["joint_probability"],
                **{
                    k: str(found["budget"][k])
                    for k in ("file", "file_changed", "first_used")
                    if found["budget"].get(k)
                },
            },
            budgets_used=used if isinstance(used, int) else 1,
            decisions=tuple(_ruling(run, d) for d in found["decisions"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise InputError(
            f"not a decision that this version can read ({type(e).__name__}: {e})",
            where="decision.json",
        ) from None


def _ruling(run: Run, found: Mapping[str, Any]) -> Ruling:
    model, condition = str(found["model"]), str(found["condition"])
    arm = next((a for a in run.arms if (a.model, a.condition) == (model, condition)), None)
    failed = arm is not None and run.failed(arm)
    verdict = "undecided" if failed else str(found["verdict"])
    if verdict not in VERDICTS:
        raise ValueError(verdict)
    clauses = tuple(_clause(c, failed=failed) for c in found["clauses"])
    pairs = zip((str(c["sentence"]) for c in found["clauses"]), clauses, strict=True)
    return Ruling(
        model=model,
        condition=condition,
        verdict=verdict,
        why="The fit failed its checks."
        if failed
        else " ".join(
            [
                reason(str(found["why"]), ((s, c.text) for s, c in pairs)),
                # What more scenarios would do, where the data are too few to decide.
                *([str(found["outlook"]["sentence"])] if found.get("outlook") else []),
            ]
        ),
        joint_probability=None if failed else found["joint_probability"],
        clauses=clauses,
    )


def _clause(found: Mapping[str, Any], *, failed: bool) -> JudgedClause:
    kind, value = str(found["kind"]), str(found["value"] or "")
    estimand, bound = str(found["estimand"]), float(found["bound"])
    return JudgedClause(
        kind=kind,
        estimand=estimand,
        value=value,
        bound=bound,
        text=clause_text(kind, estimand, value, bound),
        required=float(found["required"]),
        probability=None if failed else found["probability"],
        status="not-converged" if failed else str(found["status"]),
        kept=bool(found["kept"]) and not failed,
        broken=bool(found["broken"]) and not failed,
    )


def clause_text(kind: str, estimand: str, value: str, bound: float) -> str:
    """Return a clause in words, e.g. ``Tax (RMS) at most 0.15 points``.

    Parameters
    ----------
    kind : {"gain", "tax", "protected"}
    estimand, value : str
    bound : float
        In rating points.
    """
    limit = f"{bound:g}".replace("-", words.MINUS)
    if kind == "gain":
        return f"Gain at least {limit} points"
    protected = kind == "protected"
    what = f"Loss of {words.value_label(value)}" if protected else words.estimand_label(estimand)
    return f"{what} at most {limit} points"


def reason(why: str, clauses: Iterable[tuple[str, str]]) -> str:
    """Return the reason of a verdict as a sentence that words its clauses as their table does.

    Parameters
    ----------
    why : str
        As the decision has it.
    clauses : iterable of (str, str)
        Each clause as it stands there, and in words.
    """
    for there, text in clauses:
        why = why.replace(there, text)
    return f"{why[:1].upper()}{why[1:]}."
