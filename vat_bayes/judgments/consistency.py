"""Rows against each other: items that stay the same, and no judgment given twice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from vat_bayes.errors import InputError
from vat_bayes.judgments.coerce import Ints, Text, at, codes_of, encode, fail_at, first_rows, shown
from vat_bayes.judgments.rows import Rows


def check_items(rows: Rows, frame: pd.DataFrame, source: str) -> None:
    """Check that an item has one scenario, value, polarity and sub-value throughout.

    Raises
    ------
    InputError
        For the first row that says otherwise than the item's first row.
    """
    for column, text in (("scenario", rows.scenario), ("value", rows.value)):
        _same_within_item(rows, column, text.codes, text.at, source)
    polarity = rows.polarity
    _same_within_item(rows, "polarity", codes_of(polarity), lambda i: f"{polarity[i]:g}", source)
    if "subvalue" in frame.columns:
        subvalue = encode(frame["subvalue"], source=source, na_words=True)
        _same_within_item(rows, "subvalue", subvalue.codes, subvalue.at, source)
    if len(rows.scenario.names) < 2:
        raise InputError(
            f"all rows belong to one scenario ({shown(rows.scenario.names[0])}), "
            "expected at least 2: statements are about the population of scenarios",
            where=at(source, None, "scenario"),
        )


def _same_within_item(
    rows: Rows, column: str, codes: Ints, cell: Callable[[int], str | None], source: str
) -> None:
    first = first_rows(rows.item.codes, len(rows.item.names))[rows.item.codes]

    def found(row: int) -> str:
        text = cell(row)
        return "nothing" if text is None else shown(text)

    fail_at(
        codes != codes[first],
        source,
        column,
        lambda row: f"item {shown(rows.item.at(row))} has {found(row)} here and "
        f"{found(int(first[row]))} in row {first[row] + 1}",
        f"an item has one {column} in every row",
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
    repeated = key.duplicated().to_numpy(dtype=bool)

    def say(row: int) -> str:
        earlier = int(np.flatnonzero((key == key.iloc[row]).all(axis=1).to_numpy())[0]) + 1
        return (
            f"the same model, condition, item, prompt and replicate as row {earlier} "
            f"(item {shown(rows.item.at(row))}, condition {shown(rows.condition.at(row))})"
        )

    hint = None if has_replicates else "number repeats in a column 'replicate'"
    fail_at(repeated, source, None, say, hint)
