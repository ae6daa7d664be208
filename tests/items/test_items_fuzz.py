"""Anything in the place of an item file or of a part of it: items, or one sentence."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vat_bayes.errors import InputError
from vat_bayes.items import ItemSet, load_items

ROWS: list[dict[str, Any]] = [
    {
        "item": f"s{s}{value}{sign}",
        "scenario": f"s{s}",
        "topic": "work",
        "value": value,
        "polarity": sign,
        "scenario_text": f"Scene {s}.",
        "action_text": f"Act {s} {value} {sign}.",
        "split": "judged",
        "country": "Kenya",
    }
    for s in (1, 2)
    for value in ("power", "benevolence")
    for sign in (1, -1)
]
SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)
_WORD = st.sampled_from(["", " ", "power", "support", "shots", "s1", "NaN", "None", "\x00", "1.0"])
_CELL = st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | _WORD
_NESTED = _CELL | st.lists(_CELL, max_size=2) | st.dictionaries(_TEXT, _CELL, max_size=2)


def loaded(*arguments: Any, **options: Any) -> ItemSet | None:
    """Return the items, or None where they are refused in one sentence."""
    try:
        with warnings.catch_warnings():
            # A value with one polarity is a warning, which is not at issue here.
            warnings.simplefilter("ignore")
            items = load_items(*arguments, **options)
    except InputError as refused:
        assert str(refused).strip()
        assert "\n" not in refused.message
        return None
    return items


def usable(items: ItemSet | None, folder: Path) -> None:
    """Check that items can be written as a run does it, and are the same when they are read."""
    if items is None:
        return
    assert set(items.table["polarity"].dropna()) <= {1, -1}
    path = folder / "again.parquet"
    items.table.to_parquet(path, index=False)
    again = loaded("table", path)
    assert again is not None
    assert again.sha256() == items.sha256()
    assert [len(part) for part in (items.judged(), items.shots())] == [
        len(part) for part in (again.judged(), again.shots())
    ]


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=40) | _TEXT.map(str.encode), suffix=st.sampled_from(SUFFIXES))
def test_any_bytes_are_refused(
    data: bytes, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / f"items{suffix}"
    path.write_bytes(data)
    assert loaded("table", path) is None


@settings(max_examples=200, deadline=None)
@given(
    row=st.integers(0, len(ROWS) - 1),
    column=st.sampled_from([*ROWS[0], "subvalue", "", "new"]),
    cell=_NESTED,
    suffix=st.sampled_from([".json", ".jsonl"]),
)
def test_any_cell_may_be_anything(
    row: int, column: str, cell: Any, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cell")
    rows = [dict(r) for r in ROWS]
    rows[row][column] = cell
    lines = [json.dumps(r) for r in rows]
    path = folder / f"items{suffix}"
    path.write_text("\n".join(lines) if suffix == ".jsonl" else f"[{','.join(lines)}]")
    usable(loaded("table", path), folder)


@settings(max_examples=100, deadline=None)
@given(
    at=st.integers(0, 10_000),
    new=st.binary(max_size=3),
    cut=st.integers(0, 4),
    suffix=st.sampled_from(SUFFIXES),
)
def test_any_bytes_of_a_good_file_may_be_others(
    at: int, new: bytes, cut: int, suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    whole = _written(suffix)
    at %= len(whole)
    path = folder / f"items{suffix}"
    path.write_bytes(whole[:at] + new + whole[at + cut :])
    usable(loaded("table", path), folder)


@settings(max_examples=100, deadline=None)
@given(
    frame=st.lists(
        st.fixed_dictionaries(
            {"item": st.sampled_from([r["item"] for r in ROWS]) | _CELL},
            optional={"value": st.sampled_from(["power", "Tradition"]) | _CELL, "weight": _CELL},
        ),
        max_size=4,
    )
)
def test_any_loadings(frame: list[dict[str, Any]]) -> None:
    free = [{k: v for k, v in r.items() if k not in ("value", "polarity")} for r in ROWS]
    loaded("table", pd.DataFrame(free), loadings=pd.DataFrame(frame))


def _written(suffix: str) -> bytes:
    if suffix == ".parquet":
        buffer = io.BytesIO()
        pd.DataFrame(ROWS).to_parquet(buffer)
        return buffer.getvalue()
    if suffix in (".json", ".jsonl"):
        return "\n".join(json.dumps(r) for r in ROWS).encode()
    separator = "\t" if suffix == ".tsv" else ","
    return pd.DataFrame(ROWS).to_csv(index=False, sep=separator).encode()
