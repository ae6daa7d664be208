"""The source `valueportrait`: texts that real people rated, with loadings on several values.

Source
------
The ValuePortrait data set (2025, MIT), https://github.com/holi-lab/ValuePortrait.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd

from vat_bayes.errors import InputError
from vat_bayes.items.cells import filled_text, first_label, is_missing, place
from vat_bayes.items.columns import require_columns
from vat_bayes.items.itemset import ItemSet
from vat_bayes.items.table import frame_of
from vat_bayes.items.validate import validate_items
from vat_bayes.values import parse_value

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
    raw, where = frame_of(path, "items")
    raw = raw.reset_index(drop=True)
    require_columns(raw, _REQUIRED, where=where)
    rhos = [c for c in raw.columns if str(c).startswith(_PREFIX)]
    if not rhos:
        raise InputError(f"no column begins with '{_PREFIX}'; expected one a value", where=where)
    portrait = filled_text(raw["portrait_id"], where)
    option = filled_text(raw["option_id"], where)
    frame = pd.DataFrame(
        {
            "item": [valueportrait_item_id(p, o) for p, o in zip(portrait, option, strict=True)],
            "scenario": portrait,
            "action_text": raw["text"],
            "portrait_id": portrait,
            "option_id": option,
        }
    )
    parts = []
    for column in rhos:
        rho = _correlations(raw[column], where)
        counted = rho >= threshold
        parts.append(
            pd.DataFrame(
                {
                    "item": frame["item"][counted],
                    "value": parse_value(column.removeprefix(_PREFIX)),
                    "weight": rho[counted] if weights == "rho" else 1.0,
                }
            )
        )
    loadings = pd.concat(parts, ignore_index=True)
    if loadings.empty:
        raise InputError(f"no item has a rho of {threshold} or more", where=where)
    kept = frame["item"].isin(loadings["item"])
    table, clean = validate_items(frame[kept], loadings, where=where, loadings_where=where)
    return ItemSet(table, clean, "valueportrait")


def _correlations(column: pd.Series[str], where: str) -> pd.Series[float]:
    rho = pd.to_numeric(column, errors="coerce").astype("float64")
    bad = ~rho.between(-1, 1) & ~is_missing(column)
    if bad.any():
        at = first_label(bad)
        raise InputError(
            f"'{column[at]}' is not a correlation; expected a number from -1 to 1",
            where=place(where, at, str(column.name)),
        )
    return rho
