"""A table from a file: CSV, TSV, JSON, JSON lines or Parquet, with the place of every fault."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vat_bayes.errors import InputError, near_miss
from vat_bayes.items.raw import RawTable, cell_of, columns_of

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet")


def read_table(path: str | Path) -> RawTable:
    """Read a table whose format is told by the file's suffix.

    Cells of CSV and TSV files are text; a list or object inside a JSON cell becomes its JSON text.

    Parameters
    ----------
    path : str or pathlib.Path
        A file ending in ``.csv``, ``.tsv``, ``.json``, ``.jsonl`` or ``.parquet``.

    Returns
    -------
    RawTable
        At least one row and one column.

    Raises
    ------
    InputError
        When the file is absent, empty, not UTF-8, of another kind or malformed, or has no rows.
    """
    path = Path(path)
    where = str(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"files ending in '{path.suffix}' are not read; expected {', '.join(SUFFIXES)}",
            where=where,
        )
    if not path.is_file():
        near = None
        if path.parent.is_dir():
            near = near_miss(path.name, (p.name for p in path.parent.iterdir()))
        raise InputError("there is no such file", where=where, hint=near)
    data = path.read_bytes()
    if not data.strip():
        raise InputError("the file is empty", where=where)
    if suffix == ".parquet":
        columns = _parquet(data, where)
    elif suffix in (".json", ".jsonl"):
        columns = _records(_text(data, where), where)
    else:
        columns = _delimited(_text(data, where), "\t" if suffix == ".tsv" else ",", where)
    table = RawTable(columns, where)
    if not len(table):
        raise InputError("there are no rows", where=where)
    return table


def raw_table(source: str | Path | pd.DataFrame, name: str) -> RawTable:
    """Return the table of a file, or that of a data frame.

    Parameters
    ----------
    source : str, pathlib.Path or pandas.DataFrame
        The file, or the table itself.
    name : str
        What messages call a data frame.

    Raises
    ------
    InputError
        When the file can't be read, or two columns have one name.
    """
    if isinstance(source, str | Path):
        return read_table(source)
    return RawTable(columns_of(source, name), name)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"not UTF-8: byte 0x{data[error.start]:02X} in line {line}",
            where=where,
            hint="save the file as UTF-8",
        ) from error


def _delimited(text: str, delimiter: str, where: str) -> dict[str, list[Any]]:
    # The csv module tells the record, and pads or guesses nothing.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        records = [record for record in reader if record]
    except csv.Error as error:
        raise InputError(f"line {reader.line_num}: {error}", where=where) from error
    header = [name.strip() for name in records[0]]
    twice = [name for i, name in enumerate(header) if name in header[:i]]
    if twice:
        raise InputError(f"the header has the column '{twice[0]}' twice", where=where)
    for number, record in enumerate(records[1:], start=1):
        if len(record) != len(header):
            raise InputError(
                f"{len(record)} fields found, {len(header)} expected from the header",
                where=f"{where}, row {number}",
            )
    return {name: [record[i] for record in records[1:]] for i, name in enumerate(header)}


def _records(text: str, where: str) -> dict[str, list[Any]]:
    try:
        parsed: Any = json.loads(text)
    except json.JSONDecodeError:
        parsed = _lines(text, where)
    rows = [parsed] if isinstance(parsed, dict) else parsed
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError("expected a list of objects, or one object a line", where=where)
    names = dict.fromkeys(key for row in rows for key in row)
    return {name: [_flat(row.get(name)) for row in rows] for name in names}


def _lines(text: str, where: str) -> list[Any]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise InputError(
                f"not JSON ({error.msg})", where=f"{where}, line {number}, column {error.colno}"
            ) from error
    return rows


def _flat(cell: Any) -> Any:
    if isinstance(cell, list | dict):
        return json.dumps(cell, ensure_ascii=False)
    return cell_of(cell)


def _parquet(data: bytes, where: str) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        found = pq.read_table(io.BytesIO(data))
    except (pa.ArrowInvalid, OSError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"not a Parquet file ({said})", where=where) from error
    # An index that pandas kept in the file is no column of the table.
    index = (found.schema.pandas_metadata or {}).get("index_columns", [])
    names = [name for name in found.column_names if name not in index]
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise InputError(f"there are two columns '{twice[0]}'", where=where)
    return {name: [cell_of(c) for c in found[name].to_pylist()] for name in names}
