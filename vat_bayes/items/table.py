"""The source `table`: somebody's own items, from a file or a data frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vat_bayes.items.columns import KNOWN_COLUMNS, map_columns, require_columns
from vat_bayes.items.itemset import ItemSet
from vat_bayes.items.readfile import raw_table
from vat_bayes.items.validate import validate_items

if TYPE_CHECKING:
    import pandas as pd


def load_table(
    path: str | Path | pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    loadings: str | Path | pd.DataFrame | None = None,
    source: str = "table",
) -> ItemSet:
    """Load items from a table.

    Parameters
    ----------
    path : str, pathlib.Path or pandas.DataFrame
        A CSV, TSV, JSON, JSON lines or Parquet file, or the table itself.
    columns : mapping of str to str, optional
        Our column name to the file's, where they differ.
    loadings : str, pathlib.Path or pandas.DataFrame, optional
        `item`, `value`, `weight`, for items that load on several values; those leave `value` and
        `polarity` empty in the table.
    source : str
        What `ItemSet.source` says.

    Returns
    -------
    ItemSet
        Columns that are not known stay as facets.

    Raises
    ------
    InputError
        When the file or a row of it is unusable.

    Warns
    -----
    ItemWarning
        For values with one polarity only.
    """
    raw = raw_table(path, "items")
    table = map_columns(raw, columns, known=KNOWN_COLUMNS)
    required = ["item", "scenario", "action_text"]
    if loadings is None:
        required += ["value", "polarity"]
    require_columns(table, required, raw=raw)
    weights = None if loadings is None else raw_table(loadings, "loadings")
    return ItemSet(*validate_items(table, weights), source)
