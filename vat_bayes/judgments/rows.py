"""Single rows: each cell typed and checked by itself, whatever the other rows say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vat_bayes.judgments.coerce import (
    Floats,
    Ints,
    Text,
    encode,
    fail_at,
    names,
    numbers,
    shown,
)
from vat_bayes.judgments.loadings import known_values

ONLY_PROMPT = "default"


@dataclass(frozen=True)
class Rows:
    """The typed columns that say what was judged; each array has one entry per row.

    Parameters
    ----------
    model, condition, item, scenario, prompt : Text
        Names; never empty.
    value : Text
        In kebab case; empty for items that have loadings.
    polarity : float array
        1 or -1, NaN where `value` is empty.
    replicate : int array
        The number of the repeat; 1 where the table has no such column.
    """

    model: Text
    condition: Text
    item: Text
    scenario: Text
    prompt: Text
    value: Text
    polarity: Floats
    replicate: Ints


def read_rows(frame: pd.DataFrame, source: str) -> Rows:
    """Type the columns that say what was judged.

    Raises
    ------
    InputError
        For the first cell that can't be what its column says.
    """
    value, polarity = _value_and_polarity(frame, source)
    return Rows(
        model=names(frame, "model", source),
        condition=names(frame, "condition", source),
        item=names(frame, "item", source),
        scenario=names(frame, "scenario", source),
        prompt=_prompt(frame, source),
        value=value,
        polarity=polarity,
        replicate=_replicate(frame, source),
    )


def _value_and_polarity(frame: pd.DataFrame, source: str) -> tuple[Text, Floats]:
    n = len(frame)
    none = Text(np.full(n, -1, dtype=np.int64), ())
    if "value" not in frame.columns:
        return none, np.full(n, np.nan)
    value = known_values(encode(frame["value"], source=source, na_words=True), source, "value")
    expected = "1 (the action supports the value) or -1 (it violates it)"
    polarity = numbers(frame, "polarity", source, expected=expected)
    fail_at(
        ~np.isnan(polarity) & (np.abs(polarity) != 1),
        source,
        "polarity",
        lambda row: f"found {polarity[row]:g}, expected {expected}",
    )
    fail_at(
        np.isnan(polarity) & (value.codes >= 0),
        source,
        "polarity",
        lambda row: f"empty beside value '{value.at(row)}', expected {expected}",
    )
    fail_at(
        ~np.isnan(polarity) & (value.codes < 0),
        source,
        "value",
        lambda row: f"empty beside polarity {polarity[row]:g}, expected one of the ten values",
    )
    return value, polarity


def _prompt(frame: pd.DataFrame, source: str) -> Text:
    if "prompt" not in frame.columns or frame["prompt"].isna().all():
        return Text(np.zeros(len(frame), dtype=np.int64), (ONLY_PROMPT,))
    return names(frame, "prompt", source)


def _replicate(frame: pd.DataFrame, source: str) -> Ints:
    if "replicate" not in frame.columns or frame["replicate"].isna().all():
        return np.ones(len(frame), dtype=np.int64)
    expected = "the number of the repeat"
    found = numbers(frame, "replicate", source, expected=expected)
    raw = frame["replicate"]
    with np.errstate(invalid="ignore"):
        bad = ~(np.abs(found) < 2**53) | (found != np.floor(found))
    fail_at(
        bad,
        source,
        "replicate",
        lambda row: f"found {shown(raw.iloc[row])}, expected {expected}",
    )
    return found.astype(np.int64)
