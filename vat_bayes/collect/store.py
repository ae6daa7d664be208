"""The run folder: where its files lie, how they are written, and who may write."""

from __future__ import annotations

import contextlib
import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from vat_bayes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RunFolder:
    """The files of a run.

    Parameters
    ----------
    root : pathlib.Path
        The folder.
    """

    root: Path

    @property
    def study(self) -> Path:
        """The study that the run is of; it gives the same run again."""
        return self.root / "study.toml"

    @property
    def items(self) -> Path:
        """The items that were judged and those held out for examples."""
        return self.root / "items.parquet"

    @property
    def loadings(self) -> Path:
        """The loadings of items that load on several values; only there when some do."""
        return self.root / "loadings.csv"

    @property
    def judgments(self) -> Path:
        """The judgments table of a finished run."""
        return self.root / "judgments.parquet"

    @property
    def manifest(self) -> Path:
        """What the run was made from and how."""
        return self.root / "manifest.json"

    @property
    def journal(self) -> Path:
        """The folder of finished judgments of a run that is under way."""
        return self.root / "journal"

    @property
    def prompts(self) -> Path:
        """The folder of the prompts that were sent: by model, a table for each of its files."""
        return self.root / "prompts"

    @property
    def thoughts(self) -> Path:
        """The folder of what the models wrote before they answered."""
        return self.root / "thoughts"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep every other process from writing into it.

        Raises
        ------
        InputError
            When another process has it, or it can't be made or written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(
                "another process is collecting into this folder",
                where=str(self.root),
                hint="wait for it, or choose another out",
            ) from None
        except OSError as e:
            raise InputError(
                f"the run folder cannot be written to ({e.strerror})", where=str(self.root)
            ) from None
        try:
            yield
        finally:
            lock.release()

    def refuse_foreign(self) -> None:
        """Raise an `InputError` when the folder has files in it but no run."""
        if self.manifest.exists():
            return
        # A run that was killed before its manifest was written has nothing but these.
        ours = {".lock", self.study.name, self.items.name, self.loadings.name}
        foreign = sorted(p.name for p in self.root.iterdir() if p.name not in ours)
        foreign = [name for name in foreign if not name.endswith(".part")]
        if foreign:
            raise InputError(
                f"the folder is not empty and holds no run (it has '{foreign[0]}')",
                where=str(self.root),
                hint="choose an empty or new folder",
            )

    def read_manifest(self) -> dict[str, Any] | None:
        """Return the manifest, or None when there is none yet.

        Raises
        ------
        InputError
            When it is damaged.
        """
        if not self.manifest.exists():
            return None
        try:
            found = json.loads(self.manifest.read_text(encoding="utf-8"))
        except ValueError as e:
            raise InputError(f"damaged ({e})", where=str(self.manifest)) from None
        if not isinstance(found, dict) or not found.keys() >= {"identity", "models", "sessions"}:
            raise InputError(
                "not the manifest of a collected run",
                where=str(self.manifest),
                hint="choose another out",
            )
        return found

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest."""
        text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
        write_text(self.manifest, f"{text}\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file; a crash leaves the old file or the new one, never a part."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file; a crash leaves the old file or the new one, never a part."""
    with whole(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a Parquet file; a crash leaves the old file or the new one, never a part."""
    with whole(path) as part:
        table.to_parquet(part, index=False)


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, and put what was written there in the place of a file."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        # On a full disk the beginning of a file would keep the room that the rest needs.
        part.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
