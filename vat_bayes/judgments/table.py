"""The validated judgments of a study, as every later stage receives them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError, near_miss

REQUIRED = ("model", "condition", "item", "scenario", "rating")
ITEM_COLUMNS = ("value", "polarity")
CONDITION_COLUMNS = ("role", "target", "direction", "dose", "reference", "placebo")
MAX_CATEGORIES = 11


@dataclass(frozen=True, eq=False)
class Judgments:
    """Judgments that passed validation, with the conditions and the scale they were made on.

    Parameters
    ----------
    table : DataFrame
        One row per judgment, in the order of the source: ``model, condition, item, scenario``
        (text), ``value`` (text, missing for items that have loadings instead), ``polarity`` (Int64,
        likewise), ``rating`` (Int64 in 1..K, missing = refused), ``replicate`` (Int64), ``prompt``
        (text), where there are any ``p1..pK`` and ``p_valid`` (float), and then every other column
        of the source as it was found.
    loadings : DataFrame or None
        ``item, value, weight`` of the items that have loadings in place of value and polarity.
    conditions : tuple of Condition
        Every condition with judgments, placebos resolved. In the order of the study; without one
        sorted by role, dose and name.
    n_categories : int
        K, the number of rating categories.
    source : str
        The file or folder, or ``"data frame"``.
    has_distributions : bool
        Whether every judgment that is not a refusal comes with ``p1..pK``.
    notes : tuple of str
        What was assumed, inferred or left out on the way, one sentence each, for the report.
    """

    table: pd.DataFrame
    loadings: pd.DataFrame | None
    conditions: tuple[Condition, ...]
    n_categories: int
    source: str
    has_distributions: bool
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The audited models, sorted."""
        return tuple(sorted(set(self.table["model"])))

    def condition(self, name: str) -> Condition:
        """Return the condition of this name.

        Raises
        ------
        InputError
            When there is none.
        """
        for condition in self.conditions:
            if condition.name == name:
                return condition
        raise InputError(
            f"no condition '{name}'",
            where=self.source,
            hint=near_miss(name, [c.name for c in self.conditions]),
        )

    def conditions_of(self, model: str) -> tuple[Condition, ...]:
        """Return the conditions that a model was judged under, in the order of `conditions`.

        Raises
        ------
        InputError
            When there is no such model.
        """
        present = set(self.table.loc[self.table["model"] == model, "condition"])
        if not present:
            raise InputError(
                f"no model '{model}'", where=self.source, hint=near_miss(model, self.models)
            )
        return tuple(c for c in self.conditions if c.name in present)

    def baseline(self, model: str) -> str:
        """Return the name of a model's baseline condition.

        Raises
        ------
        InputError
            When there is no such model.
        """
        return next(c.name for c in self.conditions_of(model) if c.role == "baseline")

    def reference(self, model: str, condition: str) -> str | None:
        """Return what a model's condition is compared with; None for the baseline itself.

        Raises
        ------
        InputError
            When there is no such model or condition.
        """
        found = self.condition(condition)
        if found.role == "baseline":
            return None
        return found.reference or self.baseline(model)
