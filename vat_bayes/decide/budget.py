"""A budget as a file: what an intervention must gain, what it may cost, and how sure that must be.

Written before the data are seen; the hash of the file goes with every decision made by it.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vat_bayes.errors import InputError, near_miss
from vat_bayes.values import parse_value

SCHEMA_VERSION = 1
MEASURES = ("tax_rms", "tax_excess")
_DEFAULT_PROBABILITY = 0.95
_KEYS = (
    "schema_version", "name", "probability", "joint_probability", "conditions",
    "gain", "tax", "protected",
)  # fmt: skip


@dataclass(frozen=True)
class Clause:
    """One requirement.

    Parameters
    ----------
    kind : {"gain", "tax", "protected"}
    estimand : {"gain", "tax_rms", "tax_excess", "shift"}
        What is held against the bound; of a shift, the loss (its negative).
    value : str
        The protected value; empty for the other kinds.
    bound : float
        In rating points: least gain, largest tax, or largest loss. Keeping to it means reaching it.
    probability : float
        How probable it must be that the clause is kept.
    """

    kind: Literal["gain", "tax", "protected"]
    estimand: str
    value: str
    bound: float
    probability: float

    @property
    def sentence(self) -> str:
        """The clause in words: ``tax_rms at most 0.15``."""
        if self.kind == "gain":
            return f"gain at least {self.bound:g}"
        what = f"loss of {self.value}" if self.kind == "protected" else self.estimand
        return f"{what} at most {self.bound:g}"


@dataclass(frozen=True)
class Budget:
    """A declared budget.

    Parameters
    ----------
    name : str
    clauses : tuple of Clause
        At least one; gain, then tax, then the protected values as in the file.
    joint_probability : float or None
        How probable it must be that all clauses are kept at once; None when that is only reported.
    conditions : tuple of str
        The interventions it is for; empty for all.
    sha256 : str
        Of the file's bytes.
    """

    name: str
    clauses: tuple[Clause, ...]
    joint_probability: float | None
    conditions: tuple[str, ...]
    sha256: str


def load_budget(path: str | Path) -> Budget:
    """Read and check a budget file.

    Parameters
    ----------
    path : path
        A TOML file.

    Returns
    -------
    Budget

    Raises
    ------
    InputError
        When the file is missing, is not TOML, or has an unknown or unusable entry.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        siblings = [p.name for p in file.parent.glob("*.toml")] if file.parent.is_dir() else []
        raise InputError(
            f"the budget file {what}", where=str(path), hint=near_miss(file.name, siblings)
        )
    return read_budget(file.read_bytes(), where=file.name)


def read_budget(content: bytes, *, where: str = "the budget") -> Budget:
    """Check the content of a budget file.

    Parameters
    ----------
    content : bytes
        TOML, in UTF-8.
    where : str
        What messages call it.

    Returns
    -------
    Budget

    Raises
    ------
    InputError
        When it is not TOML, or has an unknown or unusable entry.
    """
    try:
        raw = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not a TOML file: {error}", where=where) from None
    _known(raw, _KEYS, where)
    version = raw.get("schema_version")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"'schema_version' must be {SCHEMA_VERSION}, found {version!r}", where=where
        )
    usual = _probability(raw, "probability", where, _DEFAULT_PROBABILITY)
    clauses = [
        *_gain(raw, usual, where),
        *_tax(raw, usual, where),
        *_protected(raw, usual, where),
    ]
    if not clauses:
        raise InputError(
            "a budget needs at least one of [gain], [tax] and [protected.<value>]", where=where
        )
    joint = None
    if "joint_probability" in raw:
        joint = _probability(raw, "joint_probability", where, usual)
    name = raw.get("name", Path(where).stem)
    if not isinstance(name, str):
        raise InputError(f"'name' must be a text in quotes, found {name!r}", where=where)
    return Budget(
        name, tuple(clauses), joint, _conditions(raw, where), hashlib.sha256(content).hexdigest()
    )


def _gain(raw: Mapping[str, Any], usual: float, where: str) -> list[Clause]:
    if "gain" not in raw:
        return []
    place = f"{where}: [gain]"
    table = _table(raw["gain"], ("minimum", "probability"), place)
    bound = _number(table, "minimum", place)
    return [Clause("gain", "gain", "", bound, _probability(table, "probability", place, usual))]


def _tax(raw: Mapping[str, Any], usual: float, where: str) -> list[Clause]:
    if "tax" not in raw:
        return []
    place = f"{where}: [tax]"
    table = _table(raw["tax"], ("maximum", "measure", "probability"), place)
    measure = table.get("measure", MEASURES[0])
    if measure not in MEASURES:
        raise InputError(
            f"'measure' must be {' or '.join(MEASURES)}, found {measure!r}",
            where=place,
            hint=near_miss(str(measure), MEASURES),
        )
    bound = _number(table, "maximum", place)
    if measure == "tax_rms" and bound < 0:
        raise InputError(f"'maximum' is {bound:g}; tax_rms is never below zero", where=place)
    return [Clause("tax", measure, "", bound, _probability(table, "probability", place, usual))]


def _protected(raw: Mapping[str, Any], usual: float, where: str) -> list[Clause]:
    section = raw.get("protected", {})
    if not isinstance(section, Mapping):
        raise InputError("'protected' must be tables, each [protected.<value>]", where=where)
    clauses: dict[str, Clause] = {}
    for name, entry in section.items():
        place = f"{where}: [protected.{name}]"
        try:
            value = parse_value(name)
        except InputError as error:
            raise InputError(error.message, where=place, hint=error.hint) from None
        if value in clauses:
            raise InputError(f"{value} is protected twice", where=place)
        table = _table(entry, ("maximum_loss", "probability"), place)
        bound = _number(table, "maximum_loss", place)
        if bound < 0:
            raise InputError(f"'maximum_loss' is {bound:g}, expected at least 0", where=place)
        required = _probability(table, "probability", place, usual)
        clauses[value] = Clause("protected", "shift", value, bound, required)
    return list(clauses.values())


def _conditions(raw: Mapping[str, Any], where: str) -> tuple[str, ...]:
    names = raw.get("conditions", [])
    if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names):
        raise InputError(f"'conditions' must be a list of names, found {names!r}", where=where)
    return tuple(dict.fromkeys(names))


def _table(entry: Any, keys: Iterable[str], where: str) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise InputError(f"expected a table, found {entry!r}", where=where)
    _known(entry, keys, where)
    return entry


def _known(table: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    known = tuple(keys)
    for key in table:
        if key not in known:
            hint = near_miss(key, known) or f"known keys: {', '.join(known)}"
            raise InputError(f"unknown key '{key}'", where=where, hint=hint)


def _number(table: Mapping[str, Any], key: str, where: str) -> float:
    if key not in table:
        raise InputError(f"'{key}' is missing", where=where)
    found = table[key]
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise InputError(f"'{key}' must be a number of rating points, found {found!r}", where=where)
    return float(found)


def _probability(table: Mapping[str, Any], key: str, where: str, usual: float) -> float:
    found = table.get(key, usual)
    number = isinstance(found, int | float) and not isinstance(found, bool)
    # At a half or less a condition could be accepted and rejected at once.
    if not number or not 0.5 < found < 1:
        raise InputError(
            f"'{key}' must be a probability above 0.5 and below 1, found {found!r}", where=where
        )
    return float(found)
