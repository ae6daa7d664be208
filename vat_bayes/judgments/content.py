"""The bytes of a text file, checked on their way to the reader of the table."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np

from vat_bayes.errors import InputError

KINDS = ".csv, .csv.gz, .tsv, .tsv.gz or .parquet"
_BLOCK = 1 << 22
_NEWLINE = 10
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Content(io.RawIOBase):
    """The text of a file as UTF-8 bytes without a byte order mark.

    What is wrong with it is told by `finish` only, when all of it has been read: a file that is no
    text at all is called so whatever its reader stumbled over first.

    Parameters
    ----------
    file : binary file
        The bytes; plain, or gzipped where `zipped`.
    source : str
        The place, for errors.
    zipped : bool
        Whether they are gzipped.
    """

    def __init__(self, file: BinaryIO, source: str, *, zipped: bool) -> None:
        super().__init__()
        self._packed = file
        self._file: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=file) if zipped else file
        self._source = source
        self._start: bytes | None = None
        self._blank = True
        self._nul = False
        self._lines = 0
        self._tail = b""  # the beginning of a character that goes on in the next block
        self._not_utf8: InputError | None = None
        self._not_packed: InputError | None = None

    @classmethod
    def of(cls, path: Path, *, zipped: bool) -> Self:
        """Open a file."""
        return cls(path.open("rb"), str(path), zipped=zipped)

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, at least three; none at the end.

        Raises
        ------
        InputError
            When they are no UTF-8 text, which the reader of the table must not see; `finish` says
            what is wrong with the file as a whole.
        """
        data = self._next(size)
        if self._not_utf8 is not None:
            raise self._not_utf8
        return data

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer and return how many bytes came; see `read`."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def finish(self) -> None:
        """Read what is left.

        Raises
        ------
        InputError
            When the file is empty, or no UTF-8 text, or can't be unpacked.
        """
        while self._next(_BLOCK):
            pass
        if self._blank:
            raise InputError("the file is empty", where=self._source)
        if self._start is not None and self._start.startswith(_UTF_16):
            raise InputError("the text is UTF-16; expected UTF-8", where=self._source)
        if self._nul:
            raise InputError(f"not a text file; expected {KINDS}", where=self._source)
        self._look_at(b"", last=True)
        if self._not_utf8 is not None:
            raise self._not_utf8

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._packed.close()
        super().close()

    def _next(self, size: int) -> bytes:
        data = self._unpacked(size)
        if self._start is None:
            self._start = data[:3]
            self._blank = not data.strip()
            data = data.removeprefix(_BOM)
        self._look_at(data)
        return data

    def _unpacked(self, size: int) -> bytes:
        if self._not_packed is None:
            try:
                return self._file.read(size)
            except EOFError:
                why = "the gzip file is cut off"
            except (gzip.BadGzipFile, zlib.error):
                why = "not a valid gzip file, whatever its name says"
            self._not_packed = InputError(why, where=self._source)
        raise self._not_packed

    def _look_at(self, data: bytes, *, last: bool = False) -> None:
        """Take note of what is wrong with a block, as far as nothing was before."""
        self._blank = self._blank and not data.strip()
        self._nul = self._nul or b"\0" in data
        if self._not_utf8 is not None:
            return
        text = self._tail + data
        self._tail = b""
        if not text.isascii():
            try:
                text.decode()
            except UnicodeDecodeError as error:
                unfinished = error.reason == "unexpected end of data" and not last
                if not unfinished:
                    line = self._lines + text.count(b"\n", 0, error.start) + 1
                    self._not_utf8 = InputError(
                        f"line {line} is not UTF-8 text (byte 0x{text[error.start]:02x})",
                        where=self._source,
                        hint="save the file as UTF-8",
                    )
                    return
                self._tail = text[error.start :]
        # Faster than data.count.
        self._lines += int(np.count_nonzero(np.frombuffer(data, np.uint8) == _NEWLINE))
