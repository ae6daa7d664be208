"""Tables from files, and the place of every fault."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vat_bayes.errors import InputError
from vat_bayes.items.readfile import read_table

ROWS = [
    {"item": "a", "text": 'says "no", then\nleaves', "n": 1},
    {"item": "b", "text": "Zoë", "n": 2},
]


def _write(folder: Path, suffix: str) -> Path:
    path = folder / f"rows{suffix}"
    frame = pd.DataFrame(ROWS)
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    elif suffix == ".tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif suffix == ".json":
        path.write_text(json.dumps(ROWS), encoding="utf-8")
    elif suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(r) for r in ROWS) + "\n\n", encoding="utf-8")
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_cells(tmp_path: Path, suffix: str) -> None:
    columns = read_table(_write(tmp_path, suffix)).columns
    assert columns["item"] == ["a", "b"]
    assert columns["text"] == [r["text"] for r in ROWS]
    assert [int(n) for n in columns["n"]] == [1, 2]


def test_json_lines_are_read_under_the_suffix_json_too(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text('{"a": 1, "tags": ["x", "é"]}\n{"a": 2, "tags": []}\n', encoding="utf-8")
    assert read_table(path).columns["tags"] == ['["x", "é"]', "[]"]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "bom.csv"
    path.write_bytes(b"\xef\xbb\xbfitem,text\na,b\n")
    assert list(read_table(path).columns) == ["item", "text"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b" \n\n", "the file is empty"),
        ("a.csv", b"item,text\n", "there are no rows"),
        ("a.json", b"[]", "there are no rows"),
        ("a.csv", b"item,text\na,ok\nb,caf\xe9\n", "not UTF-8: byte 0xE9 in line 3"),
        ("a.csv", b"item,text\na,b\nc\n", "row 2: 1 fields found, 2 expected"),
        ("a.csv", b"item,text\na,b,c\n", "row 1: 3 fields found, 2 expected"),
        ("a.csv", b"item,text,item\na,b,c\n", "the column 'item' twice"),
        ("a.csv", b'item,text\na,"b\n', "line 2: unexpected end of data"),
        ("a.json", b'{"a": 1}\n{"a": \n', "line 2, column"),
        ("a.json", b"[1, 2]", "expected a list of objects"),
        ("a.parquet", b"not parquet at all", "not a Parquet file"),
        ("a.xlsx", b"x", "files ending in '.xlsx' are not read"),
    ],
)
def test_an_unusable_file_is_told_with_its_place(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_table(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_an_absent_file_gets_the_near_miss(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item\na\n")
    with pytest.raises(InputError, match=r"no such file; did you mean 'items\.csv'"):
        read_table(tmp_path / "itmes.csv")


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1),
            st.text(st.characters(exclude_categories=("Cs",)), min_size=1),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_text_survives_a_csv_file(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    pd.DataFrame(cells, columns=["a", "b"]).to_csv(path, index=False, lineterminator="\r\n")
    assert list(zip(*read_table(path).columns.values(), strict=True)) == cells
