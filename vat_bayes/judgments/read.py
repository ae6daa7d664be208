"""Judgment files to raw frames: CSV, TSV (plain or gzipped) and Parquet, all cells as found."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.content import KINDS, Content
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.words import listed, shown

DELIMITERS = {".csv": ",", ".tsv": "\t"}
_RUN_FILES = ("judgments.parquet", "judgments.csv", "judgments.csv.gz")
_BLOCK = 1 << 24
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
        raise unreadable(error, path) from error
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


def unreadable(error: OSError, path: Path) -> InputError:
    """Return the error for a file that the system withholds."""
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
    kind, zipped = file_kind(path)
    try:
        if kind == ".parquet":
            frame = _read_parquet(path)
        else:
            data = path.read_bytes()
            table = Delimited(
                lambda: Content(io.BytesIO(data), source, zipped=zipped), DELIMITERS[kind], source
            )
            batches = list(table.batches())
            frame = pa.Table.from_batches(batches, table.schema(table.header, ())).to_pandas()
    except OSError as error:
        raise unreadable(error, path) from error
    return tidy_columns(frame, source)


def file_kind(path: Path) -> tuple[str, bool]:
    """Return the suffix that says how a table is written, and whether it is gzipped.

    Raises
    ------
    InputError
        When it is none that can be read.
    """
    suffixes = [s.casefold() for s in path.suffixes]
    zipped = suffixes[-1:] == [".gz"]
    kind = "".join((suffixes[:-1] if zipped else suffixes)[-1:])
    if kind in DELIMITERS or (kind == ".parquet" and not zipped):
        return kind, zipped
    raise InputError(f"unknown kind of file; expected {KINDS}", where=str(path))


def tidy_columns(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the frame with stripped, unique text as column names and rows counted from 0.

    Raises
    ------
    InputError
        When a column has no name or shares it, or when there are no rows.
    """
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    columns = tidy_names(frame.columns, source)
    if not len(frame):
        raise InputError("a header and no rows", where=source)
    return frame.set_axis(columns, axis=1).reset_index(drop=True)


def tidy_names(names: Iterable[object], source: str) -> list[str]:
    """Return the names of columns as stripped text.

    Raises
    ------
    InputError
        When one is empty, or two are the same.
    """
    columns = [str(name).strip() for name in names]
    if "" in columns:
        raise InputError(f"column {columns.index('') + 1} has no name", where=source)
    twice = sorted({c for c in columns if columns.count(c) > 1})
    if twice:
        raise InputError(f"several columns are called {listed(twice)}", where=source)
    return columns


class Delimited:
    """A CSV or TSV file, read in batches of rows; its cells are text, empty ones null.

    Parameters
    ----------
    open_content : callable
        Opens the file at its beginning.
    delimiter : str
        What separates the cells.
    source : str
        The place, for errors.

    Raises
    ------
    InputError
        When the file is no text, or its header can't be read.
    """

    def __init__(self, open_content: Callable[[], Content], delimiter: str, source: str) -> None:
        self._open = open_content
        self._delimiter = delimiter
        self._source = source
        with open_content() as content:
            try:
                self.header = self._read_header(content)
            except InputError:
                content.finish()
                raise

    def _read_header(self, content: Content) -> list[str]:
        text = io.TextIOWrapper(io.BufferedReader(content), encoding="utf-8", newline="\n")
        try:
            header = next(row for row in csv.reader(text, delimiter=self._delimiter) if row)
        except (csv.Error, StopIteration, UnicodeError) as error:
            raise InputError("no header could be read", where=self._source) from error
        finally:
            text.detach().detach()
        if len(header) == 1:
            for other, word in _OTHER_SEPARATORS.items():
                if other in header[0] and other != self._delimiter:
                    raise InputError(
                        f"the header looks separated by {word}, "
                        f"expected {_OTHER_SEPARATORS[self._delimiter]}: {shown(header[0])}",
                        where=self._source,
                    )
        return header

    def schema(self, columns: Sequence[str], coded: Collection[str]) -> pa.Schema:
        """Return the columns with their types: text, or text coded by its distinct contents."""
        text = pa.string()
        code = pa.dictionary(pa.int32(), text)
        return pa.schema([(c, code if c in coded else text) for c in columns])

    def batches(
        self, columns: Sequence[str] = (), coded: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows in their order.

        Parameters
        ----------
        columns : sequence of str
            The columns of the header to return; all when empty.
        coded : collection of str
            Which of them are dictionary-encoded.

        Raises
        ------
        InputError
            When all is read, if the file is no text or no table.
        """
        # Short rows are refused and not padded: a padded row would count as a refusal.
        uneven: list[pa.csv.InvalidRow] = []
        yield from self._stream(columns, coded, uneven, use_threads=True)
        if uneven:
            if any(row.number is None for row in uneven):
                # Rows that are read side by side have no numbers: read them again in their order.
                uneven.clear()
                for _ in self._stream(columns, coded, uneven, use_threads=False):
                    pass
            first = min(uneven, key=lambda row: row.number)
            raise InputError(
                f"found {first.actual_columns} cells, expected {first.expected_columns} "
                f"as in the header: {shown(first.text)}",
                where=Place(self._source).at(first.number - 2),  # the number counts the header
                hint="look for an unclosed quote or a missing separator",
            )

    def _stream(
        self,
        columns: Sequence[str],
        coded: Collection[str],
        uneven: list[pa.csv.InvalidRow],
        *,
        use_threads: bool,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows; those with too few or too many cells are left out and noted."""

        def note_uneven(row: pa.csv.InvalidRow) -> str:
            uneven.append(row)
            return "skip"

        schema = self.schema(columns or self.header, coded)
        with self._open() as content:
            try:
                yield from pa.csv.open_csv(
                    content,
                    read_options=pa.csv.ReadOptions(block_size=_BLOCK, use_threads=use_threads),
                    parse_options=pa.csv.ParseOptions(
                        delimiter=self._delimiter,
                        newlines_in_values=True,
                        invalid_row_handler=note_uneven,
                    ),
                    convert_options=pa.csv.ConvertOptions(
                        column_types=schema,
                        include_columns=list(columns) or None,
                        strings_can_be_null=True,
                        null_values=[""],
                    ),
                )
            except (pa.ArrowException, InputError) as error:
                content.finish()
                reason = str(error).splitlines()[0]
                raise InputError(
                    f"can't be read as a table: {reason}", where=self._source
                ) from error
            content.finish()


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
