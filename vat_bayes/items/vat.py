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
from typing import TYPE_CHECKING, Any, Literal

from vat_bayes.items.cells import filled_text, parse_cells, parse_polarity
from vat_bayes.items.columns import KNOWN_COLUMNS, map_columns, require_columns
from vat_bayes.items.itemset import ItemSet
from vat_bayes.items.readfile import raw_table
from vat_bayes.items.validate import validate_items
from vat_bayes.values import parse_subvalue, value_of_subvalue

if TYPE_CHECKING:
    import pandas as pd

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
    raw = raw_table(path, "items")
    table = map_columns(raw, columns, known=VAT_COLUMNS)
    required = ["subvalue", "polarity", "scenario_text", "action_text"]
    if "scenario" not in table:
        required += ["country", "topic", "scene"]
    require_columns(table, required, raw=raw)
    if "scenario" in table:
        scenarios = filled_text(table, "scenario")
    else:
        parts = (map(_slug, filled_text(table, name)) for name in ("country", "topic", "scene"))
        scenarios = ["/".join(own) for own in zip(*parts, strict=True)]
    texts = table.having({name: filled_text(table, name) for name in ("subvalue", "polarity")})
    names = [str(name) for name in parse_cells(texts, "subvalue", parse_subvalue)]
    signs = parse_cells(texts, "polarity", parse_polarity)
    values = [value_of_subvalue(name, rule=subvalue_rule) for name in names]
    made: dict[str, list[Any]] = {"scenario": scenarios, "subvalue": names, "value": values}
    if "item" not in table:
        made["item"] = [
            f"{scenario}/{name}{'+' if sign == 1 else '-'}"
            for scenario, name, sign in zip(scenarios, names, signs, strict=True)
        ]
    whole = table.having({**table.columns, **made})
    return ItemSet(*validate_items(whole.only([v is not None for v in values]), None), "vat")


def _slug(cell: str) -> str:
    return re.sub(r"[\W_]+", "-", cell.casefold()).strip("-")
