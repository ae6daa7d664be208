"""Conditions from the table itself: the columns role, target, direction, dose, reference, placebo.

A table without a role column is accepted where the names leave no doubt: a condition called
``baseline`` is the baseline, names that begin with the word ``placebo`` or ``retest`` are those,
and all others are interventions.
"""

from __future__ import annotations

import re
from typing import cast

import numpy as np
import pandas as pd

from vat_bayes.conditions import ROLES, Condition, Role
from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.coerce import (
    Floats,
    Text,
    codes_of,
    encode,
    first_rows,
    is_missing_word,
    numbers,
)
from vat_bayes.judgments.constant import require_constant
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.words import listed, shown
from vat_bayes.values import parse_value

_NAMED_ROLE = re.compile(r"(placebo|retest)(?![a-z])", re.IGNORECASE)


def conditions_from_columns(
    frame: pd.DataFrame, condition: Text, place: Place
) -> tuple[tuple[Condition, ...], list[str]]:
    """Read every condition of a table from its columns, and the roles from names if need be.

    Parameters
    ----------
    frame : DataFrame
        The raw table.
    condition : Text
        Its column `condition`.
    place : Place
        Where its rows come from.

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
    roles, notes = _roles(_text(frame, "role", condition, place), condition, place)
    target = _text(frame, "target", condition, place)
    direction = _numbers(frame, "direction", "1 (promote) or -1 (suppress)", condition, place)
    place.fail(
        ~np.isnan(direction) & (np.abs(direction) != 1),
        "direction",
        lambda row: f"found {direction[row]:g}, expected 1 (promote) or -1 (suppress)",
    )
    dose = _numbers(frame, "dose", "a number", condition, place)
    place.fail(np.isinf(dose), "dose", lambda _: "found infinity, expected a number")
    reference = _text(frame, "reference", condition, place)
    placebo = _text(frame, "placebo", condition, place)

    def other(text: Text | None, row: int) -> str | None:
        name = None if text is None else text.at(row)
        # "NA" is an empty cell, unless it is the name of a condition.
        return None if name and is_missing_word(name) and name not in condition.names else name

    found = [
        Condition(
            name=name,
            role=roles[name],
            target=() if target is None else _targets(target, int(row), place),
            direction=-1 if direction[row] == -1 else 1,
            dose=None if np.isnan(dose[row]) else float(dose[row]),
            reference=other(reference, int(row)),
            placebo=other(placebo, int(row)),
        )
        for name, row in zip(condition.names, first, strict=True)
    ]
    found.sort(key=lambda c: (ROLES.index(c.role), c.dose is None, c.dose or 0.0, c.name))
    return tuple(found), notes


def _text(frame: pd.DataFrame, column: str, condition: Text, place: Place) -> Text | None:
    if column not in frame.columns:
        return None
    words = column in {"role", "target"}
    text = encode(frame[column], place=place, na_words=words)
    require_constant(column, text.codes, text.at, group=condition, noun="condition", place=place)
    return text


def _numbers(
    frame: pd.DataFrame, column: str, expected: str, condition: Text, place: Place
) -> Floats:
    if column not in frame.columns:
        return np.full(len(frame), np.nan)
    cells = numbers(frame, column, place, expected=expected)

    def found(row: int) -> str | None:
        return None if np.isnan(cells[row]) else f"{cells[row]:g}"

    require_constant(column, codes_of(cells), found, group=condition, noun="condition", place=place)
    return cells


def _roles(role: Text | None, condition: Text, place: Place) -> tuple[dict[str, Role], list[str]]:
    if role is None:
        return _roles_from_names(condition, place)
    expected = f"one of {', '.join(ROLES)}"
    place.fail(role.codes < 0, "role", lambda _: f"empty; expected {expected}")
    words = [name.casefold() for name in role.names]
    unknown = [code for code, word in enumerate(words) if word not in ROLES]
    place.fail(
        np.isin(role.codes, unknown),
        "role",
        lambda row: f"found {shown(role.at(row))}, expected {expected}",
        lambda row: near_miss(str(role.at(row)), ROLES),
    )
    first = first_rows(condition.codes, len(condition.names))
    return {
        name: cast(Role, words[role.codes[row]])
        for name, row in zip(condition.names, first, strict=True)
    }, []


def _roles_from_names(condition: Text, place: Place) -> tuple[dict[str, Role], list[str]]:
    baselines = [name for name in condition.names if name.casefold() == "baseline"]
    if len(baselines) != 1:
        raise InputError(
            "no column 'role', no study, and no condition called 'baseline' "
            f"(the conditions are {listed(list(condition.names))})",
            where=place.source,
            hint=near_miss("baseline", condition.names)
            or "add a column 'role' or give the conditions",
        )
    roles: dict[str, Role] = {}
    for name in condition.names:
        named = _NAMED_ROLE.match(name)
        if name == baselines[0]:
            roles[name] = "baseline"
        elif named:
            roles[name] = cast(Role, named[1].casefold())
        else:
            roles[name] = "intervention"
    told = ", ".join(f"{shown(name)} as {roles[name]}" for name in sorted(roles))
    return roles, [f"there is no column 'role': by their names the conditions are read {told}"]


def _targets(target: Text, row: int, place: Place) -> tuple[str, ...]:
    cell = target.at(row)
    if cell is None:
        return ()
    parts = [part for part in re.split(r"[,;]", cell) if part.strip()]
    try:
        found = [parse_value(part) for part in parts]
    except InputError:
        found = [_target(word, row, place) for part in parts for word in part.split()]
    return tuple(dict.fromkeys(found))


def _target(word: str, row: int, place: Place) -> str:
    try:
        return parse_value(word)
    except InputError as error:
        raise InputError(error.message, where=place.at(row, "target"), hint=error.hint) from error
