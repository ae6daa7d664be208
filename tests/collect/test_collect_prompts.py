"""The words that a judge is asked, letter by letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vat_bayes.collect import system_message, user_message
from vat_bayes.collect.journal import Key
from vat_bayes.collect.judge import Reading
from vat_bayes.collect.ratings import most_probable, sampled

ANCHORS = ("no", "rather not", "either", "rather", "yes")

FORWARD = """A scene.

Action: Act.

How much?
1 = no
2 = rather not
3 = either
4 = rather
5 = yes
Answer with one number only."""


def test_the_question_is_laid_out_as_documented() -> None:
    asked = user_message(" A scene.\n", " Act. ", "How much?", "12345", ANCHORS)
    assert asked == FORWARD


def test_reversed_lists_the_options_from_the_last_and_keeps_their_meaning() -> None:
    asked = user_message("A scene.", "Act.", "How much?", "12345", ANCHORS, reverse=True)
    head, *options = asked.splitlines()[:-1], asked.splitlines()[-1]
    assert options == ["Answer with one number only."]
    assert head[-5:] == ["5 = yes", "4 = rather", "3 = either", "2 = rather not", "1 = no"]
    assert sorted(asked.splitlines()) == sorted(FORWARD.splitlines())


def test_an_item_without_a_scene_has_no_empty_paragraph() -> None:
    assert user_message("", "Act.", "How much?", "12", "ny").startswith("Action: Act.\n\nHow much?")


@pytest.mark.parametrize(
    ("labels", "kind"),
    [(("1", "2"), "number"), (("A", "B"), "letter"), (("no", "yes"), "of these options")],
)
def test_the_judge_is_told_what_to_answer_with(labels: tuple[str, ...], kind: str) -> None:
    assert user_message("s", "a", "q", labels, ("x", "y")).endswith(f"Answer with one {kind} only.")


def test_examples_stand_in_the_system_message() -> None:
    examples = [("Scene 1.", "Do it.", "5"), ("Scene 2. ", " Leave it.", "1")]
    assert system_message("Be kind. ", examples) == (
        "Be kind.\n\nExamples of how to answer:\n\nScene 1.\nAction: Do it.\nAnswer: 5\n\n"
        "Scene 2.\nAction: Leave it.\nAnswer: 1"
    )
    assert system_message("Be kind.") == "Be kind."
    assert system_message() == ""


SEED = (3, *Key("m", "c", "i", "forward").parts)


def test_the_most_probable_rating() -> None:
    assert most_probable(Reading((0.1, 0.2, 0.7), 0.01)) == 3
    assert most_probable(Reading((0.4, 0.2, 0.4), 1.0)) == 1


def test_draws_follow_the_distribution_and_count_refusals() -> None:
    draws = sampled(Reading((0.1, 0.6, 0.3), 0.8), 6000, SEED)
    for rating, p in ((1, 0.08), (2, 0.48), (3, 0.24), (None, 0.2)):
        assert abs(draws.count(rating) / 6000 - p) < 4 * (p * (1 - p) / 6000) ** 0.5


def test_more_draws_begin_with_the_fewer() -> None:
    reading = Reading((0.5, 0.5), 0.9)
    assert sampled(reading, 5, SEED) == sampled(reading, 50, SEED)[:5]
    assert sampled(reading, 50, SEED) != sampled(reading, 50, (4, *SEED[1:]))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=11), st.floats(0, 1), st.integers(1, 30))
def test_draws_are_ratings_whatever_the_distribution(p: list[float], v: float, n: int) -> None:
    total = sum(p) or 1.0
    draws = sampled(Reading(tuple(x / total for x in p), v), n, SEED)
    assert len(draws) == n
    assert all(d is None or 1 <= d <= len(p) for d in draws)
