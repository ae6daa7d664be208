"""Cells of a table: which are empty, what they say, and where a fault lies.

A column keeps the row labels 0, 1, ... of the file it comes from, also after rows were dropped;
people count from 1, so label 0 is row 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from vat_bayes.errors import InputError, near_miss

SPLITS = ("judged", "shots")
_SUPPORTS = ("1", "+1", "support", "supports", "supporting", "positive")
_VIOLATES = ("-1", "violate", "violates", "violating", "negative", "oppose", "opposes")


def place(where: str, label: int, column: str) -> str:
    """Return how a message names a cell: file, row counted from 1, column."""
    return f"{where}, row {label + 1}, column '{column}'"


def first_label(mask: pd.Series[bool]) -> int:
    """Return the row label of the first cell that is true."""
    return int(mask.index[int(mask.to_numpy().argmax())])


def is_missing(column: pd.Series[Any]) -> pd.Series[bool]:
    """Tell for each cell whether it is missing or blank."""
    return column.isna() | (column.astype("str").str.strip() == "")


def filled_text(column: pd.Series[Any], where: str) -> pd.Series[str]:
    """Return the column as stripped text.

    Raises
    ------
    InputError
        When a cell is empty.
    """
    empty = is_missing(column)
    if empty.any():
        raise InputError(
            "empty; expected text", where=place(where, first_label(empty), str(column.name))
        )
    return column.map(_plain).astype("str").str.strip()


def parse_cells(column: pd.Series[Any], parse: Callable[[str], Any], where: str) -> pd.Series[Any]:
    """Return the column with each cell parsed, and missing cells as ``pandas.NA``.

    Parameters
    ----------
    column : pandas.Series
        Cells of any type; `parse` sees their stripped text.
    parse : callable
        Called once for each distinct text; raises `InputError` for a text it does not know.
    where : str
        The file, for messages.

    Raises
    ------
    InputError
        That of `parse`, with the place of the first such cell.
    """
    known: dict[str, Any] = {}
    cells = []
    for label, empty, cell in zip(column.index, is_missing(column), column, strict=True):
        if empty:
            cells.append(pd.NA)
            continue
        text = _plain(cell).strip()
        if text not in known:
            try:
                known[text] = parse(text)
            except InputError as error:
                at = place(where, int(label), str(column.name))
                raise InputError(error.message, where=at, hint=error.hint) from error
        cells.append(known[text])
    return pd.Series(cells, index=column.index, name=column.name, dtype="object")


def _plain(cell: object) -> str:
    # A whole number that went through a float column is still that number.
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def parse_polarity(text: str) -> int:
    """Return 1 for a supporting action and -1 for a violating one, from a number or a word.

    Raises
    ------
    InputError
        When the text is neither.
    """
    word = text.casefold()
    if word in _SUPPORTS:
        return 1
    if word in _VIOLATES:
        return -1
    raise InputError(
        f"'{text}' is not a polarity; expected 1 (supports the value) or -1 (violates it)",
        hint=near_miss(text, ("support", "violate", "positive", "negative")),
    )


def parse_split(text: str) -> str:
    """Return ``"judged"`` or ``"shots"``.

    Raises
    ------
    InputError
        When the text is neither.
    """
    if text.casefold() in SPLITS:
        return text.casefold()
    raise InputError(
        f"'{text}' is not a split; expected judged or shots", hint=near_miss(text, SPLITS)
    )


def parse_weight(text: str) -> float:
    """Return a loading's weight.

    Raises
    ------
    InputError
        When the text is not a finite number, or is zero.
    """
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight) or weight == 0:
        raise InputError(f"'{text}' is not a weight; expected a finite number other than zero")
    return weight
