"""Reduction to cells: counts of ratings and one score per item, the same bits in any row order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.coerce import Floats, Ints
from vat_bayes.judgments.scores import common_prompts, mean_scores
from vat_bayes.judgments.table import Judgments
from vat_bayes.judgments.tally import Tally
from vat_bayes.judgments.words import counted, shown
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
    t = judgments.tally
    use_p = readout == "distribution" or (readout == "auto" and judgments.has_distributions)
    notes: list[str] = []
    if use_p:
        if not judgments.has_probabilities:
            raise InputError(
                f"a distribution was asked for and there is no p1 to p{k}", where=judgments.source
            )
        points = t.points
        if n_out := int(t.counts.sum() - t.n_points.sum()):
            notes.append(f"{counted(n_out, 'judgment')} without p1 to p{k} left out of the scores")
    else:
        # Multiples of a half, so that the sum is exact whatever its order.
        with np.errstate(invalid="ignore"):
            points = t.counts @ (np.arange(1, k + 1) - (k + 1) / 2) / t.counts.sum(axis=1)
    answered = np.flatnonzero(~np.isnan(points))
    _refuse_scoreless(t, answered, judgments.source)
    by_prompt, means = t.cells.take(answered), points[answered]
    baseline = np.array([c.role == "baseline" for c in judgments.conditions])
    keep, more = common_prompts(by_prompt, baseline, t.models)
    score_keys, score, score_prompts = mean_scores(by_prompt.take(keep), means[keep])
    present = np.unique(np.column_stack([t.cells.model, t.cells.condition]), axis=0)
    return Cells(
        readout="distribution" if use_p else "ratings",
        n_categories=k,
        models=t.models,
        conditions=t.conditions,
        model_conditions=tuple(
            tuple(t.conditions[c] for c in present[present[:, 0] == m, 1])
            for m in range(len(t.models))
        ),
        scenarios=t.scenarios,
        items=t.items,
        prompts=t.prompts,
        values=VALUES,
        loading=_frozen(_loading(judgments)),
        item_scenario=_frozen(t.item_scenario),
        cell_model=_frozen(t.cells.model),
        cell_condition=_frozen(t.cells.condition),
        cell_item=_frozen(t.cells.item),
        cell_prompt=_frozen(t.cells.prompt),
        counts=_frozen(t.counts),
        refused=_frozen(t.refused),
        cell_score=_frozen(points),
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


def _refuse_scoreless(t: Tally, answered: Ints, source: str) -> None:
    pair = t.cells.model * len(t.conditions) + t.cells.condition
    silent = np.setdiff1d(pair, pair[answered])
    if silent.size:
        m, c = divmod(int(silent[0]), len(t.conditions))
        raise InputError(
            f"model {shown(t.models[m])} has no probabilities under condition "
            f"{shown(t.conditions[c])}, expected some to read a distribution",
            where=source,
        )


def _loading(judgments: Judgments) -> Floats:
    t = judgments.tally
    loading = np.zeros((len(t.items), len(VALUES)))
    one = np.flatnonzero(t.facts["value"].notna())
    loading[one, _codes(t.facts["value"].iloc[one], VALUES)] = (
        t.facts["polarity"].iloc[one].to_numpy(dtype=np.float64)
    )
    if judgments.loadings is not None:
        several = judgments.loadings
        loading[_codes(several["item"], t.items), _codes(several["value"], VALUES)] = several[
            "weight"
        ].to_numpy(dtype=np.float64)
    return loading
