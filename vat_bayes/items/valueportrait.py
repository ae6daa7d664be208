"""The source `valueportrait`: texts that real people rated, with loadings on several values.

Source
------
The ValuePortrait data set (2025, MIT), https://github.com/holi-lab/ValuePortrait.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vat_bayes.errors import InputError
from vat_bayes.items.cells import filled_text, is_missing
from vat_bayes.items.columns import require_columns
from vat_bayes.items.itemset import ItemSet
from vat_bayes.items.raw import RawTable
from vat_bayes.items.readfile import raw_table
from vat_bayes.items.validate import validate_items
from vat_bayes.values import parse_value

if TYPE_CHECKING:
    import pandas as pd

_PREFIX = "rho_"
_REQUIRED = ("portrait_id", "option_id", "text")


def valueportrait_item_id(portrait_id: object, option_id: object) -> str:
    """Return the item id of an option of a portrait, the same for items and for ratings."""
    return f"{portrait_id}-{option_id}"


def load_valueportrait(
    path: str | Path | pd.DataFrame,
    *,
    threshold: float = 0.3,
    weights: Literal["indicator", "rho"] = "indicator",
) -> ItemSet:
    """Load the ValuePortrait items with the loadings that its authors score by.

    An item counts for a value when the rank correlation (rho) of people's ratings of it with their
    own score on the value reaches the threshold. All loadings are positive, so that a shift of a
    value cannot be told from yes-saying by these items alone.

    Parameters
    ----------
    path : str, pathlib.Path or pandas.DataFrame
        The item file: `portrait_id`, `option_id`, `text`, and ``rho_<value>`` for each value.
    threshold : float
        The smallest rho that counts, between 0 (not included) and 1.
    weights : {"indicator", "rho"}
        ``"indicator"`` gives each counted item the weight 1, as the authors do when they average
        the ratings; ``"rho"`` weighs it by its correlation.

    Returns
    -------
    ItemSet
        Only the items that load on a value: an item without a loading says nothing about any.
        The scenario is the portrait, whose own text the file does not have; `portrait_id` and
        `option_id` stay as facets, and `valueportrait_item_id` makes the item id from them.

    Raises
    ------
    InputError
        When a parameter, a column or a row is unusable, or no item reaches the threshold.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold is {threshold}; expected a number over 0 and up to 1")
    if weights not in ("indicator", "rho"):
        raise InputError(f"the weights are '{weights}'; expected indicator or rho")
    raw = raw_table(path, "items")
    require_columns(raw, _REQUIRED)
    rhos = [column for column in raw.columns if column.startswith(_PREFIX)]
    if not rhos:
        at = raw.where
        raise InputError(f"no column begins with '{_PREFIX}'; expected one a value", where=at)
    portraits, options = filled_text(raw, "portrait_id"), filled_text(raw, "option_id")
    items = [valueportrait_item_id(p, o) for p, o in zip(portraits, options, strict=True)]
    table = raw.having(
        {
            "item": items,
            "scenario": portraits,
            "action_text": raw.columns["text"],
            "portrait_id": portraits,
            "option_id": options,
        }
    )
    loadings: dict[str, list[Any]] = {"item": [], "value": [], "weight": []}
    for column in rhos:
        counted = {i: r for i, r in enumerate(_correlations(raw, column)) if r >= threshold}
        value = parse_value(column.removeprefix(_PREFIX))
        loadings["item"] += [items[i] for i in counted]
        loadings["value"] += [value] * len(counted)
        loadings["weight"] += counted.values() if weights == "rho" else [1.0] * len(counted)
    if not loadings["item"]:
        raise InputError(f"no item has a rho of {threshold} or more", where=raw.where)
    loaded = set(loadings["item"])
    kept = table.only([item in loaded for item in items])
    return ItemSet(*validate_items(kept, RawTable(loadings, raw.where)), "valueportrait")


def _correlations(table: RawTable, column: str) -> list[float]:
    """Return the correlations of a column; NaN where there is none."""
    rhos = []
    for i, cell in enumerate(table.columns[column]):
        rho = math.nan
        if not is_missing(cell):
            with contextlib.suppress(ValueError):
                rho = float(cell)
            if not -1 <= rho <= 1:
                raise InputError(
                    f"'{cell}' is not a correlation; expected a number from -1 to 1",
                    where=table.place(i, column),
                )
        rhos.append(rho)
    return rhos
