"""Randomness by hashing."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from vat_bayes.study.seeds import shuffled, uniform


def test_the_draws_are_uniform_and_stay_what_they_are() -> None:
    draws = [uniform(1, "a", i) for i in range(4000)]
    assert abs(sum(draws) / len(draws) - 0.5) < 4 * math.sqrt(1 / 12 / len(draws))
    assert abs(sum(d < 0.1 for d in draws) / len(draws) - 0.1) < 4 * math.sqrt(0.09 / len(draws))
    # A change of this number would change the examples and ratings of every study.
    assert uniform(20260101, "x") == 0.9024233241585724


@given(st.lists(st.integers(), max_size=20), st.text())
def test_a_shuffle_keeps_everything(things: list[int], seed: str) -> None:
    assert sorted(shuffled(things, seed)) == sorted(things)
    assert shuffled(things, seed) == shuffled(things, seed)


def test_parts_are_told_apart() -> None:
    assert uniform("a", "b") != uniform("ab") != uniform("a", "b", "")
    assert uniform(1) != uniform("1")
