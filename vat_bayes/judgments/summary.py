"""Judgments in counts: what there is for each model and condition, and how it was answered."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vat_bayes.judgments.cells import Cells, to_cells
from vat_bayes.judgments.coerce import Mask
from vat_bayes.judgments.table import Judgments


def describe(judgments: Judgments) -> pd.DataFrame:
    """Summarise judgments per model and condition.

    Parameters
    ----------
    judgments : Judgments
        As `load_judgments` returns them.

    Returns
    -------
    DataFrame
        Columns ``model, condition, role, rows, items, scenarios, prompts, repeats, refused,
        refused_share, mean_rating, p_valid, position_bias``. ``repeats`` counts the rows beyond the
        first of their model, condition, item and prompt. ``p_valid`` is the mean mass on the
        ratings, missing without that column. ``position_bias`` is the difference between the mean
        scores, in rating points and by the read-out that `to_cells` chooses, of the two prompts
        that are furthest apart, over the items with a score under every prompt of the condition:
        the alphabetically later prompt minus the earlier one, so that with two prompts it is their
        signed difference. It is missing with a single prompt, or when no item has them all.
    """
    cells = to_cells(judgments)
    totals = cells.counts.sum(axis=1)
    levels = np.arange(1, cells.n_categories + 1)
    sums = (cells.counts * levels).sum(axis=1)
    mass = judgments.tally.valid_mass
    records = []
    for m, model in enumerate(cells.models):
        for c, condition in enumerate(cells.conditions):
            mine = (cells.cell_model == m) & (cells.cell_condition == c)
            if not mine.any():
                continue
            answered, refused = int(totals[mine].sum()), int(cells.refused[mine].sum())
            rows = answered + refused
            items = np.unique(cells.cell_item[mine])
            records.append(
                {
                    "model": model,
                    "condition": condition,
                    "role": judgments.condition(condition).role,
                    "rows": rows,
                    "items": len(items),
                    "scenarios": len(np.unique(cells.item_scenario[items])),
                    "prompts": len(np.unique(cells.cell_prompt[mine])),
                    "repeats": rows - int(mine.sum()),
                    "refused": refused,
                    "refused_share": refused / rows,
                    "mean_rating": sums[mine].sum() / answered,
                    "p_valid": np.nan if mass is None else mass[m, c],
                    "position_bias": _position_bias(cells, mine),
                }
            )
    return pd.DataFrame(records)


def _position_bias(cells: Cells, mine: Mask) -> float:
    scored = pd.DataFrame(
        {
            "item": cells.cell_item[mine],
            "prompt": cells.cell_prompt[mine],
            "score": cells.cell_score[mine],
        }
    )
    by_prompt = scored.pivot(index="item", columns="prompt", values="score").dropna()
    if by_prompt.shape[1] < 2 or by_prompt.empty:
        return float("nan")
    means = by_prompt.mean().to_numpy()
    first, last = sorted((int(means.argmin()), int(means.argmax())))
    return float(means[last] - means[first])
