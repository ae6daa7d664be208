"""A set of items: the table, its loadings, and how a part of it is taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vat_bayes.errors import InputError
from vat_bayes.items.cells import cell_text
from vat_bayes.items.columns import CORE_COLUMNS
from vat_bayes.items.raw import Columns, columns_of, kept

if TYPE_CHECKING:
    import pandas as pd


class ItemSet:
    """Items, one row each: a scenario with one action.

    Parameters
    ----------
    table : pandas.DataFrame or mapping of str to sequence
        Columns `item`, `scenario`, `topic`, `value`, `polarity`, `scenario_text`, `action_text`,
        `split`, then optional `subvalue` and facets. `polarity` is 1 where the action supports the
        value and -1 where it violates it. `value` and `polarity` are missing for an item that has
        its rows in `loadings`. `topic` and `scenario_text` are missing where the source has none.
        In a mapping a missing cell is None.
    loadings : pandas.DataFrame, mapping of str to sequence, or None
        Columns `item`, `value`, `weight`, for items that load on several values.
    source : str
        Where the items come from: ``"core"``, ``"table"``, ``"vat"``, ``"valueportrait"`` or
        ``"composed"``.
    """

    def __init__(
        self,
        table: pd.DataFrame | Columns,
        loadings: pd.DataFrame | Columns | None,
        source: str,
    ) -> None:
        self._columns = columns_of(table, "items")
        self._loadings = None if loadings is None else columns_of(loadings, "loadings")
        self.source = source

    @cached_property
    def table(self) -> pd.DataFrame:
        """The items as a data frame; a change in it does not change the items."""
        import pandas as pd

        return pd.DataFrame({name: _typed(name, cells) for name, cells in self._columns.items()})

    @cached_property
    def loadings(self) -> pd.DataFrame | None:
        """The loadings as a data frame: `item`, `value`, `weight`."""
        import pandas as pd

        if self._loadings is None:
            return None
        types = {"item": "str", "value": "str", "weight": "float64"}
        return pd.DataFrame(self._loadings).astype(types)

    def __len__(self) -> int:
        return len(self._columns["item"])

    def rows(self, *columns: str) -> list[tuple[Any, ...]]:
        """Return some cells of every item as plain Python objects; None where one is missing."""
        return list(zip(*(self._columns[name] for name in columns), strict=True))

    def loading_rows(self) -> list[tuple[str, str, float]] | None:
        """Return item, value and weight of every loading; None where no item has loadings."""
        if self._loadings is None:
            return None
        names = ("item", "value", "weight")
        return list(zip(*(self._loadings[name] for name in names), strict=True))

    def scenarios(self) -> list[str]:
        """Return the scenario ids in the order in which they first appear."""
        return list(dict.fromkeys(self._columns["scenario"]))

    def judged(self) -> ItemSet:
        """Return the items that are put to the judge: those whose split is not ``"shots"``."""
        return self._only([split != "shots" for split in self._columns["split"]])

    def shots(self) -> ItemSet:
        """Return the items that are held out to serve as examples."""
        return self._only([split == "shots" for split in self._columns["split"]])

    def take_scenarios(self, n: int, *, seed: int) -> ItemSet:
        """Return a random part with `n` judged scenarios, balanced over topics.

        Every item of a scenario that is taken comes along, and so do all scenarios held out for
        examples. With the same seed a smaller part lies inside a larger one, so that a study can
        grow. The order of the rows does not influence what is drawn.

        Parameters
        ----------
        n : int
            How many judged scenarios to take. Topics differ by at most one scenario as long as
            none of them runs out.
        seed : int
            Seed of the draw.

        Returns
        -------
        ItemSet
            The rows that were taken, in their order here.

        Raises
        ------
        InputError
            When `n` is not between 1 and the number of judged scenarios.
        """
        topics = dict(reversed(self.judged().rows("scenario", "topic")))
        if not 1 <= n <= len(topics):
            raise InputError(
                f"{n} scenarios were asked for; the item set has {len(topics)} judged scenarios"
            )
        rng = np.random.default_rng(seed)
        of_topic: dict[str, list[str]] = {}
        for scenario, topic in topics.items():
            of_topic.setdefault(topic or "", []).append(scenario)
        queues = [
            [str(s) for s in rng.permutation(sorted(of_topic[topic]))]
            for topic in rng.permutation(sorted(of_topic))
        ]
        taken = _round_robin(queues)
        return self.of_scenarios({next(taken) for _ in range(n)})

    def of_scenarios(self, scenarios: Collection[str]) -> ItemSet:
        """Return the judged items of some scenarios, and all those held out for examples.

        Parameters
        ----------
        scenarios : collection of str
        """
        chosen = set(scenarios)
        return self._only(
            [
                split == "shots" or str(scenario) in chosen
                for scenario, split in self.rows("scenario", "split")
            ]
        )

    def sha256(self) -> str:
        """Return the SHA-256 of the content; the order of rows and columns does not matter."""
        digest = hashlib.sha256()
        for name, columns in (("items", self._columns), ("loadings", self._loadings)):
            if columns is not None:
                digest.update(f"{name}\n".encode())
                for line in sorted(_canonical_lines(columns)):
                    digest.update(f"{line}\n".encode())
        return digest.hexdigest()

    def _only(self, keep: Sequence[bool]) -> ItemSet:
        columns = {name: kept(cells, keep) for name, cells in self._columns.items()}
        loadings = self._loadings
        if loadings is not None:
            own = set(columns["item"])
            loaded = [item in own for item in loadings["item"]]
            loadings = {name: kept(cells, loaded) for name, cells in loadings.items()}
        return ItemSet(columns, loadings, self.source)


def _round_robin(queues: list[list[str]]) -> Iterator[str]:
    for turn in range(max(map(len, queues))):
        for queue in queues:
            if turn < len(queue):
                yield queue[turn]


def _canonical_lines(columns: Columns) -> Iterator[str]:
    # A cell is hashed as text so that a file read as CSV or as Parquet has the same hash; missing
    # cells are left out so that an empty column does not matter either.
    names = sorted(columns)
    for row in zip(*(columns[name] for name in names), strict=True):
        cells = {n: cell_text(x) for n, x in zip(names, row, strict=True) if x is not None}
        yield json.dumps(cells, sort_keys=True, ensure_ascii=True)


def _typed(name: str, cells: Sequence[Any]) -> pd.Series[Any]:
    import pandas as pd

    if name == "polarity":
        return pd.Series(cells, dtype="Int64")
    if name in CORE_COLUMNS:
        return pd.Series(cells, dtype="str")
    found = pd.Series(cells)
    # A column of objects cannot be written to Parquet; a facet is a label anyhow.
    return found.astype("str") if found.dtype == object else found
