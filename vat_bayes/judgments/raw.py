"""What the checks need of a table whose cells have not been looked at yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pandas as pd

from vat_bayes.judgments.coerce import Floats, Ints
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.rows import Rows
from vat_bayes.judgments.tally import Tally


class RawTable(Protocol):
    """A table of judgments before it is checked, in memory or on file.

    The members are asked in the order in which they stand here, so that the first problem of a
    table is the same one wherever it lies.
    """

    @property
    def columns(self) -> list[str]:
        """The names of the columns, as the contract calls them."""

    @property
    def facts(self) -> pd.DataFrame:
        """The columns that repeat from row to row, all rows or only those that differ."""

    @property
    def place(self) -> Place:
        """Where the rows of `facts` come from."""

    def check_replicates(self) -> None:
        """Check the column `replicate`."""

    def ratings(self) -> tuple[pd.DataFrame, Place]:
        """Return the column `rating`, all rows or only those that differ."""

    def lacking(self, columns: list[str], ratings: Floats) -> int:
        """Check p1..pK and return how many judgments with a rating have none.

        `ratings` are those of the frame that `ratings()` returned.
        """

    def check_duplicates(self, rows: Rows, n_categories: int) -> None:
        """Check that no judgment is there twice; `rows` are those of `facts`."""

    def answered(self) -> Ints:
        """Return how many judgments with a rating each row of `facts` stands for."""

    def finish(self, rows: Rows, conditions: Sequence[str]) -> CheckedRows:
        """Check `p_valid` and return the rows, all of whose cells are sound."""


class CheckedRows(Protocol):
    """The rows of a table that passed every check."""

    @property
    def n(self) -> int:
        """How many there are."""

    @property
    def tally(self) -> Tally:
        """The rows by cell."""

    @property
    def table(self) -> pd.DataFrame:
        """The rows themselves; see `Judgments`."""

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield the rows in parts that fit into memory, in the order of the source."""
