"""Columns of any type to codes, numbers and sentences about the row where that fails.

Text is handled as integer codes into the distinct names, so that cleaning costs by distinct name
and not by row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from vat_bayes.errors import InputError
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.words import shown

type Ints = NDArray[np.int64]
type Floats = NDArray[np.float64]
type Mask = NDArray[np.bool_]

# How spreadsheets and statistics programs write an empty cell of a column that holds no names.
_MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "<na>", "."})


class Text(NamedTuple):
    """A text column: ``names[codes[row]]``, with code -1 for an empty cell."""

    codes: Ints
    names: tuple[str, ...]

    def at(self, row: int) -> str | None:
        """Return the text of one row, None where it is empty."""
        code = int(self.codes[row])
        return None if code < 0 else self.names[code]

    def column(self) -> pd.Series[str]:
        """Return the column with one text per row, missing where it is empty."""
        names = pd.array(list(self.names), dtype="str")
        return pd.Series(names.take(self.codes, allow_fill=True))


def is_missing_word(text: str) -> bool:
    """Say whether a text is one of the usual ways to write an empty cell."""
    return text.strip().casefold() in _MISSING


def as_name(raw: object) -> str:
    """Return a cell as text, stripped; an integral float reads as the integer."""
    if isinstance(raw, float | np.floating) and float(raw).is_integer():
        return str(int(raw))
    return str(raw).strip()


def encode(column: pd.Series, *, place: Place, na_words: bool = False) -> Text:
    """Factorise a column of any type as text.

    Parameters
    ----------
    column : Series
        Text, numbers (an integral float reads as the integer), categories or objects.
    place : Place
        Where the rows come from.
    na_words : bool
        Whether "NA", "None" and the like are empty cells. Not so for names: a condition may well be
        called "none".

    Returns
    -------
    Text
        Names in order of appearance, stripped of surrounding space.

    Raises
    ------
    InputError
        When cells hold lists or other things that are not text.
    """
    try:
        raw_codes, raw = pd.factorize(column)
    except TypeError as error:
        raise InputError(
            "cells hold things that are neither text nor numbers",
            where=place.at(None, str(column.name)),
        ) from error
    cleaned = [as_name(x) for x in raw]
    known: dict[str, int] = {}
    new_code = np.full(len(cleaned) + 1, -1, dtype=np.int64)  # the last stands for code -1
    for i, name in enumerate(cleaned):
        if name and not (na_words and is_missing_word(name)):
            new_code[i] = known.setdefault(name, len(known))
    return Text(new_code[raw_codes], tuple(known))


def recode(text: Text, new_names: list[str]) -> Text:
    """Rename the names of a text column, merging those that become equal."""
    known: dict[str, int] = {}
    new_code = np.array([known.setdefault(n, len(known)) for n in new_names] + [-1], dtype=np.int64)
    return Text(new_code[text.codes], tuple(known))


def names(frame: pd.DataFrame, column: str, place: Place) -> Text:
    """Encode a column of names, none of which may be empty."""
    text = encode(frame[column], place=place)
    place.fail(text.codes < 0, column, lambda _: "empty; expected a name")
    return text


def numbers(frame: pd.DataFrame, column: str, place: Place, *, expected: str) -> Floats:
    """Read a column as numbers, NaN where it is empty.

    Raises
    ------
    InputError
        When a cell holds something else; `expected` says what should be there.
    """
    raw = frame[column]
    if isinstance(raw.dtype, pd.CategoricalDtype):
        # By distinct content; the last entry stands for empty cells, whose code is -1.
        parsed, bad = _parsed(pd.Series(raw.cat.categories))
        codes = raw.cat.codes.to_numpy()
        parsed, bad = np.append(parsed, np.nan)[codes], np.append(bad, False)[codes]
    else:
        parsed, bad = _parsed(raw)
    place.fail(bad, column, lambda row: f"found {shown(raw.iloc[row])}, expected {expected}")
    return parsed


def _parsed(raw: pd.Series) -> tuple[Floats, Mask]:
    """Return the numbers, and where something else stands."""
    if pd.api.types.is_numeric_dtype(raw.dtype) and raw.dtype.kind in "iuf":
        return raw.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(raw), dtype=bool)
    empty = raw.isna().to_numpy(dtype=bool)
    if pd.api.types.is_string_dtype(raw.dtype) and raw.dtype != object:
        words = raw
    else:
        cells = [None if e else str(x) for x, e in zip(raw, empty, strict=True)]
        words = pd.Series(cells, dtype="str")
    parsed = _to_floats(words)
    suspect = np.flatnonzero(np.isnan(parsed) & ~empty)
    bad = np.zeros(len(raw), dtype=bool)
    bad[suspect] = [not is_missing_word(str(words.iloc[i])) for i in suspect]
    return parsed, bad


def _to_floats(words: pd.Series) -> Floats:
    """Read texts as numbers, NaN where they are none; both readers round correctly."""
    try:
        # Many times faster, but it gives up at the first text that is no plain number.
        fast = pa.compute.cast(pa.array(words, from_pandas=True), pa.float64())
    except pa.ArrowInvalid:
        parsed = pd.to_numeric(words, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        parsed = fast.to_numpy(zero_copy_only=False).astype(np.float64)
    zero: Floats = parsed + 0.0  # "-0" becomes 0
    return zero


def first_rows(groups: Ints, n_groups: int) -> Ints:
    """Return the first row of each group, -1 for a group without rows."""
    first = np.full(n_groups, -1, dtype=np.int64)
    first[groups[::-1]] = np.arange(len(groups) - 1, -1, -1)
    return first


def codes_of(column: Floats) -> Ints:
    """Return integer codes of a number column, NaN being one more number."""
    codes: Ints = np.unique(column, return_inverse=True)[1].astype(np.int64)
    return codes
