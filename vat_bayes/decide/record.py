"""What is written down of a decision: ``decision.json``, and its row in the table of estimands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from vat_bayes.decide.budget import Budget
from vat_bayes.decide.outlook import Outlook
from vat_bayes.decide.rule import Decision, Judged

DECISION_SCHEMA = 1
"""Version of the layout of ``decision.json``."""


def record(budget: Budget, decisions: Sequence[Decision]) -> dict[str, Any]:
    """Return the decisions as plain JSON values.

    Parameters
    ----------
    budget : Budget
    decisions : sequence of Decision

    Returns
    -------
    dict
        ``schema_version``; ``verdict``, the worst of all (reject before undecided before accept);
        ``budget`` with its ``name``, ``sha256`` and ``joint_probability``; and ``decisions``, each
        with its clauses, their probabilities and what was required of them, and its `outlook`
        where it is undecided for want of data. Bounds are in rating points.
    """
    verdicts = {d.verdict for d in decisions}
    worst = next(v for v in ("reject", "undecided", "accept") if v in verdicts)
    return {
        "schema_version": DECISION_SCHEMA,
        "verdict": worst,
        "budget": {
            "name": budget.name,
            "sha256": budget.sha256,
            "joint_probability": budget.joint_probability,
        },
        "decisions": [
            {
                "model": d.model,
                "condition": d.condition,
                "verdict": d.verdict,
                "why": d.why,
                "joint_probability": d.joint_probability,
                "clauses": [_clause(c) for c in d.clauses],
                **(_outlook(d.outlook)),
            }
            for d in decisions
        ],
    }


def _outlook(found: Outlook | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {"outlook": asdict(found) | {"sentence": found.sentence}}


def _clause(judged: Judged) -> dict[str, Any]:
    c = judged.clause
    return {
        "kind": c.kind,
        "estimand": c.estimand,
        "value": c.value,
        "bound": c.bound,
        "sentence": c.sentence,
        "required": c.probability,
        "probability": judged.probability,
        "status": judged.status,
        "kept": judged.kept,
        "broken": judged.broken,
    }


def over_budget_rows(table: pd.DataFrame, decisions: Sequence[Decision]) -> pd.DataFrame:
    """Put the probability of a tax over the budget into the table of estimands.

    Parameters
    ----------
    table : DataFrame
        The tidy table; rows of an earlier budget are replaced.
    decisions : sequence of Decision

    Returns
    -------
    DataFrame
        With a row ``p_over_budget`` for every condition whose tax was judged.
    """
    kept = table[table["estimand"] != "p_over_budget"]
    added = []
    for d in decisions:
        clause = next((c for c in d.clauses if c.clause.kind == "tax"), None)
        if clause is None or clause.probability is None:
            continue
        mine = (kept["model"] == d.model) & (kept["condition"] == d.condition)
        row = kept[mine & (kept["estimand"] == "tax_rms")].iloc[0].to_dict()
        over = 1 - clause.probability
        numbers = dict.fromkeys(("mean", "median", "lo", "hi", "p_positive"), over)
        added.append(
            row
            | numbers
            | {"estimand": "p_over_budget", "scale": "probability", "sd": 0.0, "status": "ok"}
        )
    if not added:
        return kept.reset_index(drop=True)
    return pd.concat([kept, pd.DataFrame(added, columns=kept.columns)], ignore_index=True)
