"""Schwartz's theory as data."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from vat_bayes.errors import InputError
from vat_bayes.values import (
    GROUPS,
    SUBVALUES,
    SURVEY_ITEMS,
    VALUE_BY_NAME,
    VALUE_TABLE,
    VALUES,
    adjacent,
    angle,
    cosine,
    opposed,
    parse_subvalue,
    parse_value,
    value_of_subvalue,
)

ORDER = (
    "self-direction stimulation hedonism achievement power "
    "security conformity tradition benevolence universalism"
).split()

# The 56 sub-values in the spelling of the public 56-value data sets.
FIFTY_SIX = {
    "power": "Social power|Authority|Wealth|Preserving my Public Image|Social recognition",
    "achievement": "Successful|Capable|Ambitious|Influential|Intelligent|Self-respect",
    "hedonism": "Pleasure|Enjoying life",
    "stimulation": "Daring|A varied life|An exciting life",
    "self-direction": "Creativity|Curious|Freedom|Choosing own goals|Independent",
    "universalism": "Protecting the environment|A world of beauty|Broad-Minded|Social justice|"
    "Wisdom|Equality|A World at Peace|Inner harmony|Unity With Nature",
    "benevolence": "Helpful|Honest|Forgiving|Loyal|Responsible|True friendship|A spiritual life|"
    "Mature love|Meaning in life",
    "tradition": "Devout|Accepting my portion in life|Humble|Moderate|Respect for tradition|"
    "Detachment",
    "conformity": "Politeness|Honoring of Parents and Elders|Obedient|Self-discipline",
    "security": "Clean|National security|Social order|Family security|Reciprocation of favors|"
    "Healthy|Sense of belonging",
}


def test_ten_values_stand_in_circle_order() -> None:
    assert list(VALUES) == ORDER
    assert [v.name for v in VALUE_TABLE] == ORDER
    assert [angle(v) for v in VALUES] == [36.0 * i for i in range(10)]
    assert VALUE_BY_NAME["self-direction"].label == "Self-direction"


def test_groups_cover_the_circle_and_only_hedonism_belongs_to_two() -> None:
    membership = Counter(v for members in GROUPS.values() for v in members)
    assert set(membership) == set(VALUES)
    assert [v for v, n in membership.items() if n == 2] == ["hedonism"]
    assert all(set(VALUE_BY_NAME[v].groups) == {g for g in GROUPS if v in GROUPS[g]} for v in ORDER)


@pytest.mark.parametrize("value", ORDER)
def test_neighbours_and_opposites_follow_from_the_angles(value: str) -> None:
    assert all(cosine(value, w) == pytest.approx(math.cos(math.pi / 5)) for w in adjacent(value))
    across = opposed(value)
    assert cosine(value, across[1]) == pytest.approx(-1)
    assert set(adjacent(across[1])) == {across[0], across[2]}
    assert all(value in opposed(w) for w in across)


def test_opposites_lie_in_the_opposite_groups() -> None:
    assert set(opposed("stimulation")) == set(GROUPS["conservation"])
    assert set(opposed("benevolence")) == set(GROUPS["self-enhancement"])


@given(st.sampled_from(ORDER), st.sampled_from(ORDER))
def test_cosine_is_symmetric(v: str, w: str) -> None:
    assert cosine(v, w) == pytest.approx(cosine(w, v))


@given(
    st.sampled_from(ORDER),
    st.sampled_from(["-", "_", " ", "", "  "]),
    st.sampled_from([str.lower, str.upper, str.title]),
)
def test_a_value_is_read_in_any_usual_spelling(value: str, separator: str, case: object) -> None:
    assert callable(case)
    assert parse_value(f" {case(value.replace('-', separator))} ") == value


@given(st.text(max_size=12))
def test_other_words_are_refused_and_never_crash(text: str) -> None:
    try:
        assert parse_value(text) in VALUES
    except InputError as error:
        assert "not one of the ten values" in str(error)


def test_a_misspelt_value_gets_the_near_miss() -> None:
    with pytest.raises(InputError, match="did you mean 'benevolence'"):
        parse_value("Benevolance")
    with pytest.raises(InputError, match="did you mean 'self-direction'"):
        angle("self_dirction")


def test_survey_has_57_numbers_and_46_index_items() -> None:
    assert {s.number for s in SURVEY_ITEMS} == set(range(1, 58))
    assert [s.name for s in SURVEY_ITEMS if s.number == 21] == ["detachment", "privacy"]
    per_value = Counter(s.index for s in SURVEY_ITEMS if s.index)
    assert [per_value[v] for v in VALUES] == [5, 3, 3, 4, 4, 5, 4, 5, 5, 8]
    assert all(s.theory == s.index for s in SURVEY_ITEMS if s.index)


def test_the_56_sub_values_of_the_public_sets_are_all_placed() -> None:
    placed = {parse_subvalue(n): v for v, line in FIFTY_SIX.items() for n in line.split("|")}
    assert len(placed) == 56
    assert {n: value_of_subvalue(n) for n in placed} == placed
    unplaced = {n for n in placed if SUBVALUES[n] is None}
    assert len(unplaced) == 11
    assert all(value_of_subvalue(n, rule="index") is None for n in unplaced)


def test_only_privacy_has_no_value_in_theory() -> None:
    assert [n for n in SUBVALUES if value_of_subvalue(n) is None] == ["privacy"]


@given(
    st.sampled_from(sorted(SUBVALUES)),
    st.sampled_from([" ", "_", "-", ""]),
    st.sampled_from(["", "A ", "the "]),
)
def test_a_sub_value_is_read_in_any_usual_spelling(name: str, sep: str, article: str) -> None:
    if sep == "":
        name_written = name.replace("-", "") if name.count("-") == 1 else name
    else:
        name_written = name.replace("-", sep)
    assert parse_subvalue(article + name_written.title()) == name


def test_british_spelling_and_near_misses_of_sub_values() -> None:
    assert parse_subvalue("Honouring parents and elders") == "honoring-parents-and-elders"
    assert parse_subvalue("reciprocation of favours") == "reciprocation-of-favors"
    with pytest.raises(InputError, match="did you mean 'social-justice'"):
        parse_subvalue("Social Justise")


def test_importing_the_theory_does_not_import_pandas() -> None:
    code = "import sys, vat_bayes.values; print('pandas' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_circle_predicts_how_the_values_of_569_people_correlate(shared_data: Path) -> None:
    people = pd.read_csv(shared_data / "human_pvq21_centred.csv").rename(columns=parse_value)
    found = people[list(VALUES)].corr().to_numpy()
    expected = np.array([[cosine(v, w) for w in VALUES] for v in VALUES])
    pairs = np.triu_indices(len(VALUES), 1)
    assert spearmanr(found[pairs], expected[pairs]).statistic > 0.7
