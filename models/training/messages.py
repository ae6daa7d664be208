"""System messages drawn at random: texts for and against values, examples, and neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.training.teacher import Effect, Ints, Place, Teacher
from models.training.wordings import NO_VALUE, Example, Wordings
from vat_bayes.items.compose import scenario_text
from vat_bayes.items.grammar import Grammar
from vat_bayes.values import VALUES

TEST_SHARE = 10  # one scenario in so many is kept from training


@dataclass(frozen=True)
class Preamble:
    """A system message and what it does.

    Parameters
    ----------
    text : str
        The text before the examples.
    examples : tuple of Example
        Worked examples.
    effect : Effect
        What both do together.
    vote : int, optional
        What the text says, as a class (see `Example.vote`); None where that is no single value.
    """

    text: str = ""
    examples: tuple[Example, ...] = ()
    effect: Effect = Effect()
    vote: int | None = None


@dataclass(frozen=True)
class Demo:
    """A text or question of the demo study, which is trained on as it stands."""

    text: str
    targets: tuple[int, ...]
    direction: int


class Messages:
    """Draws system messages, and scenarios, which examples need too.

    Parameters
    ----------
    grammar : Grammar
        What scenarios and actions are composed of.
    teacher : Teacher
        What a message does.
    wordings : Wordings
        System texts.
    demo : sequence of Demo
        Texts that are used as they stand.
    rng : numpy.random.Generator
        Where the randomness comes from.
    held_out : bool
        Draw only scenarios that are kept from training; otherwise only the others.
    """

    def __init__(
        self,
        grammar: Grammar,
        teacher: Teacher,
        wordings: Wordings,
        demo: Sequence[Demo],
        *,
        rng: np.random.Generator,
        held_out: bool = False,
    ) -> None:
        self.grammar, self.teacher, self.rng = grammar, teacher, rng
        self.wordings, self.demo, self.held_out = wordings, tuple(demo), held_out

    def pick[T](self, things: Sequence[T]) -> T:
        """Return one of the things."""
        return things[int(self.rng.integers(len(things)))]

    def place(self) -> Place:
        """Draw a scenario."""
        t = int(self.rng.integers(len(self.grammar.topics)))
        topic = self.grammar.topics[t]
        sizes = (len(self.grammar.actors), len(topic.situations), len(topic.complications))
        while True:
            a, s, c = (int(self.rng.integers(n)) for n in sizes)
            if ((t + a + s + c) % TEST_SHARE == 0) == self.held_out:
                return Place(*(np.asarray(x) for x in (t, a, s, c)))

    def scenario_text(self, place: Place) -> str:
        """Return a scenario's text."""
        topic = self.grammar.topics[int(place.topic)]
        return scenario_text(
            self.grammar.actors[int(place.actor)],
            topic.situations[int(place.situation)],
            topic.complications[int(place.complication)],
        )

    def filler(self) -> str:
        """Return a sentence about nothing."""
        w = self.wordings.placebo
        kind = self.rng.random()
        if kind < 0.4:
            return f"{self.pick(w['subjects'])} {self.pick(w['predicates'])}"
        return self.pick(w["openings"] if kind < 0.7 else w["closings"])

    def placebo_text(self) -> str:
        """Return a text that names no value."""
        if self.rng.random() < 0.1:
            return self.pick(self.wordings.placebo["rare"])
        return " ".join(self.filler() for _ in range(int(self.rng.integers(1, 4))))

    def value_text(self, value: int, direction: int) -> str:
        """Return a text that promotes or suppresses a value."""
        frames = self.wordings.promote if direction > 0 else self.wordings.suppress
        parts = [self.pick(frames).format(x=self.pick(self.wordings.phrases[value]))]
        extra = self.rng.random()
        if extra < 0.25:
            parts.append(self.pick(frames).format(x=self.pick(self.wordings.phrases[value])))
        elif extra < 0.45:
            parts.insert(int(self.rng.integers(2)), self.filler())
        return " ".join(parts)

    def text(self) -> Preamble:
        """Draw a system message without examples, or none."""
        kind = self.rng.random()
        return Preamble() if kind < 0.28 else self.spoken()

    def spoken(self) -> Preamble:
        """Draw a system message without examples."""
        kind = self.rng.random()
        if kind < 0.2 and self.demo:
            return self.demo_text()
        return self.placebo() if kind < 0.42 else self.for_or_against()

    def demo_text(self) -> Preamble:
        """Draw a text of the demo study."""
        demo = self.pick(self.demo)
        effect = self.teacher.of_text(demo.targets, demo.direction)
        return Preamble(demo.text, (), effect, _vote(demo.targets, demo.direction))

    def placebo(self) -> Preamble:
        """Draw a value-free text."""
        return Preamble(self.placebo_text(), (), self.teacher.of_text((), 1), NO_VALUE)

    def for_or_against(self) -> Preamble:
        """Draw a text for or against a value, or now and then two."""
        direction = 1 if self.rng.random() < 0.65 else -1
        value = int(self.rng.integers(len(VALUES)))
        text, targets = self.value_text(value, direction), (value,)
        if self.rng.random() < 0.08:
            other = int(self.rng.integers(len(VALUES)))
            text, targets = f"{text} {self.value_text(other, direction)}", (value, other)
        effect = self.teacher.of_text(targets, direction)
        return Preamble(text, (), effect, _vote(targets, direction))

    def example(self, value: int | None, endorse: bool, supports: bool) -> Example:
        """Draw a worked example of a value; None: of nothing."""
        place = self.place()
        if value is None:
            bank = self.grammar.neutral
            actor, situation = self.pick(self.grammar.actors), self.pick(bank.situations)
            scene = scenario_text(actor, situation, self.pick(bank.complications))
            return Example(scene, self.pick(bank.actions), 5 if supports else 1, NO_VALUE)
        topic = self.grammar.topics[int(place.topic)]
        bank = topic.actions[VALUES[value], 1 if supports else -1]
        answer = 5 if supports == endorse else 1
        klass = value + (0 if supports else len(VALUES))
        return Example(self.scenario_text(place), self.pick(bank), answer, klass)

    def any_examples(self, n: int) -> Preamble:
        """Draw a system message with examples, mostly of one value."""
        kind = self.rng.random()
        if kind < 0.2:
            return self.neutral_examples(n)
        if kind >= 0.35:
            return self.examples_of_a_value(n)
        # Examples of anything, answered anyhow: each must be read for itself.
        drawn = [(int(v), bool(a), bool(b)) for v, a, b in self._anything(n)]
        return self._with_examples([self.example(*one) for one in drawn])

    def examples_of_a_value(self, n: int) -> Preamble:
        """Draw examples that all endorse, or all reject, one value."""
        value, endorse = int(self.rng.integers(len(VALUES))), bool(self.rng.random() < 0.65)
        return self._with_examples([self.example(value, endorse, s) for s in self._balanced(n)])

    def neutral_examples(self, n: int) -> Preamble:
        """Draw examples that no value speaks to."""
        return self._with_examples([self.example(None, True, s) for s in self._balanced(n)])

    def _balanced(self, n: int) -> list[bool]:
        first = int(self.rng.integers(2))
        return [bool(s) for s in self.rng.permutation(np.arange(n) % 2 == first)]

    def _anything(self, n: int) -> Ints:
        return self.rng.integers([len(VALUES), 2, 2], size=(n, 3))

    def _with_examples(self, examples: Sequence[Example]) -> Preamble:
        n = len(examples)
        votes = np.zeros(len(VALUES))
        for e in examples:
            if e.vote != NO_VALUE:
                votes[e.vote % len(VALUES)] += (1 if e.vote < len(VALUES) else -1) / n
        text = self.placebo_text() if self.rng.random() < 0.1 else ""
        return Preamble(text, tuple(examples), self.teacher.of_examples(votes, n))


def _vote(targets: tuple[int, ...], direction: int) -> int | None:
    if not targets:
        return NO_VALUE
    return targets[0] + (0 if direction > 0 else len(VALUES)) if len(targets) == 1 else None
