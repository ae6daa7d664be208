"""Text columns that come in batches, as codes into their distinct contents."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from vat_bayes.judgments.coerce import as_name


class Coder:
    """Codes of one column, the same in all batches.

    Cells are cleaned as `encode` does; -1 stands for an empty one.
    """

    def __init__(self) -> None:
        self._code: dict[str, int] = {}
        self._found: pa.Array | None = None  # the distinct cells as they were found
        self._code_of_found = np.empty(0, dtype=np.int32)

    @property
    def names(self) -> list[str]:
        """The distinct contents by code."""
        return list(self._code)

    def codes(self, column: pa.Array) -> NDArray[np.int32]:
        """Return the codes of a batch."""
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        cells = column.dictionary
        if self._found is None:
            self._found = cells.slice(0, 0)
        new = cells.filter(pa.compute.index_in(cells, value_set=self._found).is_null())
        if len(new):
            self._found = pa.concat_arrays([self._found, new])
            of_new = [self._coded(cell) for cell in new.to_pylist()]
            self._code_of_found = np.append(self._code_of_found, np.array(of_new, np.int32))
        place = pa.compute.index_in(cells, value_set=self._found).to_numpy(zero_copy_only=False)
        lookup = np.append(self._code_of_found[place], np.int32(-1))
        codes: NDArray[np.int32] = lookup.take(column.indices.fill_null(len(cells)).to_numpy())
        return codes

    def _coded(self, cell: str | float | None) -> int:
        empty = cell is None or (isinstance(cell, float) and math.isnan(cell))
        return -1 if empty else self._code.setdefault(as_name(cell), len(self._code))

    def column(self, codes: NDArray[np.int32]) -> pd.Series:
        """Return the contents of these codes."""
        names = pd.Index(self.names, dtype="str")
        return pd.Series(pd.Categorical.from_codes(codes, categories=names))
