"""Good tables in all their spellings give the same judgments, and nothing is lost silently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from judgment_tables import valid_table, with_probabilities

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.judgments import Judgments, describe, load_judgments, to_cells

SPELLINGS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "capital values": lambda t: t.assign(value=t["value"].str.title()),
    "spaces": lambda t: t.assign(value=" " + t["value"] + "  ", item=t["item"] + " "),
    "plus signs": lambda t: t.assign(polarity=t["polarity"].map({1: "+1", -1: "-1"})),
    "floats": lambda t: t.assign(polarity=t["polarity"] * 1.0, rating=t["rating"].astype(str)),
    "categories": lambda t: t.astype({"item": "category", "condition": "category"}),
    "objects": lambda t: t.astype(object),
    "named index": lambda t: t.set_index(["model", "item"]),
    "shuffled index": lambda t: t.set_axis(range(len(t), 0, -1)),
    "spaces in the header": lambda t: t.rename(columns=lambda c: f" {c} "),
    "capital roles": lambda t: t.assign(role=t["role"].str.upper()),
    "words for empty": lambda t: t.assign(target=t["target"].fillna("NA")),
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_spelling_does_not_matter(spell: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    plain, spelled = load_judgments(valid_table()), load_judgments(spell(valid_table()))
    assert spelled.conditions == plain.conditions
    pd.testing.assert_frame_equal(spelled.table, plain.table)


@pytest.mark.parametrize("name", ["j.csv", "j.csv.gz", "j.tsv", "j.tsv.gz", "j.parquet", "J.CSV"])
def test_every_kind_of_file_says_the_same(name: str, tmp_path: Path) -> None:
    table = with_probabilities(valid_table())
    path = tmp_path / name
    if name.endswith("parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if ".tsv" in name else ",")
    judgments = load_judgments(path)
    assert judgments.source == str(path)
    pd.testing.assert_frame_equal(judgments.table, load_judgments(table).table)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "j.csv"
    text = valid_table().to_csv(index=False, lineterminator="\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_judgments(path).table.equals(load_judgments(valid_table()).table)


def test_condition_called_none_is_a_name(tmp_path: Path) -> None:
    table = valid_table().replace({"condition": {"plain": "None"}})
    table.to_csv(tmp_path / "j.csv", index=False)
    assert load_judgments(tmp_path / "j.csv").baseline("m") == "None"


def test_refusals_are_missing_ratings_however_they_are_written(tmp_path: Path) -> None:
    table = valid_table()
    table["rating"] = table["rating"].astype(str)
    table.loc[[3, 4, 5], "rating"] = ["", "NA", "nan"]
    table.to_csv(tmp_path / "j.csv", index=False)
    judgments = load_judgments(tmp_path / "j.csv")
    assert np.flatnonzero(judgments.table["rating"].isna()).tolist() == [3, 4, 5]
    assert len(judgments.table) == len(table)


def test_facets_are_kept_and_condition_columns_are_not() -> None:
    table = valid_table().assign(country="NL", dose=2.0)
    judgments = load_judgments(table.assign(dose=np.where(table["condition"] == "kind", 4, None)))
    assert judgments.table["country"].eq("NL").all()
    assert not {"role", "target", "dose"} & set(judgments.table.columns)
    assert judgments.condition("kind").dose == 4


def test_the_frame_of_the_caller_is_left_alone() -> None:
    table = valid_table()
    before = table.copy(deep=True)
    load_judgments(table)
    pd.testing.assert_frame_equal(table, before)


def test_columns_are_mapped() -> None:
    foreign = valid_table().rename(columns={"rating": "Answer", "item": "id"})
    foreign["prompt_id"] = foreign["prompt"]
    judgments = load_judgments(
        foreign, columns={"rating": "Answer", "item": "id", "prompt": "prompt_id"}
    )
    assert "column 'prompt' is not used: 'prompt_id' is mapped to it" in judgments.notes
    pd.testing.assert_frame_equal(judgments.table, load_judgments(valid_table()).table)


def test_one_column_may_be_mapped_twice() -> None:
    judgments = load_judgments(
        valid_table().drop(columns="scenario"), columns={"scenario": "item", "item": "item"}
    )
    assert judgments.table["scenario"].equals(judgments.table["item"].rename("scenario"))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"ratings": "rating"},
            "data frame: the column mapping names 'ratings', which is not a column of judgments; "
            "did you mean 'rating'?",
        ),
        (
            {"rating": "ratng"},
            "data frame: the column mapping takes 'rating' from 'ratng', which is not in the table "
            "(it has 'model', 'condition', 'item', 'scenario', 'value', 'polarity', 'rating', "
            "'prompt', 'role', 'target'); did you mean 'rating'?",
        ),
    ],
)
def test_bad_mappings_are_refused(columns: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError) as told:
        load_judgments(valid_table(), columns=columns)
    assert str(told.value) == sentence


def test_categories_are_inferred_with_a_note_unless_given() -> None:
    inferred = load_judgments(valid_table())
    assert inferred.n_categories == 5
    assert inferred.notes[0] == (
        "the number of rating categories was not given: 5 was inferred, "
        "the highest rating that occurs (14 times)"
    )
    told = load_judgments(valid_table(), n_categories=7)
    assert told.n_categories == 7
    assert not any("categories" in note for note in told.notes)
    from_p = load_judgments(with_probabilities(valid_table(), k=6))
    assert from_p.n_categories == 6
    assert not any("categories" in note for note in from_p.notes)


@pytest.mark.parametrize(
    ("table", "n_categories", "sentence"),
    [
        (
            valid_table(),
            4,
            "data frame, row 4, column 'rating': found 5, expected 1 to 4, or nothing for a "
            "refusal (and 13 more rows)",
        ),
        (
            with_probabilities(valid_table()),
            7,
            "data frame: the table has p1 to p5, but 7 rating categories were asked for",
        ),
        (
            valid_table(),
            1,
            "data frame: 1 rating categories, expected a whole number of at least 2",
        ),
        (
            valid_table(),
            100,
            "data frame: 100 rating categories, expected at most 11; "
            "a finer scale has to be binned first",
        ),
    ],
)
def test_categories_that_do_not_fit_are_refused(
    table: pd.DataFrame, n_categories: int, sentence: str
) -> None:
    with pytest.raises(InputError) as told:
        load_judgments(table, n_categories=n_categories)
    assert str(told.value) == sentence


def test_one_rating_throughout_is_noted_where_the_scale_is_known() -> None:
    judgments = load_judgments(valid_table().assign(rating=3), n_categories=5)
    assert "every rating is the same, so the ratings show no shift at all" in judgments.notes


def test_distributions_are_complete_only_if_every_answer_has_one() -> None:
    table = with_probabilities(valid_table())
    assert load_judgments(table).has_distributions
    p = [f"p{k}" for k in range(1, 6)]
    table.loc[3, p] = np.nan
    assert not load_judgments(table).has_distributions
    assert (
        "p1 to p5 are empty in 1 row with a rating, so the ratings are read unless distributions "
        "are asked for"
    ) in load_judgments(table).notes
    table["rating"] = table["rating"].where(table.index != 3)
    assert load_judgments(table).has_distributions


def test_values_without_items_are_noted() -> None:
    assert load_judgments(valid_table()).notes[1].startswith("no item is about 'self-direction', ")


def test_unpaired_items_are_noted() -> None:
    table = valid_table()
    table = table[(table["condition"] != "kind") | (table["item"] != "s1-ben+1")]
    assert (
        "model 'm': 1 item under only one of 'kind' and its reference 'plain'"
        in load_judgments(table).notes
    )


def test_a_model_with_only_its_baseline_is_noted() -> None:
    table = valid_table()
    lone = table[table["condition"] == "plain"].assign(model="n")
    judgments = load_judgments(pd.concat([table, lone]))
    assert "model 'n' has no condition but its baseline" in judgments.notes
    assert describe(judgments)["model"].tolist() == ["m", "m", "m", "n"]


def two_models() -> Judgments:
    table = valid_table()
    other = table[table["condition"] != "filler"]
    other = other.replace({"condition": {"plain": "raw", "kind": "tuned"}}).assign(model="a")
    return load_judgments(pd.concat([table, other]))


def test_each_model_has_its_own_baseline() -> None:
    judgments = two_models()
    assert judgments.models == ("a", "m")
    assert judgments.baseline("a") == "raw"
    assert judgments.reference("m", "kind") == "plain"
    assert judgments.reference("m", "plain") is None
    assert [c.name for c in judgments.conditions_of("a")] == ["raw", "tuned"]
    assert to_cells(judgments).model_conditions == (("raw", "tuned"), ("plain", "kind", "filler"))


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda j: j.baseline("mm"), "data frame: no model 'mm'; did you mean 'm'?"),
        (
            lambda j: j.reference("m", "kin"),
            "data frame: no condition 'kin'; did you mean 'kind'?",
        ),
    ],
)
def test_unknown_names_are_refused(ask: Callable[[Judgments], object], sentence: str) -> None:
    with pytest.raises(InputError) as told:
        ask(two_models())
    assert str(told.value) == sentence


STUDY = """
schema_version = 1
name = "small"
seed = 1
[[models]]
name = "m"
path = "m.gguf"
[scale]
labels = ["1", "2", "3", "4", "5", "6"]
anchors = ["a", "b", "c", "d", "e", "f"]
[[conditions]]
name = "plain"
role = "baseline"
[[conditions]]
name = "filler"
role = "placebo"
kind = "prompt"
text = "The sky is blue."
[[conditions]]
name = "kind"
role = "intervention"
target = "benevolence"
kind = "prompt"
text = "Be kind."
"""


def test_a_run_folder_has_its_conditions_and_scale_in_the_study(tmp_path: Path) -> None:
    valid_table().to_parquet(tmp_path / "judgments.parquet")
    (tmp_path / "study.toml").write_text(STUDY)
    judgments = load_judgments(tmp_path)
    assert judgments.source == str(tmp_path / "judgments.parquet")
    assert judgments.n_categories == 6
    assert [c.name for c in judgments.conditions] == ["plain", "filler", "kind"]
    assert judgments.condition("kind").target == ("benevolence",)
    assert not any("columns not used" in note for note in judgments.notes)
    told = load_judgments(
        tmp_path,
        conditions=[
            Condition("plain", "baseline"),
            Condition("filler", "retest"),
            Condition("kind", "intervention"),
        ],
        n_categories=5,
    )
    assert told.condition("filler").role == "retest"
    assert told.n_categories == 5
