"""Judgments counted: all that later stages need of the rows, in the order of the names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vat_bayes.judgments.coerce import Floats, Ints, Text, first_rows
from vat_bayes.judgments.rows import Rows
from vat_bayes.judgments.scores import Keys, run_means


@dataclass(frozen=True)
class Answers:
    """Judgments of whole cells, sorted by cell and within it by the number of the repeat.

    Parameters
    ----------
    keys : Keys
        The cell of each row.
    rating : float array (row,)
        From 1 to K, NaN for a refusal.
    points : float array (row,)
        The expected rating from the middle of the scale, NaN where there are no probabilities.
    """

    keys: Keys
    rating: Floats
    points: Floats


@dataclass(frozen=True)
class Sums:
    """Answers by cell, sorted by cell; see `Tally` for the columns."""

    cells: Keys
    counts: Ints
    refused: Ints
    n_points: Ints
    points: Floats


@dataclass(frozen=True)
class Tally:
    """Judgments by cell.

    Parameters
    ----------
    models, scenarios, items, prompts : tuple of str
        Sorted names.
    conditions : tuple of str
        In the order of the judgments' conditions.
    facts : DataFrame
        One row per item in the order of `items`: ``item, scenario, value, polarity`` and, where the
        table has it, ``subvalue``.
    item_scenario : int array (item,)
        The scenario of each item.
    cells : Keys
        The cells with judgments, as indices into these names, sorted.
    counts : int array (cell, K)
        How often each rating was given.
    refused : int array (cell,)
        How many judgments have no rating.
    n_points : int array (cell,)
        How many judgments have a rating and probabilities.
    points : float array (cell,)
        The mean of their expected ratings, from the middle of the scale; NaN where there are none.
    valid_mass : float array (model, condition) or None
        The mean of `p_valid`, NaN where there is none; None without that column, and for a part
        of the scenarios.
    """

    models: tuple[str, ...]
    conditions: tuple[str, ...]
    scenarios: tuple[str, ...]
    items: tuple[str, ...]
    prompts: tuple[str, ...]
    facts: pd.DataFrame
    item_scenario: Ints
    cells: Keys
    counts: Ints
    refused: Ints
    n_points: Ints
    points: Floats
    valid_mass: Floats | None


def add_up(parts: Iterable[Answers], n_categories: int) -> Sums:
    """Count the ratings of each cell and average its expected ratings.

    Parameters
    ----------
    parts : iterable of Answers
        In the order of the cells.
    n_categories : int
        K.
    """
    done = [_add_up(part, n_categories) for part in parts]
    return Sums(
        cells=Keys(
            *(
                np.concatenate([getattr(d.cells, c) for d in done])
                for c in ("model", "condition", "item", "prompt")
            )
        ),
        counts=np.concatenate([d.counts for d in done]),
        refused=np.concatenate([d.refused for d in done]),
        n_points=np.concatenate([d.n_points for d in done]),
        points=np.concatenate([d.points for d in done]),
    )


def _add_up(part: Answers, k: int) -> Sums:
    starts, cell = part.keys.runs()
    n = len(starts)
    given = ~np.isnan(part.rating)
    slot = cell[given] * k + part.rating[given].astype(np.int64) - 1
    usable = given & ~np.isnan(part.points)
    # Cells without an expected rating have no run here, so the runs are numbered anew.
    new = np.diff(cell[usable], prepend=-1) > 0
    points = np.full(n, np.nan)
    points[cell[usable][new]] = run_means(part.points[usable], np.cumsum(new) - 1)
    return Sums(
        cells=part.keys.take(starts),
        counts=np.bincount(slot, minlength=n * k).reshape(n, k),
        refused=np.bincount(cell[~given], minlength=n),
        n_points=np.bincount(cell[usable], minlength=n),
        points=points,
    )


def tally(
    sums: Sums,
    rows: Rows,
    subvalue: Text | None,
    conditions: Sequence[str],
    *,
    positions: Callable[[str, Mapping[str, int]], Ints],
    valid_mass: Floats | None,
) -> Tally:
    """Bring sums by cell into the order of the names.

    Parameters
    ----------
    sums : Sums
        Their cells are in codes of any kind.
    rows : Rows
        What was judged.
    subvalue : Text or None
        The column of the same rows.
    conditions : sequence of str
        In the order of the judgments' conditions.
    positions : callable
        (column, name -> position) -> the position of each code.
    valid_mass : float array (model, condition) or None
        See `Tally`.
    """
    names = {
        "model": sorted(rows.model.names),
        "condition": list(conditions),
        "item": sorted(rows.item.names),
        "prompt": sorted(rows.prompt.names),
    }
    cells = Keys(
        *(
            positions(column, {name: i for i, name in enumerate(known)})[
                getattr(sums.cells, column)
            ]
            for column, known in names.items()
        )
    )
    order = np.lexsort((cells.prompt, cells.item, cells.condition, cells.model))
    scenarios = tuple(sorted(rows.scenario.names))
    facts = _facts(rows, subvalue)
    return Tally(
        models=tuple(names["model"]),
        conditions=tuple(conditions),
        scenarios=scenarios,
        items=tuple(names["item"]),
        prompts=tuple(names["prompt"]),
        facts=facts,
        item_scenario=np.asarray(
            pd.Categorical(facts["scenario"], categories=list(scenarios)).codes, dtype=np.int64
        ),
        cells=cells.take(order),
        counts=sums.counts[order],
        refused=sums.refused[order],
        n_points=sums.n_points[order],
        points=sums.points[order],
        valid_mass=valid_mass,
    )


def _facts(rows: Rows, subvalue: Text | None) -> pd.DataFrame:
    """Return what every row of an item says, one row per item, sorted."""
    first = first_rows(rows.item.codes, len(rows.item.names))
    columns: dict[str, object] = {"item": list(rows.item.names)}
    texts = {"scenario": rows.scenario, "value": rows.value}
    for column, text in (texts | ({"subvalue": subvalue} if subvalue else {})).items():
        columns[column] = Text(text.codes[first], text.names).column()
        if column == "value":
            columns["polarity"] = pd.Series(rows.polarity[first]).astype("Int64")
    return pd.DataFrame(columns).sort_values("item", ignore_index=True)
