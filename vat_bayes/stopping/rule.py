"""The rule that ends a collection, as a person writes it: ``width(gain) < 0.1``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from vat_bayes.errors import InputError, near_miss
from vat_bayes.values import parse_value

ESTIMANDS = ("gain", "tax_rms", "tax_excess", "shift")
_EXPECTED = (
    "expected width(gain) < 0.1, width(tax_rms, CONDITION) < 0.1, width(shift[security]) < 0.2 or "
    "decided, joined by 'and'"
)
_CLAUSE = re.compile(
    r"""\s*(?:
        (?P<decided>decided\b)
      | width\s*\(\s*(?P<estimand>\w+)\s*
          (?:\[(?P<value>[^\]]*)\]\s*)?
          (?:,\s*(?P<condition>[^()]+?)\s*)?
        \)\s*<\s*(?P<bound>[^\s=]\S*)
    )\s*""",
    re.VERBOSE,
)
_AND = re.compile(r"and\b")


@dataclass(frozen=True)
class Width:
    """An interval must be narrower than this.

    Parameters
    ----------
    estimand : {"gain", "tax_rms", "tax_excess", "shift"}
    value : str
        Of a shift; empty for the widest of all its values, and for the other estimands.
    condition : str
        Empty for every intervention of every model.
    bound : float
        In rating points.
    """

    estimand: str
    value: str
    condition: str
    bound: float

    def __str__(self) -> str:
        """Return it as it is written in a rule."""
        value = f"[{self.value}]" if self.value else ""
        condition = f", {self.condition}" if self.condition else ""
        return f"width({self.estimand}{value}{condition}) < {self.bound:g}"


@dataclass(frozen=True)
class Decided:
    """The declared budget must accept or reject every condition that it is for."""

    def __str__(self) -> str:
        """Return it as it is written in a rule."""
        return "decided"


@dataclass(frozen=True)
class Rule:
    """What must hold, all of it, for a collection to end.

    Parameters
    ----------
    clauses : tuple of Width or Decided
        At least one.
    """

    clauses: tuple[Width | Decided, ...]

    def __str__(self) -> str:
        """Return it as it is written."""
        return " and ".join(map(str, self.clauses))

    @property
    def widths(self) -> tuple[Width, ...]:
        """The clauses on widths."""
        return tuple(c for c in self.clauses if isinstance(c, Width))

    @property
    def needs_decision(self) -> bool:
        """Whether a budget is asked."""
        return any(isinstance(c, Decided) for c in self.clauses)


def parse_rule(text: str) -> Rule:
    """Read a rule.

    Parameters
    ----------
    text : str
        Clauses joined by ``and``. A clause is ``decided`` or ``width(ESTIMAND) < POINTS``; the
        estimand is gain, tax_rms, tax_excess, shift or shift[VALUE], and a condition may follow it
        after a comma.

    Returns
    -------
    Rule

    Raises
    ------
    InputError
        When it is anything else.
    """
    clauses: list[Width | Decided] = []
    at = 0
    while True:
        found = _CLAUSE.match(text, at)
        if found is None:
            raise _unreadable(text, at)
        clauses.append(_clause(found, text))
        at = found.end()
        if at == len(text):
            return Rule(tuple(dict.fromkeys(clauses)))
        joined = _AND.match(text, at)
        if joined is None:
            raise _unreadable(text, at)
        at = joined.end()


def _unreadable(text: str, at: int) -> InputError:
    rest = text[at:].strip()
    place = f" from '{rest}' on" if rest and rest != text.strip() else ""
    return InputError(f"the rule '{text}' can't be read{place}; {_EXPECTED}")


def _clause(found: re.Match[str], text: str) -> Width | Decided:
    if found["decided"]:
        return Decided()
    estimand, value = found["estimand"], found["value"]
    if estimand not in ESTIMANDS:
        raise InputError(
            f"the rule '{text}' asks for the width of '{estimand}', expected one of "
            f"{', '.join(ESTIMANDS)}",
            hint=near_miss(estimand, ESTIMANDS),
        )
    if value is not None and estimand != "shift":
        raise InputError(f"the rule '{text}' names a value for {estimand}, which has none")
    try:
        bound = float(found["bound"])
    except ValueError:
        bound = math.nan
    if not (math.isfinite(bound) and bound > 0):
        raise InputError(
            f"the rule '{text}' has the bound '{found['bound']}', expected a number of rating "
            "points above 0"
        )
    return Width(estimand, parse_value(value) if value else "", found["condition"] or "", bound)
