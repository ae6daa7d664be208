"""A table too large for memory: coded once into a database on disk, checked and counted there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from vat_bayes.errors import InputError
from vat_bayes.judgments.coder import Coder
from vat_bayes.judgments.coerce import Floats, Ints, Text, encode, is_missing_word
from vat_bayes.judgments.consistency import fail_duplicates
from vat_bayes.judgments.contract import CONDITION_COLUMNS, ITEM_COLUMNS
from vat_bayes.judgments.database import Database
from vat_bayes.judgments.exact import means, whole
from vat_bayes.judgments.faults import Faults
from vat_bayes.judgments.filed import FiledRows, Layout
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.rows import ONLY_PROMPT, Rows, whole_replicates
from vat_bayes.judgments.scale import (
    expected_points,
    probability_columns,
    read_probabilities,
    read_probability,
)
from vat_bayes.judgments.scores import Keys
from vat_bayes.judgments.tally import Answers, Sums, add_up, tally

_KEYS = ("model", "condition", "item", "prompt")
_FACTS = (*_KEYS, "scenario", *ITEM_COLUMNS, "subvalue")


def staged_columns(columns: Sequence[str], *, with_conditions: bool) -> tuple[list[str], list[str]]:
    """Return the columns that are coded, and those that are read as numbers."""
    coded = [*_FACTS, *(CONDITION_COLUMNS if with_conditions else ()), "rating"]
    try:
        p = probability_columns(columns, "")
    except InputError:
        p = []  # told when its turn comes
    return [c for c in coded if c in columns], [
        c for c in ("replicate", *p, "p_valid") if c in columns
    ]


class StagedTable:
    """A table on file, before it is checked; see `RawTable`.

    Parameters
    ----------
    layout : Layout
        The file and its columns.
    with_conditions : bool
        Whether the columns that describe conditions are to be read.

    Raises
    ------
    InputError
        When the file can't be read as what its name says, or has no rows.
    """

    def __init__(self, layout: Layout, *, with_conditions: bool) -> None:
        self._layout = layout
        self.columns = list(layout.theirs)
        self._coded, numbers = staged_columns(self.columns, with_conditions=with_conditions)
        self._p = [c for c in numbers if c not in ("replicate", "p_valid")]
        self._numbers = numbers
        self._coders = {c: Coder() for c in self._coded}
        self._faults = {c: Faults() for c in ("replicate", "p", "p_valid")}
        self._numbered = False
        self.n = 0
        self._database = Database(
            {"row": "BIGINT"}
            | dict.fromkeys(self._coded, "INTEGER")
            | ({"replicate": "BIGINT"} if "replicate" in numbers else {})
            | ({"points": "DOUBLE"} if self._p else {})
            | ({"p_valid": "BIGINT"} if "p_valid" in numbers else {})
        )
        self._sums: Sums | None = None

    def __enter__(self) -> Self:
        self._database.__enter__()
        try:
            self._stage()
        except BaseException:
            self._database.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.__exit__(kind, error, trace)

    def _stage(self) -> None:
        theirs = self._layout.theirs
        wanted = list(dict.fromkeys(theirs[c] for c in (*self._coded, *self._numbers)))
        plain = {theirs[c] for c in self._numbers}
        coded = [c for c in wanted if c not in plain]
        for batch in self._layout.file.batches(wanted, coded):
            self._database.add(self._typed(batch))
            self.n += len(batch)
        if not self.n:
            raise InputError("a header and no rows", where=self._layout.source)
        facts = [c for c in self._coded if c != "rating"]
        answered = "count(*)"
        if "rating" in self._coded:
            missing = [i for i, w in enumerate(self._coders["rating"].names) if is_missing_word(w)]
            answered += f" FILTER (WHERE rating NOT IN ({_listed([-1, *missing])}))"
        found = self._distinct(facts, f", {answered} AS answered")
        self.facts = self._frame(found, facts)
        self.place = self._place(found)
        self._answered = _ints(found, "answered")

    def _typed(self, batch: pa.RecordBatch) -> pa.Table:
        """Return a batch as codes and numbers, and remember the faults of the numbers."""
        source, theirs = self._layout.source, self._layout.theirs
        n = len(batch)
        typed: dict[str, Any] = {"row": np.arange(self.n, self.n + n)}
        for column in self._coded:
            typed[column] = self._coders[column].codes(batch.column(theirs[column]))
        frame = pd.DataFrame({c: batch.column(theirs[c]).to_pandas() for c in self._numbers})

        def place() -> Place:
            return Place(source, offset=self.n)

        if "replicate" in frame:
            self._numbered = self._numbered or bool(frame["replicate"].notna().any())
            found = self._faults["replicate"].collect(lambda: whole_replicates(frame, place()))
            typed["replicate"] = np.ones(n, dtype=np.int64) if found is None else found
        if self._p:
            p = self._faults["p"].collect(lambda: read_probabilities(frame, self._p, place()))
            points = np.full(n, np.nan) if p is None else expected_points(p)
            typed["points"] = pa.array(points, from_pandas=True)
        if "p_valid" in frame:
            mass = self._faults["p_valid"].collect(
                lambda: read_probability(frame, "p_valid", place())
            )
            mass = np.full(n, np.nan) if mass is None else mass
            typed["p_valid"] = pa.array(whole(np.nan_to_num(mass)), mask=np.isnan(mass))
        return pa.table(typed)

    def _distinct(self, columns: Sequence[str], more: str = "") -> pa.Table:
        """Return the distinct rows of these columns with their first row, in its order."""
        return self._database.table(
            f'SELECT {_quoted(columns)}, min("row") AS "first", count(*) AS "count"{more} '
            f'FROM judgments GROUP BY {_quoted(columns)} ORDER BY "first"'
        )

    def _frame(self, found: pa.Table, columns: Sequence[str]) -> pd.DataFrame:
        return pd.DataFrame(
            {c: self._coders[c].column(found.column(c).to_numpy()) for c in columns},
            index=range(len(found)),
        )

    def _place(self, found: pa.Table) -> Place:
        return Place(self._layout.source, first=_ints(found, "first"), count=_ints(found, "count"))

    def check_replicates(self) -> None:
        """Tell what is wrong with the column `replicate`."""
        if self._numbered:
            self._faults["replicate"].tell()

    def ratings(self) -> tuple[pd.DataFrame, Place]:
        """Return the distinct ratings."""
        found = self._distinct(["rating"])
        self._rating_codes = _ints(found, "rating")
        return self._frame(found, ["rating"]), self._place(found)

    def lacking(self, columns: list[str], ratings: Floats) -> int:
        """Tell what is wrong with p1..pK and return how many judgments with a rating have none."""
        # The last entry stands for empty cells, whose code is -1.
        self._rating_of_code = np.full(len(self._coders["rating"].names) + 1, np.nan)
        self._rating_of_code[self._rating_codes] = ratings
        if not columns:
            return 0
        self._faults["p"].tell()
        given = np.flatnonzero(~np.isnan(self._rating_of_code)).tolist()
        lacking = self._database.table(
            "SELECT count(*) AS n FROM judgments "
            f"WHERE points IS NULL AND rating IN ({_listed(given)})"
        )
        return int(lacking.column("n")[0].as_py())

    def check_duplicates(self, rows: Rows, n_categories: int) -> None:
        """Sort the judgments by cell, add them up and check that none is there twice."""
        self._duplicated = False
        self._sums = add_up(self._whole_cells(), n_categories)
        if not self._duplicated:
            return
        keys = ", ".join(f"{key} AS k{i}" for i, key in enumerate(self._sorted_by()))
        found = self._database.table(
            f'SELECT sum(n - 1)::BIGINT AS "count", min(two[2]) AS bad, '
            "arg_min(two[1], two[2]) AS earlier FROM ("
            f'SELECT {keys}, min("row", 2) AS two, count(*) AS n '
            "FROM judgments GROUP BY ALL HAVING count(*) > 1)"
        )
        bad, earlier = (int(found.column(c)[0].as_py()) for c in ("bad", "earlier"))
        row = self._database.table(f'SELECT item, condition FROM judgments WHERE "row" = {bad}')
        item, condition = (
            Text(np.zeros(1, dtype=np.int64), (self._coders[c].names[row.column(c)[0].as_py()],))
            for c in ("item", "condition")
        )
        fail_duplicates(
            np.ones(1, dtype=bool),
            Place(self._layout.source, first=np.array([bad]), count=_ints(found, "count")),
            lambda _: earlier + 1,
            item,
            condition,
            has_replicates="replicate" in self.columns,
        )

    def _sorted_by(self) -> list[str]:
        keys = [c if c in self._coded else "-1::INTEGER" for c in _KEYS]
        return [*keys, "replicate" if "replicate" in self._numbers else "1::BIGINT"]

    def _whole_cells(self) -> Iterator[Answers]:
        """Yield the judgments sorted by cell and replicate; no cell is split."""
        columns = [*self._sorted_by(), "rating", "points" if self._p else "NULL::DOUBLE"]
        selected = ", ".join(f"{c} AS c{i}" for i, c in enumerate(columns))
        left: list[NDArray[Any]] | None = None
        for batch in self._database.batches(
            f"SELECT {selected} FROM judgments ORDER BY c0, c1, c2, c3, c4"
        ):
            part = [batch.column(i).to_numpy(zero_copy_only=False) for i in range(len(columns))]
            if left is not None:
                part = [np.concatenate(pair) for pair in zip(left, part, strict=True)]
            new = np.any([k[1:] != k[:-1] for k in part[: len(_KEYS)]], axis=0)
            last = int(np.flatnonzero(new)[-1]) + 1 if new.any() else 0
            left = [column[last:] for column in part]
            if last:
                yield self._answers([column[:last] for column in part])
        if left is not None:
            yield self._answers(left)

    def _answers(self, part: list[NDArray[Any]]) -> Answers:
        *keys, replicate, rating, points = part
        same = np.all([k[1:] == k[:-1] for k in (*keys, replicate)], axis=0)
        self._duplicated = self._duplicated or bool(same.any())
        return Answers(
            Keys(*(k.astype(np.int64) for k in keys)), self._rating_of_code[rating], points
        )

    def answered(self) -> Ints:
        """Return how many judgments with a rating each row of `facts` stands for."""
        return self._answered

    def finish(self, rows: Rows, conditions: Sequence[str]) -> FiledRows:
        """Tell what is wrong with `p_valid` and return the counted rows."""
        self._faults["p_valid"].tell()
        assert self._sums is not None
        subvalue = None
        if "subvalue" in self._coded:
            subvalue = encode(self.facts["subvalue"], place=self.place, na_words=True)
        counted = tally(
            self._sums,
            rows,
            subvalue,
            conditions,
            positions=self._positions,
            valid_mass=self._valid_mass(sorted(rows.model.names), conditions),
        )
        return FiledRows(self._layout, self.n, tuple(self._p), counted)

    def _positions(self, column: str, known: Mapping[str, int]) -> Ints:
        # The last entry is for code -1: a table without prompts has one that is not written.
        names = self._coders[column].names if column in self._coders else []
        return np.array([known.get(name, -1) for name in [*names, ONLY_PROMPT]], dtype=np.int64)

    def _valid_mass(self, models: Sequence[str], conditions: Sequence[str]) -> Floats | None:
        if "p_valid" not in self._numbers:
            return None
        found = self._database.table(
            "SELECT model, condition, sum(p_valid)::VARCHAR AS total, count(p_valid) AS n "
            "FROM judgments GROUP BY ALL"
        )
        mass = np.full((len(models), len(conditions)), np.nan)
        at = [
            self._positions(c, {name: i for i, name in enumerate(names)})[_ints(found, c)]
            for c, names in (("model", models), ("condition", conditions))
        ]
        totals = [int(total or 0) for total in found.column("total").to_pylist()]
        mass[at[0], at[1]] = means(totals, _ints(found, "n"))
        return mass


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(f'"{c}"' for c in columns)


def _listed(codes: Sequence[int]) -> str:
    return ", ".join(str(c) for c in codes)


def _ints(table: pa.Table, column: str) -> Ints:
    return np.asarray(table.column(column).to_numpy(), dtype=np.int64)
