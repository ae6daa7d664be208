"""A set of items: the table, its loadings, and how a part of it is taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vat_bayes.errors import InputError


@dataclass(frozen=True, eq=False)
class ItemSet:
    """Items, one row each: a scenario with one action.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `item`, `scenario`, `topic`, `value`, `polarity`, `scenario_text`, `action_text`,
        `split`, then optional `subvalue` and facets. `polarity` is Int64, 1 where the action
        supports the value and -1 where it violates it. `value` and `polarity` are missing for an
        item that has its rows in `loadings`. `topic` and `scenario_text` are missing where the
        source has none.
    loadings : pandas.DataFrame or None
        Columns `item`, `value`, `weight`, for items that load on several values.
    source : str
        Where the items come from: ``"core"``, ``"table"``, ``"vat"``, ``"valueportrait"`` or
        ``"composed"``.
    """

    table: pd.DataFrame
    loadings: pd.DataFrame | None
    source: str

    def __len__(self) -> int:
        return len(self.table)

    def scenarios(self) -> list[str]:
        """Return the scenario ids in the order in which they first appear."""
        return list(dict.fromkeys(self.table["scenario"]))

    def judged(self) -> ItemSet:
        """Return the items that are put to the judge: those whose split is not ``"shots"``."""
        return self._rows(self.table["split"] != "shots")

    def shots(self) -> ItemSet:
        """Return the items that are held out to serve as examples."""
        return self._rows(self.table["split"] == "shots")

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
        judged = self.judged().table.drop_duplicates("scenario")
        if not 1 <= n <= len(judged):
            raise InputError(
                f"{n} scenarios were asked for; the item set has {len(judged)} judged scenarios"
            )
        rng = np.random.default_rng(seed)
        topics = judged["topic"].fillna("")
        queues = [
            [str(s) for s in rng.permutation(sorted(judged.loc[topics == topic, "scenario"]))]
            for topic in rng.permutation(sorted(set(topics)))
        ]
        taken = _round_robin(queues)
        chosen = {next(taken) for _ in range(n)}
        return self._rows(self.table["scenario"].isin(chosen) | (self.table["split"] == "shots"))

    def of_scenarios(self, scenarios: Collection[str]) -> ItemSet:
        """Return the judged items of some scenarios, and all those held out for examples.

        Parameters
        ----------
        scenarios : collection of str
        """
        named = self.table["scenario"].astype(str).isin(set(scenarios))
        return self._rows(named | (self.table["split"] == "shots"))

    def sha256(self) -> str:
        """Return the SHA-256 of the content; the order of rows and columns does not matter."""
        digest = hashlib.sha256()
        parts = [("items", self.table)]
        if self.loadings is not None:
            parts.append(("loadings", self.loadings))
        for name, frame in parts:
            digest.update(f"{name}\n".encode())
            for line in sorted(_canonical_lines(frame)):
                digest.update(f"{line}\n".encode())
        return digest.hexdigest()

    def _rows(self, keep: pd.Series[bool]) -> ItemSet:
        table = self.table[keep].reset_index(drop=True)
        loadings = self.loadings
        if loadings is not None:
            loadings = loadings[loadings["item"].isin(table["item"])].reset_index(drop=True)
        return ItemSet(table, loadings, self.source)


def _round_robin(queues: list[list[str]]) -> Iterator[str]:
    for turn in range(max(map(len, queues))):
        for queue in queues:
            if turn < len(queue):
                yield queue[turn]


def _canonical_lines(frame: pd.DataFrame) -> Iterator[str]:
    # A cell is hashed as text so that a file read as CSV or as Parquet has the same hash; missing
    # cells are left out so that an empty column does not matter either.
    columns = sorted(frame.columns)
    for row in zip(*(frame[c].tolist() for c in columns), strict=True):
        cells = {c: _cell_text(x) for c, x in zip(columns, row, strict=True) if not pd.isna(x)}
        yield json.dumps(cells, sort_keys=True, ensure_ascii=True)


def _cell_text(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
