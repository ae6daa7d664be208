"""The decision on a budget as the report shows it: verdicts, clauses, and which budget it was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vat_bayes.errors import InputError
from vat_bayes.report import words
from vat_bayes.report.run import Arm, Run
from vat_bayes.report.tables import Cell, Column, Table

_WHERE = "decision.json"
_VERDICTS = ("accept", "undecided", "reject")
_HASH = "SHA-256 of the budget file"
_CANT = {
    "no-target": "no target declared",
    "no-placebo": "no placebo run",
    "no-items": "no items",
    "not-converged": "fit did not converge",
    "identical": "same answers as the reference",
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
    found = run.decision
    if not found:
        return None
    try:
        required = found["budget"]["joint_probability"]
        verdicts = tuple(_verdict(run, d, required) for d in found["decisions"])
        facts = _facts(found["budget"])
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise InputError(
            f"not a decision that this version can read ({type(e).__name__}: {e})", where=_WHERE
        ) from None
    counts = [(v, sum(x.verdict == v for x in verdicts)) for v in _VERDICTS]
    said = words.listing([f"{n} {_past(v)}" for v, n in counts if n])
    used = found.get("budgets_used", 1)
    note = (
        f"{words.count(used).capitalize()} budgets have been used on this run; the manifest lists "
        "them. A budget that was changed after the data were seen decides less than it says."
        if isinstance(used, int) and used > 1
        else ""
    )
    return Shown(said, verdicts, facts, note)


def _past(verdict: str) -> str:
    return {"accept": "accepted", "reject": "rejected"}.get(verdict, verdict)


def _verdict(run: Run, found: Mapping[str, Any], required: float | None) -> Verdict:
    model, condition = str(found["model"]), str(found["condition"])
    arm = next((a for a in run.arms if (a.model, a.condition) == (model, condition)), None)
    failed = arm is not None and run.failed(arm)
    verdict = "undecided" if failed else str(found["verdict"])
    if verdict not in _VERDICTS:
        raise ValueError(verdict)
    joint = None if failed else found["joint_probability"]
    rows = tuple(_row(c, failed=failed) for c in found["clauses"])
    if len(rows) > 1:
        rows = (*rows, _together(joint, required))
    columns = (
        Column("Clause", numeric=False),
        Column("P(kept)"),
        Column("Required"),
        Column("Result", numeric=False),
    )
    of = f" of {model}" if len(run.models) > 1 else ""
    return Verdict(
        key=arm.key if isinstance(arm, Arm) else "",
        model=model,
        condition=condition,
        verdict=verdict,
        why="The fit did not converge." if failed else _why(found),
        clauses=Table(f"Clauses of the budget for {condition}{of}", columns, rows),
    )


def _why(found: Mapping[str, Any]) -> str:
    """Return the reason as a sentence, with each clause as its table words it."""
    text = str(found["why"])
    for c in found["clauses"]:
        text = text.replace(str(c["sentence"]), _clause(c))
    return f"{text[:1].upper()}{text[1:]}."


def _row(clause: Mapping[str, Any], *, failed: bool) -> tuple[Cell, ...]:
    p = None if failed else clause["probability"]
    status = "not-converged" if failed else str(clause["status"])
    if p is None:
        result = Cell(f"can't be judged: {_CANT.get(status, words.reason(status))}", muted=True)
    elif clause["kept"]:
        result = Cell("kept")
    else:
        result = Cell("broken", strong=True) if clause["broken"] else Cell("open")
    return (
        Cell(_clause(clause)),
        Cell(probability(p), muted=p is None),
        Cell(f"{float(clause['required']):g}"),
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


def _clause(clause: Mapping[str, Any]) -> str:
    bound = f"{float(clause['bound']):g}".replace("-", words.MINUS)
    kind = clause["kind"]
    if kind == "gain":
        return f"Gain at least {bound} points"
    what = (
        f"Loss of {words.value_label(str(clause['value']))}"
        if kind == "protected"
        else words.estimand_label(str(clause["estimand"]))
    )
    return f"{what} at most {bound} points"


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
