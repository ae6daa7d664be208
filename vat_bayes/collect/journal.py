"""The journal: finished judgments, appended as they come, each with its own checksum."""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from vat_bayes.collect.judge import UNLISTED, Reading

_SYNC_SECONDS = 1.0
_SYNC_ENTRIES = 256
_WITHOUT_SHARES = ("end", UNLISTED)


@dataclass(frozen=True, order=True, slots=True)
class Key:
    """Which judgment it is."""

    model: str
    condition: str
    item: str
    order: str
    replicate: int = 1

    @property
    def parts(self) -> tuple[str, str, str, str, int]:
        """Everything that names it."""
        return self.model, self.condition, self.item, self.order, self.replicate


class Journal:
    """A folder of JSON lines files, one for each session of a run.

    A file is only ever appended to by the session that made it. A line that a crash cut off at the
    end of a file is passed over; a damaged one anywhere else is passed over and told. Either way
    the judgment counts as not made.

    Parameters
    ----------
    folder : pathlib.Path
        Made when the first judgment is added.
    n_categories : int
        K; a line with another number of probabilities is damaged.
    """

    def __init__(self, folder: Path, n_categories: int) -> None:
        self._folder = folder
        self._k = n_categories
        self._file: IO[bytes] | None = None
        self._unsynced = 0
        self._synced_at = 0.0

    def read(self, tell: Callable[[str], None]) -> dict[Key, Reading]:
        """Return the judgments made so far.

        Parameters
        ----------
        tell : callable
            Called with one sentence for each damaged line.
        """
        made: dict[Key, Reading] = {}
        for path in sorted(self._folder.glob("*.jsonl")):
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    entry = self._parse(line.removesuffix(b"\n"))
                    # The last entry may have lost its line break alone: then it was made, and is
                    # as good as any other. If it lost more it was never whole, which is no damage.
                    if entry is not None:
                        made.setdefault(*entry)
                    elif line.endswith(b"\n"):
                        tell(
                            f"{self._folder.name}/{path.name}, line {number} is damaged; "
                            "its judgment is made again unless a later line has it"
                        )
        return made

    def append(self, key: Key, reading: Reading) -> None:
        """Add a judgment; it is on the disk about a second later at most."""
        if self._file is None:
            self._file = self._new_file()
            self._synced_at = time.monotonic()
        self._file.write(_line(key, reading))
        self._unsynced += 1
        if self._unsynced >= _SYNC_ENTRIES or time.monotonic() - self._synced_at >= _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Bring everything added so far onto the disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._unsynced = 0
        self._synced_at = time.monotonic()

    def close(self) -> None:
        """Bring everything onto the disk and close the file."""
        if self._file is not None:
            try:
                self.sync()
            finally:
                # A full disk refuses what is still held back once more, and the file is closed.
                file, self._file = self._file, None
                file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _new_file(self) -> IO[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        last = max((int(p.stem) for p in self._folder.glob("[0-9]*.jsonl")), default=0)
        return (self._folder / f"{last + 1:04d}.jsonl").open("xb")

    def _parse(self, line: bytes) -> tuple[Key, Reading] | None:
        try:
            entry = json.loads(line)
            judgment = entry["judgment"]
            # A flipped bit may leave the numbers as they are ("1e-5", "1E-5"): it is told all the
            # same, since nothing says what else is wrong with the disk.
            if entry["crc32"] != _checksum(judgment) or _json(entry) != line:
                return None
            model, condition, item, order, probabilities, p_valid, *written = judgment
            replicate, rating, ended = written or (1, None, "")
            # The names are in thousands of lines, and are kept once.
            model, condition, item, order = map(sys.intern, (model, condition, item, order))
            key = Key(model, condition, item, order, replicate)
            reading = Reading(
                tuple(map(float, probabilities)),
                None if p_valid is None else float(p_valid),
                rating,
                ended,
            )
        except (ValueError, TypeError, KeyError):
            return None
        if len(reading.probabilities) != (0 if reading.ended in _WITHOUT_SHARES else self._k):
            return None
        return key, reading


def _line(key: Key, reading: Reading) -> bytes:
    # The shortest decimal that gives the same float again: nothing is lost on the way.
    judgment = [
        key.model,
        key.condition,
        key.item,
        key.order,
        list(reading.probabilities),
        reading.p_valid,
    ]
    if reading.ended:
        judgment += [key.replicate, reading.rating, reading.ended]
    return _json({"judgment": judgment, "crc32": _checksum(judgment)}) + b"\n"


def _checksum(judgment: Any) -> str:
    return f"{zlib.crc32(_json(judgment)):08x}"


def _json(thing: Any) -> bytes:
    return json.dumps(thing, ensure_ascii=True, separators=(",", ":")).encode("ascii")
