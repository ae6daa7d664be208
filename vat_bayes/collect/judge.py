"""What a judge is: something that reads a chat and says how likely each rating is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from vat_bayes.collect.prompts import Chat
from vat_bayes.study import Weights

UNLISTED = "unlisted"
"""How an answer ended of which a server told the likeliest tokens, and none was a rating."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The judge's answer to one chat, as a distribution; and as a rating where it was written.

    Parameters
    ----------
    probabilities : tuple of float, length K
        Of the ratings 1..K, given that the answer is one of them; they sum to 1. Empty where a
        written answer ended without the place at which a rating is read, and where a server lists
        no rating among the likeliest answers.
    p_valid : float or None
        The probability that the answer is one of them, from 0 to 1; None where it is not known.
    rating : int, optional
        The rating of a written answer; None where it is no rating.
    ended : str
        How a written answer came to its rating: ``cue`` (the model asked for it), ``budget`` (it
        had no tokens left) or ``end`` (it ended its turn); `UNLISTED` where a server lists no
        rating. Empty where nothing was written.
    """

    probabilities: tuple[float, ...]
    p_valid: float | None
    rating: int | None = None
    ended: str = ""


@dataclass(frozen=True)
class Answer:
    """A written answer.

    Parameters
    ----------
    reading : Reading
        The rating and where it comes from.
    text : str
        What the model wrote before it.
    """

    reading: Reading
    text: str


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True)
class Group:
    """Prompts that a judge evaluates together.

    Parameters
    ----------
    places : tuple of int
        Where they stand among the prompts that were grouped.
    cuts : tuple of int
        How many tokens lead to each node of the prefix tree at which groups part, from the root
        on; the last one is where the group's own branches begin.
    """

    places: tuple[int, ...]
    cuts: tuple[int, ...] = ()


@runtime_checkable
class Judge(Protocol):
    """A language model that rates actions.

    A judge has no memory of its own between chats: `read` depends on the chat alone, whatever was
    read before. What it keeps to save work is its own affair, and `forget` drops that.
    """

    def prepare(self, prompts: Iterable[Prompt], *, budget: int = 0) -> None:
        """Look at everything that will be asked, in that order, before the first question.

        Parameters
        ----------
        prompts : iterable of Prompt
            The prompts.
        budget : int
            How many tokens the judge may write before an answer; 0 when answers are read at once.

        Raises
        ------
        InputError
            When one of the prompts can't be asked, e.g. because it is too long.
        """

    def read(self, chat: Chat) -> Reading:
        """Return the distribution of the answer to a chat."""

    def answer(self, chat: Chat, *, temperature: float, seed: Sequence[str | int]) -> Answer:
        """Let the judge write, within the budget, and return its answer.

        Parameters
        ----------
        chat : Chat
            The words.
        temperature : float
            What the logits are divided by.
        seed : sequence of str or int
            What the draws depend on: the same seed gives the same answer.
        """

    def switch(self, weights: Weights) -> dict[str, Any]:
        """Set what a condition does to the model, and drop whatever is kept from earlier chats.

        The checkpoint is not looked at: another file is another judge.

        Returns
        -------
        dict
            What a reader of the manifest must know, as plain JSON values.

        Raises
        ------
        InputError
            When the judge can't do it.
        """

    def sent(self, chat: Chat) -> str:
        """Return a chat as the model gets it, special tokens by their names."""

    def forget(self) -> None:
        """Drop whatever is kept from earlier chats."""

    def describe(self) -> dict[str, Any]:
        """Return what a reader of the manifest must know, as plain JSON values."""

    def close(self) -> None:
        """Free the model's memory; the judge can't be used afterwards."""


@runtime_checkable
class GroupingJudge(Judge, Protocol):
    """A judge that has an order of its own in which prompts are best asked, some of them together.

    The readings of a group depend on the group alone, whatever was read before.
    """

    def plan(self, chats: Sequence[Chat]) -> list[Group]:
        """Return the groups in which to ask the chats of one condition."""

    def read_together(self, chats: Sequence[Chat], cuts: Sequence[int]) -> list[Reading]:
        """Return the distributions of the answers to the chats of a group."""


def groups_of(judge: Judge, chats: Sequence[Chat]) -> list[Group]:
    """Return the groups in which a judge is asked; one for each chat where it has no plan."""
    if isinstance(judge, GroupingJudge):
        return judge.plan(chats)
    return [Group((place,)) for place in range(len(chats))]


def read_group(judge: Judge, chats: Sequence[Chat], group: Group) -> list[Reading]:
    """Return the readings of the chats of a group."""
    if isinstance(judge, GroupingJudge):
        return judge.read_together(chats, group.cuts)
    return [judge.read(chat) for chat in chats]
