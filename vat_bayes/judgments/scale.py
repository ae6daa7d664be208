"""The rating scale: how many categories there are, and ratings and probabilities that fit it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from vat_bayes.errors import InputError
from vat_bayes.judgments.coerce import Floats, numbers
from vat_bayes.judgments.contract import MAX_CATEGORIES
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.words import counted, listed

# Probabilities rounded to two decimals are off by at most .005 a category; readers renormalise.
_SUM_TOLERANCE = 0.02
_TOLERANCE = 1e-6


def probability_columns(columns: Iterable[str], source: str) -> list[str]:
    """Return ``["p1", ..., "pK"]``, or an empty list where the table has none of them.

    Raises
    ------
    InputError
        When some of them are missing.
    """
    found = {int(c[1:]) for c in columns if re.fullmatch(r"p[1-9]\d?", c)}
    if not found:
        return []
    top = max(found)
    absent = [f"p{k}" for k in range(1, top + 1) if k not in found]
    if absent or top == 1:
        found_columns = listed([f"p{k}" for k in sorted(found)], limit=12)
        raise InputError(
            f"found the probability columns {found_columns}, expected p1 to pK without a gap"
            + (f" ({absent[0]} is missing)" if absent else " and at least p1 and p2"),
            where=source,
        )
    return [f"p{k}" for k in range(1, top + 1)]


def check_category_count(n_categories: int, where: str) -> int:
    """Return the number of categories if it can be one.

    Raises
    ------
    InputError
        When it is not a whole number from 2 to 11.
    """
    if not isinstance(n_categories, int | np.integer) or n_categories < 2:
        raise InputError(
            f"{n_categories} rating categories, expected a whole number of at least 2", where=where
        )
    if n_categories > MAX_CATEGORIES:
        raise InputError(
            f"{n_categories} rating categories, expected at most {MAX_CATEGORIES}",
            where=where,
            hint="a finer scale has to be binned first",
        )
    return int(n_categories)


def read_ratings(frame: pd.DataFrame, place: Place) -> Floats:
    """Read the ratings, NaN for refusals; K is not checked yet.

    Raises
    ------
    InputError
        When a rating is no whole number, below 1, or when there are none.
    """
    expected = "a whole number from 1 to K, or nothing for a refusal"
    ratings = numbers(frame, "rating", place, expected=expected)

    def found(row: int) -> str:
        return f"found {ratings[row]:g}, expected {expected}"

    given = ~np.isnan(ratings)
    if not given.any():
        raise InputError("all ratings are missing", where=place.at(None, "rating"))
    place.fail(np.isinf(ratings), "rating", found)
    place.fail(given & (ratings != np.floor(ratings)), "rating", found)
    place.fail(ratings < 0, "rating", found)
    place.fail(
        ratings == 0,
        "rating",
        lambda _: "ratings look 0-based: found 0, expected 1..K",
        "add 1 to every rating (the importer 'table' has rating_offset=1)",
    )
    return ratings


def settle_categories(
    ratings: Floats, n_probabilities: int, n_categories: int | None, place: Place
) -> tuple[int, list[str]]:
    """Decide K: from p1..pK, else as told, else the highest rating that occurs (with a note).

    Parameters
    ----------
    ratings : float array (row,)
        Whole numbers from 1, NaN for refusals.
    n_probabilities : int
        How many probability columns there are; 0 for none.
    n_categories : int or None
        K as told by the user or the study.
    place : Place
        Where the rows come from.

    Returns
    -------
    n_categories : int
        K.
    notes : list of str
        How K was found, where it was inferred from the ratings.

    Raises
    ------
    InputError
        When these contradict each other, K can't be inferred, or is more than 11.
    """
    source = place.source
    notes: list[str] = []
    if n_categories is not None:
        check_category_count(n_categories, source)
        if n_probabilities and n_probabilities != n_categories:
            raise InputError(
                f"the table has p1 to p{n_probabilities}, "
                f"but {n_categories} rating categories were asked for",
                where=source,
            )
    k = n_probabilities or n_categories
    if k is None:
        used = np.unique(ratings[~np.isnan(ratings)])
        if used.size == 1:
            raise InputError(
                f"every rating is {used[0]:g}, so the number of categories can't be inferred",
                where=place.at(None, "rating"),
                hint="give n_categories",
            )
        k = check_category_count(int(used[-1]), place.at(None, "rating"))
        n_top = place.total(ratings == k)
        notes.append(
            f"the number of rating categories was not given: {k} was inferred, the highest rating "
            f"that occurs ({counted(n_top, 'time')})"
        )
    check_category_count(k, source)
    why = " (from the columns p1 to pK)" if n_probabilities else ""
    place.fail(
        ratings > k,
        "rating",
        lambda row: f"found {ratings[row]:g}, expected 1 to {k}{why}, or nothing for a refusal",
    )
    if len(np.unique(ratings[~np.isnan(ratings)])) == 1:
        notes.append("every rating is the same, so the ratings show no shift at all")
    return k, notes


def read_probabilities(frame: pd.DataFrame, columns: list[str], place: Place) -> Floats:
    """Read and check p1..pK.

    Parameters
    ----------
    frame : DataFrame
        The raw table.
    columns : list of str
        ``p1..pK`` as `probability_columns` found them.
    place : Place
        Where the rows come from.

    Returns
    -------
    float array (row, K)
        As found; all NaN in a row without them.

    Raises
    ------
    InputError
        When one is no probability, missing beside others, or a row does not sum to 1.
    """
    p = np.column_stack([read_probability(frame, c, place) for c in columns])
    empty = np.isnan(p)
    with_p = ~empty.all(axis=1)
    partly = with_p & empty.any(axis=1)
    place.fail(
        partly,
        None,
        lambda row: (
            f"column '{columns[int(np.argmax(empty[row]))]}' is empty; expected all of "
            f"p1 to p{len(columns)} or none of them"
        ),
    )
    total = p.sum(axis=1)
    place.fail(
        with_p & (np.abs(total - 1) > _SUM_TOLERANCE),
        None,
        lambda row: f"p1 to p{len(columns)} sum to {total[row]:.4g}, expected 1",
    )
    return p


def note_lacking(n_lacking: int, n_columns: int) -> list[str]:
    """Say how many judgments with a rating lack p1..pK, where some do."""
    if not n_lacking:
        return []
    return [
        f"p1 to p{n_columns} are empty in {counted(n_lacking, 'row')} with a rating, "
        "so the ratings are read unless distributions are asked for"
    ]


def expected_points(p: Floats) -> Floats:
    """Return the expected rating, from the middle of the scale.

    Parameters
    ----------
    p : float array (row, K)
        The probabilities; they are renormalised.

    Returns
    -------
    float array (row,)
        sum k p_k / sum p_k - (K + 1) / 2 in rating points, NaN for rows without probabilities.
    """
    # Added up column by column: a matrix product may add in an order of its own.
    weighted = np.zeros(len(p))
    total = np.zeros(len(p))
    for k in range(p.shape[1]):
        weighted += (k + 1) * p[:, k]
        total += p[:, k]
    points: Floats = weighted / total - (p.shape[1] + 1) / 2
    return points


def read_probability(frame: pd.DataFrame, column: str, place: Place) -> Floats:
    """Read a column of probabilities, NaN where it is empty.

    Raises
    ------
    InputError
        When one is no probability.
    """
    expected = "a probability from 0 to 1"
    p = numbers(frame, column, place, expected=expected)
    place.fail(
        (p < -_TOLERANCE) | (p > 1 + _TOLERANCE),
        column,
        lambda row: f"found {p[row]:g}, expected {expected}",
    )
    return np.clip(p, 0.0, 1.0)
