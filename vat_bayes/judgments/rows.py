"""Single rows: each cell typed and checked by itself, whatever the other rows say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vat_bayes.judgments.coerce import Floats, Ints, Text, encode, names, numbers
from vat_bayes.judgments.loadings import known_values
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.words import shown

ONLY_PROMPT = "default"


@dataclass(frozen=True)
class Rows:
    """The typed columns that say what was judged and how it was asked, one entry per row.

    Parameters
    ----------
    model, condition, item, scenario, prompt : Text
        Names; never empty.
    value : Text
        In kebab case; empty for items that have loadings.
    polarity : float array
        1 or -1, NaN where `value` is empty.
    """

    model: Text
    condition: Text
    item: Text
    scenario: Text
    prompt: Text
    value: Text
    polarity: Floats


def read_rows(frame: pd.DataFrame, place: Place) -> Rows:
    """Type the columns that say what was judged.

    Raises
    ------
    InputError
        For the first cell that can't be what its column says.
    """
    value, polarity = _value_and_polarity(frame, place)
    return Rows(
        model=names(frame, "model", place),
        condition=names(frame, "condition", place),
        item=names(frame, "item", place),
        scenario=names(frame, "scenario", place),
        prompt=_prompt(frame, place),
        value=value,
        polarity=polarity,
    )


def _value_and_polarity(frame: pd.DataFrame, place: Place) -> tuple[Text, Floats]:
    n = len(frame)
    none = Text(np.full(n, -1, dtype=np.int64), ())
    if "value" not in frame.columns:
        return none, np.full(n, np.nan)
    value = known_values(encode(frame["value"], place=place, na_words=True), place, "value")
    expected = "1 (the action supports the value) or -1 (it violates it)"
    polarity = numbers(frame, "polarity", place, expected=expected)
    place.fail(
        ~np.isnan(polarity) & (np.abs(polarity) != 1),
        "polarity",
        lambda row: f"found {polarity[row]:g}, expected {expected}",
    )
    place.fail(
        np.isnan(polarity) & (value.codes >= 0),
        "polarity",
        lambda row: f"empty beside value '{value.at(row)}', expected {expected}",
    )
    place.fail(
        ~np.isnan(polarity) & (value.codes < 0),
        "value",
        lambda row: f"empty beside polarity {polarity[row]:g}, expected one of the ten values",
    )
    return value, polarity


def _prompt(frame: pd.DataFrame, place: Place) -> Text:
    if "prompt" not in frame.columns or frame["prompt"].isna().all():
        return Text(np.zeros(len(frame), dtype=np.int64), (ONLY_PROMPT,))
    return names(frame, "prompt", place)


def read_replicates(frame: pd.DataFrame, place: Place) -> Ints:
    """Read the numbers of the repeats; 1 where the table has none.

    Raises
    ------
    InputError
        When one is no whole number, or is missing beside others.
    """
    if "replicate" not in frame.columns or frame["replicate"].isna().all():
        return np.ones(len(frame), dtype=np.int64)
    return whole_replicates(frame, place)


def whole_replicates(frame: pd.DataFrame, place: Place) -> Ints:
    """Read the column `replicate`, with a whole number in every row.

    Raises
    ------
    InputError
        When one is something else.
    """
    expected = "the number of the repeat"
    found = numbers(frame, "replicate", place, expected=expected)
    raw = frame["replicate"]
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(found) < 2**53) | (found != np.floor(found))
    place.fail(bad, "replicate", lambda row: f"found {shown(raw.iloc[row])}, expected {expected}")
    return found.astype(np.int64)
