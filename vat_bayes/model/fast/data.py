"""The ratings of one model as a table of items by states, and what the engine can take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.structure import Floats, Ints


@dataclass(frozen=True)
class ModelRatings:
    """Ratings of one audited model, one per item and state.

    Parameters
    ----------
    model : int
        Index of the model.
    arms : ndarray of int, shape (local arm,)
        Its arms; state 0 is its baseline and state ``1 + j`` is ``arms[j]``.
    items, scenarios : ndarray of int, shape (item,) and (scenario,)
        The items and scenarios that have any rating, as indices of the structure.
    item_scenario : ndarray of int, shape (item,)
        Position of each item's scenario in `scenarios`.
    rating : ndarray of int, shape (item, state)
        Category from 0, and -1 where there is no rating.
    index, weight : ndarray, shape (item, slot)
        The non-zero loadings of each item.
    n_values, n_categories : int
    """

    model: int
    arms: Ints
    items: Ints
    scenarios: Ints
    item_scenario: Ints
    rating: Ints
    index: Ints
    weight: Floats
    n_values: int
    n_categories: int

    @property
    def n_states(self) -> int:
        """Number of states of this model, 1 + its arms."""
        return 1 + len(self.arms)

    def take(self, keep: Ints) -> ModelRatings:
        """Return the same for some of the scenarios.

        Parameters
        ----------
        keep : ndarray of int
            Positions in `scenarios`, ascending.

        Returns
        -------
        ModelRatings
        """
        new = np.full(len(self.scenarios), -1)
        new[keep] = np.arange(len(keep))
        rows = new[self.item_scenario] >= 0
        return ModelRatings(
            self.model,
            self.arms,
            self.items[rows],
            self.scenarios[keep],
            new[self.item_scenario[rows]],
            self.rating[rows],
            self.index[rows],
            self.weight[rows],
            self.n_values,
            self.n_categories,
        )


def split_models(design: RatingsDesign) -> list[ModelRatings]:
    """Lay the ratings of each model out by item and state.

    Parameters
    ----------
    design : RatingsDesign
        With at most one rating per item and state.

    Returns
    -------
    list of ModelRatings
    """
    s = design.structure
    n_models = len(s.models)
    category = design.counts.argmax(1)
    index, weight = s.slots
    out = []
    for m in range(n_models):
        arms = np.flatnonzero(s.state_model[n_models:] == m)
        local = np.full(s.n_states, -1)
        local[m] = 0
        local[n_models + arms] = 1 + np.arange(len(arms))
        table = np.full((len(s.items), 1 + len(arms)), -1)
        here = local[design.cell_state] >= 0
        table[design.cell_item[here], local[design.cell_state[here]]] = category[here]
        items = np.flatnonzero((table >= 0).any(1))
        items = items[np.argsort(s.item_scenario[items], kind="stable")]
        scenarios, position = np.unique(s.item_scenario[items], return_inverse=True)
        out.append(
            ModelRatings(
                m, arms, items, scenarios, position, table[items], index[items], weight[items],
                len(s.values), s.n_categories,
            )
        )  # fmt: skip
    return out
