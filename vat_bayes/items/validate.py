"""Validation of an item table: every fault is told with its place, and nothing is guessed."""

from __future__ import annotations

import warnings

import pandas as pd

from vat_bayes.errors import InputError, near_miss
from vat_bayes.items.cells import (
    filled_text,
    first_label,
    is_missing,
    parse_cells,
    parse_polarity,
    parse_split,
    parse_weight,
    place,
)
from vat_bayes.items.columns import CORE_COLUMNS, require_columns
from vat_bayes.values import parse_value


class ItemWarning(UserWarning):
    """An item set that can be used, with a weakness that should be known."""


def validate_items(
    frame: pd.DataFrame,
    loadings: pd.DataFrame | None,
    *,
    where: str,
    loadings_where: str = "loadings",
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return a typed item table and typed loadings, or say what is wrong and where.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows with our column names, cells of any type, and the row labels of the file (from 0).
    loadings : pandas.DataFrame, optional
        Columns `item`, `value`, `weight`.
    where, loadings_where : str
        The files, for messages.

    Returns
    -------
    table : pandas.DataFrame
        As in `ItemSet`, core columns first, with new row labels.
    loadings : pandas.DataFrame or None
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
    require_columns(frame, required, where=where)
    if frame.empty:
        raise InputError("there are no rows", where=where)
    table = frame.copy()
    for name in ("item", "scenario", "action_text"):
        table[name] = filled_text(table[name], where)
    for name in ("topic", "scenario_text"):
        # A source may have none at all; single gaps are faults.
        if name in table and not is_missing(table[name]).all():
            table[name] = filled_text(table[name], where)
        else:
            table[name] = pd.Series(pd.NA, index=table.index, dtype="str")
    for name in ("value", "polarity", "split"):
        if name not in table:
            table[name] = pd.Series(pd.NA, index=table.index, dtype="object")
    table["value"] = parse_cells(table["value"], parse_value, where).astype("str")
    table["polarity"] = parse_cells(table["polarity"], parse_polarity, where).astype("Int64")
    table["split"] = parse_cells(table["split"], parse_split, where).fillna("judged").astype("str")
    facets = [c for c in table.columns if c not in CORE_COLUMNS]
    for name in facets:
        # Mixed types cannot be written to Parquet; a facet is a label anyhow.
        if table[name].dtype == object:
            table[name] = table[name].astype("str")

    _refuse_duplicates(table, ["item"], where)
    _refuse_several(table, "topic", where)
    _refuse_several(table, "split", where)
    clean = None if loadings is None else _validate_loadings(loadings, table, loadings_where)
    _refuse_unplaced(table, clean, where)
    _warn_one_polarity(table, where)
    return table[[*CORE_COLUMNS, *facets]].reset_index(drop=True), clean


def _refuse_duplicates(table: pd.DataFrame, keys: list[str], where: str) -> None:
    again = table.duplicated(keys)
    if again.any():
        at = first_label(again)
        row = table[keys].loc[at]
        first = first_label((table[keys] == row).all(axis=1))
        shown = ", ".join(f"'{cell}'" for cell in row)
        raise InputError(
            f"{shown} already stands in row {first + 1}; expected one row each",
            where=place(where, at, keys[0]),
        )


def _refuse_several(table: pd.DataFrame, column: str, where: str) -> None:
    first = table.groupby("scenario")[column].transform("first")
    other = (table[column] != first) & table[column].notna()
    if other.any():
        at = first_label(other)
        raise InputError(
            f"scenario '{table['scenario'][at]}' has '{table[column][at]}' here and "
            f"'{first[at]}' before; expected one {column} for a scenario",
            where=place(where, at, column),
        )


def _refuse_unplaced(table: pd.DataFrame, loadings: pd.DataFrame | None, where: str) -> None:
    # An item has a value and a polarity, or rows in the loadings; never both, never neither.
    loaded = pd.Series(False, index=table.index)
    if loadings is not None:
        loaded = table["item"].isin(loadings["item"])
    has_value, has_polarity = table["value"].notna(), table["polarity"].notna()
    twice = loaded & (has_value | has_polarity)
    if twice.any():
        at = first_label(twice)
        raise InputError(
            f"item '{table['item'][at]}' has a value or polarity here and rows in the "
            "loadings; expected one of them",
            where=place(where, at, "value"),
        )
    for name, filled in (("value", has_value), ("polarity", has_polarity)):
        gap = ~filled & ~loaded
        if gap.any():
            at = first_label(gap)
            also = "" if loadings is None else ", and the item has no row in the loadings"
            raise InputError(f"empty{also}", where=place(where, at, name))


def _validate_loadings(loadings: pd.DataFrame, table: pd.DataFrame, where: str) -> pd.DataFrame:
    require_columns(loadings, ["item", "value", "weight"], where=where)
    if loadings.empty:
        raise InputError("there are no rows", where=where)
    clean = loadings[["item", "value", "weight"]].reset_index(drop=True)
    for name in clean.columns:
        clean[name] = filled_text(clean[name], where)
    clean["value"] = parse_cells(clean["value"], parse_value, where).astype("str")
    clean["weight"] = parse_cells(clean["weight"], parse_weight, where).astype("float64")
    strange = ~clean["item"].isin(table["item"])
    if strange.any():
        at = first_label(strange)
        item = str(clean["item"][at])
        raise InputError(
            f"item '{item}' is not in the item table",
            where=place(where, at, "item"),
            hint=near_miss(item, table["item"]),
        )
    _refuse_duplicates(clean, ["item", "value"], where)
    return clean


def _warn_one_polarity(table: pd.DataFrame, where: str) -> None:
    polarities = table.groupby("value")["polarity"].nunique()
    alone = [str(v) for v in polarities.index[polarities == 1]]
    if alone:
        warnings.warn(
            f"{where}: only one polarity for {', '.join(alone)}; without actions of both "
            "polarities a shift of the value cannot be told from a change of response style",
            ItemWarning,
            stacklevel=4,
        )
