"""What was looked at, and what came out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["library", "engine", "judge", "importer", "report"]
State = Literal["works", "installed", "missing", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    kind : {"library", "engine", "judge", "importer", "report"}
    name : str
    state : {"works", "installed", "missing", "broken"}
        ``works``: it was tried just now; ``installed``: it was imported and not tried further.
    found : str
        The version, what it answered, or what went wrong.
    needed : bool
        Whether the base needs it.
    get : str
        What to type to get it; empty when there is nothing to do.
    """

    kind: Kind
    name: str
    state: State
    found: str
    needed: bool
    get: str = ""

    @property
    def fine(self) -> bool:
        """Whether nothing is known against it."""
        return self.state in ("works", "installed")


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was looked at.

    Parameters
    ----------
    version, python, machine : str
        Of this package, of Python, and the machine with its usable cores.
    findings : tuple of Finding
    """

    version: str
    python: str
    machine: str
    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        """Whether all that the base needs is there and works."""
        return all(f.fine for f in self.findings if f.needed)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "schema_version": 1,
            "version": self.version,
            "python": self.python,
            "machine": self.machine,
            "works": self.works,
            "findings": [asdict(f) for f in self.findings],
        }


def said(error: BaseException) -> str:
    """Return what an exception says, in one short line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
