"""Judgment files to raw frames: CSV, TSV (plain or gzipped) and Parquet, all cells as found."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.coerce import at, listed, shown

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_KINDS = ".csv, .csv.gz, .tsv, .tsv.gz or .parquet"
_RUN_FILES = ("judgments.parquet", "judgments.csv", "judgments.csv.gz")
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}


def table_file(path: Path) -> Path:
    """Return the file to read: the path itself, or the judgments in a run folder.

    Raises
    ------
    InputError
        When there is no such file, or no judgments in the folder.
    """
    try:
        if path.is_dir():
            return _in_run_folder(path)
        if path.exists():
            return path
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else None
    except OSError as error:
        raise _unreadable(error, path) from error
    if siblings is None:
        raise InputError("no such file: the folder does not exist either", where=str(path))
    raise InputError("no such file", where=str(path), hint=near_miss(path.name, siblings))


def _in_run_folder(folder: Path) -> Path:
    for name in _RUN_FILES:
        if (folder / name).is_file():
            return folder / name
    raise InputError(
        f"no {_RUN_FILES[0]} in this folder", where=str(folder), hint="expected a run folder"
    )


def _unreadable(error: OSError, path: Path) -> InputError:
    return InputError(f"can't be read: {error.strerror or error}", where=str(path))


def read_table(path: Path) -> pd.DataFrame:
    """Read a table without interpreting its cells.

    Parameters
    ----------
    path : Path
        A .csv, .csv.gz, .tsv, .tsv.gz or .parquet file.

    Returns
    -------
    DataFrame
        Text columns from CSV and TSV (empty cells missing), typed columns from Parquet.

    Raises
    ------
    InputError
        When the file can't be read as what its name says, or has no rows.
    """
    source = str(path)
    suffixes = [s.casefold() for s in path.suffixes]
    zipped = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if zipped else suffixes)[-1:]
    try:
        if kind == [".parquet"] and not zipped:
            frame = _read_parquet(path)
        elif kind and kind[0] in _DELIMITERS:
            frame = _read_delimited(_content(path, zipped=zipped), _DELIMITERS[kind[0]], source)
        else:
            raise InputError(f"unknown kind of file; expected {_KINDS}", where=source)
    except OSError as error:
        raise _unreadable(error, path) from error
    return tidy_columns(frame, source)


def tidy_columns(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the frame with stripped, unique text as column names and rows counted from 0.

    Raises
    ------
    InputError
        When a column has no name or shares it, or when there are no rows.
    """
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    columns = [str(c).strip() for c in frame.columns]
    if "" in columns:
        raise InputError(f"column {columns.index('') + 1} has no name", where=source)
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if twice:
        raise InputError(f"several columns are called {listed(twice)}", where=source)
    if not len(frame):
        raise InputError("a header and no rows", where=source)
    return frame.set_axis(columns, axis=1).reset_index(drop=True)


def _content(path: Path, *, zipped: bool) -> str:
    source = str(path)
    data = path.read_bytes()
    if zipped and data:
        try:
            data = gzip.decompress(data)
        except EOFError as error:
            raise InputError("the gzip file is cut off", where=source) from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                "not a valid gzip file, whatever its name says", where=source
            ) from error
    if not data.strip():
        raise InputError("the file is empty", where=source)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("the text is UTF-16; expected UTF-8", where=source)
    if b"\0" in data:
        raise InputError(f"not a text file; expected {_KINDS}", where=source)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"line {line} is not UTF-8 text (byte 0x{data[error.start]:02x})",
            where=source,
            hint="save the file as UTF-8",
        ) from error


def _read_delimited(text: str, delimiter: str, source: str) -> pd.DataFrame:
    try:
        header = next(row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row)
    except (csv.Error, StopIteration) as error:
        raise InputError("no header could be read", where=source) from error
    if len(header) == 1:
        for other, word in _OTHER_SEPARATORS.items():
            if other in header[0] and other != delimiter:
                raise InputError(
                    f"the header looks separated by {word}, "
                    f"expected {_OTHER_SEPARATORS[delimiter]}: {shown(header[0])}",
                    where=source,
                )
    # Short rows are refused and not padded: a padded row would count as a refusal.
    uneven: list[pa.csv.InvalidRow] = []

    def note_uneven(row: pa.csv.InvalidRow) -> str:
        uneven.append(row)
        return "skip"

    try:
        table = pa.csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=1 << 24),
            parse_options=pa.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note_uneven
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"can't be read as a table: {reason}", where=source) from error
    if uneven:
        # The number counts the header; it is unknown where the file has several blocks.
        number = uneven[0].number
        raise InputError(
            f"found {uneven[0].actual_columns} cells, expected {uneven[0].expected_columns} "
            f"as in the header: {shown(uneven[0].text)}",
            where=at(source, None if number is None else number - 2),
            hint="look for an unclosed quote or a missing separator",
        )
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    if path.stat().st_size == 0:
        raise InputError("the file is empty", where=str(path))
    try:
        # ParquetFile and not read_table: the latter adds columns for folders named like "a=1".
        table = pa.parquet.ParquetFile(path).read()
    except pa.ArrowException as error:
        raise InputError(
            "not a valid Parquet file, whatever its name says", where=str(path)
        ) from error
    names = [str(n).strip() for n in table.column_names]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"several columns are called {listed(twice)}", where=str(path))
    frame: pd.DataFrame = table.to_pandas()
    return frame
