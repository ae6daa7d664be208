"""Validation of an item table: every fault is told with its place, and nothing is guessed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from vat_bayes.errors import InputError, near_miss
from vat_bayes.items.cells import (
    filled_text,
    is_missing,
    parse_cells,
    parse_polarity,
    parse_split,
    parse_weight,
)
from vat_bayes.items.columns import CORE_COLUMNS, require_columns
from vat_bayes.items.raw import Columns, RawTable
from vat_bayes.values import parse_value

_NUMBERS = ({int}, {float}, {int, float})
_INT64 = range(-(2**63), 2**63)


class ItemWarning(UserWarning):
    """An item set that can be used, with a weakness that should be known."""


def validate_items(raw: RawTable, loadings: RawTable | None) -> tuple[Columns, Columns | None]:
    """Return typed item columns and typed loadings, or say what is wrong and where.

    Parameters
    ----------
    raw : RawTable
        Columns with our names, cells of any type.
    loadings : RawTable, optional
        Columns `item`, `value`, `weight`.

    Returns
    -------
    columns : mapping of str to list
        As in `ItemSet`, core columns first.
    loadings : mapping of str to list, or None
        Weights are finite and not zero.

    Raises
    ------
    InputError
        At the first fault.

    Warns
    -----
    ItemWarning
        For values that have supporting actions only, or violating ones only: their shift cannot
        be told from a change of response style by these items alone.
    """
    required = ["item", "scenario", "action_text"]
    if loadings is None:
        required += ["value", "polarity"]
    require_columns(raw, required)
    if not len(raw):
        raise InputError("there are no rows", where=raw.where)
    nothing = [None] * len(raw)
    columns: dict[str, Sequence[Any]] = {
        name: filled_text(raw, name) for name in ("item", "scenario", "action_text")
    }
    for name in ("topic", "scenario_text"):
        # A source may have none at all; single gaps are faults.
        some = name in raw and not all(map(is_missing, raw.columns[name]))
        columns[name] = filled_text(raw, name) if some else nothing
    filled = raw.having(dict.fromkeys(("value", "polarity", "split"), nothing) | dict(raw.columns))
    columns["value"] = parse_cells(filled, "value", parse_value)
    columns["polarity"] = parse_cells(filled, "polarity", parse_polarity)
    splits = parse_cells(filled, "split", parse_split)
    columns["split"] = ["judged" if split is None else split for split in splits]
    facets = {name: _facet(x) for name, x in raw.columns.items() if name not in CORE_COLUMNS}
    table = raw.having({name: columns[name] for name in CORE_COLUMNS} | facets)
    _refuse_duplicates(table, ["item"])
    _refuse_several(table, "topic")
    _refuse_several(table, "split")
    clean = None if loadings is None else _validate_loadings(loadings, columns["item"])
    _refuse_unplaced(table, None if clean is None else set(clean["item"]))
    _warn_one_polarity(table)
    return table.columns, clean


def _facet(cells: Sequence[Any]) -> Sequence[Any]:
    """Return the cells of a facet, as text where they are not all of one kind.

    Mixed types cannot be written to Parquet; a facet is a label anyhow.
    """
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds in _NUMBERS and all(not isinstance(c, int) or c in _INT64 for c in cells):
        return cells
    # A column of truth values with gaps has no type of its own in a data frame.
    if len(kinds) <= 1 and not (kinds == {bool} and None in cells) and kinds != {int}:
        return cells
    return [None if cell is None else str(cell) for cell in cells]


def _refuse_duplicates(table: RawTable, keys: Sequence[str]) -> None:
    first: dict[tuple[Any, ...], int] = {}
    for i, key in enumerate(zip(*(table.columns[k] for k in keys), strict=True)):
        if (at := first.setdefault(key, i)) != i:
            row = at + 1 if table.rows is None else table.rows[at]
            shown = ", ".join(f"'{cell}'" for cell in key)
            raise InputError(
                f"{shown} already stands in row {row}; expected one row each",
                where=table.place(i, keys[0]),
            )


def _refuse_several(table: RawTable, column: str) -> None:
    first: dict[str, Any] = {}
    cells = zip(table.columns["scenario"], table.columns[column], strict=True)
    for i, (scenario, cell) in enumerate(cells):
        if cell is not None and (before := first.setdefault(scenario, cell)) != cell:
            raise InputError(
                f"scenario '{scenario}' has '{cell}' here and '{before}' before; expected one "
                f"{column} for a scenario",
                where=table.place(i, column),
            )


def _refuse_unplaced(table: RawTable, loaded: set[str] | None) -> None:
    # An item has a value and a polarity, or rows in the loadings; never both, never neither.
    names = ("item", "value", "polarity")
    rows = list(zip(*(table.columns[name] for name in names), strict=True))
    several = set() if loaded is None else loaded
    for i, (item, value, polarity) in enumerate(rows):
        if item in several and (value is not None or polarity is not None):
            raise InputError(
                f"item '{item}' has a value or polarity here and rows in the loadings; expected "
                "one of them",
                where=table.place(i, "value"),
            )
    also = "" if loaded is None else ", and the item has no row in the loadings"
    for place, name in enumerate(names[1:], start=1):
        for i, row in enumerate(rows):
            if row[place] is None and row[0] not in several:
                raise InputError(f"empty{also}", where=table.place(i, name))


def _validate_loadings(loadings: RawTable, items: Sequence[str]) -> Columns:
    require_columns(loadings, ["item", "value", "weight"])
    if not len(loadings):
        raise InputError("there are no rows", where=loadings.where)
    names = ("item", "value", "weight")
    texts = loadings.having({name: filled_text(loadings, name) for name in names})
    clean = texts.having(
        {
            "item": texts.columns["item"],
            "value": parse_cells(texts, "value", parse_value),
            "weight": parse_cells(texts, "weight", parse_weight),
        }
    )
    known = set(items)
    for i, item in enumerate(clean.columns["item"]):
        if item not in known:
            raise InputError(
                f"item '{item}' is not in the item table",
                where=clean.place(i, "item"),
                hint=near_miss(item, items),
            )
    _refuse_duplicates(clean, ["item", "value"])
    return clean.columns


def _warn_one_polarity(table: RawTable) -> None:
    signs: dict[str, set[int]] = {}
    for value, sign in zip(table.columns["value"], table.columns["polarity"], strict=True):
        if value is not None:
            signs.setdefault(value, set()).add(sign)
    alone = sorted(value for value, found in signs.items() if len(found) == 1)
    if alone:
        warnings.warn(
            f"{table.where}: only one polarity for {', '.join(alone)}; without actions of both "
            "polarities a shift of the value cannot be told from a change of response style",
            ItemWarning,
            stacklevel=4,
        )
