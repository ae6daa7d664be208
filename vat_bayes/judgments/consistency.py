"""Rows against each other: items that stay the same, and no judgment given twice."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vat_bayes.errors import InputError
from vat_bayes.judgments.coerce import at, codes_of, encode, fail_at, shown
from vat_bayes.judgments.constant import require_constant
from vat_bayes.judgments.rows import Rows


def check_items(rows: Rows, frame: pd.DataFrame, source: str) -> None:
    """Check that an item has one scenario, value, polarity and sub-value throughout.

    Raises
    ------
    InputError
        For the first row that says otherwise than the item's first row, or when there is only one
        scenario.
    """
    texts = {"scenario": rows.scenario, "value": rows.value}
    if "subvalue" in frame.columns:
        texts["subvalue"] = encode(frame["subvalue"], source=source, na_words=True)
    for column, text in texts.items():
        require_constant(column, text.codes, text.at, group=rows.item, noun="item", source=source)
    require_constant(
        "polarity",
        codes_of(rows.polarity),
        lambda row: f"{rows.polarity[row]:g}",
        group=rows.item,
        noun="item",
        source=source,
    )
    if len(rows.scenario.names) < 2:
        raise InputError(
            f"all rows belong to one scenario ({shown(rows.scenario.names[0])}), "
            "expected at least 2: statements are about the population of scenarios",
            where=at(source, None, "scenario"),
        )


def check_duplicates(rows: Rows, source: str, *, has_replicates: bool) -> None:
    """Check that no judgment is there twice.

    Raises
    ------
    InputError
        For the first row with the model, condition, item, prompt and replicate of an earlier one.
    """
    key = pd.DataFrame(
        {
            "model": rows.model.codes,
            "condition": rows.condition.codes,
            "item": rows.item.codes,
            "prompt": rows.prompt.codes,
            "replicate": rows.replicate,
        }
    )

    def say(row: int) -> str:
        earlier = int(np.flatnonzero((key == key.iloc[row]).all(axis=1).to_numpy())[0]) + 1
        return (
            f"the same model, condition, item, prompt and replicate as row {earlier} "
            f"(item {shown(rows.item.at(row))}, condition {shown(rows.condition.at(row))})"
        )

    hint = None if has_replicates else "number repeats in a column 'replicate'"
    fail_at(key.duplicated().to_numpy(dtype=bool), source, None, say, hint)
