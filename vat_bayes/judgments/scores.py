"""Scores of items: means of means in a fixed order, over prompts that the conditions share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from vat_bayes.judgments.coerce import Floats, Ints, Mask
from vat_bayes.judgments.words import counted, shown


@dataclass(frozen=True)
class Keys:
    """The coordinates of rows, each an index array (row,), sorted by all four in this order."""

    model: Ints
    condition: Ints
    item: Ints
    prompt: Ints

    def take(self, rows: Mask | Ints) -> Self:
        """Return some of the rows."""
        return type(self)(
            self.model[rows], self.condition[rows], self.item[rows], self.prompt[rows]
        )

    def runs(self, *, by_prompt: bool = True) -> tuple[Ints, Ints]:
        """Return the first row of each run of equal keys, and the run of each row.

        Parameters
        ----------
        by_prompt : bool
            Whether the prompt is part of the key.
        """
        columns = [self.model, self.condition, self.item]
        if by_prompt:
            columns.append(self.prompt)
        new = np.ones(len(self.model), dtype=bool)
        new[1:] = np.any([c[1:] != c[:-1] for c in columns], axis=0)
        return np.flatnonzero(new), np.cumsum(new) - 1


def run_means(points: Floats, run: Ints) -> Floats:
    """Return the mean of each run, added up in the order of the rows."""
    means: Floats = np.bincount(run, weights=points) / np.bincount(run)
    return means


def common_prompts(keys: Keys, baseline: Mask, models: tuple[str, ...]) -> tuple[Mask, list[str]]:
    """Choose the prompts that enter the scores.

    Parameters
    ----------
    keys : Keys
        One row per model, condition, item and prompt with a score.
    baseline : bool array (condition,)
        Which conditions are baselines.
    models : tuple of str
        Their names, for the notes.

    Returns
    -------
    keep : bool array (row,)
        False where a prompt is not there for every condition of its item.
    notes : list of str
        How many were left out, and how many items have no common prompt.
    """
    keep = np.ones(len(keys.model), dtype=bool)
    notes: list[str] = []
    for m, model in enumerate(models):
        mine = np.flatnonzero(keys.model == m)
        own = keys.take(mine)
        comparable = np.isin(own.condition, _sharing_prompts(own, baseline))
        rows = mine[comparable]
        own = own.take(comparable)
        n_prompts = int(own.prompt.max()) + 1
        n_items = int(own.item.max()) + 1
        per_prompt = np.bincount(own.item * n_prompts + own.prompt, minlength=n_items * n_prompts)
        starts, _ = own.runs(by_prompt=False)
        needed = np.bincount(own.item[starts], minlength=n_items)  # conditions of each item
        common = per_prompt.reshape(n_items, n_prompts) == needed[:, None]
        split = ~common.any(axis=1) & (needed > 0)
        out = ~common[own.item, own.prompt] & ~split[own.item]
        keep[rows[out]] = False
        if out.any():
            items = len(np.unique(own.item[out]))
            notes.append(
                f"model {shown(model)}: {counted(int(out.sum()), 'mean')} of one prompt left out "
                f"of the scores of {counted(items, 'item')}, because not every condition of the "
                "item has the prompt"
            )
        if split.any():
            notes.append(
                f"model {shown(model)}: {counted(int(split.sum()), 'item')} without a prompt that "
                "every condition of the item has, so that its conditions are compared over "
                "different prompts"
            )
    return keep, notes


def _sharing_prompts(keys: Keys, baseline: Mask) -> Ints:
    """Return the baseline and the conditions that have one of its prompts."""
    at_baseline = baseline[keys.condition]
    shared = np.isin(keys.prompt, keys.prompt[at_baseline])
    return np.unique(keys.condition[shared])


def mean_scores(keys: Keys, points: Floats) -> tuple[Keys, Floats, Ints]:
    """Average the prompts of each item with equal weight.

    Returns
    -------
    keys : Keys
        One row per model, condition and item; the prompt is the first one.
    score : float array (row,)
        The means.
    n_prompts : int array (row,)
        Over how many prompts.
    """
    starts, run = keys.runs(by_prompt=False)
    return keys.take(starts), run_means(points, run), np.bincount(run)
