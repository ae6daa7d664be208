"""The teacher, and the chats that are drawn for the student."""

from __future__ import annotations

import numpy as np
import pytest

from models.train_judge import _teacher
from models.training.messages import Messages
from models.training.sampling import Sampler
from models.training.teacher import expected_score
from models.training.tokenizer import Encoder, train_tokenizer
from models.training.wordings import (
    load_wordings,
    system_segments,
    training_segments,
    user_segments,
)
from vat_bayes.collect.prompts import system_message, user_message
from vat_bayes.items.grammar import load_grammar
from vat_bayes.values import VALUES


@pytest.fixture(scope="module")
def grammar():
    return load_grammar()


@pytest.fixture(scope="module")
def teacher(grammar):
    return _teacher(grammar, 7)


@pytest.fixture(scope="module")
def encoder(grammar):
    return Encoder(train_tokenizer(training_segments(grammar, []), 1200))


def messages(grammar, teacher, seed, **kind):
    return Messages(grammar, teacher, load_wordings(), [], rng=np.random.default_rng(seed), **kind)


def mean_shift(teacher, m, effect, value):
    """Mean signed change of the teacher's expected rating of a value, without item effects."""
    pair = np.array([value, value]), np.array([1, -1])
    shifts = []
    for _ in range(300):
        place = m.place()
        before, after = (
            expected_score(
                teacher.probabilities(place, *pair, kappa=np.zeros(2), effect=e, reverse=False)
            )
            for e in (teacher.of_text((), 1), effect)
        )
        shifts.append(np.mean(pair[1] * (after - before)))
    return np.mean(shifts)


def test_a_text_moves_its_target_most_and_the_opposite_value_down(grammar, teacher):
    m = messages(grammar, teacher, 1)
    target = VALUES.index("benevolence")
    promote, suppress = (teacher.of_text((target,), d) for d in (1, -1))
    shifts = [mean_shift(teacher, m, promote, v) for v in range(len(VALUES))]
    assert int(np.argmax(shifts)) == target
    assert shifts[target] > 0.3
    assert np.mean([shifts[(target + k) % 10] for k in (4, 5, 6)]) < 0
    assert mean_shift(teacher, m, suppress, target) < -0.25


def test_more_examples_move_more_and_neutral_ones_nothing(teacher):
    votes = np.eye(10)[3]
    moved = [teacher.of_examples(votes, n).delta[3] for n in (2, 4, 8)]
    assert 0.3 < moved[0] < moved[1] < moved[2] < 1.3
    assert not teacher.of_examples(np.zeros(10), 4).delta.any()


def test_segments_join_to_what_a_study_sends(grammar, teacher, encoder):
    m = messages(grammar, teacher, 2)
    for n in (0, 1, 4):
        message = m.examples_of_a_value(n) if n else m.for_or_against()
        shown = [(e.scenario, e.action, str(e.answer)) for e in message.examples]
        segments = system_segments(message.text, message.examples)
        whole = system_message(message.text, shown)
        assert "".join(segments) == whole
        assert [i for s in segments for i in encoder.segment(s)] == list(encoder.segment(whole))
    anchors = load_wordings().anchors[0]
    start, lead, tail = user_segments("Well?", anchors, reverse=True)
    scene, action = m.scenario_text(m.place()), "Do it, then."
    whole = user_message(scene, action, "Well?", list("12345"), anchors, reverse=True)
    parts = [start + scene, lead, f" {action}", tail]
    assert "".join(parts) == whole
    assert [i for s in parts for i in encoder.segment(s)] == list(encoder.segment(whole))


def test_batches_are_what_they_say(grammar, teacher, encoder):
    batch = Sampler(messages(grammar, teacher, 3), encoder).batch(2, 6, 4, 512, 128)
    again = Sampler(messages(grammar, teacher, 3), encoder).batch(2, 6, 4, 512, 128)
    assert all(np.array_equal(a, b) for a, b in zip(batch[1:], again[1:], strict=True))
    np.testing.assert_allclose(batch.answer.sum(-1), 1)
    tokens = encoder.tokens()
    for g, a in np.ndindex(2, 6):
        ids, read = batch.tree.branch[g, a], batch.tree.read[g, a]
        assert tokens[ids[read[0]]] == "<|assistant|>"
        assert ids[read[1]] in encoder.answers
        assert tokens[ids[batch.action_end[g, a]]] == "."
    for g, k in zip(*np.nonzero(batch.shown_end), strict=True):
        prefix = batch.tree.prefix[g]
        assert tokens[prefix[batch.said_end[g, k]]] in {"Ġ1", "Ġ5"}
        assert tokens[prefix[batch.shown_end[g, k]]] == "."
    texts = Sampler(messages(grammar, teacher, 5), encoder).batch(8, 2, 0, 256, 128)
    for g in np.flatnonzero(texts.said_end[:, 0]):
        assert tokens[texts.tree.prefix[g][texts.said_end[g, 0]]] == "<|end|>"


def test_held_out_scenarios_are_never_drawn_for_training(grammar, teacher):
    drawn = []
    for held_out in (False, True):
        m = messages(grammar, teacher, 4, held_out=held_out)
        drawn.append({m.scenario_text(m.place()) for _ in range(2000)})
    assert not drawn[0] & drawn[1]
