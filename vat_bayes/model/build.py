"""From the cells of a study to the arrays of one fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.judgments import Cells, Judgments, to_cells
from vat_bayes.judgments import Readout as JudgmentReadout
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.scores import ScoresDesign, reduce_scores
from vat_bayes.model.structure import Arm, Floats, Ints, Structure, build_arms

Design = RatingsDesign | ScoresDesign


@dataclass(frozen=True)
class Prepared:
    """Everything a fit needs to know about its data.

    Parameters
    ----------
    design : RatingsDesign or ScoresDesign
    baselines : tuple of str
        The baseline condition of each model.
    scores : ndarray, shape (state, item)
        Score of every item in points from the middle of the scale, NaN where there is none; for the
        classical twins.
    identical : tuple of Arm
        Arms whose every judgment equals its baseline's. There is nothing to estimate: the shift is
        exactly zero and the arm is left out of the fit.
    notes : tuple of str
        What was assumed or left out on the way.
    """

    design: Design
    baselines: tuple[str, ...]
    scores: Floats
    identical: tuple[Arm, ...]
    notes: tuple[str, ...]


def prepare(judgments: Judgments, readout: JudgmentReadout = "auto") -> Prepared:
    """Reduce judgments to the arrays of one fit.

    Parameters
    ----------
    judgments : Judgments
    readout : {"auto", "distribution", "ratings"}
        ``auto`` takes the distributions where the judgments carry them.

    Returns
    -------
    Prepared

    Raises
    ------
    InputError
        When no arm is left to fit.
    """
    cells = to_cells(judgments, readout)
    conditions = {c.name: c for c in judgments.conditions}
    per_model = [[conditions[name] for name in names] for names in cells.model_conditions]
    baselines, arms = build_arms(cells.models, per_model)
    scores = _score_table(cells, baselines, arms)
    n_models = len(cells.models)
    same = [
        _equal(scores[arm.model], scores[n_models + a], cells, arm, baselines[arm.model])
        for a, arm in enumerate(arms)
    ]
    identical = tuple(arm for arm, is_same in zip(arms, same, strict=True) if is_same)
    fitted = tuple(arm for arm, is_same in zip(arms, same, strict=True) if not is_same)
    if not fitted:
        raise InputError(
            "every condition gave exactly the judgments of its baseline, so there is nothing to "
            "fit",
            where=judgments.source,
            hint="check that the interventions were applied",
        )
    keep = [*range(n_models), *(n_models + a for a, is_same in enumerate(same) if not is_same)]
    scores = scores[keep]
    subvalues, item_subvalue = _subvalues(judgments, cells)
    structure = Structure(
        models=cells.models,
        arms=fitted,
        values=cells.values,
        scenarios=cells.scenarios,
        items=cells.items,
        prompts=cells.prompts,
        loading=np.asarray(cells.loading, dtype=float),
        item_scenario=cells.item_scenario,
        n_categories=cells.n_categories,
        subvalues=subvalues,
        item_subvalue=item_subvalue,
    )
    design: Design
    if cells.readout == "distribution":
        state, item = np.nonzero(~np.isnan(scores))
        design = reduce_scores(structure, state, item, scores[state, item])
    else:
        design = _ratings_design(structure, cells, baselines)
    return Prepared(design, baselines, scores, identical, (*judgments.notes, *cells.notes))


def _subvalues(judgments: Judgments, cells: Cells) -> tuple[tuple[str, ...], Ints | None]:
    """Return the sub-values and that of each item, where the judgments have the column."""
    facts = judgments.tally.facts
    if "subvalue" not in facts:
        return (), None
    named = facts[["item", "subvalue"]].dropna()
    of_item = dict(zip(named["item"].astype(str), named["subvalue"].astype(str), strict=True))
    names = tuple(sorted(set(of_item.values())))
    position = {name: i for i, name in enumerate(names)}
    return names, np.array([position.get(of_item.get(i, ""), -1) for i in cells.items], np.int64)


def _state_lookup(
    cells: Cells, baselines: tuple[str, ...], arms: tuple[Arm, ...]
) -> dict[tuple[int, int], int]:
    """State of each (model, condition) pair of indices."""
    position = {name: i for i, name in enumerate(cells.conditions)}
    lookup = {(m, position[name]): m for m, name in enumerate(baselines)}
    for a, arm in enumerate(arms):
        lookup[arm.model, position[arm.condition.name]] = len(baselines) + a
    return lookup


def _score_table(cells: Cells, baselines: tuple[str, ...], arms: tuple[Arm, ...]) -> Floats:
    lookup = _state_lookup(cells, baselines, arms)
    table = np.full((len(baselines) + len(arms), len(cells.items)), np.nan)
    for pair, state in lookup.items():
        rows = (cells.score_model == pair[0]) & (cells.score_condition == pair[1])
        table[state, cells.score_item[rows]] = cells.score[rows]
    return table


def _equal(base: Floats, other: Floats, cells: Cells, arm: Arm, baseline: str) -> bool:
    """Whether an arm repeats its baseline bit for bit: same scores and same counts per cell."""
    both = ~np.isnan(base) & ~np.isnan(other)
    if not np.array_equal(base[both], other[both]):
        return False

    def counts(name: str) -> dict[tuple[int, int], bytes]:
        rows = (cells.cell_model == arm.model) & (
            cells.cell_condition == cells.conditions.index(name)
        )
        keys = zip(cells.cell_item[rows], cells.cell_prompt[rows], strict=True)
        return {
            (int(i), int(p)): c.tobytes()
            for (i, p), c in zip(keys, cells.counts[rows], strict=True)
        }

    return counts(baseline) == counts(arm.condition.name)


def _ratings_design(
    structure: Structure, cells: Cells, baselines: tuple[str, ...]
) -> RatingsDesign:
    lookup = _state_lookup(cells, baselines, structure.arms)
    pairs = zip(cells.cell_model.tolist(), cells.cell_condition.tolist(), strict=True)
    state = np.array([lookup.get(pair, -1) for pair in pairs], dtype=np.int64)
    keep = (state >= 0) & (cells.counts.sum(1) > 0)
    return RatingsDesign(
        structure=structure,
        cell_state=state[keep],
        cell_item=np.asarray(cells.cell_item[keep], dtype=np.int64),
        cell_prompt=np.asarray(cells.cell_prompt[keep], dtype=np.int64),
        counts=np.asarray(cells.counts[keep], dtype=np.int64),
    )


def describe_condition(condition: Condition) -> dict[str, object]:
    """Write a condition as plain JSON values, to be kept with the posterior.

    Parameters
    ----------
    condition : Condition

    Returns
    -------
    dict
    """
    return {
        "name": condition.name,
        "role": condition.role,
        "target": list(condition.target),
        "direction": condition.direction,
        "dose": condition.dose,
        "reference": condition.reference,
        "placebo": condition.placebo,
    }
