"""The quality checks find what they are there to find."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from vat_bayes.items import ItemSet, compose, item_quality, load_items
from vat_bayes.items.cues import EVALUATIVE_WORD, VALUE_WORDS, polarity_cue


def _report(items: ItemSet) -> pd.DataFrame:
    return item_quality(items).set_index("check")


def _spoilt(change: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    core = load_items("core")
    return _report(ItemSet(change(core.table.copy()), None, "core"))


def _set(row: int, column: str, text: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[row, column] = text
        return table

    return change


def _lengthen_support(table: pd.DataFrame) -> pd.DataFrame:
    support = table["polarity"] == 1
    table.loc[support, "action_text"] = "Slowly " + table.loc[support, "action_text"]
    return table


def _refuse_to_violate(table: pd.DataFrame) -> pd.DataFrame:
    violates = table["polarity"] == -1
    table.loc[violates, "action_text"] = "Refuse: " + table.loc[violates, "action_text"]
    return table


def _repeat_in_another_scenario(table: pd.DataFrame) -> pd.DataFrame:
    table.loc[500, "action_text"] = table.loc[0, "action_text"].upper()
    return table


def _repeat_in_the_scenario(table: pd.DataFrame) -> pd.DataFrame:
    table.loc[1, "action_text"] = table.loc[0, "action_text"]
    return table


def _change_one_word(table: pd.DataFrame) -> pd.DataFrame:
    table.loc[500, "action_text"] = table.loc[0, "action_text"].replace("odd", "strange")
    return table


@pytest.mark.parametrize(
    ("check", "verdict", "change"),
    [
        ("factorial", "warn", lambda t: t.drop(index=3)),
        ("both-polarities", "warn", lambda t: t[(t["value"] != "power") | (t["polarity"] == 1)]),
        ("topic-balance", "warn", lambda t: t[~t["scenario"].isin(t["scenario"].unique()[:2])]),
        ("duplicates", "warn", _repeat_in_another_scenario),
        ("duplicates", "fail", _repeat_in_the_scenario),
        ("near-duplicates", "warn", _change_one_word),
        ("own-value-named", "fail", _set(0, "action_text", "Choose a Self-directed way of it.")),
        ("scenario-names-value", "fail", _set(0, "scenario_text", "Ada guards a secured hall.")),
        ("evaluative-words", "fail", _set(9, "action_text", "Do the good and moral thing now.")),
        ("action-length", "warn", _set(9, "action_text", "Stop.")),
        ("length-by-polarity", "warn", _lengthen_support),
        ("length-by-polarity-and-value", "warn", _lengthen_support),
        ("polarity-cue", "warn", _refuse_to_violate),
    ],
)
def test_a_spoilt_core_set_fails_the_check_that_looks_for_it(
    check: str, verdict: str, change: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    report = _spoilt(change)
    assert report.loc[check, "verdict"] == verdict
    assert report.loc[check, "figure"] > report.loc[check, "threshold"]


def test_examples_are_named() -> None:
    report = _spoilt(_set(9, "action_text", "Do the good and moral thing now."))
    assert "'Do the good and moral thing now.'" in report.loc["evaluative-words", "why"]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("power", "powerful"),
        ("power", "Empower"),
        ("security", "insecure"),
        ("tradition", "Traditionally"),
        ("conformity", "conforming"),
        ("achievement", "achieves"),
        ("stimulation", "stimulating"),
        ("self-direction", "self directed"),
        ("universalism", "universal"),
    ],
)
def test_lemmas_of_a_value_count_as_its_name(value: str, word: str) -> None:
    assert VALUE_WORDS[value].search(f"Be {word} here.")


@pytest.mark.parametrize("word", ["good", "Wrong", "immoral", "rightly", "virtuous", "approve"])
def test_praise_and_blame_are_found(word: str) -> None:
    assert EVALUATIVE_WORD.search(f"It is {word}.")


@pytest.mark.parametrize("word", ["goods", "right away", "virtual", "goodbye", "shape"])
def test_innocent_words_are_left_alone(word: str) -> None:
    assert EVALUATIVE_WORD.search(f"It is {word}.") is None


def test_actions_recur_in_a_large_draw_and_that_is_only_a_warning() -> None:
    report = _report(compose(100, seed=1))
    assert report.loc["duplicates", "verdict"] == "warn"
    assert report.drop(index="duplicates")["verdict"].eq("pass").all()


def test_the_polarity_cue_is_half_for_words_that_carry_none() -> None:
    table = load_items("core").table.copy()
    table["polarity"] = table["polarity"].sample(frac=1, random_state=4).to_numpy()
    assert polarity_cue(table) == pytest.approx(0.5, abs=0.06)


def test_a_set_of_one_value_and_one_polarity_runs_what_it_can() -> None:
    one = load_items("core").table.query("value == 'power' and polarity == 1")
    report = _report(ItemSet(one.reset_index(drop=True), None, "table"))
    assert report.loc["polarity-cue", "verdict"] == "not-run"
    assert report.loc["length-by-polarity", "verdict"] == "not-run"
    assert report.loc["both-polarities", "why"].startswith("only one polarity: power")
