"""The judgments of some scenarios out of many."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from vat_bayes.judgments.raw import CheckedRows
from vat_bayes.judgments.scores import Keys
from vat_bayes.judgments.tally import Tally


@dataclass(frozen=True, eq=False)
class PartRows:
    """The rows of some scenarios; see `CheckedRows`.

    Parameters
    ----------
    rows : CheckedRows
        All of them.
    scenarios : frozenset of str
        Those whose rows are kept.
    """

    rows: CheckedRows
    scenarios: frozenset[str]

    @property
    def n(self) -> int:
        """How many there are."""
        return int(self.tally.counts.sum() + self.tally.refused.sum())

    @property
    def table(self) -> pd.DataFrame:
        """The rows themselves."""
        return self._kept(self.rows.table).reset_index(drop=True)

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield the rows in parts, in the order of the source."""
        return (self._kept(part) for part in self.rows.parts())

    def _kept(self, table: pd.DataFrame) -> pd.DataFrame:
        return table[table["scenario"].isin(self.scenarios)]

    @cached_property
    def tally(self) -> Tally:
        """The rows by cell."""
        return _of_scenarios(self.rows.tally, self.scenarios)


def _of_scenarios(whole: Tally, scenarios: frozenset[str]) -> Tally:
    facts = whole.facts["scenario"].isin(scenarios).to_numpy(dtype=bool)
    cells = np.flatnonzero(facts[whole.cells.item])
    keys = whole.cells.take(cells)
    models, items, prompts = (np.unique(getattr(keys, c)) for c in ("model", "item", "prompt"))
    kept_scenarios = np.unique(whole.item_scenario[items])
    return dataclasses.replace(
        whole,
        models=tuple(whole.models[i] for i in models),
        scenarios=tuple(whole.scenarios[i] for i in kept_scenarios),
        items=tuple(whole.items[i] for i in items),
        prompts=tuple(whole.prompts[i] for i in prompts),
        facts=whole.facts.iloc[items].reset_index(drop=True),
        item_scenario=np.searchsorted(kept_scenarios, whole.item_scenario[items]),
        cells=Keys(
            np.searchsorted(models, keys.model),
            keys.condition,
            np.searchsorted(items, keys.item),
            np.searchsorted(prompts, keys.prompt),
        ),
        counts=whole.counts[cells],
        refused=whole.refused[cells],
        n_points=whole.n_points[cells],
        points=whole.points[cells],
        valid_mass=None,
    )
