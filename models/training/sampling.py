"""Training examples: chats drawn at random, with the teacher's answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from models.training.messages import Messages, Preamble
from models.training.network import Tree
from models.training.teacher import Floats, Ints
from models.training.tokenizer import Encoder
from models.training.wordings import (
    NO_VALUE,
    OTHER_LAYOUTS,
    system_segments,
    user_segments,
)
from vat_bayes.values import VALUES

# What is answered to a message that is nothing like an item.
_FLAT = np.array([0.12, 0.19, 0.24, 0.19, 0.12, 0.14])


class Batch(NamedTuple):
    """Groups of judgments with a common beginning, and what the network should make of them.

    Attributes
    ----------
    tree : Tree
        Branches are read at the answer position and one token later, where the turn ends.
    answer : (B, A, 6)
        The teacher's probabilities of ratings 1..5 and of a refusal.
    action_end : (B, A)
        Last token of each action, in its branch.
    action_class : (B, A)
        Value, plus 10 where it is violated; `NO_VALUE` where there is none.
    shown_end, shown_class : (B, S + 1)
        Where the action of an example ends in the prefix, and its class; 0 where there is none.
    said_end, said_vote : (B, S + 1)
        Where a text or an example's answer ends, and the class of what it says (plus 10: against
        the value); 0 where there is none.
    scene : (B, SCENE)
        How the scenario stands to each value, and its factor scores.
    move : (B, 10)
        How the system message moves each value in it.
    parts : (B, A, 3)
        What the end of the action should know: attitude to it before the message, what the
        message adds, and what is its own.
    """

    tree: Tree
    answer: Floats
    action_end: Ints
    action_class: Ints
    shown_end: Ints
    shown_class: Ints
    said_end: Ints
    said_vote: Ints
    scene: Floats
    move: Floats
    parts: Floats


class Heard(NamedTuple):
    """System messages by themselves: short, so that very many can be seen.

    Attributes
    ----------
    tree : Tree
        The messages, with empty branches.
    end, vote : (B, 1)
        Where the text or the example's answer ends, and the class of what it says.
    """

    tree: Tree
    end: Ints
    vote: Ints


class Group(NamedTuple):
    """Chats that share a beginning.

    Attributes
    ----------
    prefix : list of int
        Ids of the beginning, up to the action.
    branches : list of (list of int, int)
        Ids from the action to the first token of an answer, and where the action ends in them.
    answer, action_class, scene, move, parts
        As in `Batch`, for one group.
    shown, said : list of (int, int)
        Where in the prefix an action of an example, or something said, ends; and its class.
    """

    prefix: list[int]
    branches: list[tuple[list[int], int]]
    answer: Floats
    action_class: Ints
    scene: Floats
    move: Floats
    parts: Floats
    shown: list[tuple[int, int]]
    said: list[tuple[int, int]]


class Sampler:
    """Draws batches of chats.

    Parameters
    ----------
    messages : Messages
        Draws system messages and scenarios; its generator is used for everything.
    encoder : Encoder
        The tokenizer.

    Attributes
    ----------
    judgments : int
        How many whole chats have been drawn in batches.
    """

    def __init__(self, messages: Messages, encoder: Encoder) -> None:
        self.messages, self.encoder = messages, encoder
        self.judgments = 0

    def batch(
        self,
        groups: int,
        branches: int,
        shots: int,
        prefix: int,
        room: int,
        *,
        actions_only: bool = False,
    ) -> Batch:
        """Draw a batch.

        Parameters
        ----------
        groups, branches : int
            How many chats share a beginning, and how many there are of each.
        shots : int
            The most examples in a system message; 0 for texts only.
        prefix, room : int
            Lengths to which prefixes and branches are padded.
        actions_only : bool
            Cut branches after the action.
        """
        self.judgments += 0 if actions_only else groups * branches
        rows: list[Group] = []
        while len(rows) < groups:
            drawn = self._draw(branches, shots)
            if actions_only:
                drawn = drawn._replace(branches=[(b[: e + 1], e) for b, e in drawn.branches])
            # A few long texts are not worth the padding of all.
            if len(drawn.prefix) <= prefix and max(len(b) for b, _ in drawn.branches) <= room:
                rows.append(drawn)
        end = np.array([[len(b) - 1 for b, _ in r.branches] for r in rows])
        return Batch(
            tree=Tree(
                _padded([r.prefix for r in rows], prefix),
                np.array([len(r.prefix) for r in rows]),
                np.stack([_padded([b for b, _ in r.branches], room) for r in rows]),
                np.stack([np.maximum(end - 1, 0), end], axis=-1),
            ),
            answer=np.stack([r.answer for r in rows]),
            action_end=np.array([[e for _, e in r.branches] for r in rows]),
            action_class=np.stack([r.action_class for r in rows]),
            shown_end=_padded([[at for at, _ in r.shown] for r in rows], shots + 1),
            shown_class=_padded([[c for _, c in r.shown] for r in rows], shots + 1),
            said_end=_padded([[at for at, _ in r.said] for r in rows], shots + 1),
            said_vote=_padded([[c for _, c in r.said] for r in rows], shots + 1),
            scene=np.stack([r.scene for r in rows]),
            move=np.stack([r.move for r in rows]),
            parts=np.stack([r.parts for r in rows]),
        )

    def heard(self, texts: int, room: int, *, examples: bool = False) -> Heard:
        """Draw system messages that each say one thing, without an item.

        Parameters
        ----------
        texts : int
            How many.
        room : int
            The length to which they are padded; longer ones are left out.
        examples : bool
            Draw single worked examples instead of texts.
        """
        rows: list[tuple[list[int], tuple[int, int]]] = []
        while len(rows) < texts:
            drawn = self.messages.any_examples(1) if examples else self.messages.spoken()
            system = system_segments(drawn.text, drawn.examples)
            _, said = self._places(drawn, system)
            ids = self.encoder.prefix(system, [])
            if said and len(ids) <= room:
                rows.append((ids, said[0]))
        blank = np.zeros((texts, 1, 1), np.int64)
        length = np.array([len(ids) for ids, _ in rows])
        return Heard(
            tree=Tree(_padded([ids for ids, _ in rows], room), length, blank, blank),
            end=np.array([[at] for _, (at, _) in rows]),
            vote=np.array([[vote] for _, (_, vote) in rows]),
        )

    def _draw(self, branches: int, shots: int) -> Group:
        if not shots:
            return self.group(self.messages.text(), branches)
        n = int(self.messages.rng.integers(shots // 2 + 1, shots + 1))
        return self.group(self.messages.any_examples(n), branches)

    def group(self, preamble: Preamble, branches: int) -> Group:
        """Draw a scenario and actions in it, to be judged after a system message."""
        m, rng, teacher = self.messages, self.messages.rng, self.messages.teacher
        place, reverse = m.place(), bool(rng.random() < 0.5)
        start, lead, tail = self._format(reverse=reverse)
        value = rng.integers(len(VALUES), size=branches)
        bad = rng.integers(2, size=branches)
        topic = m.grammar.topics[int(place.topic)]
        banks = [topic.actions[VALUES[v], 1 - 2 * b] for v, b in zip(value, bad, strict=True)]
        which = np.array([rng.integers(len(bank)) for bank in banks])
        texts = [bank[k] for bank, k in zip(banks, which, strict=True)]
        scene, klass = m.scenario_text(place), value + len(VALUES) * bad
        alpha, score = teacher.scenario(place)
        move = teacher.move(score, preamble.effect)
        kappa = teacher.kappa[place.topic, value, bad, which]
        answer = teacher.probabilities(
            place, value, 1 - 2 * bad, kappa=kappa, effect=preamble.effect, reverse=reverse
        )
        if rng.random() < 0.03:
            scene, texts = m.filler(), [m.filler() for _ in range(branches)]
            answer, klass = np.tile(_FLAT, (branches, 1)), np.full(branches, NO_VALUE)
            alpha, score, move, kappa = (0 * x for x in (alpha, score, move, kappa))
        sign = np.where(klass == NO_VALUE, 0, 1 - 2 * bad)
        ends = []
        for text, p in zip(texts, answer, strict=True):
            action = self.encoder.segment(f" {text}")
            said = self.encoder.answers[int(rng.choice(len(p), p=p / p.sum()))]
            ends.append(([*action, *self.encoder.rest([tail]), said], len(action) - 1))
        system = system_segments(preamble.text, preamble.examples)
        return Group(
            self.encoder.prefix(system, [start + scene, lead]),
            ends,
            answer,
            klass,
            np.concatenate([alpha, score]),
            move,
            np.stack([sign * (teacher.theta + alpha)[value], sign * move[value], kappa], axis=-1),
            *self._places(preamble, system),
        )

    def _format(self, *, reverse: bool) -> tuple[str, str, str]:
        """Draw what stands around a scenario and an action: half the time as studies have it."""
        m, w = self.messages, self.messages.wordings
        question = w.questions[0] if m.rng.random() < 0.5 else m.pick(w.questions)
        anchors = w.anchors[0] if m.rng.random() < 0.7 else m.pick(w.anchors)
        start, lead, tail = user_segments(question, anchors, reverse=reverse)
        if m.rng.random() < 0.04:
            lead, tail = m.pick(OTHER_LAYOUTS)
        return start, lead, tail

    def _places(
        self, preamble: Preamble, system: Sequence[str]
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        shown, said, at = [], [], 2  # after the first two markers
        for i, example in enumerate(preamble.examples):
            lengths = [len(self.encoder.segment(s)) for s in system[3 * i : 3 * i + 3]]
            at += sum(lengths)
            shown.append((at - lengths[2] - 1, example.action_class))
            said.append((at - 1, example.vote))
        if preamble.text and preamble.vote is not None:
            # A text has spoken where the message ends; with examples there is no vote.
            said.append((at + len(self.encoder.segment(preamble.text)), preamble.vote))
        return shown, said


def _padded(lists: Sequence[Sequence[int]], width: int) -> Ints:
    out = np.zeros((len(lists), width), np.int64)
    for i, ids in enumerate(lists):
        out[i, : len(ids)] = ids
    return out
