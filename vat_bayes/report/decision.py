"""The decision on a budget as the report shows it: verdicts, clauses, and which budget it was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vat_bayes.report import words
from vat_bayes.report.decided import VERDICTS, JudgedClause, Ruling, decided
from vat_bayes.report.run import Run
from vat_bayes.report.tables import Cell, Column, Table

_HASH = "SHA-256 of the budget file"
_CANT = {
    "no-target": "no target declared",
    "no-placebo": "no placebo run",
    "is-reference": "compared with the placebo already",
    "no-items": "no items",
    "not-converged": "fit failed its checks",
    "identical": "same answers as the reference",
    "not-estimated": "same answers as the baseline, compared with another condition",
}


@dataclass(frozen=True)
class Verdict:
    """The verdict on one condition.

    Parameters
    ----------
    key, model, condition : str
        Which one; the key is empty when the run has no such arm.
    verdict : {"accept", "undecided", "reject"}
    why : str
        One sentence.
    clauses : Table
        Every clause with its probability.
    """

    key: str
    model: str
    condition: str
    verdict: str
    why: str
    clauses: Table


@dataclass(frozen=True)
class Shown:
    """The section on the decision.

    Parameters
    ----------
    said : str
        How many conditions got which verdict.
    verdicts : tuple of Verdict
        In the order of the file.
    facts : tuple of (str, str)
        Name, hash and times of the budget.
    used : str
        What to know when more than one budget was used; else empty.
    """

    said: str
    verdicts: tuple[Verdict, ...]
    facts: tuple[tuple[str, str], ...]
    used: str


def decision(run: Run) -> Shown | None:
    """Return the decision of a run, or None where there is no ``decision.json``.

    Parameters
    ----------
    run : Run
        The run. Where its fit failed after the decision was made, no probability is shown and
        everything is undecided.

    Raises
    ------
    InputError
        When the file lacks what its layout promises.
    """
    found = decided(run)
    if found is None:
        return None
    required = found.budget["joint_probability"]
    counts = [(v, sum(d.verdict == v for d in found.decisions)) for v in VERDICTS]
    used = found.budgets_used
    note = (
        f"{words.count(used).capitalize()} budgets have been used on this run; the manifest lists "
        "them. A budget that was changed after the data were seen decides less than it says."
        if used > 1
        else ""
    )
    return Shown(
        said=words.listing([f"{n} {_past(v)}" for v, n in counts if n]),
        verdicts=tuple(_verdict(run, d, required) for d in found.decisions),
        facts=_facts(found.budget),
        used=note,
    )


def _past(verdict: str) -> str:
    return {"accept": "accepted", "reject": "rejected"}.get(verdict, verdict)


def _verdict(run: Run, found: Ruling, required: float | None) -> Verdict:
    mine = (a for a in run.arms if (a.model, a.condition) == (found.model, found.condition))
    rows = tuple(_row(c) for c in found.clauses)
    if len(rows) > 1:
        rows = (*rows, _together(found.joint_probability, required))
    columns = (
        Column("Clause", numeric=False),
        Column("P(kept)"),
        Column("Required"),
        Column("Result", numeric=False),
    )
    of = f" of {found.model}" if len(run.models) > 1 else ""
    return Verdict(
        key=next((a.key for a in mine), ""),
        model=found.model,
        condition=found.condition,
        verdict=found.verdict,
        why=found.why,
        clauses=Table(f"Clauses of the budget for {found.condition}{of}", columns, rows),
    )


def _row(clause: JudgedClause) -> tuple[Cell, ...]:
    p = clause.probability
    if p is None:
        why = _CANT.get(clause.status, words.reason(clause.status))
        result = Cell(f"can't be judged: {why}", muted=True)
    elif clause.kept:
        result = Cell("kept")
    else:
        result = Cell("broken", strong=True) if clause.broken else Cell("open")
    return (
        Cell(clause.text),
        Cell(probability(p), muted=p is None),
        Cell(f"{clause.required:g}"),
        result,
    )


def _together(p: float | None, required: float | None) -> tuple[Cell, ...]:
    dash = Cell(words.NONE, muted=True)
    enough = p is not None and required is not None and p >= required
    return (
        Cell("All clauses at once"),
        Cell(probability(p), muted=p is None),
        dash if required is None else Cell(f"{required:g}"),
        dash if p is None or required is None else Cell("reached" if enough else "not reached"),
    )


def probability(p: float | None) -> str:
    """Return a probability with three decimals, never rounded up to what it does not reach."""
    if p is None or not math.isfinite(p):
        return words.NONE
    if p > 0.999:
        return "> 0.999"
    # The addition keeps 0.29 from becoming 0.289: 1000 times a decimal can fall just short.
    return "< 0.001" if p < 0.001 else f"{math.floor(p * 1000 + 1e-9) / 1000:.3f}"


def _facts(budget: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    joint = budget["joint_probability"]
    facts = [
        ("Budget", str(budget["name"])),
        ("File", str(budget.get("file", ""))),
        (_HASH, str(budget["sha256"])),
        ("File last changed", _time(budget.get("file_changed", ""))),
        ("First used on this run", _time(budget.get("first_used", ""))),
        ("Required of all clauses at once", "only reported" if joint is None else f"{joint:g}"),
    ]
    return tuple((k, v) for k, v in facts if v)


def _time(text: object) -> str:
    return str(text).replace("T", " ").replace("+00:00", " UTC")
