"""The source `table`: mapping, typing, and a precise sentence for every fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vat_bayes.errors import InputError
from vat_bayes.items import ItemWarning, load_items

GOOD: list[dict[str, Any]] = [
    {
        "item": f"s{s}/{value}{sign}",
        "scenario": f"s{s}",
        "topic": "work",
        "value": value,
        "polarity": polarity,
        "scenario_text": f"Scene {s}.",
        "action_text": f"Act {s} {value} {sign}.",
        "country": "Kenya",
    }
    for s in (1, 2)
    for value in ("power", "benevolence")
    for sign, polarity in (("+", 1), ("-", -1))
]


def _frame(**changes: tuple[int, Any]) -> pd.DataFrame:
    """Return the good rows with one cell changed for each column named: ``column=(row, cell)``."""
    frame = pd.DataFrame(GOOD).astype("object")
    for column, (row, cell) in changes.items():
        frame.loc[row - 1, column] = cell
    return frame


def test_a_table_is_typed_and_keeps_its_facets() -> None:
    items = load_items("table", _frame())
    assert items.source == "table"
    assert items.table["polarity"].dtype == "Int64"
    assert items.table["split"].eq("judged").all()
    assert items.table["country"].eq("Kenya").all()
    assert items.loadings is None
    assert len(items) == 8
    assert items.scenarios() == ["s1", "s2"]


def test_values_and_polarities_are_read_from_words(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    frame = _frame()
    frame["polarity"] = frame["polarity"].map({1: "Supports", -1: "violate"})
    frame["value"] = frame["value"].str.upper()
    frame.to_csv(path, index=False)
    assert load_items("table", path).sha256() == load_items("table", _frame()).sha256()


def test_the_mapping_renames_and_wins_over_a_column_of_our_name() -> None:
    frame = _frame().rename(columns={"scenario_text": "Scene", "value": "Target"})
    frame["value"] = "something else"
    items = load_items("table", frame, columns={"scenario_text": "Scene", "value": "Target"})
    assert items.table["value"].tolist() == [r["value"] for r in GOOD]
    assert "Scene" not in items.table


def test_a_source_without_topics_and_scene_texts_is_usable() -> None:
    items = load_items("table", _frame().drop(columns=["topic", "scenario_text"]))
    assert items.table["topic"].isna().all()
    assert items.take_scenarios(1, seed=0).scenarios() in (["s1"], ["s2"])


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"value": (3, "benevolance")}, "row 3, column 'value'", "did you mean 'benevolence'"),
        ({"value": (2, None)}, "row 2, column 'value'", "empty"),
        ({"polarity": (5, 0)}, "row 5, column 'polarity'", "expected 1 (supports the value)"),
        ({"polarity": (5, "suport")}, "row 5, column 'polarity'", "did you mean 'support'"),
        ({"polarity": (1, "")}, "row 1, column 'polarity'", "empty"),
        ({"item": (4, "s1/power+")}, "row 4, column 'item'", "already stands in row 1"),
        ({"action_text": (7, "  ")}, "row 7, column 'action_text'", "empty; expected text"),
        ({"scenario_text": (6, None)}, "row 6, column 'scenario_text'", "empty; expected text"),
        ({"scenario": (8, float("nan"))}, "row 8, column 'scenario'", "empty; expected text"),
        ({"topic": (2, "play")}, "row 2, column 'topic'", "expected one topic for a scenario"),
        ({"split": (1, "shot")}, "row 1, column 'split'", "did you mean 'shots'"),
        ({"split": (1, "shots")}, "row 2, column 'split'", "expected one split for a scenario"),
    ],
)
def test_a_bad_cell_is_told_with_row_and_column(
    changes: dict[str, tuple[int, Any]], place: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_items("table", _frame(**changes))
    assert f"items, {place}" in str(caught.value)
    assert message in str(caught.value)


def test_missing_columns_are_listed_with_those_found(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    _frame().rename(columns={"polarity": "polarty"}).to_csv(path, index=False)
    with pytest.raises(InputError) as caught:
        load_items("table", path)
    assert "column 'polarity' missing" in str(caught.value)
    assert "'scenario_text', 'action_text'" in str(caught.value)
    assert 'columns = { polarity = "polarty" }' in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"senario": "scenario"}, "did you mean 'scenario'"),
        ({"topic": "contry"}, "did you mean 'country'"),
    ],
)
def test_a_wrong_mapping_gets_the_near_miss(columns: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_items("table", _frame(), columns=columns)


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(InputError, match="there are no rows"):
        load_items("table", _frame().iloc[:0])


def test_a_value_with_one_polarity_is_a_warning() -> None:
    frame = _frame()
    frame = frame[~((frame["value"] == "power") & (frame["polarity"] == -1))]
    with pytest.warns(ItemWarning, match="only one polarity for power"):
        items = load_items("table", frame)
    assert len(items) == 6


LOADINGS = [
    {"item": "s1/power+", "value": "power", "weight": 1.0},
    {"item": "s1/power+", "value": "Achievement", "weight": "0.5"},
    {"item": "s2/power-", "value": "power", "weight": -1},
]


def _with_loadings() -> pd.DataFrame:
    frame = _frame()
    loaded = frame["item"].isin([r["item"] for r in LOADINGS])
    frame.loc[loaded, ["value", "polarity"]] = None
    return frame


def test_loadings_stand_in_for_value_and_polarity(tmp_path: Path) -> None:
    path = tmp_path / "loadings.csv"
    pd.DataFrame(LOADINGS).to_csv(path, index=False)
    items = load_items("table", _with_loadings(), loadings=path)
    assert items.loadings is not None
    assert items.loadings["value"].tolist() == ["power", "achievement", "power"]
    assert items.loadings["weight"].tolist() == [1.0, 0.5, -1.0]
    assert items.table["value"].isna().sum() == 2
    part = items.take_scenarios(1, seed=1)
    assert part.loadings is not None
    assert set(part.loadings["item"]) <= set(part.table["item"])


@pytest.mark.parametrize(
    ("row", "change", "message"),
    [
        (2, {"weight": "nan"}, "loadings, row 2, column 'weight': 'nan' is not a weight"),
        (2, {"weight": float("inf")}, "loadings, row 2, column 'weight': 'inf' is not a weight"),
        (1, {"weight": 0}, "loadings, row 1, column 'weight': '0' is not a weight"),
        (3, {"weight": "much"}, "loadings, row 3, column 'weight': 'much' is not a weight"),
        (3, {"item": "s2/pover-"}, "not in the item table; did you mean 's2/power-'"),
        (3, {"item": "s2/benevolence-"}, "has a value or polarity here and rows in the loadings"),
        (2, {"value": "power"}, "loadings, row 2, column 'item': 's1/power+', 'power' already"),
        (1, {"value": "powr"}, "loadings, row 1, column 'value': 'powr' is not one of the ten"),
        (3, {"item": ""}, "loadings, row 3, column 'item': empty"),
    ],
)
def test_bad_loadings_are_told_with_their_place(
    row: int, change: dict[str, Any], message: str
) -> None:
    loadings = [dict(r) for r in LOADINGS]
    loadings[row - 1].update(change)
    with pytest.raises(InputError) as caught:
        load_items("table", _with_loadings(), loadings=pd.DataFrame(loadings))
    assert message in str(caught.value)


def test_an_item_without_value_and_without_loadings_is_refused() -> None:
    with pytest.raises(InputError, match="row 6, column 'value': empty, and the item has no row"):
        load_items("table", _with_loadings(), loadings=pd.DataFrame(LOADINGS[:2]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "cor"}, "did you mean 'core'"),
        ({"source": "table"}, "needs a path"),
        ({"source": "core", "path": "x.csv"}, "the source 'core' has no option 'path'"),
        ({"source": "vat", "path": "x", "threshold": 0.2}, "it belongs to valueportrait"),
        ({"source": "valueportrait", "path": "x", "loadings": "y"}, "it belongs to table"),
    ],
)
def test_sources_and_options_that_do_not_fit_are_refused(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_items(**arguments)
