"""The validated judgments of a study, as every later stage receives them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.part import PartRows
from vat_bayes.judgments.raw import CheckedRows
from vat_bayes.judgments.tally import Tally


@dataclass(frozen=True, eq=False)
class Judgments:
    """Judgments that passed validation, with the conditions and the scale they were made on.

    Parameters
    ----------
    rows : CheckedRows
        The judgments, in memory or on file.
    loadings : DataFrame or None
        ``item, value, weight`` of the items that have loadings in place of value and polarity.
    conditions : tuple of Condition
        Every condition with judgments, placebos resolved. In the order of the study; without one
        sorted by role, dose and name.
    n_categories : int
        K, the number of rating categories.
    source : str
        The file or folder, or ``"data frame"``.
    has_probabilities : bool
        Whether there are columns ``p1..pK``.
    has_distributions : bool
        Whether every judgment that is not a refusal comes with ``p1..pK``.
    notes : tuple of str
        What was assumed, inferred or left out on the way, one sentence each, for the report.
    """

    rows: CheckedRows
    loadings: pd.DataFrame | None
    conditions: tuple[Condition, ...]
    n_categories: int
    source: str
    has_probabilities: bool
    has_distributions: bool
    notes: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The audited models, sorted."""
        return self.tally.models

    @property
    def n_rows(self) -> int:
        """How many judgments there are, refusals included."""
        return self.rows.n

    @property
    def tally(self) -> Tally:
        """The judgments by cell: all that the model, the checks and the report need of them."""
        return self.rows.tally

    @property
    def table(self) -> pd.DataFrame:
        """One row per judgment, in the order of the source.

        Columns ``model, condition, item, scenario`` (text), ``value`` (text, missing for items that
        have loadings instead), ``polarity`` (Int64, likewise), ``rating`` (Int64 in 1..K, missing =
        refused), ``replicate`` (Int64), ``prompt`` (text), where there are any ``p1..pK`` and
        ``p_valid`` (float), and then every other column of the source as it was found. A large file
        is read for this, all of it.
        """
        return self.rows.table

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
        if model not in self.models:
            raise InputError(
                f"no model '{model}'", where=self.source, hint=near_miss(model, self.models)
            )
        cells = self.tally.cells
        present = set(cells.condition[cells.model == self.models.index(model)].tolist())
        return tuple(c for i, c in enumerate(self.conditions) if i in present)

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

    def of_scenarios(self, scenarios: Collection[str]) -> Judgments:
        """Return the judgments of some scenarios, with the same conditions and notes.

        The mean of `p_valid` is not known for a part.
        """
        rows = PartRows(self.rows, frozenset(scenarios))
        loadings = self.loadings
        if loadings is not None:
            here = loadings["item"].isin(rows.tally.items)
            loadings = loadings[here].reset_index(drop=True)
        return dataclasses.replace(self, rows=rows, loadings=loadings)
