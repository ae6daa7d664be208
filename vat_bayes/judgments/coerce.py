"""Columns of any type to codes, numbers and sentences about the row where that fails.

Text is handled as integer codes into the distinct names, so that cleaning costs by distinct name
and not by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vat_bayes.errors import InputError

type Ints = NDArray[np.int64]
type Floats = NDArray[np.float64]
type Mask = NDArray[np.bool_]

# How spreadsheets and statistics programs write an empty cell of a column that holds no names.
_MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "<na>", "."})
_SHOWN = 60


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


def at(source: str, row: int | None = None, column: str | None = None) -> str:
    """Name a place: the source, the data row (counted from 0 here, told from 1) and the column."""
    parts = [source]
    if row is not None:
        parts.append(f"row {row + 1}")
    if column is not None:
        parts.append(f"column '{column}'")
    return ", ".join(parts)


def shown(found: object) -> str:
    """Return what was found, quoted and cut to a readable length."""
    text = " ".join(str(found).split())
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}...'"


def listed(names: list[str], *, limit: int = 5) -> str:
    """Return the first few names, quoted, and how many more there are."""
    head = ", ".join(shown(name) for name in names[:limit])
    rest = len(names) - limit
    return f"{head} and {rest} more" if rest > 0 else head


def counted(n: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def fail_at(
    bad: Mask,
    source: str,
    column: str | None,
    say: Callable[[int], str],
    hint: Callable[[int], str | None] | str | None = None,
) -> None:
    """Raise an `InputError` about the first flagged row, with the number of further ones.

    Parameters
    ----------
    bad : bool array (row,)
        The rows that are wrong; nothing happens when there are none.
    source, column : str
        The place.
    say : callable
        Row -> what was found and what was expected.
    hint : callable or str, optional
        Row -> the near miss, or a text.
    """
    rows = np.flatnonzero(bad)
    if not rows.size:
        return
    row = int(rows[0])
    more = f" (and {counted(rows.size - 1, 'more row')})" if rows.size > 1 else ""
    raise InputError(
        say(row) + more,
        where=at(source, row, column),
        hint=hint(row) if callable(hint) else hint,
    )


def is_missing_word(text: str) -> bool:
    """Say whether a text is one of the usual ways to write an empty cell."""
    return text.strip().casefold() in _MISSING


def _as_name(raw: object) -> str:
    if isinstance(raw, float | np.floating) and float(raw).is_integer():
        return str(int(raw))
    return str(raw).strip()


def encode(column: pd.Series, *, source: str, na_words: bool = False) -> Text:
    """Factorise a column of any type as text.

    Parameters
    ----------
    column : Series
        Text, numbers (an integral float reads as the integer), categories or objects.
    source : str
        The place, for errors.
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
            where=at(source, None, str(column.name)),
        ) from error
    cleaned = [_as_name(x) for x in raw]
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


def names(frame: pd.DataFrame, column: str, source: str) -> Text:
    """Encode a column of names, none of which may be empty."""
    text = encode(frame[column], source=source)
    fail_at(text.codes < 0, source, column, lambda _: "empty; expected a name")
    return text


def numbers(frame: pd.DataFrame, column: str, source: str, *, expected: str) -> Floats:
    """Read a column as numbers, NaN where it is empty.

    Raises
    ------
    InputError
        When a cell holds something else; `expected` says what should be there.
    """
    raw = frame[column]
    if pd.api.types.is_numeric_dtype(raw.dtype) and raw.dtype.kind in "iuf":
        return raw.to_numpy(dtype=np.float64, na_value=np.nan)
    empty = raw.isna().to_numpy(dtype=bool)
    if pd.api.types.is_string_dtype(raw.dtype) and raw.dtype != object:
        words = raw
    else:
        cells = [None if e else str(x) for x, e in zip(raw, empty, strict=True)]
        words = pd.Series(cells, dtype="str")
    parsed = pd.to_numeric(words, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    suspect = np.flatnonzero(np.isnan(parsed) & ~empty)
    bad = np.zeros(len(raw), dtype=bool)
    bad[suspect] = [not is_missing_word(str(words.iloc[i])) for i in suspect]
    fail_at(bad, source, column, lambda row: f"found {shown(raw.iloc[row])}, expected {expected}")
    return parsed


def first_rows(groups: Ints, n_groups: int) -> Ints:
    """Return the first row of each group, -1 for a group without rows."""
    first = np.full(n_groups, -1, dtype=np.int64)
    first[groups[::-1]] = np.arange(len(groups) - 1, -1, -1)
    return first


def codes_of(column: Floats) -> Ints:
    """Return integer codes of a number column, NaN being one more number."""
    codes: Ints = np.unique(column, return_inverse=True)[1].astype(np.int64)
    return codes
