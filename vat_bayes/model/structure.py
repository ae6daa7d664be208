"""What both measurement paths share: the coordinates, the arms and the loadings as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Arm:
    """One model under one condition other than its baseline.

    Parameters
    ----------
    label : str
        The condition's name; ``model: condition`` when several models are fitted.
    model : int
        Index of the model.
    condition : Condition
        The condition.
    """

    label: str
    model: int
    condition: Condition


@dataclass(frozen=True)
class Structure:
    """Coordinates and loadings of one fit.

    A *state* is a model under one of its conditions: states ``0 .. M-1`` are the baselines of the M
    models and state ``M + a`` is arm ``a``.

    Parameters
    ----------
    models, values, scenarios, items, prompts : tuple of str
        Coordinate labels.
    arms : tuple of Arm
    loading : ndarray, shape (item, value)
        Signed loadings ``w_iv``.
    item_scenario : ndarray of int, shape (item,)
        Index of the scenario of each item.
    n_categories : int
        K.
    subvalues : tuple of str
        Sub-values of the items; empty when the items name none.
    item_subvalue : ndarray of int, shape (item,), optional
        Index of the sub-value of each item, -1 for an item without one.
    """

    models: tuple[str, ...]
    arms: tuple[Arm, ...]
    values: tuple[str, ...]
    scenarios: tuple[str, ...]
    items: tuple[str, ...]
    prompts: tuple[str, ...]
    loading: Floats
    item_scenario: Ints
    n_categories: int
    subvalues: tuple[str, ...] = ()
    item_subvalue: Ints | None = None

    @property
    def n_states(self) -> int:
        """Number of states, M + A."""
        return len(self.models) + len(self.arms)

    @cached_property
    def state_model(self) -> Ints:
        """Index of the model of each state, shape (state,)."""
        baselines = list(range(len(self.models)))
        return np.array([*baselines, *(arm.model for arm in self.arms)], dtype=np.int64)

    @cached_property
    def slots(self) -> tuple[Ints, Floats]:
        """Each item's non-zero loadings: value indices and weights, both of shape (item, slot).

        Most items load on one value, so a gather over slots costs a tenth of a dense product.
        """
        used = self.loading != 0
        width = max(1, int(used.sum(1).max(initial=1)))
        index = np.argsort(~used, axis=1, kind="stable")[:, :width]
        weight = np.take_along_axis(self.loading, index, axis=1)
        return index.astype(np.int64), weight

    @cached_property
    def subvalue_slot(self) -> tuple[Ints, Floats]:
        """Each item's sub-value and the loading on it, both of shape (item,).

        The loading is that on the item's one value; it is zero for an item without a sub-value or
        with several values, whose index is then 0.
        """
        if self.item_subvalue is None:
            none = np.zeros(len(self.items))
            return none.astype(np.int64), none
        alone = (self.loading != 0).sum(1) == 1
        named = (self.item_subvalue >= 0) & alone
        return np.where(named, self.item_subvalue, 0), np.where(named, self.loading.sum(1), 0.0)

    @property
    def point(self) -> float:
        """Length of a quarter of the rating range in rating points, (K - 1) / 4."""
        return (self.n_categories - 1) / 4


def build_arms(
    models: Sequence[str], model_conditions: Sequence[Sequence[Condition]]
) -> tuple[tuple[str, ...], tuple[Arm, ...]]:
    """Find each model's baseline and turn its other conditions into arms.

    Parameters
    ----------
    models : sequence of str
    model_conditions : sequence of sequences of Condition
        The conditions that each model was judged under.

    Returns
    -------
    baselines : tuple of str
        Name of the baseline condition of each model.
    arms : tuple of Arm

    Raises
    ------
    InputError
        When a model has no baseline or only a baseline.
    """
    baselines, arms = [], []
    for index, (model, conditions) in enumerate(zip(models, model_conditions, strict=True)):
        baseline = [c.name for c in conditions if c.role == "baseline"]
        if len(baseline) != 1:
            raise InputError(f"model '{model}' has {len(baseline)} baselines, expected one")
        others = [c for c in conditions if c.role != "baseline"]
        if not others:
            raise InputError(f"model '{model}' has nothing to compare with its baseline")
        baselines.append(baseline[0])
        for condition in others:
            label = condition.name if len(models) == 1 else f"{model}: {condition.name}"
            arms.append(Arm(label, index, condition))
    return tuple(baselines), tuple(arms)
