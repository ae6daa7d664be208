"""What a study asks for and how much of it is made, told before anything is asked."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vat_bayes.collect.journal import Journal
from vat_bayes.collect.manifest import file_sha256, identity, refuse_changes
from vat_bayes.collect.run import prepared
from vat_bayes.study import Study

# A session that was shorter says little about speed: its clock is read to the second.
_SECONDS = 3.0


@dataclass(frozen=True)
class Planned:
    """The judgments of one model under one condition.

    Parameters
    ----------
    model, condition, role, kind : str
        What is asked.
    judgments : int
        How many there are to be.
    made : int
        How many of them are in the run folder.
    """

    model: str
    condition: str
    role: str
    kind: str
    judgments: int
    made: int


@dataclass(frozen=True)
class Outline:
    """What a study asks for.

    Parameters
    ----------
    folder : pathlib.Path
        The run folder; it need not exist.
    rows : tuple of Planned
        One for each model and condition, in the order of the study.
    per_second : float or None
        Judgments a second in the last session of the run that was long enough to tell.
    notes : tuple of str
        What is wrong with the run folder and will be mended.
    """

    folder: Path
    rows: tuple[Planned, ...]
    per_second: float | None
    notes: tuple[str, ...]

    @property
    def judgments(self) -> int:
        """How many there are to be."""
        return sum(row.judgments for row in self.rows)

    @property
    def made(self) -> int:
        """How many of them are made."""
        return sum(row.made for row in self.rows)

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the speed of the last session; None where it is not known."""
        left = self.judgments - self.made
        if not left:
            return 0.0
        return None if self.per_second is None else left / self.per_second

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "run": str(self.folder),
            "judgments": self.judgments,
            "made": self.made,
            "seconds_left": self.seconds_left,
            "rows": [asdict(row) for row in self.rows],
            "notes": list(self.notes),
        }


def outline(study: Study, *, out: str | Path | None = None) -> Outline:
    """Say what a study asks for and how much of it is made; nothing is opened or written.

    Whatever would keep `collect` from going on, short of what is wrong inside a model file, is told
    here as it is there.

    Parameters
    ----------
    study : Study
        The study.
    out : path, optional
        The run folder; chosen as in `collect` when absent.

    Raises
    ------
    InputError
        When the study can't be used, or something changed since the run in the folder began.
    """
    files, condition_files, items, schedule, folder = prepared(study, out)
    notes: list[str] = []
    told = None
    if folder.root.is_dir():
        folder.refuse_foreign()
        told = folder.read_manifest()
    made: Counter[tuple[str, str]] = Counter()
    if told is not None:
        keys = Journal(folder.journal, len(study.scale.labels)).read(notes.append)
        made.update((key.model, key.condition) for key in keys)
        now = identity(
            study,
            items,
            {name: file_sha256(path) for name, path in files.items()},
            schedule.describe(),
            {c: {p: file_sha256(f) for p, f in own.items()} for c, own in condition_files.items()},
        )
        if asked := {model for model, _ in made}:
            refuse_changes(told["identity"], now, asked=asked, where=folder.root)
    each = len(schedule) // len(study.conditions) * study.readout.repeats
    rows = tuple(
        Planned(m.name, c.name, c.role, c.intervention.kind, each, made[m.name, c.name])
        for m in study.models
        for c in study.conditions
    )
    speed = _per_second(told["sessions"] if told else ())
    return Outline(folder.root, rows, speed, tuple(notes))


def _per_second(sessions: Iterable[Mapping[str, Any]]) -> float | None:
    for session in reversed(list(sessions)):
        # One that was killed has neither an end nor a number of judgments.
        if session.get("stopped") and session.get("judgments"):
            started, stopped = (
                datetime.datetime.fromisoformat(session[key]) for key in ("started", "stopped")
            )
            if (took := (stopped - started).total_seconds()) >= _SECONDS:
                return float(session["judgments"] / took)
    return None
