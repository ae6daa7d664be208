"""The files in a ZIP archive, also those that are compressed with Zstandard.

Inspect writes its logs so. The standard library reads them from Python 3.14 on; Arrow, which is
here anyway, has the same decompressor.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from struct import unpack
from types import TracebackType
from typing import Self

import pyarrow as pa

_ZSTANDARD = 93
# A local header: 30 bytes, of which the last four are the lengths of the name and the extra field.
_HEADER = 30


class Archive:
    """A ZIP archive, open for reading.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    zipfile.BadZipFile
        When it is none, or is cut off.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        try:
            self._zip = zipfile.ZipFile(self._file)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()
        self._file.close()

    def names(self) -> list[str]:
        """Return the names of the files, in the order in which they were written."""
        return self._zip.namelist()

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises
        ------
        zipfile.BadZipFile
            When it is not what was written.
        """
        info = self._zip.getinfo(name)
        if info.compress_type != _ZSTANDARD:
            return self._zip.read(name)
        self._file.seek(info.header_offset)
        header = self._file.read(_HEADER)
        if len(header) < _HEADER:
            raise zipfile.BadZipFile(f"{name} is cut off")
        self._file.seek(sum(unpack("<HH", header[-4:])), 1)
        packed = self._file.read(info.compress_size)
        try:
            with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
                content: bytes = stream.read()
        except OSError as error:
            raise zipfile.BadZipFile(f"{name} can't be decompressed") from error
        if len(content) != info.file_size or zlib.crc32(content) != info.CRC:
            raise zipfile.BadZipFile(f"{name} is not what was written")
        return content
