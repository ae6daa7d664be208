"""Conditions from the table itself: the columns role, target, direction, dose, reference, placebo.

A table without a role column is accepted where the names leave no doubt: a condition called
``baseline`` is the baseline, names beginning with ``placebo`` or ``retest`` are those, and all
others are interventions.
"""

from __future__ import annotations

import re
from typing import cast

import numpy as np
import pandas as pd

from vat_bayes.conditions import ROLES, Condition, Role
from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.coerce import (
    Ints,
    Text,
    codes_of,
    encode,
    fail_at,
    first_rows,
    listed,
    numbers,
    shown,
)
from vat_bayes.judgments.table import CONDITION_COLUMNS
from vat_bayes.values import parse_value

_NAMED_ROLE = re.compile(r"(placebo|retest)(?![a-z])", re.IGNORECASE)


def conditions_from_columns(
    frame: pd.DataFrame, condition: Text, source: str
) -> tuple[tuple[Condition, ...], list[str]]:
    """Read every condition of a table from its columns, and the roles from names if need be.

    Parameters
    ----------
    frame : DataFrame
        The raw table.
    condition : Text
        Its column `condition`.
    source : str
        The place, for errors.

    Returns
    -------
    conditions : tuple of Condition
        Sorted by role, dose and name; references and placebos are not checked yet.
    notes : list of str
        How roles were found where there is no role column.

    Raises
    ------
    InputError
        When a cell is no role, value or number, when rows of one condition disagree, or when there
        is no role column and no condition called ``baseline``.
    """
    first = first_rows(condition.codes, len(condition.names))
    text = {
        column: _constant_text(frame, column, condition, first, source)
        for column in ("role", "target", "reference", "placebo")
    }
    roles, notes = _roles(text["role"], condition, first, source)
    target = text["target"]
    direction = _constant_number(frame, "direction", "1 or -1", condition, first, source)
    dose = _constant_number(frame, "dose", "a number", condition, first, source)
    if direction is not None:
        fail_at(
            ~np.isnan(direction) & (np.abs(direction) != 1),
            source,
            "direction",
            lambda row: f"found {direction[row]:g}, expected 1 (promote) or -1 (suppress)",
        )
    if dose is not None:
        fail_at(np.isinf(dose), source, "dose", lambda _: "found infinity, expected a number")
    found = []
    for code, name in enumerate(condition.names):
        row = int(first[code])
        found.append(
            Condition(
                name=name,
                role=roles[code],
                target=() if target is None else _targets(target, row, source),
                direction=-1 if direction is not None and direction[row] == -1 else 1,
                dose=None if dose is None or np.isnan(dose[row]) else float(dose[row]),
                reference=_cell(text["reference"], row),
                placebo=_cell(text["placebo"], row),
            )
        )
    found.sort(key=lambda c: (ROLES.index(c.role), c.dose is None, c.dose or 0.0, c.name))
    return tuple(found), notes


def has_condition_columns(frame: pd.DataFrame) -> bool:
    """Say whether a table describes its conditions itself."""
    return any(column in frame.columns for column in CONDITION_COLUMNS)


def _cell(text: Text | None, row: int) -> str | None:
    return None if text is None else text.at(row)


def _constant_text(
    frame: pd.DataFrame, column: str, condition: Text, first: Ints, source: str
) -> Text | None:
    if column not in frame.columns:
        return None
    text = encode(frame[column], source=source, na_words=column in {"role", "target"})

    def found(row: int) -> str:
        cell = text.at(row)
        return "nothing" if cell is None else shown(cell)

    _refuse_disagreement(text.codes, found, column, condition, first, source)
    return text


def _constant_number(
    frame: pd.DataFrame, column: str, expected: str, condition: Text, first: Ints, source: str
) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    if column not in frame.columns:
        return None
    cells = numbers(frame, column, source, expected=expected)
    _refuse_disagreement(
        codes_of(cells),
        lambda row: "nothing" if np.isnan(cells[row]) else f"{cells[row]:g}",
        column,
        condition,
        first,
        source,
    )
    return cells


def _refuse_disagreement(
    codes: Ints,
    found: object,
    column: str,
    condition: Text,
    first: Ints,
    source: str,
) -> None:
    raise NotImplementedError
