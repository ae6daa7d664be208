"""The source `vat`: a file laid out as the public data set is described."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vat_bayes.errors import InputError
from vat_bayes.items import load_items
from vat_bayes.values import SURVEY_ITEMS

FIFTY_SIX = [s.name for s in SURVEY_ITEMS if s.name not in ("privacy", "self-indulgent")]
MAPPING = {
    "country": "Nation",
    "topic": "Theme",
    "scene": "Scene No",
    "subvalue": "Schwartz value",
    "polarity": "label",
    "scenario_text": "Scenario",
    "action_text": "Action",
}


def _rows() -> list[dict[str, Any]]:
    return [
        {
            "Nation": nation,
            "Theme": theme,
            "Scene No": scene,
            "Schwartz value": subvalue.replace("-", " ").title(),
            "label": label,
            "Scenario": f"In {nation}, {theme}, scene {scene}.",
            "Action": f"{label} {subvalue} in {nation} {theme} {scene}",
        }
        for nation in ("United States", "Kenya")
        for theme in ("Work Orientation", "Health & Care", "Religion")
        for scene in (1, 2)
        for subvalue in FIFTY_SIX
        for label in ("support", "violate")
    ]


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write(tmp_path_factory.mktemp("vat") / "train.json", _rows())


def test_56_sub_values_become_ten_values(train: Path) -> None:
    items = load_items("vat", train, columns=MAPPING)
    table = items.table
    assert items.source == "vat"
    assert len(table) == 2 * 3 * 2 * 56 * 2
    assert table["scenario"].nunique() == 12
    assert table["value"].nunique() == 10
    first = table.iloc[0]
    assert first["scenario"] == "united-states/work-orientation/1"
    assert first["item"] == f"united-states/work-orientation/1/{FIFTY_SIX[0]}+"
    assert table.groupby(["scenario", "subvalue"])["polarity"].sum().eq(0).all()
    assert list(table["country"].unique()) == ["United States", "Kenya"]
    assert items.take_scenarios(3, seed=0).table["topic"].nunique() == 3


def test_the_index_rule_keeps_the_sub_values_of_the_standard_indexes(train: Path) -> None:
    table = load_items("vat", train, columns=MAPPING, subvalue_rule="index").table
    assert table["subvalue"].nunique() == 45
    assert "inner-harmony" not in set(table["subvalue"])


def test_json_lines_and_a_ready_scenario_column_are_read_too(tmp_path: Path) -> None:
    rows = [{**r, "sid": f"{r['Nation']}-{r['Theme']}-{r['Scene No']}"} for r in _rows()[:224]]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(json.dumps(r) for r in rows))
    mapping = {k: v for k, v in MAPPING.items() if k not in ("country", "scene")}
    items = load_items("vat", path, columns={**mapping, "scenario": "sid"})
    assert items.scenarios() == [
        "United States-Work Orientation-1",
        "United States-Work Orientation-2",
    ]


def test_without_a_mapping_the_columns_found_are_listed(train: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_items("vat", train)
    message = str(caught.value)
    assert "'subvalue', 'polarity', 'scenario_text', 'action_text', 'country'" in message
    assert "'Nation', 'Theme', 'Scene No', 'Schwartz value', 'label'" in message
    assert "map each by columns = {" in message


@pytest.mark.parametrize(
    ("row", "change", "message"),
    [
        (3, {"Schwartz value": "Pleasur"}, "row 3, column 'subvalue': 'Pleasur' is not an item"),
        (9, {"label": "maybe"}, "row 9, column 'polarity': 'maybe' is not a polarity"),
        (5, {"Nation": ""}, "row 5, column 'country': empty"),
        (5, {"Schwartz value": None}, "row 5, column 'subvalue'"),
        (4, {"Schwartz value": "Equality"}, "row 4, column 'item'"),
    ],
)
def test_bad_rows_are_told_with_their_place(
    tmp_path: Path, row: int, change: dict[str, Any], message: str
) -> None:
    rows = _rows()[:112]
    rows[row - 1].update(change)
    with pytest.raises(InputError) as caught:
        load_items("vat", _write(tmp_path / "train.json", rows), columns=MAPPING)
    assert message in str(caught.value)


def test_row_numbers_are_those_of_the_file_after_rows_were_left_out(tmp_path: Path) -> None:
    rows = _rows()[:112]
    rows[99]["Action"] = ""
    path = _write(tmp_path / "train.json", rows)
    with pytest.raises(InputError, match="row 100, column 'action_text'"):
        load_items("vat", path, columns=MAPPING, subvalue_rule="index")
