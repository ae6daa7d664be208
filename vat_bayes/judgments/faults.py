"""The first problem of a column that is checked part by part."""

from __future__ import annotations

from collections.abc import Callable

from vat_bayes.judgments.place import BadRows


class Faults:
    """What several checks, made one after the other on each part, find in all parts together.

    Checked as a whole, a column fails the first check that any of its rows fails, and the sentence
    counts the rows that fail it. Part by part a check is reached only where the part passed the
    earlier ones, so the parts that failed first tell which check it is and how many rows.
    """

    def __init__(self) -> None:
        self._first: BadRows | None = None
        self._n = 0

    def collect[Found](self, check: Callable[[], Found]) -> Found | None:
        """Check a part; parts come in the order of the source.

        Returns
        -------
        object
            What the check returns, None where it found a problem.
        """
        try:
            return check()
        except BadRows as found:
            if self._first is None or found.step < self._first.step:
                self._first, self._n = found, found.n
            elif found.step == self._first.step:
                self._n += found.n
            return None

    def tell(self) -> None:
        """Raise what was found.

        Raises
        ------
        InputError
            When there was a problem.
        """
        if self._first is not None:
            raise self._first.about(self._n)
