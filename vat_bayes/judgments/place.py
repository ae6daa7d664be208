"""Where rows come from, and the sentence about the first of them that is wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vat_bayes.errors import InputError
from vat_bayes.judgments.words import counted

type _Ints = NDArray[np.int64]
type _Mask = NDArray[np.bool_]


class BadRows(InputError):
    """Rows that fail a check.

    Parameters
    ----------
    message : str
        About the first of them.
    where, hint : str
        As for `InputError`.
    n : int
        How many there are.
    step : int
        How many checks of the same place they passed before.
    """

    def __init__(self, message: str, *, where: str, hint: str | None, n: int, step: int) -> None:
        self.about_first, self.n, self.step = message, n, step
        more = f" (and {counted(n - 1, 'more row')})" if n > 1 else ""
        super().__init__(message + more, where=where, hint=hint)

    def about(self, n: int) -> BadRows:
        """Return the same with another number of rows."""
        return BadRows(
            self.about_first, where=self.where or "", hint=self.hint, n=n, step=self.step
        )


class Place:
    """Where the rows of a frame come from.

    A row of a frame is a row of the source; or it stands for all rows of the source that say the
    same; or the frame is a part of the source.

    Parameters
    ----------
    source : str
        The file or folder, or ``"data frame"``.
    first : int array (row,), optional
        The row of the source (from 0) where each row of the frame comes first, increasing. When
        None, the frame has the rows of the source from `offset` on.
    count : int array (row,), optional
        How many rows of the source each row of the frame stands for; 1 when None.
    offset : int
        How many rows of the source come before the frame.
    """

    def __init__(
        self,
        source: str,
        *,
        first: _Ints | None = None,
        count: _Ints | None = None,
        offset: int = 0,
    ) -> None:
        self.source = source
        self._first = first
        self.count = count
        self._offset = offset
        self._step = 0

    def number(self, row: int) -> int:
        """Return the number that a person gives a row: 1 for the first after the header."""
        return 1 + (row + self._offset if self._first is None else int(self._first[row]))

    def at(self, row: int | None = None, column: str | None = None) -> str:
        """Name the source, a row of the frame and a column."""
        parts = [self.source]
        if row is not None:
            parts.append(f"row {self.number(row)}")
        if column is not None:
            parts.append(f"column '{column}'")
        return ", ".join(parts)

    def total(self, rows: _Mask) -> int:
        """Return how many rows of the source the flagged rows of the frame stand for."""
        return int(rows.sum() if self.count is None else self.count[rows].sum())

    def fail(
        self,
        bad: _Mask,
        column: str | None,
        say: Callable[[int], str],
        hint: Callable[[int], str | None] | str | None = None,
    ) -> None:
        """Raise `BadRows` about the first flagged row, with the number of further ones.

        Parameters
        ----------
        bad : bool array (row,)
            The rows that are wrong; nothing happens when there are none.
        column : str or None
            Where they are wrong.
        say : callable
            Row of the frame -> what was found and what was expected.
        hint : callable or str, optional
            Row of the frame -> the near miss, or a text.
        """
        self._step += 1
        rows = np.flatnonzero(bad)
        if not rows.size:
            return
        row = int(rows[0])
        raise BadRows(
            say(row),
            where=self.at(row, column),
            hint=hint(row) if callable(hint) else hint,
            n=self.total(bad),
            step=self._step,
        )
