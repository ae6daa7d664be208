"""Items that load on several values: where loadings are found and how they can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from judgment_tables import valid_table, with_loadings

from vat_bayes.errors import InputError
from vat_bayes.judgments import load_judgments, to_cells
from vat_bayes.values import VALUES

FIRST = "s1-ben+1"


def rows(*loadings: tuple[str, str, object]) -> pd.DataFrame:
    return pd.DataFrame(loadings, columns=["item", "value", "weight"])


def test_loadings_of_one_value_are_value_and_polarity() -> None:
    table, loadings = with_loadings(valid_table())
    from_loadings = to_cells(load_judgments(table, loadings=loadings))
    from_columns = to_cells(load_judgments(valid_table()))
    np.testing.assert_array_equal(from_loadings.loading, from_columns.loading)
    np.testing.assert_array_equal(from_loadings.counts, from_columns.counts)


def test_an_item_may_load_on_several_values() -> None:
    table, loadings = with_loadings(valid_table())
    more = pd.concat([loadings, rows((FIRST, "Universalism", 0.5))])
    cells = to_cells(load_judgments(table, loadings=more))
    expected = np.zeros(len(VALUES))
    expected[[VALUES.index("benevolence"), VALUES.index("universalism")]] = 1, 0.5
    np.testing.assert_array_equal(cells.loading[cells.items.index(FIRST)], expected)


def test_some_items_may_have_loadings_and_others_a_value() -> None:
    table = valid_table()
    table.loc[table["item"] == FIRST, ["value", "polarity"]] = None
    judgments = load_judgments(table, loadings=rows((FIRST, "security", -1), (FIRST, "power", 2)))
    cells = to_cells(judgments)
    assert cells.loading[cells.items.index(FIRST)].tolist() == [
        {"security": -1.0, "power": 2.0}.get(v, 0.0) for v in VALUES
    ]
    assert cells.loading[cells.items.index("s1-pow-1")][VALUES.index("power")] == -1


@pytest.mark.parametrize("name", ["mine.loadings.csv", "loadings.csv", "loadings.parquet"])
def test_loadings_beside_the_file_are_found(name: str, tmp_path: Path) -> None:
    table, loadings = with_loadings(valid_table())
    table.to_csv(tmp_path / "mine.csv.gz", index=False)
    if name.endswith("csv"):
        loadings.to_csv(tmp_path / name, index=False)
    else:
        loadings.to_parquet(tmp_path / name)
    judgments = load_judgments(tmp_path / "mine.csv.gz")
    assert judgments.loadings is not None
    assert len(judgments.loadings) == len(loadings)


def test_loadings_beside_the_file_are_not_needed_where_every_item_has_a_value(
    tmp_path: Path,
) -> None:
    valid_table().to_csv(tmp_path / "mine.csv", index=False)
    (tmp_path / "loadings.csv").write_text("of another study")
    assert load_judgments(tmp_path / "mine.csv").loadings is None


def test_loadings_of_items_that_were_not_judged_are_counted() -> None:
    table, loadings = with_loadings(valid_table())
    judgments = load_judgments(
        table, loadings=pd.concat([loadings, rows(("s9-a", "power", 1), ("s9-b", "power", 1))])
    )
    assert "2 items of loadings without judgments" in judgments.notes
    assert judgments.loadings is not None
    assert not judgments.loadings["item"].str.startswith("s9").any()


BAD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "missing column": (
        lambda x: x.rename(columns={"weight": "weights"}),
        "loadings: missing column 'weight'; expected item, value, weight; did you mean 'weights'?",
    ),
    "no rows": (
        lambda x: x.iloc[:0],
        "loadings: a header and no rows",
    ),
    "unknown item": (
        lambda x: x.replace({"item": {FIRST: "s1-bem+1"}}),
        "loadings, row 1, column 'item': item 's1-bem+1' is not in the judgments, and the judged "
        "item 's1-ben+1' is not in the loadings; did you mean 's1-ben+1'?",
    ),
    "missing item": (
        lambda x: x[x["item"] != FIRST],
        "data frame, row 1, column 'item': item 's1-ben+1' has no loadings, "
        "expected a row in loadings",
    ),
    "unknown value": (
        lambda x: x.assign(value=x["value"].replace({"power": "pwoer"})),
        "loadings, row 3, column 'value': 'pwoer' is not one of the ten values (self-direction, "
        "stimulation, hedonism, achievement, power, security, conformity, tradition, benevolence, "
        "universalism) (and 5 more rows); did you mean 'power'?",
    ),
    "empty item": (
        lambda x: x.assign(item=x["item"].where(x.index != 4)),
        "loadings, row 5, column 'item': empty; expected a name",
    ),
    "no weight": (
        lambda x: x.assign(weight=x["weight"].where(x.index != 4)),
        "loadings, row 5, column 'weight': item 's2-ben+1' has no finite weight, expected a number",
    ),
    "infinite weight": (
        lambda x: x.assign(weight=np.inf),
        "loadings, row 1, column 'weight': item 's1-ben+1' has no finite weight, "
        "expected a number (and 11 more rows)",
    ),
    "weight text": (
        lambda x: x.assign(weight="much"),
        "loadings, row 1, column 'weight': found 'much', expected a number (and 11 more rows)",
    ),
    "only zeros": (
        lambda x: x.assign(weight=x["weight"].where(x.index != 4, 0)),
        "loadings, row 5, column 'weight': item 's2-ben+1' loads on no value: every weight is 0",
    ),
    "twice": (
        lambda x: pd.concat([x, x.iloc[[2]]]),
        "loadings, row 13: item 's1-pow+1' has value 'power' twice",
    ),
}


@pytest.mark.parametrize(("spoil", "sentence"), BAD.values(), ids=BAD)
def test_says_what_is_wrong(spoil: Callable[[pd.DataFrame], pd.DataFrame], sentence: str) -> None:
    table, loadings = with_loadings(valid_table())
    with pytest.raises(InputError) as told:
        load_judgments(table, loadings=spoil(loadings))
    assert str(told.value) == sentence


def test_an_item_has_a_value_or_loadings_and_not_both() -> None:
    with pytest.raises(InputError, match="has a value here and loadings in loadings") as told:
        load_judgments(valid_table(), loadings=rows((FIRST, "power", 1)))
    assert "row 1, column 'value'" in str(told.value)


def test_an_item_without_value_or_loadings_is_named() -> None:
    table = valid_table()
    table.loc[table["item"] == FIRST, ["value", "polarity"]] = None
    with pytest.raises(InputError) as told:
        load_judgments(table)
    assert str(told.value) == (
        "data frame, row 1, column 'value': item 's1-ben+1' has no value and there are no "
        "loadings; expected one of the ten values, or a loadings file (item, value, weight)"
    )
