"""Reduction to cells: counts of ratings and one score per item, the same bits in any row order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.coerce import Floats, Ints, Mask, counted, shown
from vat_bayes.judgments.scores import Keys, common_prompts, mean_scores, run_means
from vat_bayes.judgments.table import Judgments
from vat_bayes.values import VALUES

type Readout = Literal["auto", "distribution", "ratings"]
_READOUTS: tuple[str, ...] = get_args(Readout.__value__)


@dataclass(frozen=True, eq=False)
class Cells:
    """What the model needs of the judgments, as read-only arrays that index coordinate tuples.

    Parameters
    ----------
    readout : {"ratings", "distribution"}
        Where the scores come from.
    n_categories : int
        K.
    models, scenarios, items, prompts : tuple of str
        Sorted names.
    conditions : tuple of str
        In the order of the judgments' conditions.
    model_conditions : tuple of tuple of str
        The conditions of each model, in the same order.
    values : tuple of str
        The ten values in circle order.
    loading : float array (item, value)
        The weight of each value in each item: the polarity at its one value, or its loadings.
    item_scenario : int array (item,)
        The scenario of each item.
    cell_model, cell_condition, cell_item, cell_prompt : int array (cell,)
        The cells with judgments, sorted by these four.
    counts : int array (cell, K)
        How often each rating was given, over the replicates.
    refused : int array (cell,)
        How many judgments have no rating.
    cell_score : float array (cell,)
        Rating points from the middle of the scale, (K + 1) / 2: the mean over replicates of the
        expected rating (read-out ``distribution``) or of the rating given (``ratings``). Not signed
        by the loading; NaN for a cell without an answer.
    score_model, score_condition, score_item : int array (score,)
        The items with a score, sorted by these three.
    score : float array (score,)
        The mean over prompts of `cell_score`, with equal weight however often each was repeated.
    score_prompts : int array (score,)
        Over how many prompts the score is a mean.
    notes : tuple of str
        What was left out on the way.
    """

    readout: Literal["ratings", "distribution"]
    n_categories: int
    models: tuple[str, ...]
    conditions: tuple[str, ...]
    model_conditions: tuple[tuple[str, ...], ...]
    scenarios: tuple[str, ...]
    items: tuple[str, ...]
    prompts: tuple[str, ...]
    values: tuple[str, ...]
    loading: Floats
    item_scenario: Ints
    cell_model: Ints
    cell_condition: Ints
    cell_item: Ints
    cell_prompt: Ints
    counts: Ints
    refused: Ints
    cell_score: Floats
    score_model: Ints
    score_condition: Ints
    score_item: Ints
    score: Floats
    score_prompts: Ints
    notes: tuple[str, ...]


def to_cells(judgments: Judgments, readout: Readout = "auto") -> Cells:
    """Reduce judgments to cells.

    Parameters
    ----------
    judgments : Judgments
        As `load_judgments` returns them.
    readout : {"auto", "distribution", "ratings"}
        Where the scores come from: the probabilities ``p1..pK``, or the ratings. ``"auto"`` takes
        the probabilities where every judgment but refusals has them.

    Returns
    -------
    Cells
        The same bits whatever the order of the rows. A refusal counts as a refusal under either
        read-out, whatever its probabilities.

    Raises
    ------
    InputError
        When the read-out is unknown, or a distribution is asked for and a condition has none.

    Notes
    -----
    Where the conditions of an item were not judged under the same prompts, its scores are means
    over the prompts that all of them have, so that a difference between conditions is not one
    between prompts. A condition that shares no prompt at all with its model's baseline, such as a
    reworded retest, keeps its own; so do the conditions of an item with no common prompt.
    """
    if readout not in _READOUTS:
        raise InputError(
            f"unknown read-out '{readout}', expected one of {', '.join(_READOUTS)}",
            hint=near_miss(readout, _READOUTS),
        )
    k = judgments.n_categories
    use_p = readout == "distribution" or (readout == "auto" and judgments.has_distributions)
    models, scenarios, items, prompts = (
        tuple(sorted(set(judgments.table[c]))) for c in ("model", "scenario", "item", "prompt")
    )
    conditions = tuple(c.name for c in judgments.conditions)
    table, keys = _in_order(judgments, models, conditions, items, prompts)
    ratings = table["rating"].to_numpy(dtype=np.float64, na_value=np.nan)
    given = ~np.isnan(ratings)

    starts, cell = keys.runs()
    slot = cell[given] * k + ratings[given].astype(np.int64) - 1
    counts = np.bincount(slot, minlength=len(starts) * k).reshape(len(starts), k)
    refused = np.bincount(cell[~given], minlength=len(starts))

    notes: list[str] = []
    points = _expected_ratings(table, k, judgments.source) if use_p else ratings
    usable = given & ~np.isnan(points)
    if (usable != given).any():
        n_out = int(given.sum() - usable.sum())
        notes.append(f"{counted(n_out, 'judgment')} without p1 to p{k} left out of the scores")
    _refuse_scoreless(keys, usable, models, conditions, judgments.source)
    # Cells without an answer have no run here, so the runs are numbered anew.
    answered = keys.take(usable)
    answered_starts, run = answered.runs()
    means = run_means(points[usable] - (k + 1) / 2, run)
    cell_score = np.full(len(starts), np.nan)
    cell_score[cell[usable][answered_starts]] = means
    by_prompt = answered.take(answered_starts)
    baseline = np.array([c.role == "baseline" for c in judgments.conditions])
    keep, more = common_prompts(by_prompt, baseline, models)
    score_keys, score, score_prompts = mean_scores(by_prompt.take(keep), means[keep])

    present = np.unique(np.column_stack([keys.model, keys.condition]), axis=0)
    return Cells(
        readout="distribution" if use_p else "ratings",
        n_categories=k,
        models=models,
        conditions=conditions,
        model_conditions=tuple(
            tuple(conditions[c] for c in present[present[:, 0] == m, 1]) for m in range(len(models))
        ),
        scenarios=scenarios,
        items=items,
        prompts=prompts,
        values=VALUES,
        loading=_frozen(_loading(judgments, items)),
        item_scenario=_frozen(_item_scenario(table, keys, items, scenarios)),
        cell_model=_frozen(keys.model[starts]),
        cell_condition=_frozen(keys.condition[starts]),
        cell_item=_frozen(keys.item[starts]),
        cell_prompt=_frozen(keys.prompt[starts]),
        counts=_frozen(counts),
        refused=_frozen(refused),
        cell_score=_frozen(cell_score),
        score_model=_frozen(score_keys.model),
        score_condition=_frozen(score_keys.condition),
        score_item=_frozen(score_keys.item),
        score=_frozen(score),
        score_prompts=_frozen(score_prompts),
        notes=(*notes, *more),
    )


def _frozen[Kind: np.generic](array: NDArray[Kind]) -> NDArray[Kind]:
    array.setflags(write=False)
    return array


def _codes(column: pd.Series[Any], names: tuple[str, ...]) -> Ints:
    return np.asarray(pd.Categorical(column, categories=list(names)).codes, dtype=np.int64)


def _in_order(
    judgments: Judgments,
    models: tuple[str, ...],
    conditions: tuple[str, ...],
    items: tuple[str, ...],
    prompts: tuple[str, ...],
) -> tuple[pd.DataFrame, Keys]:
    """Sort the rows by a key that no two of them share, so that sums add up in one order."""
    table = judgments.table
    coordinates = {"model": models, "condition": conditions, "item": items, "prompt": prompts}
    keys = Keys(**{c: _codes(table[c], names) for c, names in coordinates.items()})
    replicate = table["replicate"].to_numpy(dtype=np.int64)
    order = np.lexsort((replicate, keys.prompt, keys.item, keys.condition, keys.model))
    return table.iloc[order], keys.take(order)


def _expected_ratings(table: pd.DataFrame, k: int, source: str) -> Floats:
    """Return sum k p_k with p renormalised, NaN for rows without probabilities."""
    columns = [f"p{j}" for j in range(1, k + 1)]
    if columns[0] not in table.columns:
        raise InputError(f"a distribution was asked for and there is no p1 to p{k}", where=source)
    # Added up column by column: a matrix product may add in an order of its own.
    weighted = np.zeros(len(table))
    total = np.zeros(len(table))
    for j, column in enumerate(columns, start=1):
        p = table[column].to_numpy(dtype=np.float64)
        weighted += j * p
        total += p
    expected: Floats = weighted / total
    return expected


def _refuse_scoreless(
    keys: Keys,
    usable: Mask,
    models: tuple[str, ...],
    conditions: tuple[str, ...],
    source: str,
) -> None:
    pair = keys.model * len(conditions) + keys.condition
    silent = np.setdiff1d(pair, pair[usable])
    if silent.size:
        m, c = divmod(int(silent[0]), len(conditions))
        raise InputError(
            f"model {shown(models[m])} has no probabilities under condition "
            f"{shown(conditions[c])}, expected some to read a distribution",
            where=source,
        )


def _loading(judgments: Judgments, items: tuple[str, ...]) -> Floats:
    loading = np.zeros((len(items), len(VALUES)))
    once = judgments.table.drop_duplicates("item")
    once = once[once["value"].notna()]
    loading[_codes(once["item"], items), _codes(once["value"], VALUES)] = once["polarity"].to_numpy(
        dtype=np.float64
    )
    if judgments.loadings is not None:
        several = judgments.loadings
        loading[_codes(several["item"], items), _codes(several["value"], VALUES)] = several[
            "weight"
        ].to_numpy(dtype=np.float64)
    return loading


def _item_scenario(
    table: pd.DataFrame, keys: Keys, items: tuple[str, ...], scenarios: tuple[str, ...]
) -> Ints:
    scenario = np.empty(len(items), dtype=np.int64)
    scenario[keys.item] = _codes(table["scenario"], scenarios)
    return scenario
