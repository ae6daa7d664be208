"""Judgments held in memory, one row per judgment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from vat_bayes.judgments.coerce import Floats, Ints, Text, encode, numbers
from vat_bayes.judgments.consistency import fail_duplicates
from vat_bayes.judgments.contract import CONDITION_COLUMNS
from vat_bayes.judgments.exact import means, whole_sums
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.rows import Rows, read_replicates, read_rows
from vat_bayes.judgments.scale import expected_points, read_probabilities, read_probability
from vat_bayes.judgments.scores import Keys
from vat_bayes.judgments.tally import Answers, Tally, add_up, tally


class HeldTable:
    """A table in memory, before it is checked; see `RawTable`.

    Parameters
    ----------
    frame : DataFrame
        All rows, with the contract's column names.
    source : str
        Where they come from.
    offset : int
        How many rows of the source come before them.
    """

    def __init__(self, frame: pd.DataFrame, source: str, *, offset: int = 0) -> None:
        self.facts = frame
        self.place = Place(source, offset=offset)
        self._replicates: Ints = np.empty(0, dtype=np.int64)
        self._ratings: Floats = np.empty(0)
        self._probabilities: Floats = np.empty((len(frame), 0))
        self._n_categories = 0

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.facts.columns)

    def check_replicates(self) -> None:
        """Read the column `replicate`."""
        self._replicates = read_replicates(self.facts, self.place)

    def ratings(self) -> tuple[pd.DataFrame, Place]:
        """Return all rows."""
        return self.facts, self.place

    def lacking(self, columns: list[str], ratings: Floats) -> int:
        """Read p1..pK and return how many judgments with a rating have none."""
        self._ratings = ratings
        if not columns:
            return 0
        self._probabilities = read_probabilities(self.facts, columns, self.place)
        return int((np.isnan(self._probabilities[:, 0]) & ~np.isnan(ratings)).sum())

    def check_duplicates(self, rows: Rows, n_categories: int) -> None:
        """Check that no judgment is there twice."""
        self._n_categories = n_categories
        key = pd.DataFrame(
            {
                "model": rows.model.codes,
                "condition": rows.condition.codes,
                "item": rows.item.codes,
                "prompt": rows.prompt.codes,
                "replicate": self._replicates,
            }
        )

        def earlier(row: int) -> int:
            same = (key == key.iloc[row]).all(axis=1).to_numpy()
            return self.place.number(int(np.flatnonzero(same)[0]))

        has_replicates = "replicate" in self.facts.columns
        bad = key.duplicated().to_numpy(dtype=bool)
        fail_duplicates(
            bad, self.place, earlier, rows.item, rows.condition, has_replicates=has_replicates
        )

    def answered(self) -> Ints:
        """Return 1 for a judgment with a rating and 0 for a refusal."""
        return (~np.isnan(self._ratings)).astype(np.int64)

    def finish(self, rows: Rows, conditions: Sequence[str]) -> HeldRows:
        """Check `p_valid` and put the typed columns first, all else after them as it was found."""
        frame = self.facts
        typed: dict[str, object] = {
            "model": rows.model.column(),
            "condition": rows.condition.column(),
            "item": rows.item.column(),
            "scenario": rows.scenario.column(),
            "value": rows.value.column(),
            "polarity": pd.Series(rows.polarity).astype("Int64"),
            "rating": pd.Series(self._ratings).astype("Int64"),
            "replicate": pd.Series(self._replicates).astype("Int64"),
            "prompt": rows.prompt.column(),
        }
        p = self._probabilities
        typed |= {f"p{k + 1}": p[:, k] for k in range(p.shape[1])}
        valid = None
        if "p_valid" in frame.columns:
            valid = read_probability(frame, "p_valid", self.place)
            typed["p_valid"] = valid
        rest = frame.drop(columns=[c for c in (*typed, *CONDITION_COLUMNS) if c in frame.columns])
        subvalue = None
        if "subvalue" in frame.columns:
            subvalue = encode(frame["subvalue"], place=self.place, na_words=True)
        return HeldRows(
            table=pd.concat([pd.DataFrame(typed), rest], axis=1),
            rows=rows,
            subvalue=subvalue,
            replicates=self._replicates,
            ratings=self._ratings,
            points=expected_points(p) if p.shape[1] else np.full(len(frame), np.nan),
            valid=valid,
            conditions=tuple(conditions),
            n_categories=self._n_categories,
        )


def typed_rows(frame: pd.DataFrame, source: str, p_columns: list[str]) -> pd.DataFrame:
    """Return some rows of a sound table with typed columns; see `Judgments.table`.

    Parameters
    ----------
    frame : DataFrame
        The rows, with the contract's column names.
    source : str
        The place.
    p_columns : list of str
        ``p1..pK``, where there are any.
    """
    held = HeldTable(frame, source)
    rows = read_rows(frame, held.place)
    held.check_replicates()
    held.lacking(p_columns, numbers(frame, "rating", held.place, expected="a rating"))
    return held.finish(rows, ()).table


@dataclass(frozen=True, eq=False)
class HeldRows:
    """The rows of a table in memory that passed every check; see `CheckedRows`.

    Parameters
    ----------
    table : DataFrame
        See `Judgments`.
    rows : Rows
        What was judged.
    subvalue : Text or None
        The sub-value of each row.
    replicates : int array (row,)
        The number of the repeat.
    ratings : float array (row,)
        NaN for refusals.
    points : float array (row,)
        The expected rating from the middle of the scale, NaN without probabilities.
    valid : float array (row,) or None
        The column `p_valid`.
    conditions : tuple of str
        In the order of the judgments' conditions.
    n_categories : int
        K.
    """

    table: pd.DataFrame
    rows: Rows
    subvalue: Text | None
    replicates: Ints
    ratings: Floats
    points: Floats
    valid: Floats | None
    conditions: tuple[str, ...]
    n_categories: int

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.table)

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield the table."""
        yield self.table

    @cached_property
    def tally(self) -> Tally:
        """The rows by cell, sorted by a key that no two share, so that sums have one order."""
        rows = self.rows
        keys = Keys(rows.model.codes, rows.condition.codes, rows.item.codes, rows.prompt.codes)
        order = np.lexsort((self.replicates, keys.prompt, keys.item, keys.condition, keys.model))
        answers = Answers(keys.take(order), self.ratings[order], self.points[order])
        texts = {c: getattr(rows, c) for c in ("model", "condition", "item", "prompt")}

        def positions(column: str, known: Mapping[str, int]) -> Ints:
            return np.array([known[name] for name in texts[column].names], dtype=np.int64)

        return tally(
            add_up([answers], self.n_categories),
            rows,
            self.subvalue,
            self.conditions,
            positions=positions,
            valid_mass=self._valid_mass(),
        )

    def _valid_mass(self) -> Floats | None:
        if self.valid is None:
            return None
        model, condition = self.rows.model, self.rows.condition
        sorted_models = sorted(model.names)
        m = np.array([sorted_models.index(name) for name in model.names])[model.codes]
        c = np.array([self.conditions.index(name) for name in condition.names])[condition.codes]
        shape = (len(sorted_models), len(self.conditions))
        return means(*whole_sums(self.valid, m * shape[1] + c, shape[0] * shape[1])).reshape(shape)
