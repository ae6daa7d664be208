"""The one exception for unusable input, and the near miss that goes with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Unusable input, told in one sentence.

    Parameters
    ----------
    message : str
        What was found and what was expected.
    where : str, optional
        The place: a file, with row and column where they are known.
    hint : str, optional
        What to do next, or the near miss.
    """

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.message = message
        self.where = where
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        """One line: place, message, hint."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        if self.hint:
            text = f"{text}{'' if text.endswith(('.', '?')) else ';'} {self.hint}"
        return " ".join(text.split())


def near_miss(word: str, known: Iterable[str]) -> str | None:
    """Say ``did you mean ...?`` when a known word is close to this one.

    Parameters
    ----------
    word : str
        The word that was found.
    known : iterable of str
        The words that are understood.

    Returns
    -------
    str or None
        The question, or None where nothing is close.
    """
    folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(word.casefold().replace("_", "-"), folded, n=1, cutoff=0.6)
    close = close or difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean '{folded[close[0]]}'?" if close else None
