"""Labels of one or several tokens: exact sums, checked by spelling every answer out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vat_bayes.collect import Chat, LlamaCppJudge
from vat_bayes.collect.llamacpp.labels import LabelReader

Opener = Callable[..., LlamaCppJudge]
ELEVEN = tuple(str(i) for i in range(11))


def process(n: int, seed: int) -> Callable[[tuple[int, ...]], np.ndarray]:
    """Return a random process over n tokens: tokens so far to log probabilities of the next."""

    def log_probabilities(path: tuple[int, ...]) -> np.ndarray:
        x = np.random.default_rng([seed, len(path), *path]).normal(0, 2, n)
        return x - np.logaddexp.reduce(x)

    return log_probabilities


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_label_is_the_sum_over_everything_that_begins_with_it(data: st.DataObject) -> None:
    n, depth = 4, 3
    path = st.lists(st.integers(0, n - 1), min_size=1, max_size=depth).map(tuple)
    ways = data.draw(st.lists(path, min_size=2, max_size=7, unique=True))
    k = data.draw(st.integers(2, len(ways)))
    labels = [ways[i::k] for i in range(k)]
    p = process(n, data.draw(st.integers(0, 99)))
    reading = LabelReader(labels).read(p)

    # Every text of `depth` tokens belongs to the longest label that it begins with.
    total = np.zeros(k)
    for text in itertools.product(range(n), repeat=depth):
        mass = math.exp(sum(p(text[:i])[t] for i, t in enumerate(text)))
        fits = [(len(w), j) for j, own in enumerate(labels) for w in own if text[: len(w)] == w]
        if fits:
            total[max(fits)[1]] += mass
    assert reading.p_valid == pytest.approx(total.sum(), rel=1e-9)
    # A label all of whose continuations are other labels is never meant.
    np.testing.assert_allclose(reading.probabilities, total / total.sum(), atol=1e-9)


def test_labels_of_one_token_need_one_evaluation() -> None:
    asked = []

    def p(path: tuple[int, ...]) -> np.ndarray:
        asked.append(path)
        return process(5, 0)(path)

    reading = LabelReader([[(0,), (3,)], [(1,)]]).read(p)
    assert asked == [()]
    q = np.exp(process(5, 0)(()))
    assert reading.p_valid == pytest.approx(q[0] + q[3] + q[1])


@pytest.mark.parametrize(
    "labels",
    [
        ("A", "B"),
        ("no", "yes"),
        ("strongly disagree", "disagree", "agree", "strongly agree"),
        ELEVEN,
        ("nein", "ja", "weiß nicht"),
    ],
)
def test_every_scale_can_be_read(
    any_model: Path, open_judge: Opener, labels: tuple[str, ...]
) -> None:
    chats = [Chat("Ann helps."), Chat("Ann hits.")]
    judge = open_judge(any_model, chats=chats, labels=labels)
    for chat in chats:
        judge.forget()
        reading = judge.read(chat)
        assert len(reading.probabilities) == len(labels)
        assert sum(reading.probabilities) == pytest.approx(1)
        assert reading.p_valid is not None
        assert 0 <= reading.p_valid <= 1
        judge.read(chats[0])
        assert judge.read(chat) == reading
    tokens = judge.describe()["rating_tokens"]
    for label in labels:
        assert {way["text"].strip() for way in tokens[label]} == {label}


def test_a_long_label_is_the_product_of_its_steps(tiny_spm: Path, open_judge: Opener) -> None:
    chat = Chat("Ann helps.")
    judge = open_judge(tiny_spm, chats=[chat], labels=ELEVEN)
    paths = dict(zip(ELEVEN, judge._paths, strict=True))
    assert any(len(path) > 1 for path in paths["10"])
    prompt = judge.tokens(chat)
    decoder = judge._decoder
    assert decoder is not None

    def p(path: tuple[int, ...]) -> np.ndarray:
        x = decoder.logits([*prompt, *path]).astype(float)
        return np.exp(x - np.logaddexp.reduce(x))

    def mass(label: str) -> float:
        whole = 0.0
        for path in paths[label]:
            longer = {w[len(path)] for w in paths["10"] if w[: len(path)] == path and w != path}
            steps = math.prod(float(p(path[:i])[t]) for i, t in enumerate(path))
            whole += steps * (1 - sum(float(p(path)[t]) for t in longer))
        return whole

    total = np.array([mass(label) for label in ELEVEN])
    reading = judge.read(chat)
    assert reading.p_valid == pytest.approx(total.sum(), rel=1e-6)
    np.testing.assert_allclose(reading.probabilities, total / total.sum(), rtol=1e-6)
