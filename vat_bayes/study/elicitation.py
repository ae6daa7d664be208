"""How a rating is asked for and read: the scale, the wording, and the read-out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vat_bayes.errors import InputError
from vat_bayes.study.tables import Name, Table, Text
from vat_bayes.study.wordings import WORDINGS, Wording, default_anchors

FIVE_LABELS = ("1", "2", "3", "4", "5")
FIVE_ANCHORS = WORDINGS["approve"].anchors[5]

Order = Literal["forward", "reversed"]


class Scale(Table):
    """The rating scale, from the lowest rating to the highest.

    Parameters
    ----------
    labels : tuple of str
        The K answers, 2 to 11 of them: numbers, letters or words.
    anchors : tuple of str
        What each label means. Needed unless the wording has anchors for this K.
    orders : tuple of {"forward", "reversed"}
        The orders in which the options are listed; every item is asked once in each.
    """

    labels: tuple[str, ...] = FIVE_LABELS
    anchors: tuple[Text, ...] = FIVE_ANCHORS
    orders: tuple[Order, ...] = ("forward", "reversed")

    @model_validator(mode="before")
    @classmethod
    def _anchors_are_given_or_known(cls, data: Any) -> Any:
        return with_default_anchors(data, "approve")

    @model_validator(mode="after")
    def _labels_and_anchors_match(self) -> Self:
        labels = self.labels
        if not 2 <= len(labels) <= 11:
            raise InputError(f"{len(labels)} labels; a scale has 2 to 11")
        for label in labels:
            if not label or label != label.strip() or not label.isprintable():
                raise InputError(
                    f"label {label!r} is empty, has a blank at an end or cannot be printed"
                )
        if twice := _twice(labels):
            raise InputError(f"label '{twice}' stands twice in labels")
        if len(self.anchors) != len(labels):
            raise InputError(f"{len(self.anchors)} anchors for {len(labels)} labels")
        if not self.orders:
            raise InputError("no orders; give 'forward', 'reversed' or both")
        if twice := _twice(self.orders):
            raise InputError(f"'{twice}' stands twice in orders")
        return self


class Paraphrase(Table):
    """Another wording of the question; every item is asked in each of them.

    Parameters
    ----------
    name : str
        Its name; the prompts are called ``<name>-forward`` and ``<name>-reversed``.
    wording : {"approve", "agree", "like-me"}, optional
        Gives the question and the anchors where these are absent.
    question : str, optional
        What is asked about each action.
    anchors : tuple of str, optional
        What each label means; those of the scale when neither this nor a wording is given.
    """

    name: Name
    wording: Wording | None = None
    question: Text | None = None
    anchors: tuple[Text, ...] | None = None

    @model_validator(mode="after")
    def _says_something_else(self) -> Self:
        if self.question is None and self.wording is None:
            raise InputError("a paraphrase needs a 'question' or a 'wording'")
        if self.name in ("forward", "reversed"):
            raise InputError(f"'{self.name}' is the name of an order")
        return self


class Template(Table):
    """The wording of the question.

    Parameters
    ----------
    wording : {"approve", "agree", "like-me"}, optional
        Gives the question, and the anchors of the scale, where these are absent.
    question : str
        What is asked about each action.
    paraphrases : tuple of Paraphrase
        Other wordings that are asked as well.
    """

    wording: Wording | None = None
    question: Text = WORDINGS["approve"].question
    paraphrases: tuple[Paraphrase, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _question_of_the_wording(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "question" not in data:
            wording: Any = data.get("wording")
            known = WORDINGS.get(wording) if _is_word(wording) else None
            return {**data, "question": known.question} if known else data
        return data

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if twice := _twice(tuple(p.name for p in self.paraphrases)):
            raise InputError(f"two paraphrases are called '{twice}'")
        return self


class Readout(Table):
    """How the answer is read.

    Parameters
    ----------
    mode : {"logits", "generate"}
        ``logits`` reads the distribution of the answer at once; ``generate`` lets the model write
        before it answers, and reads the rating at the end.
    content_free : bool
        Ask also about actions without content, to measure the bias towards labels (Zhao et al.
        2021, arXiv:2102.09690). They are reported in the manifest and are no judgments.
    budget : int, optional
        ``generate``: the tokens that the model may write before its answer; 256 when absent.
    replicates : int, optional
        ``generate``: how many answers to each prompt, each with a seed of its own; 3 when absent.
    temperature : float, optional
        ``generate``: what the logits are divided by; 1 when absent.
    """

    mode: Literal["logits", "generate"] = "logits"
    content_free: bool = False
    budget: Annotated[int, Field(ge=1, le=2**20)] | None = None
    replicates: Annotated[int, Field(ge=1, le=10_000)] | None = None
    temperature: Annotated[float, Field(gt=0, le=10)] | None = None

    @model_validator(mode="after")
    def _keys_fit_the_mode(self) -> Self:
        for key in ("budget", "replicates", "temperature"):
            if self.mode == "logits" and getattr(self, key) is not None:
                raise InputError(f"'{key}' belongs to mode 'generate'")
        if self.generates and self.content_free:
            raise InputError("'content_free' belongs to mode 'logits'")
        return self

    @property
    def generates(self) -> bool:
        """Whether the model writes before it answers."""
        return self.mode == "generate"

    @property
    def tokens(self) -> int:
        """The tokens that the model may write before its answer; 0 under ``logits``."""
        return (self.budget or 256) if self.generates else 0

    @property
    def repeats(self) -> int:
        """How many readings are made of each prompt."""
        return (self.replicates or 3) if self.generates else 1

    @property
    def heat(self) -> float:
        """What the logits are divided by."""
        return self.temperature or 1.0


@dataclass(frozen=True)
class Asking:
    """One way in which every item is asked.

    Parameters
    ----------
    prompt : str
        Its name in the judgments table.
    question : str
        What is asked about the action.
    anchors : tuple of str
        What each label means, from the lowest rating to the highest.
    reverse : bool
        Whether the options are listed from the last to the first.
    """

    prompt: str
    question: str
    anchors: tuple[str, ...]
    reverse: bool


def askings(scale: Scale, template: Template, question: str) -> tuple[Asking, ...]:
    """Return every way in which an item is asked: the question and its paraphrases, in each order.

    Parameters
    ----------
    scale : Scale
        The scale.
    template : Template
        The wording.
    question : str
        What is asked in place of the template's own question.

    Raises
    ------
    InputError
        When the anchors of a paraphrase don't fit the labels.
    """
    asked = [("", question, scale.anchors)]
    for p in template.paraphrases:
        anchors = p.anchors
        if anchors is None:
            anchors = default_anchors(p.wording, len(scale.labels)) if p.wording else scale.anchors
        if anchors is None or len(anchors) != len(scale.labels):
            found = "no" if anchors is None else len(anchors)
            raise InputError(
                f"paraphrase '{p.name}' has {found} anchors for {len(scale.labels)} labels",
                where="[template]",
            )
        known = WORDINGS[p.wording].question if p.wording else question
        asked.append((f"{p.name}-", p.question or known, anchors))
    return tuple(
        Asking(f"{name}{order}", question, anchors, order == "reversed")
        for name, question, anchors in asked
        for order in scale.orders
    )


def with_default_anchors(scale: Any, wording: Any) -> Any:
    """Return the table of a scale with the anchors of a wording where it has none.

    Raises
    ------
    InputError
        When the wording has none for so many labels.
    """
    if not isinstance(scale, Mapping) or "anchors" in scale:
        return scale
    labels = scale.get("labels", FIVE_LABELS)
    if not isinstance(labels, tuple) or not _is_word(wording) or wording not in WORDINGS:
        return scale
    anchors = default_anchors(wording, len(labels))
    if anchors is None:
        raise InputError(
            f"key 'anchors' is missing: one for each of {len(labels)} labels",
            hint=f"wording '{wording}' has them for {_listed(WORDINGS[wording].anchors)} labels",
        )
    return {**scale, "anchors": anchors}


def _is_word(found: Any) -> bool:
    return isinstance(found, str)


def _listed(numbers: Mapping[int, Any]) -> str:
    *first, last = map(str, sorted(numbers))
    return f"{', '.join(first)} and {last}" if first else last


def _twice(words: tuple[str, ...]) -> str | None:
    return next((w for i, w in enumerate(words) if w in words[:i]), None)
