"""Load judgments: read, type, check, and gather what the later stages need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.judgments.columns import rename_columns, require_columns
from vat_bayes.judgments.consistency import check_items
from vat_bayes.judgments.contract import CONDITION_COLUMNS, ITEM_COLUMNS
from vat_bayes.judgments.design import check_design, check_given
from vat_bayes.judgments.filed import file_layout, is_large
from vat_bayes.judgments.held import HeldTable
from vat_bayes.judgments.loadings import loadings_file, match_loadings, read_loadings
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.raw import RawTable
from vat_bayes.judgments.read import read_table, table_file, tidy_columns, unreadable
from vat_bayes.judgments.roles import conditions_from_columns
from vat_bayes.judgments.rows import Rows, read_rows
from vat_bayes.judgments.scale import (
    note_lacking,
    probability_columns,
    read_ratings,
    settle_categories,
)
from vat_bayes.judgments.staged import StagedTable
from vat_bayes.judgments.table import Judgments
from vat_bayes.judgments.words import listed
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
    return load_file(
        file,
        held=not is_large(file),
        loadings=loadings,
        conditions=conditions,
        conditions_are_own=own,
        columns=columns,
        n_categories=n_categories,
    )


def load_file(
    file: Path,
    *,
    held: bool,
    loadings: str | Path | pd.DataFrame | None = None,
    conditions: Sequence[Condition] | None = None,
    conditions_are_own: bool = False,
    columns: Mapping[str, str] | None = None,
    n_categories: int | None = None,
) -> Judgments:
    """Load and validate a file; see `load_judgments`.

    Parameters
    ----------
    file : Path
        The table.
    held : bool
        Whether all of it is read into memory. Otherwise it is counted on disk, unless cells of a
        Parquet file are of a kind that is read in memory only, such as dates; the judgments, and
        every error, are the same.
    loadings, conditions, columns, n_categories
        As for `load_judgments`.
    conditions_are_own : bool
        As for `check_judgments`.

    Raises
    ------
    InputError
        For the first problem.
    """
    try:
        layout = None if held else file_layout(file, columns or {})
        if layout is None:
            return check_judgments(
                read_table(file),
                str(file),
                loadings=loadings,
                loadings_beside=loadings_file(file),
                conditions=conditions,
                conditions_are_own=conditions_are_own,
                columns=columns,
                n_categories=n_categories,
            )
        with StagedTable(layout, with_conditions=conditions is None) as staged:
            return check_raw(
                staged,
                loadings=loadings,
                loadings_beside=loadings_file(file),
                conditions=conditions,
                conditions_are_own=conditions_are_own,
                n_categories=n_categories,
                notes=layout.notes,
            )
    except OSError as error:
        raise unreadable(error, file) from error


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
    return check_raw(
        HeldTable(frame, source),
        loadings=loadings,
        loadings_beside=loadings_beside,
        conditions=conditions,
        conditions_are_own=conditions_are_own,
        n_categories=n_categories,
        notes=[*notes, *more],
    )


def check_raw(
    raw: RawTable,
    *,
    loadings: str | Path | pd.DataFrame | None,
    loadings_beside: Path | None,
    conditions: Sequence[Condition] | None,
    conditions_are_own: bool,
    n_categories: int | None,
    notes: Sequence[str],
) -> Judgments:
    """Validate a table with the contract's column names; see `check_judgments`."""
    noted = list(notes)
    place = raw.place
    source = place.source
    if loadings is None and not set(ITEM_COLUMNS) <= set(raw.columns):
        loadings = loadings_beside
    require_columns(raw.columns, source, items_have_loadings=loadings is not None)

    rows = read_rows(raw.facts, place)
    if loadings is None and (rows.value.codes < 0).any():
        loadings = loadings_beside
    raw.check_replicates()
    rated, rated_place = raw.ratings()
    ratings = read_ratings(rated, rated_place)
    p_columns = probability_columns(raw.columns, source)
    k, more = settle_categories(ratings, len(p_columns), n_categories, rated_place)
    noted += more
    lacking = raw.lacking(p_columns, ratings)
    noted += note_lacking(lacking, len(p_columns))
    check_items(rows, raw.facts, place)
    raw.check_duplicates(rows, k)
    kept_loadings, more = _loadings(loadings, rows, place)
    noted += [*more, *_silent_values(rows, kept_loadings)]

    if conditions is None:
        found, more = conditions_from_columns(raw.facts, rows.condition, place)
    else:
        found, more = check_given(conditions, rows.condition, place)
        unused = [c for c in CONDITION_COLUMNS if c in raw.columns]
        if unused and not conditions_are_own:
            more.append(
                f"columns not used, because the conditions were given: {listed(unused, limit=6)}"
            )
    noted += more
    found, more = check_design(found, rows, raw.answered(), place)
    noted += more
    return Judgments(
        rows=raw.finish(rows, [c.name for c in found]),
        loadings=kept_loadings,
        conditions=found,
        n_categories=k,
        source=source,
        has_probabilities=bool(p_columns),
        has_distributions=bool(p_columns) and not lacking,
        notes=tuple(noted),
    )


def _loadings(
    given: str | Path | pd.DataFrame | None, rows: Rows, place: Place
) -> tuple[pd.DataFrame | None, list[str]]:
    if given is None:
        empty = np.flatnonzero(rows.value.codes < 0)
        if empty.size:
            row = int(empty[0])
            raise InputError(
                f"item '{rows.item.at(row)}' has no value and there are no loadings",
                where=place.at(row, "value"),
                hint="expected one of the ten values, or a loadings file (item, value, weight)",
            )
        return None, []
    table, loadings_source = read_loadings(given)
    return match_loadings(table, rows.item, rows.value, place, loadings_source)


def _silent_values(rows: Rows, loadings: pd.DataFrame | None) -> list[str]:
    heard = set(rows.value.names)
    if loadings is not None:
        heard |= set(loadings.loc[loadings["weight"] != 0, "value"])
    silent = [v for v in VALUES if v not in heard]
    return [f"no item is about {listed(silent, limit=10)}"] if silent else []
