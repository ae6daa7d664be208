"""The importer `table`: any table of ratings, given how its columns and ratings are to be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.coerce import Floats, encode, numbers
from vat_bayes.judgments.columns import rename_columns
from vat_bayes.judgments.importers.base import Imported
from vat_bayes.judgments.loadings import read_loadings
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.read import read_table, table_file
from vat_bayes.judgments.words import listed, shown


def import_table(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    fill: Mapping[str, str] | None = None,
    condition_ratings: Mapping[str, str] | None = None,
    rating_labels: Mapping[str, int] | None = None,
    polarity_labels: Mapping[str, int] | None = None,
    rating_offset: int = 0,
    reverse_scale: bool = False,
    n_categories: int | None = None,
    score_range: tuple[float, float] | None = None,
    value_labels: Mapping[str, str] | None = None,
    loadings: str | Path | None = None,
) -> Imported:
    """Import a table of ratings with other column names, labels or counting.

    Parameters
    ----------
    path : path
        A .csv, .csv.gz, .tsv, .tsv.gz or .parquet file.
    columns : mapping, optional
        The judgments contract's column -> the table's.
    fill : mapping, optional
        Column -> one text for all rows, for what the table does not say, e.g.
        ``{"model": "my-model"}``.
    condition_ratings : mapping, optional
        Condition -> the table's column with its ratings, for tables with one row per item and the
        ratings before and after side by side, e.g. ``{"baseline": "pre", "sft": "post"}``.
    rating_labels : mapping, optional
        The table's word -> the rating, e.g. ``{"disagree": 1, "agree": 2}``; case does not matter.
        An empty cell is a refusal; every other word must be listed.
    polarity_labels : mapping, optional
        Likewise, e.g. ``{"supports": 1, "violates": -1}``.
    rating_offset : int
        Added to every rating: 1 for ratings counted from 0.
    reverse_scale : bool
        Whether the table's highest rating means the least: turns r into K + 1 - r, after the
        offset. Needs `n_categories`.
    n_categories : int, optional
        K.
    score_range : tuple of float, optional
        Lowest and highest score, where the table has expected scores and no ratings. A score
        becomes the distribution over the two nearest of K categories that has it as its mean, and
        is analysed as a distribution; K is 2 without `n_categories`.
    value_labels : mapping, optional
        The table's word -> a value, e.g. ``{"Empathy": "benevolence"}``. Rows of other words are
        left out, and a note says how many.
    loadings : path, optional
        A table ``item, value, weight`` for items that load on several values.

    Returns
    -------
    Imported
        All rows; columns that are not mapped are kept as they are.

    Raises
    ------
    InputError
        When an option does not fit the table, or a rating can't be read.
    """
    file = table_file(Path(path))
    source = str(file)
    if reverse_scale and n_categories is None:
        raise InputError("reverse_scale needs n_categories", where=source)
    if condition_ratings and {"rating", "condition"} & set(columns or {}):
        raise InputError(
            "condition_ratings says where condition and rating are; "
            "the column mapping must not say it again",
            where=source,
        )
    raw = read_table(file)
    frame, notes = rename_columns(raw, columns or {}, source)
    if polarity_labels and "polarity" in frame.columns:
        frame["polarity"] = _relabelled(frame, "polarity", polarity_labels, source)
    if value_labels:
        frame, more = _chosen_values(frame, value_labels, source)
        notes += more
    frame, more = _filled(frame, fill or {}, source)
    notes += more
    if score_range is not None:
        if condition_ratings or rating_labels or rating_offset or reverse_scale:
            raise InputError(
                "score_range is for scores and does not go with options for ratings", where=source
            )
        n_categories = n_categories or 2
        frame = _distributions(frame, score_range, n_categories, source)
    rated = {} if score_range is not None else condition_ratings or {"": "rating"}
    for column in rated.values():
        if column not in frame.columns:
            raise InputError(
                f"no column '{column}' with ratings, the table has "
                f"{listed(list(frame.columns), limit=12)}",
                where=source,
                hint=near_miss(column, frame.columns),
            )
        ratings = _ratings(frame, column, rating_labels, source) + rating_offset
        if reverse_scale and n_categories is not None:
            ratings = n_categories + 1 - ratings
        frame[column] = ratings
    if condition_ratings:
        frame = _long(frame, condition_ratings)
    return Imported(
        table=frame,
        loadings=None if loadings is None else read_loadings(loadings)[0],
        n_categories=n_categories,
        source=source,
        notes=tuple(notes),
    )


def _filled(
    frame: pd.DataFrame, fill: Mapping[str, str], source: str
) -> tuple[pd.DataFrame, list[str]]:
    taken = [c for c in fill if c in frame.columns]
    if taken:
        raise InputError(
            f"column {listed(taken)} can't be filled: the table has it already", where=source
        )
    return frame.assign(**fill), [f"every row has {c} {shown(fill[c])}, as told" for c in fill]


def _chosen_values(
    frame: pd.DataFrame, labels: Mapping[str, str], source: str
) -> tuple[pd.DataFrame, list[str]]:
    if "value" not in frame.columns:
        raise InputError(
            "value_labels needs a column 'value'", where=source, hint="map one with columns"
        )
    for label in labels:
        if label not in set(frame["value"]):
            raise InputError(
                f"column 'value' has no {shown(label)}, which value_labels names",
                where=source,
                hint=near_miss(label, frame["value"].dropna().astype(str).unique()),
            )
    values = frame["value"].map(dict(labels))
    left_out = int(values.isna().sum())
    kept = frame.assign(value=values)[values.notna()].reset_index(drop=True)
    return kept, [f"{left_out} rows are left out: their value is not in value_labels"]


def _distributions(
    frame: pd.DataFrame, score_range: tuple[float, float], n_categories: int, source: str
) -> pd.DataFrame:
    """Turn scores into distributions over neighbouring categories with those means."""
    low, high = (float(x) for x in score_range)
    if not low < high:
        raise InputError(f"score_range is {low:g} to {high:g}, expected low before high")
    if "rating" not in frame.columns:
        raise InputError(
            "no column 'rating' with scores, the table has "
            f"{listed(list(frame.columns), limit=12)}",
            where=source,
            hint="map one with columns",
        )
    place = Place(source)
    scores = numbers(frame, "rating", place, expected="a score, or nothing for a refusal")
    place.fail(
        (scores < low) | (scores > high),
        "rating",
        lambda row: f"found {scores[row]:g}, expected {low:g} to {high:g}",
    )
    position = (scores - low) / (high - low) * (n_categories - 1)
    below = np.clip(np.floor(position), 0, n_categories - 2)
    missing = np.isnan(position)
    chances = np.zeros((len(frame), n_categories))
    rows, lower = np.arange(len(frame)), np.where(missing, 0, below).astype(int)
    chances[rows, lower] = 1 - (position - below)
    chances[rows, lower + 1] = position - below
    chances[missing] = np.nan
    rating = np.where(missing, np.nan, np.nanargmax(np.nan_to_num(chances), axis=1) + 1)
    columns = {f"p{k + 1}": chances[:, k] for k in range(n_categories)}
    return frame.assign(rating=rating, **columns)


def _relabelled(frame: pd.DataFrame, column: str, labels: Mapping[str, int], source: str) -> Floats:
    known = {label.strip().casefold(): float(number) for label, number in labels.items()}
    place = Place(source)
    text = encode(frame[column], place=place)
    words = [name.casefold() for name in text.names]
    unknown = [code for code, word in enumerate(words) if word not in known]
    place.fail(
        np.isin(text.codes, unknown),
        column,
        lambda row: f"found {shown(text.at(row))}, expected one of {listed(list(labels))}",
        lambda row: near_miss(str(text.at(row)), labels),
    )
    return np.array([*(known[w] for w in words), np.nan])[text.codes]


def _ratings(
    frame: pd.DataFrame, column: str, labels: Mapping[str, int] | None, source: str
) -> Floats:
    if labels:
        return _relabelled(frame, column, labels, source)
    expected = "a number, or nothing for a refusal"
    return numbers(frame, column, Place(source), expected=expected)


def _long(frame: pd.DataFrame, condition_ratings: Mapping[str, str]) -> pd.DataFrame:
    """Stack the rating columns: one row per row of the table and condition."""
    shared = frame.drop(columns=list(dict.fromkeys(condition_ratings.values())))
    return pd.concat(
        [
            shared.assign(condition=condition, rating=frame[column])
            for condition, column in condition_ratings.items()
        ],
        ignore_index=True,
    )
