"""The source `valueportrait`, on the real item file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from vat_bayes.errors import InputError
from vat_bayes.items import item_quality, load_items, valueportrait_item_id

ITEMS = "valueportrait_items.csv"


def test_the_real_items_load_on_several_values(shared_data: Path) -> None:
    items = load_items("valueportrait", shared_data / ITEMS)
    assert items.loadings is not None
    per_item = items.loadings.groupby("item").size()
    assert len(items) == len(per_item) == 221
    assert per_item.value_counts().to_dict() == {1: 166, 2: 46, 3: 8, 4: 1}
    assert items.loadings["value"].nunique() == 10
    assert items.loadings["weight"].eq(1).all()
    assert items.table["scenario"].nunique() <= 104
    assert items.table["value"].isna().all()


def test_ids_join_the_ratings(shared_data: Path) -> None:
    items = load_items("valueportrait", shared_data / ITEMS)
    ratings = pd.read_csv(
        shared_data / "valueportrait_ratings.csv.gz", usecols=["portrait_id", "option_id"]
    ).drop_duplicates()
    rated = {valueportrait_item_id(p, o) for p, o in ratings.itertuples(index=False)}
    assert set(items.table["item"]) <= rated


def test_rho_weights_are_the_correlations(shared_data: Path) -> None:
    raw = pd.read_csv(shared_data / ITEMS)
    items = load_items("valueportrait", shared_data / ITEMS, threshold=0.4, weights="rho")
    assert items.loadings is not None
    assert items.loadings["weight"].min() >= 0.4
    expected = raw.loc[raw["rho_Power"] >= 0.4, "rho_Power"].tolist()
    found = items.loadings.loc[items.loadings["value"] == "power", "weight"].tolist()
    assert found == pytest.approx(expected)


def test_quality_says_that_all_loadings_are_positive(shared_data: Path) -> None:
    report = item_quality(load_items("valueportrait", shared_data / ITEMS)).set_index("check")
    assert report.loc["both-polarities", "figure"] == 10
    assert report.loc["both-polarities", "verdict"] == "warn"
    assert report.loc["factorial", "verdict"] == "not-run"


SMALL = pd.DataFrame(
    {
        "portrait_id": [7, 7],
        "option_id": [1, 2],
        "text": ["One.", "Two."],
        "rho_Self_Direction": [0.5, 0.1],
        "rho_Power": [0.2, "-0.4"],
    }
)


def test_a_small_table() -> None:
    items = load_items("valueportrait", SMALL)
    assert items.table["item"].tolist() == ["7-1"]
    assert items.loadings is not None
    assert items.loadings["value"].tolist() == ["self-direction"]


@pytest.mark.parametrize(
    ("frame", "threshold", "message"),
    [
        (SMALL, 0.9, "no item has a rho of 0.9 or more"),
        (SMALL, 0.0, "the threshold is 0.0"),
        (SMALL, float("nan"), "the threshold is nan"),
        (SMALL.drop(columns="text"), 0.3, "column 'text' missing"),
        (SMALL[["portrait_id", "option_id", "text"]], 0.3, "no column begins with 'rho_'"),
        (SMALL.replace({"-0.4": "-1.4"}), 0.3, "row 2, column 'rho_Power': '-1.4' is not"),
        (SMALL.replace({"-0.4": "high"}), 0.3, "row 2, column 'rho_Power': 'high' is not"),
        (SMALL.rename(columns={"rho_Power": "rho_Powr"}), 0.3, "'Powr' is not one of the ten"),
        (SMALL.assign(option_id=1, rho_Power=0.8), 0.3, "'7-1' already stands in row 1"),
        (SMALL.assign(text=["One.", ""], rho_Power=0.8), 0.3, "row 2, column 'action_text'"),
    ],
)
def test_an_unusable_item_file_is_refused(
    frame: pd.DataFrame, threshold: float, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_items("valueportrait", frame, threshold=threshold)
    assert message in str(caught.value)
