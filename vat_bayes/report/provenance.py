"""Where the numbers come from: counts, prompts and the manifest, as tables for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vat_bayes.report import words
from vat_bayes.report.run import Run
from vat_bayes.report.tables import Cell, Column, Table

# Column of the data to its heading and unit.
_DATA = {
    "rows": ("Judgments", ""),
    "items": ("Items", ""),
    "scenarios": ("Scenarios", ""),
    "prompts": ("Prompts per item", ""),
    "repeats": ("Repeats", ""),
    "refused": ("Refused", ""),
    "mean_rating": ("Mean rating", "rating points"),
    "p_valid": ("Mass on valid answers, mean", "probability"),
    "position_bias": ("Position bias", "rating points"),
}
_COUNTS = ("rows", "items", "scenarios", "prompts", "repeats", "refused")
_LONG = 400


@dataclass(frozen=True)
class Prompt:
    """What one condition sends besides the items.

    Parameters
    ----------
    condition, role : str
        The condition.
    facts : tuple of str
        Its settings, in short.
    texts : tuple of (str, str)
        Its texts as the study gives them, by name.
    sent : tuple of (str, str)
        The system message and the first question as they were sent, by name.
    """

    condition: str
    role: str
    facts: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]
    sent: tuple[tuple[str, str], ...]


def data_table(run: Run) -> Table | None:
    """Return the judgments in counts; ``x_lo`` and ``x_hi`` become the interval of ``x``."""
    if run.data is None or run.data.empty:
        return None
    frame = run.data
    hidden = {"model", "condition", "role"}
    # The share says nothing that "12 of 960" does not.
    hidden |= {"refused_share"} if {"refused", "rows"} <= set(frame.columns) else set()
    names = [
        c
        for c in map(str, frame.columns)
        if c not in hidden and not c.endswith(("_lo", "_hi")) and frame[c].notna().any()
    ]
    rows = []
    for row in frame.to_dict("records"):
        known = {str(k): v for k, v in row.items()}
        model, condition = (str(known.get(k, "")) for k in ("model", "condition"))
        head = Cell(condition, notes=(model,) if len(run.models) > 1 else ())
        rows.append((head, *(_data_cell(c, known) for c in names)))
    return Table(
        "Judgments by condition: counts and means of the rows themselves",
        (
            Column("Condition", numeric=False),
            *(Column(*_DATA.get(c, (c.replace("_", " ").capitalize(), ""))) for c in names),
        ),
        tuple(rows),
        "cards",
    )


def _data_cell(name: str, row: Mapping[str, Any]) -> Cell:
    x = row[name]
    if isinstance(x, str):
        return Cell(x or words.NONE)
    if x is None or pd.isna(x):
        return Cell(words.NONE, muted=True)
    x = float(x)
    lo, hi = (row.get(f"{name}_{end}") for end in ("lo", "hi"))
    if lo is not None and hi is not None and not pd.isna(lo) and not pd.isna(hi):
        places = words.decimals(float(hi) - float(lo))
        return Cell(words.number(x, places), words.interval(float(lo), float(hi), places))
    if name == "refused" and row.get("rows"):
        return Cell(f"{x:,.0f} of {float(row['rows']):,.0f}")
    return Cell(f"{x:,.0f}" if name in _COUNTS else words.number(x, 3))


def prompts(run: Run) -> tuple[Prompt, ...]:
    """Return what each condition adds to the items, and what was sent where that is known."""
    sent = run.manifest.get("prompts")
    sent = sent if isinstance(sent, Mapping) else {}
    conditions = {str(c.get("name", "")): c for c in run.study.get("conditions", [])}
    return tuple(
        _prompt(name, conditions.get(name, {}), sent.get(name, {}))
        for name in dict.fromkeys([*conditions, *map(str, sent)])
    )


def _prompt(name: str, condition: Mapping[str, Any], sent: Mapping[str, Any]) -> Prompt:
    texts = [(key, str(condition[key])) for key in ("text", "question") if condition.get(key)]
    skip = {"name", "role", "text", "question"}
    facts = [f"{k.replace('_', ' ')}: {_short(v)}" for k, v in condition.items() if k not in skip]
    if "n" in sent:
        facts.append(f"{sent['n']:,} prompts")
    if "sha256" in sent:
        facts.append(f"SHA-256 {sent['sha256']}")
    shown = [
        (label, str(sent[key]))
        for key, label in (("system", "system message"), ("first_question", "first question"))
        if sent.get(key)
    ]
    role = str(condition.get("role", ""))
    return Prompt(name, role, tuple(facts), tuple(texts), tuple(shown))


def settings(run: Run) -> tuple[tuple[str, str], ...]:
    """Return the study file but its conditions, flat."""
    return flatten({k: v for k, v in run.study.items() if k != "conditions"})


def manifest(run: Run) -> tuple[tuple[str, str], ...]:
    """Return the manifest, flat, without what the page shows elsewhere."""
    rest = {k: v for k, v in run.manifest.items() if k not in ("prompts", "counts")}
    identity = rest.get("identity")
    if run.study and isinstance(identity, Mapping):
        # It repeats the study and the prompts' hashes, to tell whether a run can be taken up.
        rest["identity"] = {k: v for k, v in identity.items() if k not in ("study", "prompts")}
    return flatten(rest)


def flatten(node: Mapping[str, Any], path: str = "") -> tuple[tuple[str, str], ...]:
    """Return nested data as pairs of a dotted path and a text.

    Parameters
    ----------
    node : mapping
        A manifest or a study.
    path : str
        What to put before every key.
    """
    pairs: list[tuple[str, str]] = []
    for key, value in node.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            pairs += flatten(value, here)
        elif isinstance(value, list) and any(isinstance(v, Mapping) for v in value):
            for i, v in enumerate(value, start=1):
                pairs += flatten(v if isinstance(v, Mapping) else {"": v}, f"{here}[{i}]")
        else:
            pairs.append((here, _short(value)))
    return tuple(pairs)


def _short(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_short(v) for v in value)
    text = "" if value is None else str(value)
    if len(text) > _LONG:
        return f"{text[:_LONG]}{words.ELLIPSIS} ({len(text):,} characters)"
    return text
