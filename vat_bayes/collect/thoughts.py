"""What the models wrote before they answered: appended as it comes, one line each."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import IO

from vat_bayes.collect.journal import Key


class Thoughts:
    """A folder of JSON lines files beside the journal.

    A text is on the disk before its judgment is, so no judgment ever lacks one. A text without a
    judgment, or one that stands there twice, comes from an interruption; the seed makes both the
    same.

    Parameters
    ----------
    folder : pathlib.Path
        Made when the first text is added.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[str] | None = None

    def append(self, key: Key, text: str) -> None:
        """Add what was written before a judgment."""
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            last = max((int(p.stem) for p in self._folder.glob("[0-9]*.jsonl")), default=0)
            path = self._folder / f"{last + 1:04d}.jsonl"
            self._file = path.open("x", encoding="utf-8", newline="\n")
        self._file.write(json.dumps({**asdict(key), "text": text}) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
