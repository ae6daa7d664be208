"""The rows of ``estimands.csv`` as objects that know whether they carry a number."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from vat_bayes.errors import InputError
from vat_bayes.estimands import CLASSICAL_SUFFIXES
from vat_bayes.report import words

TEXT = ("model", "condition", "target", "estimand", "value", "scale", "status")
NUMBERS = ("mean", "sd", "median", "lo", "hi", "level", "p_positive", "n_scenarios")
_MOST = 4
TWINS = CLASSICAL_SUFFIXES


@dataclass(frozen=True)
class Estimate:
    """One estimand with its interval, or the reason why there is none.

    Parameters
    ----------
    estimand, value, scale : str
        As in ``estimands.csv``; ``value`` is empty where the estimand has none.
    centre : float
        The posterior median, or the mean where a row has no median; NaN when withheld.
    lo, hi : float
        The interval at `level`, in the unit of `scale`.
    sd : float
        The posterior standard deviation or the standard error.
    level : float
        The interval's level.
    p_positive : float
        The probability that the estimand is above zero.
    status : str
        ``ok``, or why the number is withheld or to be read with care.
    n_scenarios : float
        How many scenarios it rests on.
    """

    estimand: str
    value: str = ""
    scale: str = "points"
    centre: float = math.nan
    lo: float = math.nan
    hi: float = math.nan
    sd: float = math.nan
    level: float = math.nan
    p_positive: float = math.nan
    status: str = "not-estimated"
    n_scenarios: float = math.nan

    @property
    def known(self) -> bool:
        """Whether there is a number with an interval."""
        return all(math.isfinite(x) for x in (self.centre, self.lo, self.hi))

    @property
    def sign(self) -> int:
        """1 or -1 when the interval lies on one side of zero, else 0."""
        if not self.known:
            return 0
        return 1 if self.lo > 0 else -1 if self.hi < 0 else 0

    @property
    def unit(self) -> str:
        """The unit in words."""
        return words.unit(self.estimand, self.scale)

    @property
    def places(self) -> int:
        """The decimals that its interval deserves; more where a clear sign would round to zero."""
        places = words.decimals(self.hi - self.lo)
        nearest = min(abs(self.lo), abs(self.hi))
        while self.sign and places < _MOST and round(nearest, places) == 0:
            places += 1
        return places

    @property
    def text(self) -> str:
        """``0.41 [0.33, 0.50]``, or the short reason."""
        if not self.known:
            return words.short_reason(self.status)
        if self.scale == "probability":
            return words.probability(self.centre)
        return f"{words.number(self.centre, self.places)} {self.bounds}"

    @property
    def bounds(self) -> str:
        """``[0.33, 0.50]``."""
        return words.interval(self.lo, self.hi, self.places)

    @property
    def note(self) -> str:
        """What to read beside a number that is there but not plainly ok."""
        return words.short_reason(self.status) if self.known and self.status != "ok" else ""

    @property
    def phrase(self) -> str:
        """``0.41 rating points [0.33, 0.50]``, for a sentence."""
        return f"{words.number(self.centre, self.places)} {self.unit} {self.bounds}"

    def flipped(self) -> Estimate:
        """Return the estimate with its sign turned, for "lowered by"."""
        return replace(
            self, centre=-self.centre, lo=-self.hi, hi=-self.lo, p_positive=1 - self.p_positive
        )


class Estimates:
    """The tidy table, looked up by arm and estimand.

    Parameters
    ----------
    table : pandas.DataFrame
        The contract of ``estimands.csv``.
    withheld : str, optional
        A status that replaces every number that comes from the posterior (the classical twins
        don't), for a fit that failed.
    """

    def __init__(self, table: pd.DataFrame, *, withheld: str | None = None) -> None:
        self.table = table
        self._rows: dict[tuple[str, str, str, str], list[Estimate]] = {}
        for row in table.to_dict("records"):
            e = _estimate({str(k): v for k, v in row.items()})
            if (withheld or e.status == "not-converged") and not e.estimand.endswith(TWINS):
                e = Estimate(e.estimand, e.value, e.scale, status=withheld or e.status)
            key = (str(row["model"]), str(row["condition"]), e.estimand, e.value)
            self._rows.setdefault(key, []).append(e)

    def get(
        self, model: str, condition: str, estimand: str, value: str = "", scale: str | None = None
    ) -> Estimate:
        """Return one estimate; a row that is not there comes back as ``not-estimated``.

        Parameters
        ----------
        model, condition, estimand, value : str
            The row.
        scale : str, optional
            The scale; without it the first row of any scale.
        """
        rows = self._rows.get((model, condition, estimand, value), [])
        # A withheld row may leave its scale empty: it stands for every scale.
        for e in rows:
            if scale is None or e.scale in (scale, ""):
                return e
        return Estimate(estimand, value, scale or "")

    def of(self, model: str, condition: str) -> list[Estimate]:
        """Return every estimate of one arm, in the order of the table."""
        return [
            e
            for (m, c, _, _), rows in self._rows.items()
            if (m, c) == (model, condition)
            for e in rows
        ]


def _estimate(row: dict[str, object]) -> Estimate:
    def num(name: str) -> float:
        x = row.get(name)
        return float(x) if isinstance(x, int | float) else math.nan

    median = num("median")
    return Estimate(
        estimand=str(row["estimand"]),
        value=str(row["value"]),
        scale=str(row["scale"]),
        centre=median if math.isfinite(median) else num("mean"),
        lo=num("lo"),
        hi=num("hi"),
        sd=num("sd"),
        level=num("level"),
        p_positive=num("p_positive"),
        status=str(row["status"]) or "ok",
        n_scenarios=num("n_scenarios"),
    )


def tidy(table: pd.DataFrame, *, where: str = "estimands") -> pd.DataFrame:
    """Return the table with its text columns as text and its numbers as numbers.

    Raises
    ------
    InputError
        When a column of the contract is missing or a number can't be read.
    """
    missing = [c for c in (*TEXT, *NUMBERS) if c not in table.columns]
    if missing:
        raise InputError(
            f"the columns {', '.join(missing)} are missing",
            where=where,
            hint=f"expected {', '.join((*TEXT, *NUMBERS))}",
        )
    out = table.copy()
    for c in TEXT:
        out[c] = out[c].astype(object).where(out[c].notna(), "").astype(str)
    for c in NUMBERS:
        numbers = pd.to_numeric(out[c].replace("", math.nan), errors="coerce")
        bad = numbers.isna() & out[c].notna() & (out[c].astype(str) != "")
        if bad.any():
            row = int(bad.to_numpy().argmax())
            raise InputError(
                f"'{out[c].iloc[row]}' is not a number", where=f"{where}, row {row + 1}, column {c}"
            )
        out[c] = numbers.astype(float)
    return out


def read_estimands(path: Path) -> pd.DataFrame:
    """Read ``estimands.csv``; a condition called ``NA`` or ``null`` keeps its name."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return tidy(table, where=path.name)
