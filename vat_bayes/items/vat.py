"""The source `vat`: the data set of Chen and Shen, as published or in any layout like it.

Source
------
Chen, J., & Shen, H. (2026). *Value Alignment Tax: Measuring Value Trade-offs in LLM Alignment*.
arXiv:2602.12134. Data: Hugging Face data set ``Tinyhope/Value_Alignment_Tax`` (MIT),
12 countries x 11 topics x 2 scenes x 56 sub-values x 2 actions. Its column names are not
documented, so the loader takes a mapping.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pandas as pd

from vat_bayes.items.cells import filled_text, parse_cells, parse_polarity
from vat_bayes.items.columns import KNOWN_COLUMNS, map_columns, require_columns
from vat_bayes.items.itemset import ItemSet
from vat_bayes.items.table import frame_of
from vat_bayes.items.validate import validate_items
from vat_bayes.values import parse_subvalue, value_of_subvalue

VAT_COLUMNS = (*KNOWN_COLUMNS, "country", "scene")


def load_vat(
    path: str | Path | pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    subvalue_rule: Literal["theory", "index"] = "theory",
) -> ItemSet:
    """Load the Value Alignment Tax data set, one row for each action.

    Parameters
    ----------
    path : str, pathlib.Path or pandas.DataFrame
        The data set's ``train.json`` (a list of objects or one object a line), another file of
        the same layout, or the table itself.
    columns : mapping of str to str, optional
        Our column name to the file's. Needed are `subvalue`, `polarity`, `scenario_text`,
        `action_text`, and either `scenario` or all of `country`, `topic` and `scene`.
    subvalue_rule : {"theory", "index"}
        How 56 sub-values become ten values. ``"theory"`` places all 56 where Schwartz (1992, 1994)
        expected them; ``"index"`` keeps the 45 of them that the standard indexes use and drops the
        rows of the others. The paper averages all 56.

    Returns
    -------
    ItemSet
        A scenario is one country, topic and scene; an item adds the sub-value and the polarity.
        `country` and `scene` stay as facets where they are given.

    Raises
    ------
    InputError
        When a needed column is missing (the message lists the columns found), or a row is
        unusable.
    """
    raw, where = frame_of(path, "items")
    frame = map_columns(raw, columns, known=VAT_COLUMNS, where=where)
    required = ["subvalue", "polarity", "scenario_text", "action_text"]
    if "scenario" not in frame:
        required += ["country", "topic", "scene"]
    require_columns(frame, required, where=where, raw=raw)
    if "scenario" in frame:
        frame["scenario"] = filled_text(frame["scenario"], where)
    else:
        parts = [_slugs(filled_text(frame[name], where)) for name in ("country", "topic", "scene")]
        frame["scenario"] = parts[0] + "/" + parts[1] + "/" + parts[2]
    names = parse_cells(filled_text(frame["subvalue"], where), parse_subvalue, where)
    signs = parse_cells(filled_text(frame["polarity"], where), parse_polarity, where)
    frame["subvalue"] = names
    frame["value"] = names.map(lambda name: value_of_subvalue(name, rule=subvalue_rule))
    if "item" not in frame:
        frame["item"] = frame["scenario"] + "/" + names + signs.map({1: "+", -1: "-"})
    table, _ = validate_items(frame[frame["value"].notna()], None, where=where)
    return ItemSet(table, None, "vat")


def _slugs(column: pd.Series[str]) -> pd.Series[str]:
    return column.map(lambda cell: re.sub(r"[\W_]+", "-", cell.casefold()).strip("-"))
