"""A table as a file has it: cells of any type in plain lists, and which row of the file is which.

Items are read and checked without pandas, because a process that asks a model holds them all the
time, and pandas takes more memory than everything else there but the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vat_bayes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, Sequence[Any]]
"""Cells by column, None where one is missing; columns of equal length."""


@dataclass(frozen=True)
class RawTable:
    """The cells of a table before they are checked.

    Parameters
    ----------
    columns : mapping of str to sequence
        The cells; None where one is missing.
    where : str
        What messages call the table.
    rows : sequence of int, optional
        The number of each row in the file, counted from 1; 1, 2, ... when absent.
    """

    columns: Columns
    where: str
    rows: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def place(self, i: int, column: str) -> str:
        """Return how a message names a cell: file, row, column."""
        row = i + 1 if self.rows is None else self.rows[i]
        return f"{self.where}, row {row}, column '{column}'"

    def having(self, columns: Columns) -> RawTable:
        """Return the same rows with other columns."""
        return RawTable(columns, self.where, self.rows)

    def only(self, keep: Sequence[bool]) -> RawTable:
        """Return the rows that are to be kept, which keep their numbers."""
        numbers = range(1, len(self) + 1) if self.rows is None else self.rows
        return RawTable(
            {name: kept(cells, keep) for name, cells in self.columns.items()},
            self.where,
            kept(numbers, keep),
        )


def kept(cells: Sequence[Any], keep: Sequence[bool]) -> list[Any]:
    """Return the cells that are to be kept."""
    return [cell for cell, wanted in zip(cells, keep, strict=True) if wanted]


def columns_of(table: pd.DataFrame | Columns, name: str) -> dict[str, list[Any]]:
    """Return the cells of a data frame, or of columns, as plain Python objects.

    Raises
    ------
    InputError
        When two columns have one name.
    """
    if isinstance(table, Mapping):
        return {column: [cell_of(c) for c in cells] for column, cells in table.items()}
    names = [str(column) for column in table.columns]
    for i, column in enumerate(names):
        if column in names[:i]:
            raise InputError(f"there are two columns '{column}'", where=name)
    return {
        column: [
            None if missing else cell_of(cell)
            for cell, missing in zip(
                table.iloc[:, i].tolist(), table.iloc[:, i].isna(), strict=True
            )
        ]
        for i, column in enumerate(names)
    }


def cell_of(cell: Any) -> Any:
    """Return a cell as a plain Python object; None in place of NaN."""
    if hasattr(cell, "item") and hasattr(cell, "dtype"):
        # A scalar of NumPy.
        cell = cell.item()
    return None if isinstance(cell, float) and math.isnan(cell) else cell
