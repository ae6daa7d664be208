"""What every estimand is: the table behind `explain`, the report's names and the documentation."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from vat_bayes.errors import InputError, near_miss


@dataclass(frozen=True)
class Definition:
    """What an estimand is.

    Parameters
    ----------
    name : str
        As in ``estimands.csv``.
    label : str
        The name for a reader.
    definition : str
        One or two sentences.
    formula : str
        In plain text.
    scales : tuple of str
        The scales that its rows can have.
    units : tuple of str
        The unit on each scale.
    withheld : str
        When there is no number; empty when there always is one.
    source : str
        Where it comes from.
    """

    name: str
    label: str
    definition: str
    formula: str
    scales: tuple[str, ...]
    units: tuple[str, ...]
    withheld: str
    source: str

    def __str__(self) -> str:
        """Return everything as lines for a terminal."""
        units = "; ".join(f"{s} ({u})" for s, u in zip(self.scales, self.units, strict=True))
        lines = [
            f"{self.name}: {self.label}",
            self.definition,
            f"Formula: {self.formula}",
            f"Scale: {units}",
            f"Withheld: {self.withheld}" if self.withheld else "",
            f"Source: {self.source}",
        ]
        return "\n".join(line for line in lines if line)


@cache
def registry() -> Mapping[str, Definition]:
    """Read the table of all estimands.

    Returns
    -------
    mapping of str to Definition
        By name, in the table's order.
    """
    raw = tomllib.loads(
        files("vat_bayes.estimands").joinpath("registry.toml").read_text(encoding="utf-8")
    )
    units: dict[str, str] = raw["scales"]
    found = {}
    for name, entry in raw["estimands"].items():
        scales = tuple(entry.pop("scales"))
        found[name] = Definition(
            name=name, scales=scales, units=tuple(units[s] for s in scales), **entry
        )
    return MappingProxyType(found)


def explain(name: str) -> Definition:
    """Say what an estimand is.

    Parameters
    ----------
    name : str
        As in ``estimands.csv``, for example ``"tax_excess"``.

    Returns
    -------
    Definition
        Prints as a few lines.

    Raises
    ------
    InputError
        When there is no estimand of that name.
    """
    known = registry()
    found = known.get(name.strip())
    if found is None:
        raise InputError(
            f"no estimand is called '{name}'",
            hint=near_miss(name.strip(), known) or "`vat-bayes explain` lists them",
        )
    return found
