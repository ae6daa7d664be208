"""A table of codes and numbers in a database on disk, grouped and sorted within bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

_MEMORY = "768MiB"
_ROWS = 1 << 17
_PENDING = 1 << 20


class Database:
    """One table, ``judgments``, that is filled batch by batch and then queried.

    What does not fit into memory lies in a folder of its own, which goes when it is closed.

    Parameters
    ----------
    columns : mapping
        Column -> its SQL type.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="vat-bayes-")
        root = Path(self._folder.name)
        self._connection = duckdb.connect(
            str(root / "judgments.duckdb"),
            config={"memory_limit": _MEMORY, "temp_directory": str(root / "spilled")},
        )
        types = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        self._connection.execute(f"CREATE TABLE judgments ({types})")
        self._connection.execute("BEGIN")
        self._pending = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        self._folder.cleanup()

    def add(self, rows: pa.Table) -> None:
        """Append rows; their columns are those of the table, in its order."""
        self._connection.register("batch", rows)
        self._connection.execute("INSERT INTO judgments SELECT * FROM batch")
        self._connection.unregister("batch")
        self._pending += len(rows)
        if self._pending >= _PENDING:
            # What is not committed is held in memory, beyond the limit.
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN")
            self._pending = 0

    def table(self, query: str) -> pa.Table:
        """Return the result of a query that fits into memory."""
        return pa.table(self._connection.sql(query))

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """Yield the result of a query that need not."""
        yield from self._connection.sql(query).to_arrow_reader(_ROWS)
