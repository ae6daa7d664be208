"""Files that can't be read as what their names say are refused in one sentence."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from judgment_tables import valid_table

from vat_bayes.errors import InputError
from vat_bayes.judgments import load_judgments

type Make = Callable[[Path], Path]


def csv_bytes() -> bytes:
    return valid_table().to_csv(index=False).encode()


def file(name: str, content: bytes) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return make


def misspelt(folder: Path) -> Path:
    (folder / "ratings.csv").write_bytes(csv_bytes())
    return folder / "rating.csv"


def folder_without(folder: Path) -> Path:
    (folder / "notes.txt").write_text("nothing here")
    return folder


def truncated_parquet(folder: Path) -> Path:
    path = folder / "j.parquet"
    valid_table().to_parquet(path)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def parquet_with_twins(folder: Path) -> Path:
    column = pa.array(["a", "b"])
    pa.parquet.write_table(pa.table([column, column], names=["item", "item"]), folder / "j.parquet")
    return folder / "j.parquet"


def lines(*rows: str) -> bytes:
    header = "model,condition,item,scenario,value,polarity,rating"
    return "\n".join([header, *rows, ""]).encode()


GOOD = "m,plain,i1,s1,power,1,4"
BAD: dict[str, tuple[Make, str]] = {
    "missing": (misspelt, "<>/rating.csv: no such file; did you mean 'ratings.csv'?"),
    "missing folder": (
        lambda folder: folder / "runs" / "j.csv",
        "<>/runs/j.csv: no such file: the folder does not exist either",
    ),
    "folder": (folder_without, "<>: no judgments.parquet in this folder; expected a run folder"),
    "empty": (file("j.csv", b""), "<>/j.csv: the file is empty"),
    "empty gz": (file("j.csv.gz", b""), "<>/j.csv.gz: the file is empty"),
    "empty parquet": (file("j.parquet", b""), "<>/j.parquet: the file is empty"),
    "blank": (file("j.csv", b" \n\n"), "<>/j.csv: the file is empty"),
    "header only": (
        file("j.csv", lines()),
        "<>/j.csv: a header and no rows",
    ),
    "latin-1": (
        file("j.csv", lines(GOOD, "m,plain,i2,caf\xe9,power,1,4").decode().encode("latin-1")),
        "<>/j.csv: line 3 is not UTF-8 text (byte 0xe9); save the file as UTF-8",
    ),
    "utf-16": (
        file("j.csv", csv_bytes().decode().encode("utf-16")),
        "<>/j.csv: the text is UTF-16; expected UTF-8",
    ),
    "binary": (
        file("j.csv", b"\x89PNG\x00\x01"),
        "<>/j.csv: not a text file; expected .csv, .csv.gz, .tsv, .tsv.gz or .parquet",
    ),
    "other kind": (
        file("j.xlsx", b"PK\x03\x04"),
        "<>/j.xlsx: unknown kind of file; expected .csv, .csv.gz, .tsv, .tsv.gz or .parquet",
    ),
    "no suffix": (
        file("judgments", csv_bytes()),
        "<>/judgments: unknown kind of file; expected .csv, .csv.gz, .tsv, .tsv.gz or .parquet",
    ),
    "not a parquet": (
        file("j.parquet", csv_bytes()),
        "<>/j.parquet: not a valid Parquet file, whatever its name says",
    ),
    "cut parquet": (
        truncated_parquet,
        "<>/j.parquet: not a valid Parquet file, whatever its name says",
    ),
    "not gz": (
        file("j.csv.gz", csv_bytes()),
        "<>/j.csv.gz: not a valid gzip file, whatever its name says",
    ),
    "cut gz": (
        file("j.csv.gz", gzip.compress(csv_bytes())[:-30]),
        "<>/j.csv.gz: the gzip file is cut off",
    ),
    "semicolons": (
        file("j.csv", lines(GOOD).replace(b",", b";")),
        "<>/j.csv: the header looks separated by semicolons, expected commas: "
        "'model;condition;item;scenario;value;polarity;rating'",
    ),
    "commas in a tsv": (
        file("j.tsv", lines(GOOD)),
        "<>/j.tsv: the header looks separated by commas, expected tabs: "
        "'model,condition,item,scenario,value,polarity,rating'",
    ),
    "short row": (
        file("j.csv", lines(GOOD, "m,plain,i2,s2,power,1")),
        "<>/j.csv, row 2: found 6 cells, expected 7 as in the header: 'm,plain,i2,s2,power,1'; "
        "look for an unclosed quote or a missing separator",
    ),
    "long row": (
        file("j.csv", lines("m,plain,i1,Paris, France,power,1,4")),
        "<>/j.csv, row 1: found 8 cells, expected 7 as in the header: "
        "'m,plain,i1,Paris, France,power,1,4'; "
        "look for an unclosed quote or a missing separator",
    ),
    "unclosed quote": (
        file("j.csv", lines('m,plain,"i1,s1,power,1,4', GOOD)),
        "<>/j.csv, row 1: found 3 cells, expected 7 as in the header: "
        "'m,plain,\"i1,s1,power,1,4 m,plain,i1,s1,power,1,4'; "
        "look for an unclosed quote or a missing separator",
    ),
    "duplicated column": (
        file("j.csv", lines(GOOD).replace(b"polarity", b"value")),
        "<>/j.csv: several columns are called 'value'",
    ),
    "duplicated column in a parquet": (
        parquet_with_twins,
        "<>/j.parquet: several columns are called 'item'",
    ),
    "bad cell": (
        file("j.csv", lines(GOOD, "", "m,plain,i2,s2,power,1,four")),
        "<>/j.csv, row 2, column 'rating': found 'four', "
        "expected a whole number from 1 to K, or nothing for a refusal",
    ),
}


@pytest.mark.parametrize(("make", "sentence"), BAD.values(), ids=BAD)
def test_says_what_is_wrong(make: Make, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        load_judgments(make(tmp_path))
    assert str(told.value).replace(str(tmp_path), "<>") == sentence


@pytest.mark.parametrize("method", ["exists", "read_bytes"])
def test_a_file_that_the_system_withholds(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "j.csv").write_bytes(csv_bytes())

    def withhold(*_: object, **__: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, method, withhold)
    with pytest.raises(InputError) as told:
        load_judgments(tmp_path / "j.csv")
    assert str(told.value) == f"{tmp_path / 'j.csv'}: can't be read: Permission denied"
