"""Rows of the tidy table, from draws."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import t as student

from vat_bayes.estimands.arms import ArmInfo
from vat_bayes.estimands.norms import Floats

COLUMNS = (
    "model", "condition", "target", "estimand", "value", "scale", "mean", "sd", "median",
    "lo", "hi", "level", "p_positive", "status", "n_scenarios",
)  # fmt: skip

# Estimands that do not come from the posterior and so stand when its sampler failed.
CLASSICAL_SUFFIXES = ("_classical", "_bootstrap", "_raw", "_raw_null")


@dataclass
class Rows:
    """Collects rows of the tidy table.

    Parameters
    ----------
    level : float
        Probability of the equal-tailed intervals.
    """

    level: float
    records: list[dict[str, object]] = field(default_factory=list)

    def add(
        self,
        arm: ArmInfo,
        n_scenarios: int,
        estimand: str,
        draws: Floats | None,
        *,
        value: str = "",
        scale: str = "points",
        status: str = "ok",
    ) -> None:
        """Summarise draws into one row; without draws the row is withheld with its status.

        Parameters
        ----------
        arm : ArmInfo
        n_scenarios : int
        estimand : str
        draws : ndarray, shape (sample,), or None
        value, scale, status : str
        """
        numbers: dict[str, float] = {}
        if draws is not None and not np.isnan(draws).any():
            tail = (1 - self.level) / 2
            lo, median, hi = np.quantile(draws, [tail, 0.5, 1 - tail])
            numbers = {
                "mean": float(draws.mean()),
                "sd": float(draws.std(ddof=1)),
                "median": float(median),
                "lo": float(lo),
                "hi": float(hi),
                # A draw of exactly zero is half a positive one, or a sure null would look negative.
                "p_positive": float((draws > 0).mean() + 0.5 * (draws == 0).mean()),
            }
        elif draws is not None:
            status = "no-items"
        self._append(arm, n_scenarios, estimand, numbers, value=value, scale=scale, status=status)

    def add_mean(
        self,
        arm: ArmInfo,
        n_scenarios: int,
        estimand: str,
        *,
        mean: float,
        error: float,
        degrees: float,
        value: str = "",
    ) -> None:
        """Add a classical mean with its t interval.

        Parameters
        ----------
        arm : ArmInfo
        n_scenarios : int
        estimand : str
        mean, error, degrees : float
            Estimate, clustered standard error and degrees of freedom.
        value : str
        """
        numbers: dict[str, float] = {}
        status = "too-few-scenarios"
        if np.isfinite(error) and degrees >= 1:
            half = float(student.ppf(0.5 + self.level / 2, degrees)) * error
            below = student.cdf(mean / error, degrees) if error > 0 else 0.5 + 0.5 * np.sign(mean)
            numbers = {
                "mean": mean, "sd": error, "median": mean,
                "lo": mean - half, "hi": mean + half, "p_positive": float(below),
            }  # fmt: skip
            status = "ok"
        self._append(
            arm, n_scenarios, estimand, numbers, value=value, scale="points", status=status
        )

    def add_probability(
        self,
        arm: ArmInfo,
        n_scenarios: int,
        estimand: str,
        probability: float,
        *,
        value: str = "",
    ) -> None:
        """Add a probability: a number of the whole posterior, so it has no interval of its own.

        Parameters
        ----------
        arm : ArmInfo
        n_scenarios : int
        estimand : str
        probability : float
            Stands as mean, median, both ends of the interval and `p_positive`; the sd is zero.
        value : str
        """
        numbers = dict.fromkeys(("mean", "median", "lo", "hi", "p_positive"), probability)
        self._append(
            arm,
            n_scenarios,
            estimand,
            numbers | {"sd": 0.0},
            value=value,
            scale="probability",
            status="ok",
        )

    def add_zero(self, arm: ArmInfo, n_scenarios: int, estimand: str, *, value: str = "") -> None:
        """Add a quantity that is exactly zero because the arm repeated its baseline.

        Parameters
        ----------
        arm : ArmInfo
        n_scenarios : int
        estimand, value : str
        """
        numbers = dict.fromkeys(("mean", "sd", "median", "lo", "hi"), 0.0) | {"p_positive": 0.5}
        self._append(
            arm, n_scenarios, estimand, numbers, value=value, scale="points", status="identical"
        )

    def _append(
        self,
        arm: ArmInfo,
        n_scenarios: int,
        estimand: str,
        numbers: dict[str, float],
        *,
        value: str,
        scale: str,
        status: str,
    ) -> None:
        self.records.append(
            {
                "model": arm.model,
                "condition": arm.condition.name,
                "target": ",".join(arm.condition.target),
                "estimand": estimand,
                "value": value,
                "scale": scale,
                "level": self.level,
                "status": status,
                "n_scenarios": n_scenarios,
                **numbers,
            }
        )

    def status_of(self, arm: ArmInfo, estimand: str) -> str:
        """Return the status of an arm's row that was added before; ``no-items`` without one."""
        for record in reversed(self.records):
            mine = record["model"] == arm.model and record["condition"] == arm.condition.name
            if mine and record["estimand"] == estimand:
                return str(record["status"])
        return "no-items"

    def table(self) -> pd.DataFrame:
        """Return the tidy table with the contract's columns in their order."""
        return pd.DataFrame(self.records, columns=list(COLUMNS))
