"""Cells of a table: which are empty, what they say, and where a fault lies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from vat_bayes.errors import InputError, near_miss
from vat_bayes.items.raw import RawTable

SPLITS = ("judged", "shots")
_SUPPORTS = ("1", "+1", "support", "supports", "supporting", "positive")
_VIOLATES = ("-1", "violate", "violates", "violating", "negative", "oppose", "opposes")


def is_missing(cell: object) -> bool:
    """Tell whether a cell is missing or blank."""
    return cell is None or not str(cell).strip()


def cell_text(cell: object) -> str:
    """Return a cell as text; a whole number that went through a float column is still that."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def filled_text(table: RawTable, column: str) -> list[str]:
    """Return a column as stripped text.

    Raises
    ------
    InputError
        When a cell is empty.
    """
    texts = []
    for i, cell in enumerate(table.columns[column]):
        if is_missing(cell):
            raise InputError("empty; expected text", where=table.place(i, column))
        texts.append(cell_text(cell).strip())
    return texts


def parse_cells[T](
    table: RawTable,
    column: str,
    parse: Callable[[str], T],
    cells: Sequence[Any] | None = None,
) -> list[T | None]:
    """Return a column with each cell parsed, and None for missing ones.

    Parameters
    ----------
    table : RawTable
        The table.
    column : str
        The column.
    parse : callable
        Called once for each distinct text, which is stripped; raises `InputError` for a text it
        does not know.
    cells : sequence, optional
        Other cells than those of the table in this column.

    Raises
    ------
    InputError
        That of `parse`, with the place of the first such cell.
    """
    known: dict[str, T] = {}
    parsed: list[T | None] = []
    for i, cell in enumerate(table.columns[column] if cells is None else cells):
        if is_missing(cell):
            parsed.append(None)
            continue
        text = cell_text(cell).strip()
        if text not in known:
            try:
                known[text] = parse(text)
            except InputError as error:
                at = table.place(i, column)
                raise InputError(error.message, where=at, hint=error.hint) from error
        parsed.append(known[text])
    return parsed


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
