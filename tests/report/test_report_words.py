from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vat_bayes.report import words


@pytest.mark.parametrize(
    ("x", "places", "text"),
    [(0.412, 2, "0.41"), (-0.5, 2, "−0.50"), (-0.001, 2, "0.00"), (math.nan, 2, "–")],
)
def test_numbers_have_a_true_minus_and_no_negative_zero(x: float, places: int, text: str) -> None:
    assert words.number(x, places) == text


@given(st.floats(1e-6, 1e3))
def test_an_interval_never_shrinks_to_a_point_in_print(width: float) -> None:
    places = words.decimals(width)
    assert 2 <= places <= 4
    if width >= 2e-4:
        assert words.number(0.0, places) != words.number(width, places)


@pytest.mark.parametrize(
    ("p", "text"), [(1.0, "> 0.99"), (0.0, "< 0.01"), (0.832, "0.83"), (math.nan, "–")]
)
def test_probabilities_do_not_claim_certainty(p: float, text: str) -> None:
    assert words.probability(p) == text


def test_lists_and_counts_read_like_sentences() -> None:
    assert words.listing(["a"]) == "a"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.plural(1, "retest") == "one retest"
    assert words.plural(48, "scenario") == "48 scenarios"
    assert words.percent(0.9) == "90%"
    assert words.percent(0.975) == "97.5%"


def test_an_unknown_status_is_still_told() -> None:
    assert words.reason("moon-too-bright") == "moon too bright"
    assert words.short_reason("moon-too-bright") == "withheld: moon too bright"


def test_every_known_status_has_words_without_hyphens_for_spaces() -> None:
    for status in ("gain-not-resolved", "no-placebo", "not-converged", "identical", "wrong-way"):
        assert status not in words.reason(status)
        assert status not in words.short_reason(status)


@given(st.text(max_size=200), st.integers(4, 60))
def test_shortened_texts_fit_and_can_be_drawn(text: str, width: int) -> None:
    short = words.shorten(text, width)
    assert len(short) <= max(width, 0)
    assert all(c.isprintable() for c in short)


@pytest.mark.parametrize(
    ("estimand", "scale", "unit"),
    [
        ("gain", "points", "rating points"),
        ("shift_classical", "points", "rating points"),
        ("shift", "latent", "latent units"),
        ("tax_ratio", "ratio", "points per point of gain"),
        ("coupling", "latent", "correlation"),
        ("nvat_paper_raw_null", "", "norm, 1 without coupling"),
    ],
)
def test_every_estimand_has_its_unit(estimand: str, scale: str, unit: str) -> None:
    assert words.unit(estimand, scale) == unit
