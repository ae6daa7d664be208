"""A Parquet file, read in batches of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from vat_bayes.errors import InputError

_ROWS = 1 << 17
_BUFFER = 1 << 20


class ParquetRows:
    """A Parquet file, read in batches of rows.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    InputError
        When it is no Parquet file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.stat().st_size == 0:
            raise InputError("the file is empty", where=str(path))
        with self._open() as file:
            self._schema = file.schema_arrow
        frame = self._schema.empty_table().to_pandas()
        if any(name is not None for name in frame.index.names):
            frame = frame.reset_index()
        # pandas writes a row index without a name as a column, which is none.
        self.header: list[str] = [c for c in self._schema.names if c in frame.columns]
        self._has_all = len(self.header) == len(frame.columns)

    def _open(self, coded: Collection[str] = ()) -> pa.parquet.ParquetFile:
        # ParquetFile and not read_table: the latter adds columns for folders named like "a=1".
        try:
            return pa.parquet.ParquetFile(
                self._path, read_dictionary=list(coded), pre_buffer=False, buffer_size=_BUFFER
            )
        except pa.ArrowException as error:
            raise self._invalid() from error

    def _invalid(self) -> InputError:
        return InputError("not a valid Parquet file, whatever its name says", where=str(self._path))

    def is_plain(self, columns: Collection[str]) -> bool:
        """Say whether the cells of these columns are text, whole or double-precision numbers.

        And whether the table has no more columns than the file, as it does with a named row index
        that pandas keeps in the file's metadata only.
        """
        return self._has_all and all(_is_plain(self._schema.field(c).type) for c in columns)

    def batches(
        self, columns: Sequence[str] = (), coded: Collection[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows in their order; see `Delimited.batches`."""
        try:
            with self._open(coded) as file:
                yield from file.iter_batches(_ROWS, columns=list(columns or self.header))
        except pa.ArrowException as error:
            raise self._invalid() from error


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_float64(kind)
        or pa.types.is_null(kind)
    )
