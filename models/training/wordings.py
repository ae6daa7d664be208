"""The wordings that the judge is trained on, and chats in segments.

Segments are cut where the tokenizer cuts anyway, so that their ids can be cached and joined.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vat_bayes.collect.prompts import system_message, user_message
from vat_bayes.items.compose import scenario_text
from vat_bayes.items.grammar import Grammar
from vat_bayes.values import VALUES

NO_VALUE = 2 * len(VALUES)  # the class of an action, or of an example, that no value speaks to
HELD_OUT = 2  # frames, phrases and questions at the end of each list that are kept for testing
_LABELS = ("1", "2", "3", "4", "5")

# What stands before and after the action in layouts that are not the study's.
OTHER_LAYOUTS = (
    (
        "\n\nAction:",
        "\n\nHow much do you approve of this action? Answer with a number from 1 to 5.",
    ),
    (" What was done:", " Please rate this from 1 to 5."),
    ("\n", "\nIs this right or wrong? 1 is very wrong, 5 is very right. Your answer:"),
    ("\n\nWhat happened next:", "\n\nYour rating (1 to 5):"),
)


@dataclass(frozen=True)
class Example:
    """A worked example: its texts, its answer and what it is about (`NO_VALUE`: nothing)."""

    scenario: str
    action: str
    answer: int
    action_class: int

    @property
    def vote(self) -> int:
        """The class of what the answer says: the value, plus 10 when it speaks against it."""
        if self.action_class == NO_VALUE:
            return NO_VALUE
        supports = self.action_class < len(VALUES)
        return self.action_class % len(VALUES) + (0 if supports == (self.answer > 3) else 10)


@dataclass(frozen=True)
class Wordings:
    """The texts of `texts.toml`, without those kept for testing, or only these."""

    promote: tuple[str, ...]
    suppress: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]
    questions: tuple[str, ...]
    anchors: tuple[tuple[str, ...], ...]
    placebo: dict[str, tuple[str, ...]]


def load_wordings(*, held_out: bool = False) -> Wordings:
    """Read the wordings for training, or those kept for testing."""
    raw = tomllib.loads((Path(__file__).parent / "texts.toml").read_text("utf-8"))
    part = slice(-HELD_OUT, None) if held_out else slice(None, -HELD_OUT)
    return Wordings(
        promote=tuple(raw["promote"][part]),
        suppress=tuple(raw["suppress"][part]),
        phrases=tuple(tuple(raw["phrases"][v][part]) for v in VALUES),
        questions=tuple(raw["questions"][part]),
        anchors=tuple(tuple(a) for a in raw["anchors"]),
        placebo={k[8:]: tuple(t) for k, t in raw.items() if k.startswith("placebo_")},
    )


def user_segments(question: str, anchors: Sequence[str], *, reverse: bool) -> tuple[str, str, str]:
    """Return what stands after the scenario, and after the action, in the study's format.

    Returns
    -------
    tuple of str
        The lines up to the action, and those after it; the blank before the action is its own.
    """
    whole = user_message("\x01", "\x02", question, _LABELS, anchors, reverse=reverse)
    head, tail = whole.split("\x02")
    start, lead = head.split("\x01")
    return start, lead.rstrip(" "), tail


def system_segments(text: str, examples: Sequence[Example]) -> list[str]:
    """Return the system message in segments that end with each example's action and answer."""
    bare = [(e.scenario, e.action, str(e.answer)) for e in examples]
    whole = system_message(text, bare)
    segments, done = [], 0
    for scenario, action, label in bare:
        line = f"\nAction: {action}"
        at = whole.index(f"{scenario}{line}\nAnswer: {label}", done) + len(scenario)
        cut = at + len("\nAction:")
        segments += [whole[done:cut], whole[cut : at + len(line)], f"\nAnswer: {label}"]
        done = at + len(line) + len(f"\nAnswer: {label}")
    return [s for s in [*segments, whole[done:]] if s]


def training_segments(grammar: Grammar, extra: Sequence[str]) -> Iterator[str]:
    """Yield the texts that the tokenizer is trained on, each about as often as it matters.

    Parameters
    ----------
    grammar : Grammar
        What items are composed of.
    extra : sequence of str
        More system texts.
    """
    wordings = load_wordings()
    start, lead, _ = user_segments("", wordings.anchors[0], reverse=False)
    for topic in (*grammar.topics, grammar.neutral):
        for i, situation in enumerate(topic.situations):
            for j, complication in enumerate(topic.complications):
                actor = grammar.actors[(i + 7 * j) % len(grammar.actors)]
                yield f"{start}{scenario_text(actor, situation, complication)}{lead}"
    for topic in grammar.topics:
        for bank in topic.actions.values():
            yield from (f" {action}" for action in bank for _ in range(4))
    yield from (f" {action}" for action in grammar.neutral.actions for _ in range(4))
    shown = [Example("It rains.", "Wait.", answer, NO_VALUE) for answer in (1, 5)] * 150
    yield from system_segments("", shown)
    for frame in (*wordings.promote, *wordings.suppress):
        yield from (frame.format(x=x) for phrases in wordings.phrases for x in phrases)
    placebo = wordings.placebo
    yield from (f"{a} {b}" for a in placebo["subjects"] for b in placebo["predicates"])
    yield from (*placebo["openings"], *placebo["closings"], *placebo["rare"], *extra)
    for question in wordings.questions:
        for anchors in wordings.anchors:
            for reverse in (False, True):
                yield user_segments(question, anchors, reverse=reverse)[2]
    yield from (text for layout in OTHER_LAYOUTS for text in layout)
