"""Rows against each other: items that stay the same, and no judgment given twice."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from vat_bayes.errors import InputError
from vat_bayes.judgments.coerce import Mask, Text, codes_of, encode
from vat_bayes.judgments.constant import require_constant
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.rows import Rows
from vat_bayes.judgments.words import shown


def check_items(rows: Rows, frame: pd.DataFrame, place: Place) -> None:
    """Check that an item has one scenario, value, polarity and sub-value throughout.

    Raises
    ------
    InputError
        For the first row that says otherwise than the item's first row, or when there is only one
        scenario.
    """
    texts = {"scenario": rows.scenario, "value": rows.value}
    if "subvalue" in frame.columns:
        texts["subvalue"] = encode(frame["subvalue"], place=place, na_words=True)
    for column, text in texts.items():
        require_constant(column, text.codes, text.at, group=rows.item, noun="item", place=place)
    require_constant(
        "polarity",
        codes_of(rows.polarity),
        lambda row: f"{rows.polarity[row]:g}",
        group=rows.item,
        noun="item",
        place=place,
    )
    if len(rows.scenario.names) < 2:
        raise InputError(
            f"all rows belong to one scenario ({shown(rows.scenario.names[0])}), "
            "expected at least 2: statements are about the population of scenarios",
            where=place.at(None, "scenario"),
        )


def fail_duplicates(
    bad: Mask,
    place: Place,
    earlier: Callable[[int], int],
    item: Text,
    condition: Text,
    *,
    has_replicates: bool,
) -> None:
    """Raise about the first judgment that is there twice.

    Parameters
    ----------
    bad : bool array (row,)
        The rows with the model, condition, item, prompt and replicate of an earlier one.
    place : Place
        Where they come from.
    earlier : callable
        Row -> the number of that earlier row.
    item, condition : Text
        What was judged in each.
    has_replicates : bool
        Whether the table numbers repeats.

    Raises
    ------
    InputError
        When there is one.
    """
    place.fail(
        bad,
        None,
        lambda row: (
            f"the same model, condition, item, prompt and replicate as row {earlier(row)} "
            f"(item {shown(item.at(row))}, condition {shown(condition.at(row))})"
        ),
        None if has_replicates else "number repeats in a column 'replicate'",
    )
