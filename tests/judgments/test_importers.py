"""Importers: foreign tables and ValuePortrait, on real data where there are any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from judgment_tables import valid_table, with_loadings

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.judgments import describe, import_judgments, load_judgments, to_cells


def foreign(folder: Path) -> Path:
    """Write the valid table as somebody else might have: other names, words, and from 0."""
    table = valid_table()
    table["stance"] = table["polarity"].map({1: "Supports", -1: "Violates"})
    table["answer"] = table["rating"] - 1
    table = table.drop(columns=["model", "polarity", "rating"]).rename(columns={"item": "id"})
    path = folder / "theirs.csv"
    table.to_csv(path, index=False)
    return path


OPTIONS: dict[str, Any] = {
    "columns": {"item": "id", "polarity": "stance", "rating": "answer"},
    "polarity_labels": {"supports": 1, "violates": -1},
    "fill": {"model": "m"},
    "rating_offset": 1,
    "n_categories": 5,
}


def test_table_with_other_names_words_and_counting(tmp_path: Path) -> None:
    imported = import_judgments("table", foreign(tmp_path), **OPTIONS)
    assert imported.notes == ("every row has model 'm', as told",)
    judgments, expected = imported.judgments(), load_judgments(valid_table())
    pd.testing.assert_frame_equal(judgments.table, expected.table)
    assert judgments.conditions == expected.conditions
    assert judgments.notes[0] == imported.notes[0]


def test_reversed_scale(tmp_path: Path) -> None:
    imported = import_judgments("table", foreign(tmp_path), **OPTIONS, reverse_scale=True)
    ratings = imported.judgments().table["rating"]
    assert ratings.tolist() == (6 - valid_table()["rating"]).tolist()


def test_ratings_before_and_after_side_by_side(tmp_path: Path) -> None:
    table = valid_table()
    wide = table.pivot_table(
        index=["model", "item", "scenario", "value", "polarity", "prompt"],
        columns="condition",
        values="rating",
    ).rename(columns={"plain": "pre", "kind": "post"})
    words = {1: "no", 2: "rather no", 3: "so so", 4: "rather yes", 5: "yes"}
    for column in ("pre", "post", "filler"):
        wide[column] = wide[column].map(words)
    wide.reset_index().to_csv(tmp_path / "wide.csv", index=False)
    imported = import_judgments(
        "table",
        tmp_path / "wide.csv",
        condition_ratings={"plain": "pre", "kind": "post", "filler": "filler"},
        rating_labels={w.capitalize(): k for k, w in words.items()},
        n_categories=5,
    )
    given = [
        Condition("plain", "baseline"),
        Condition("kind", "intervention", ("benevolence",)),
        Condition("filler", "placebo"),
    ]
    ours = to_cells(imported.judgments(conditions=given))
    theirs = to_cells(load_judgments(table, conditions=given))
    np.testing.assert_array_equal(ours.counts, theirs.counts)
    np.testing.assert_array_equal(ours.cell_condition, theirs.cell_condition)


@pytest.mark.parametrize("name", ["out/j.csv", "j.csv.gz", "j.parquet"])
def test_an_import_is_written_and_loaded_again(name: str, tmp_path: Path) -> None:
    table, loadings = with_loadings(valid_table())
    table.to_csv(tmp_path / "t.csv", index=False)
    loadings.to_csv(tmp_path / "l.csv", index=False)
    imported = import_judgments("table", tmp_path / "t.csv", loadings=tmp_path / "l.csv")
    written = imported.write(tmp_path / "new" / name)
    assert [p.name for p in written] == [Path(name).name, "j.loadings.csv"]
    again = load_judgments(written[0])
    pd.testing.assert_frame_equal(again.table, imported.judgments().table)
    assert again.loadings is not None
    assert [p.name for p in replace(imported, loadings=None).write(tmp_path / name)] == [
        Path(name).name
    ]
    with pytest.raises(InputError, match=r"can't write this kind of file; expected \.csv"):
        imported.write(tmp_path / "j.xlsx")


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        (
            "tables",
            {},
            "no importer 'tables', expected one of table, inspect, lm-eval, valueportrait; did you "
            "mean 'table'?",
        ),
        (
            "table",
            {"column": {}},
            "the importer 'table' has no option 'column', it has columns, fill, "
            "condition_ratings, rating_labels, polarity_labels, rating_offset, reverse_scale, "
            "n_categories, score_range, value_labels, loadings; did you mean 'columns'?",
        ),
        ("valueportrait", {}, "the importer 'valueportrait' needs the option 'baseline'"),
        (
            "table",
            {"reverse_scale": True},
            "<>/theirs.csv: reverse_scale needs n_categories",
        ),
        (
            "table",
            {"fill": {"prompt": "f"}},
            "<>/theirs.csv: column 'prompt' can't be filled: the table has it already",
        ),
        (
            "table",
            {"columns": {"rating": "answer"}, "condition_ratings": {"a": "answer"}},
            "<>/theirs.csv: condition_ratings says where condition and rating are; "
            "the column mapping must not say it again",
        ),
        (
            "table",
            {"condition_ratings": {"baseline": "answers"}},
            "<>/theirs.csv: no column 'answers' with ratings, the table has 'condition', 'id', "
            "'scenario', 'value', 'prompt', 'role', 'target', 'stance', 'answer'; "
            "did you mean 'answer'?",
        ),
        (
            "table",
            {"columns": {"polarity": "stance"}, "polarity_labels": {"support": 1, "violates": -1}},
            "<>/theirs.csv, row 1, column 'polarity': found 'Supports', expected one of 'support', "
            "'violates' (and 35 more rows); did you mean 'support'?",
        ),
    ],
)
def test_bad_options_are_refused(
    kind: str, options: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as told:
        import_judgments(kind, foreign(tmp_path), **options)
    assert str(told.value).replace(str(tmp_path), "<>") == sentence


CHANGES = [
    ("deepseek", "deepseek-chat", "deepseek-r1"),
    ("gemini-2.0-flash", "gemini-2.0-flash-001", "gemini-2.0-flash-thinking-exp-01-21"),
    ("mistral-small", "mistral-small", "mistral-small-24b-instruct-2501"),
    ("qwen", "qwen-turbo", "qwen-plus, qwen-max"),
]


@pytest.mark.parametrize(("family", "before", "after"), CHANGES)
def test_release_changes_of_valueportrait(
    family: str, before: str, after: str, shared_data: Path
) -> None:
    imported = import_judgments(
        "valueportrait", shared_data, baseline=before, interventions=after, retest=True
    )
    judgments = imported.judgments()
    assert judgments.models == (family,)
    assert judgments.n_categories == 6
    names = [name.strip() for name in after.split(",")]
    assert {c.name: c.role for c in judgments.conditions} == {
        before: "baseline",
        **dict.fromkeys(names, "intervention"),
        "retest": "retest",
    }
    # 221 of the 520 items reach rho = 0.3 on some value; each is asked in two orders.
    summary = describe(judgments)
    assert (summary["rows"] == 442).all()
    assert (summary["items"] == 221).all()
    assert imported.notes[0].startswith("299 items of 520 left out with ")
    cells = to_cells(judgments)
    assert cells.prompts == ("forward", "reversed")
    assert (cells.loading.sum(axis=0) > 0).all()


def test_valueportrait_retest_is_the_baseline_in_other_words(shared_data: Path) -> None:
    imported = import_judgments(
        "valueportrait",
        shared_data / "valueportrait_ratings.csv.gz",
        baseline="gpt-4o-mini-2024-07-18",
        retest=True,
        retest_prompts="v3",
    )
    raw = pd.read_csv(shared_data / "valueportrait_ratings.csv.gz")
    raw = raw[(raw["model"] == "gpt-4o-mini-2024-07-18") & (raw["portrait_id"] == 4006)]
    table = imported.table[imported.table["scenario"] == "4006"]
    for condition, wording in (("gpt-4o-mini-2024-07-18", "v1"), ("retest", "v3")):
        for order, flag in (("forward", 0), ("reversed", 1)):
            theirs = raw[(raw["prompt"] == wording) & (raw["reversed"] == flag)]
            by_item = {
                f"4006-{o}": r for o, r in zip(theirs["option_id"], theirs["rating"], strict=True)
            }
            ours = table[(table["condition"] == condition) & (table["prompt"] == order)]
            assert len(ours) > 0
            assert all(by_item[i] == r for i, r in zip(ours["item"], ours["rating"], strict=True))
    assert imported.judgments().models == ("gpt-4o-mini-2024-07-18",)


def test_valueportrait_in_several_wordings(shared_data: Path) -> None:
    imported = import_judgments(
        "valueportrait",
        shared_data,
        baseline="qwen-turbo",
        interventions=["qwen-max"],
        model="Qwen",
        prompts="v1,v2,v3",
        threshold=0.2,
    )
    cells = to_cells(imported.judgments())
    assert cells.models == ("Qwen",)
    assert cells.prompts == tuple(f"{w}/{o}" for w in (1, 2, 3) for o in ("forward", "reversed"))
    assert len(cells.items) > 221
    assert set(cells.score_prompts) == {6}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"baseline": "deepseek-chat", "interventions": "deepseek-r2"},
            "no model 'deepseek-r2' in the data, which have 'claude-3-5-haiku-20241022'",
        ),
        (
            {"baseline": "deepseek-chat", "interventions": "deepseek-r1", "prompts": "v4"},
            "no prompt 'v4' in the data, which have 'v1', 'v2', 'v3'",
        ),
        ({"baseline": "deepseek-chat"}, "name interventions, or ask for a retest"),
        (
            {"baseline": "qwen-max", "interventions": ["qwen-plus", "qwen-max"]},
            "'qwen-max' is named twice among the baseline and interventions",
        ),
        (
            {"baseline": "qwen-max", "retest": True, "retest_prompts": "v1"},
            "'v1' is named twice among prompts and retest_prompts",
        ),
        (
            {"baseline": "qwen-max", "retest": True, "retest_prompts": "v2,v3"},
            "2 retest prompts for 1 prompt, expected as many",
        ),
        (
            {"baseline": "qwen-max", "interventions": "qwen-plus", "prompts": ()},
            "no prompts are named, expected some of v1, v2, v3",
        ),
    ],
)
def test_valueportrait_options_that_do_not_fit_are_refused(
    options: dict[str, Any], sentence: str, shared_data: Path
) -> None:
    with pytest.raises(InputError) as told:
        import_judgments("valueportrait", shared_data, **options)
    assert sentence in str(told.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"reversed": "reverse"},
            "<>/r.csv: missing column 'reversed'; did you mean 'reverse'?",
        ),
        ({}, "<>/r.csv, row 2, column 'reversed': found '2.0', expected 0 or 1"),
    ],
)
def test_a_spoilt_valueportrait_is_refused(
    change: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    table = pd.DataFrame(
        {
            "model": ["a", "b"],
            "prompt": "v1",
            "reversed": [0, 2],
            "portrait_id": 1,
            "option_id": 1,
            "rating": 4,
        }
    )
    table.rename(columns=change).to_csv(tmp_path / "r.csv", index=False)
    with pytest.raises(InputError) as told:
        import_judgments("valueportrait", tmp_path / "r.csv", baseline="a", interventions="b")
    assert str(told.value).replace(str(tmp_path), "<>") == sentence


def test_a_folder_without_valueportrait_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no valueportrait_ratings\.csv\.gz in this folder"):
        import_judgments("valueportrait", tmp_path, baseline="a", interventions="b")
