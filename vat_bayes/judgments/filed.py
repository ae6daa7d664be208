"""Checked judgments that stay in their file: counted, and read again when rows are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa

from vat_bayes.errors import InputError
from vat_bayes.judgments.columns import is_known, rename_columns
from vat_bayes.judgments.content import Content
from vat_bayes.judgments.contract import ITEM_COLUMNS, REQUIRED
from vat_bayes.judgments.held import typed_rows
from vat_bayes.judgments.parquet import ParquetRows
from vat_bayes.judgments.read import DELIMITERS, Delimited, file_kind, read_table, tidy_names
from vat_bayes.judgments.tally import Tally

_LARGE_TEXT = 1 << 26
_LARGE_PACKED = 1 << 23


class TableFile(Protocol):
    """A file that is read in batches of rows."""

    header: list[str]

    def batches(
        self, columns: Sequence[str] = (), coded: Sequence[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of these columns, some of them coded by their distinct contents."""


@dataclass(frozen=True)
class Layout:
    """Which column of a file is which.

    Parameters
    ----------
    file : TableFile
        The file.
    source : str
        Its place, for errors.
    mapping : mapping
        The contract's column -> the table's, where they differ.
    theirs : mapping
        The name of every column, as the contract calls it -> the file's name.
    notes : tuple of str
        The columns that a mapped one pushed out.
    """

    file: TableFile
    source: str
    mapping: Mapping[str, str]
    theirs: Mapping[str, str]
    notes: tuple[str, ...]


def is_large(path: Path) -> bool:
    """Say whether a file is better counted on disk than read into memory."""
    try:
        size = path.stat().st_size
    except OSError:
        return False  # told by its reader
    return size > (_LARGE_TEXT if path.suffix.casefold() in DELIMITERS else _LARGE_PACKED)


def file_layout(path: Path, columns: Mapping[str, str]) -> Layout | None:
    """Find the columns of a file.

    Parameters
    ----------
    path : Path
        A .csv, .csv.gz, .tsv, .tsv.gz or .parquet file.
    columns : mapping
        The contract's column -> the table's, where they differ.

    Returns
    -------
    Layout or None
        None when its cells are of a kind that has to be read in memory.

    Raises
    ------
    InputError
        When the file is no table, or its columns have no proper names.
    """
    source = str(path)
    kind, zipped = file_kind(path)
    file: Delimited | ParquetRows
    if kind == ".parquet":
        file = ParquetRows(path)
    else:
        file = Delimited(lambda: Content.of(path, zipped=zipped), DELIMITERS[kind], source)
    try:
        names = tidy_names(file.header, source)
        renamed, notes = rename_columns(pd.DataFrame(columns=names), columns, source)
    except InputError:
        # What is wrong with the file as a whole comes first, as when it is read at once.
        for _ in file.batches():
            pass
        raise
    theirs = {c: file.header[names.index(columns.get(c, c))] for c in renamed.columns}
    if isinstance(file, ParquetRows) and not file.is_plain(
        [theirs[c] for c in theirs if is_known(c)]
    ):
        return None
    return Layout(file, source, columns, theirs, tuple(notes))


@dataclass(frozen=True, eq=False)
class FiledRows:
    """The rows of a file that passed every check; see `CheckedRows`.

    Parameters
    ----------
    layout : Layout
        The file and its columns.
    n : int
        How many there are.
    p_columns : tuple of str
        ``p1..pK``, where there are any.
    tally : Tally
        The rows by cell.
    """

    layout: Layout
    n: int
    p_columns: tuple[str, ...]
    tally: Tally

    @property
    def table(self) -> pd.DataFrame:
        """The rows themselves, read again."""
        layout = self.layout
        frame, _ = rename_columns(read_table(Path(layout.source)), layout.mapping, layout.source)
        return typed_rows(frame, layout.source, list(self.p_columns))

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield the rows in parts, in the order of the file."""
        layout = self.layout
        known = (*REQUIRED, *ITEM_COLUMNS, "prompt", "replicate", *self.p_columns, "p_valid")
        typed = {layout.theirs[c] for c in known if c in layout.theirs}
        for batch in layout.file.batches():
            frame = pd.DataFrame(
                {
                    name.strip(): column.to_pandas()
                    if name in typed or pa.types.is_string(column.type)
                    # What is kept as it was found keeps its type where a part is empty of it.
                    else pd.Series(column, dtype=pd.ArrowDtype(column.type))
                    for name, column in zip(layout.file.header, batch.columns, strict=True)
                }
            )
            frame, _ = rename_columns(frame, layout.mapping, layout.source)
            yield typed_rows(frame, layout.source, list(self.p_columns))
