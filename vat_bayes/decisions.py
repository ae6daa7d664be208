"""A decision on a run folder: read the budget and the draws, decide, and write it all down."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from vat_bayes.checks import has_converged, read_checks
from vat_bayes.decide import (
    Budget,
    Decision,
    decide,
    foresee,
    over_budget_rows,
    read_budget,
    record,
)
from vat_bayes.errors import InputError, near_miss
from vat_bayes.runs import RunFiles, write_table, write_text
from vat_bayes.stopping import look_probabilities

# Draws are too few to tell a probability from one beyond this.
_SUREST = 0.9995


def decide_run(folder: str | Path, budget: str | Path | None = None) -> list[Decision]:
    """Judge every intervention of a fitted run by a budget.

    Parameters
    ----------
    folder : path
        A run folder with ``estimand_draws.nc``, ``estimands.csv`` and ``checks.json``.
    budget : path, optional
        A budget file; it is kept in the folder as ``budget.toml``. Without it, that one.

    Returns
    -------
    list of Decision
        After writing ``decision.json``, the rows ``p_over_budget`` of ``estimands.csv``, and, in
        the manifest, the hash of every budget that was ever used on this run and when its file was
        last changed. A fit that did not converge decides nothing, and a run in which a check
        failed accepts nothing.

    Raises
    ------
    InputError
        When the folder is not that of a fitted run, or the budget can't be used.
    """
    run = RunFiles(Path(folder))
    for needed in (run.draws, run.estimands, run.checks):
        if not needed.is_file():
            raise InputError(
                f"there is no {needed.name}",
                where=str(folder),
                hint=f"fit it first: vat-bayes fit {folder}" if run.root.is_dir() else None,
            )
    file = _budget_file(run, budget)
    content = file.read_bytes()
    read = at_look(read_budget(content, where=file.name), run.read_manifest().get("sequential"))
    checks = read_checks(run.checks)
    converged = has_converged(checks, where=str(run.checks))
    with xr.open_dataset(run.draws) as draws:
        decisions = decide(draws, read, withheld=None if converged else "not-converged")
        decisions = [replace(d, outlook=foresee(draws, read, d)) for d in decisions]
    failed = [c.check for c in checks if c.verdict == "fail"]
    decisions = [_unless_failed(d, failed) for d in decisions]
    changed = _utc(file.stat().st_mtime)
    if file.resolve() != run.budget.resolve():
        write_text(run.budget, content.decode("utf-8-sig"))
    _write(run, read, decisions, _remember(run, read, file.name, changed))
    # As text, so that every other row stays as it was written.
    table = pd.read_csv(run.estimands, dtype=str, keep_default_na=False)
    write_table(run.estimands, over_budget_rows(table, decisions))
    return decisions


def _unless_failed(decision: Decision, failed: list[str]) -> Decision:
    """Take an acceptance back where a check failed.

    A model that does not describe the answers can be sure of what is not so: a real release was
    accepted with a tax of 0.33 whose paired differences had 0.67.
    """
    if decision.verdict != "accept" or not failed:
        return decision
    word = "check" if len(failed) == 1 else "checks"
    why = f"{decision.why}, but the {word} {', '.join(failed)} failed: no number to sign"
    return replace(decision, verdict="undecided", why=why)


def at_look(budget: Budget, sequential: Mapping[str, Any] | None) -> Budget:
    """Ask more of a budget that ended a collection, or may do so.

    Parameters
    ----------
    budget : Budget
    sequential : mapping or None
        The manifest's section on the looks, with the `shares` of the scenarios that the looks at a
        fit have had.

    Returns
    -------
    Budget
        With the probabilities of the last look (`vat_bayes.stopping.look_probabilities`) where the
        run was collected until it decides; else as it is.
    """
    if not sequential or "decided" not in str(sequential.get("rule", "")).split(" and "):
        return budget
    shares = sequential.get("shares") or [1.0]

    def asked(probability: float) -> float:
        return min(math.ceil(look_probabilities(shares, probability)[-1] * 1e6) / 1e6, _SUREST)

    joint = budget.joint_probability
    return replace(
        budget,
        clauses=tuple(replace(c, probability=asked(c.probability)) for c in budget.clauses),
        joint_probability=None if joint is None else asked(joint),
    )


def _budget_file(run: RunFiles, budget: str | Path | None) -> Path:
    file = run.budget if budget is None else Path(budget)
    if file.is_file():
        return file
    if budget is None:
        raise InputError(
            "there is no budget.toml in the run folder", where=str(run.root), hint="give --budget"
        )
    what = "is a folder" if file.is_dir() else "does not exist"
    siblings = [p.name for p in file.parent.glob("*.toml")] if file.parent.is_dir() else []
    raise InputError(
        f"the budget file {what}", where=str(budget), hint=near_miss(file.name, siblings)
    )


def _remember(run: RunFiles, budget: Budget, name: str, changed: str) -> list[dict[str, Any]]:
    """Note the budget in the manifest, unless it is there; return all that were used."""
    used = list(run.read_manifest().get("budgets", []))
    if not any(b["sha256"] == budget.sha256 for b in used):
        now = datetime.datetime.now(datetime.UTC).timestamp()
        used.append(
            {
                "sha256": budget.sha256,
                "file": name,
                "file_changed": changed,
                "first_used": _utc(now),
            }
        )
        run.write_section("budgets", used)
    return used


def _write(
    run: RunFiles, budget: Budget, decisions: list[Decision], used: list[dict[str, Any]]
) -> None:
    found = record(budget, decisions)
    mine = next(b for b in used if b["sha256"] == budget.sha256)
    found["budget"] |= {k: mine[k] for k in ("file", "file_changed", "first_used")}
    # A budget that was changed until it was met shows as more than one.
    found["budgets_used"] = len(used)
    text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(run.decision, f"{text}\n")


def _utc(timestamp: float) -> str:
    when = datetime.datetime.fromtimestamp(timestamp, datetime.UTC)
    return when.replace(microsecond=0).isoformat()
