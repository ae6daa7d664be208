"""Load judgments: read, type, check, and gather what the later stages need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.judgments.coerce import Floats, listed
from vat_bayes.judgments.columns import rename_columns, require_columns
from vat_bayes.judgments.consistency import check_duplicates, check_items
from vat_bayes.judgments.design import check_design, check_given
from vat_bayes.judgments.loadings import loadings_file, match_loadings, read_loadings
from vat_bayes.judgments.read import read_table, table_file, tidy_columns
from vat_bayes.judgments.roles import conditions_from_columns
from vat_bayes.judgments.rows import Rows, read_rows
from vat_bayes.judgments.scale import (
    probability_columns,
    read_probabilities,
    read_ratings,
    read_valid_mass,
    settle_categories,
)
from vat_bayes.judgments.table import CONDITION_COLUMNS, ITEM_COLUMNS, Judgments
from vat_bayes.values import VALUES


def load_judgments(
    source: str | Path | pd.DataFrame,
    *,
    loadings: str | Path | pd.DataFrame | None = None,
    conditions: Sequence[Condition] | None = None,
    columns: Mapping[str, str] | None = None,
    n_categories: int | None = None,
) -> Judgments:
    """Load and validate a table of judgments.

    Parameters
    ----------
    source : path or DataFrame
        A .csv, .csv.gz, .tsv, .tsv.gz or .parquet file, a run folder with ``judgments.parquet`` in
        it, or the table itself. One row per judgment with ``model, condition, item, scenario,
        value, polarity, rating``; see `Judgments` for the optional columns.
    loadings : path or DataFrame, optional
        ``item, value, weight`` for items that load on several values and leave value and polarity
        empty. When None, ``<stem>.loadings.csv``, ``loadings.csv`` or ``loadings.parquet`` beside
        the file is read if some item needs it.
    conditions : sequence of Condition, optional
        The conditions of the study. When None they are those of ``study.toml`` in a run folder, or
        else are read from the columns ``role, target, direction, dose, reference, placebo``, and
        without a role column from the conditions' names if one is called ``baseline``.
    columns : mapping, optional
        The contract's column -> the table's column, where they differ.
    n_categories : int, optional
        K. When None it is that of ``study.toml`` in a run folder, or else the number of columns
        ``p1..pK``, or else the highest rating that occurs, which a note then says.

    Returns
    -------
    Judgments
        Every row of the table; none is dropped.

    Raises
    ------
    InputError
        For the first problem, with file, row (1 is the first after the header) and column.
    """
    if isinstance(source, pd.DataFrame):
        return check_judgments(
            tidy_columns(source, "data frame"),
            "data frame",
            loadings=loadings,
            conditions=conditions,
            columns=columns,
            n_categories=n_categories,
        )
    path = Path(source)
    file = table_file(path)
    study = path / "study.toml"
    own = False
    if path.is_dir() and study.is_file() and (conditions is None or n_categories is None):
        from vat_bayes.study import load_study

        told = load_study(study)
        own = conditions is None
        conditions = told.as_conditions() if conditions is None else conditions
        n_categories = len(told.scale.labels) if n_categories is None else n_categories
    return check_judgments(
        read_table(file),
        str(file),
        loadings=loadings,
        loadings_beside=loadings_file(file),
        conditions=conditions,
        conditions_are_own=own,
        columns=columns,
        n_categories=n_categories,
    )


def check_judgments(
    frame: pd.DataFrame,
    source: str,
    *,
    loadings: str | Path | pd.DataFrame | None = None,
    loadings_beside: Path | None = None,
    conditions: Sequence[Condition] | None = None,
    conditions_are_own: bool = False,
    columns: Mapping[str, str] | None = None,
    n_categories: int | None = None,
    notes: Sequence[str] = (),
) -> Judgments:
    """Validate a table that has been read; see `load_judgments`.

    Parameters
    ----------
    frame : DataFrame
        As `read_table` or `tidy_columns` return it.
    source : str
        Its place, for errors.
    loadings, conditions, columns, n_categories
        As for `load_judgments`.
    loadings_beside : Path, optional
        The loadings to take where an item needs some and none are given.
    conditions_are_own : bool
        Whether the conditions come from the run that wrote the table, whose condition columns then
        say the same and need no note.
    notes : sequence of str
        What is known already.

    Returns
    -------
    Judgments
        The table with typed columns.

    Raises
    ------
    InputError
        For the first problem.
    """
    frame, more = rename_columns(frame, columns or {}, source)
    noted = [*notes, *more]
    if loadings is None and not set(ITEM_COLUMNS) <= set(frame.columns):
        loadings = loadings_beside
    require_columns(frame, source, items_have_loadings=loadings is not None)

    rows = read_rows(frame, source)
    if loadings is None and (rows.value.codes < 0).any():
        loadings = loadings_beside
    ratings = read_ratings(frame, source)
    p_columns = probability_columns(frame, source)
    k, more = settle_categories(ratings, len(p_columns), n_categories, source)
    noted += more
    probabilities, complete, more = read_probabilities(frame, p_columns, ratings, source)
    noted += more
    check_items(rows, frame, source)
    check_duplicates(rows, source, has_replicates="replicate" in frame.columns)
    kept_loadings, more = _loadings(loadings, rows, source)
    noted += [*more, *_silent_values(rows, kept_loadings)]

    if conditions is None:
        found, more = conditions_from_columns(frame, rows.condition, source)
    else:
        found, more = check_given(conditions, rows.condition, source)
        unused = [c for c in CONDITION_COLUMNS if c in frame.columns]
        if unused and not conditions_are_own:
            more.append(
                f"columns not used, because the conditions were given: {listed(unused, limit=6)}"
            )
    noted += more
    found, more = check_design(found, rows, ratings, source)
    noted += more
    return Judgments(
        table=_table(frame, rows, ratings, probabilities, source),
        loadings=kept_loadings,
        conditions=found,
        n_categories=k,
        source=source,
        has_distributions=complete,
        notes=tuple(noted),
    )


def _loadings(
    given: str | Path | pd.DataFrame | None, rows: Rows, place: str
) -> tuple[pd.DataFrame | None, list[str]]:
    if given is None:
        empty = np.flatnonzero(rows.value.codes < 0)
        if empty.size:
            raise InputError(
                f"item '{rows.item.at(int(empty[0]))}' has no value and there are no loadings",
                where=f"{place}, row {empty[0] + 1}, column 'value'",
                hint="expected one of the ten values, or a loadings file (item, value, weight)",
            )
        return None, []
    table, loadings_place = read_loadings(given)
    return match_loadings(table, rows.item, rows.value, place, loadings_place)


def _silent_values(rows: Rows, loadings: pd.DataFrame | None) -> list[str]:
    heard = set(rows.value.names)
    if loadings is not None:
        heard |= set(loadings.loc[loadings["weight"] != 0, "value"])
    silent = [v for v in VALUES if v not in heard]
    return [f"no item is about {listed(silent, limit=10)}"] if silent else []


def _table(
    frame: pd.DataFrame,
    rows: Rows,
    ratings: Floats,
    probabilities: pd.DataFrame,
    place: str,
) -> pd.DataFrame:
    """Put the typed columns first and everything else after them as it was found."""
    typed: dict[str, object] = {
        "model": rows.model.column(),
        "condition": rows.condition.column(),
        "item": rows.item.column(),
        "scenario": rows.scenario.column(),
        "value": rows.value.column(),
        "polarity": pd.Series(rows.polarity).astype("Int64"),
        "rating": pd.Series(ratings).astype("Int64"),
        "replicate": pd.Series(rows.replicate).astype("Int64"),
        "prompt": rows.prompt.column(),
    }
    typed |= {c: probabilities[c] for c in probabilities.columns}
    if "p_valid" in frame.columns:
        typed["p_valid"] = read_valid_mass(frame, place)
    rest = frame.drop(columns=[c for c in (*typed, *CONDITION_COLUMNS) if c in frame.columns])
    return pd.concat([pd.DataFrame(typed), rest], axis=1)
