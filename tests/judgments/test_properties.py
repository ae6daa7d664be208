"""Whatever is done to a valid table, it is either refused in a sentence or gives finite cells."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judgment_tables import valid_table, with_probabilities

from vat_bayes.errors import InputError
from vat_bayes.judgments import Judgments, describe, load_judgments, to_cells

BASE = with_probabilities(valid_table()).assign(
    replicate=1, direction=1, dose=2.0, reference=None, placebo=None, subvalue=None
)
CONTENTS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 12),
    st.floats(),
    st.floats(0, 1),
    st.text(max_size=12),
    st.sampled_from(
        ["", "NA", "power", "Self direction", "baseline", "kind", "plain", "retest", "1", "-1"]
    ),
    st.lists(st.integers(), max_size=2),
    st.complex_numbers(max_magnitude=9),
    st.binary(max_size=4),
    st.dates(),
)
COLUMNS = st.sampled_from(list(BASE.columns))
ROWS = st.integers(0, len(BASE) - 1)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("cell"), COLUMNS, ROWS, CONTENTS),
        st.tuples(st.just("column"), COLUMNS, st.just(0), CONTENTS),
        st.tuples(st.just("condition"), COLUMNS, ROWS, CONTENTS),
        st.tuples(st.just("drop column"), COLUMNS, st.just(0), st.none()),
        st.tuples(st.just("rename"), COLUMNS, st.just(0), st.text(max_size=5)),
        st.tuples(st.just("drop rows"), COLUMNS, ROWS, st.none()),
        st.tuples(st.just("repeat rows"), COLUMNS, ROWS, st.none()),
        st.tuples(st.just("text"), COLUMNS, st.just(0), st.none()),
    ),
    min_size=1,
    max_size=3,
)


def edited(edits: list[tuple[str, str, int, object]]) -> pd.DataFrame:
    table = BASE
    for edit, column, row, content in edits:
        if column not in table.columns:
            continue
        same = table[column].iloc[row % len(table)] if len(table) else None
        group = table[column].map(lambda x, same=same: x is same or x == same).to_numpy(dtype=bool)
        match edit:
            case "cell" | "column" | "condition":
                rows = np.arange(len(table))
                if edit == "cell":
                    rows = rows[rows == row]
                elif edit == "condition":
                    rows = rows[table["condition"].to_numpy() == "kind"]
                cells = list(table[column])
                for i in rows:
                    cells[i] = content
                table = table.assign(**{column: pd.Series(cells, index=table.index, dtype=object)})
            case "drop column":
                table = table.drop(columns=column)
            case "rename":
                table = table.rename(columns={column: str(content)})
            case "drop rows":
                table = table[~group]
            case "repeat rows":
                table = pd.concat([table, table[group]])
            case "text":
                table = table.assign(**{column: table[column].map(str)})
        if table.columns.duplicated().any() or "condition" not in table.columns:
            break
    return table


def check(judgments: Judgments) -> None:
    cells = to_cells(judgments)
    assert np.isfinite(cells.score).all()
    assert np.abs(cells.score).max() <= (cells.n_categories - 1) / 2
    assert cells.counts.sum() + cells.refused.sum() == len(judgments.table)
    assert np.isfinite(cells.loading).all()
    assert np.abs(cells.loading).sum(axis=1).all()
    assert describe(judgments)["rows"].sum() == len(judgments.table)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=EDITS)
def test_a_spoilt_frame_is_refused_or_sound(edits: list[tuple[str, str, int, object]]) -> None:
    try:
        judgments = load_judgments(edited(edits))
    except InputError as told:
        assert str(told).startswith("data frame")
        return
    check(judgments)


SMALL = with_probabilities(valid_table()).round(3).to_csv(index=False).encode()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    start=st.integers(0, len(SMALL)),
    length=st.integers(0, 60),
    content=st.one_of(
        st.binary(max_size=30),
        st.text(alphabet=',"\n\r1234567890.-+eE \tNA', max_size=30).map(str.encode),
    ),
)
def test_a_spoilt_file_is_refused_or_sound(start: int, length: int, content: bytes) -> None:
    spoilt = SMALL[:start] + content + SMALL[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.csv"
        path.write_bytes(spoilt)
        try:
            judgments = load_judgments(path)
        except InputError as told:
            assert str(told).startswith(str(path))
            return
    check(judgments)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_row_order_does_not_change_what_is_found(seed: int) -> None:
    shuffled = BASE.sample(frac=1, random_state=seed)
    plain, other = load_judgments(BASE), load_judgments(shuffled)
    assert other.conditions == plain.conditions
    assert other.notes == plain.notes
    pd.testing.assert_frame_equal(describe(other), describe(plain))
    text = shuffled.to_csv(index=False)
    from_text = load_judgments(pd.read_csv(io.StringIO(text)))
    assert from_text.conditions == plain.conditions
