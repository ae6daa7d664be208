"""What a judge is: something that reads a chat and says how likely each rating is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from vat_bayes.collect.prompts import Chat


@dataclass(frozen=True)
class Reading:
    """The judge's answer to one chat, as a distribution.

    Parameters
    ----------
    probabilities : tuple of float, length K
        Of the ratings 1..K, given that the answer is one of them; they sum to 1.
    p_valid : float
        The probability that the answer is one of them, from 0 to 1.
    """

    probabilities: tuple[float, ...]
    p_valid: float


@dataclass(frozen=True)
class Prompt:
    """One question of a study, and where it stands in it.

    Parameters
    ----------
    condition, item, order : str
        What is asked, and the order in which the options are listed.
    chat : Chat
        The words.
    """

    condition: str
    item: str
    order: str
    chat: Chat

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"condition '{self.condition}', item '{self.item}' ({self.order})"


@runtime_checkable
class Judge(Protocol):
    """A language model that rates actions.

    A judge has no memory of its own between chats: `read` depends on the chat alone, whatever was
    read before. What it keeps to save work is its own affair, and `forget` drops that.
    """

    def prepare(self, prompts: Iterable[Prompt]) -> None:
        """Look at everything that will be asked, in that order, before the first question.

        Raises
        ------
        InputError
            When one of the prompts can't be asked, e.g. because it is too long.
        """

    def read(self, chat: Chat) -> Reading:
        """Return the distribution of the answer to a chat."""

    def forget(self) -> None:
        """Drop whatever is kept from earlier chats; called when the condition changes."""

    def describe(self) -> dict[str, Any]:
        """Return what a reader of the manifest must know, as plain JSON values."""

    def close(self) -> None:
        """Free the model's memory; the judge can't be used afterwards."""
