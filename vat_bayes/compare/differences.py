"""The differences between the arms of two runs, with joint uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vat_bayes.compare.dependence import (
    Dependence,
    entangle,
    in_order_of,
    opposing,
    scenario_correlation,
)
from vat_bayes.compare.shared import Arm, Shared
from vat_bayes.compare.side import Side, measured
from vat_bayes.estimands import tax
from vat_bayes.estimands.norms import Floats
from vat_bayes.values import VALUES

COLUMNS = (
    *("model", "condition", "model_b", "condition_b", "estimand", "value", "scale", "a", "b"),
    *("mean", "sd", "median", "lo", "hi", "level", "p_positive", "correlation", "dependence"),
    *("status", "n_shared"),
)
"""Of the table; `a` and `b` are posterior medians, and the rest is about b minus a."""

N_DRAWS = 4000
# From fewer pairs a correlation is hardly known.
_FEWEST = 8


def find_dependence(a: Side, b: Side, shared: Shared) -> Dependence:
    """Say how the errors of two runs hang together.

    Parameters
    ----------
    a, b : Side
    shared : Shared

    Returns
    -------
    Dependence
    """
    if not shared.known:
        lacking = " and ".join(str(s.folder) for s in (a, b) if s.scattering is None)
        return Dependence(
            "bounded",
            1.0,
            f"{lacking} holds no posterior.nc, so it is not known which scenarios are shared; the "
            "intervals hold for any dependence, and are as wide as that needs",
        )
    n = shared.scenarios
    if n == 0:
        return Dependence(
            "independent",
            0.0,
            "no scenario is shared, so the two runs are independent samples; what differs between "
            "their items is part of the difference",
        )
    if n < _FEWEST:
        bound = float(n / np.sqrt(np.prod(shared.scenarios_of)))
        return Dependence(
            "bounded",
            min(1.0, bound),
            f"{n} shared scenarios are too few to estimate how the errors go together; the "
            "intervals hold for any dependence through them",
        )
    return Dependence(
        "paired", 1.0, f"the errors go together through {n} shared scenarios, as these show it"
    )


@dataclass(frozen=True)
class _Pair:
    """Independent draws of two arms, as many of each, and how to put them together."""

    a: Arm
    b: Arm
    shift: tuple[Floats, Floats]
    gain: tuple[Floats, Floats]
    rms: tuple[Floats, Floats]
    dependence: Dependence
    entangled: Floats | None
    columns: list[int]

    def together(self, a: Floats, b: Floats, guide: Callable[[Floats], Floats]) -> Floats:
        """Return the draws `b` in the order in which they go with `a`.

        Parameters
        ----------
        a, b : ndarray, shape (sample,)
            One estimand in both runs.
        guide : callable
            Makes the estimand, or what rises with it, of draws of all shifts.
        """
        if self.entangled is not None:
            return in_order_of(b, guide(self.entangled))
        if self.dependence.kind == "bounded":
            return opposing(a, b, self.dependence.bound)
        return b


def difference_rows(
    a: Side,
    b: Side,
    arms: tuple[Arm, Arm],
    shared: Shared,
    dependence: Dependence,
    *,
    level: float,
    seed: int,
) -> list[dict[str, object]]:
    """Return the rows of one pair of arms: gain, tax and every shift of the second minus the first.

    Parameters
    ----------
    a, b : Side
    arms : (Arm, Arm)
    shared : Shared
    dependence : Dependence
    level : float
        Probability of the equal-tailed intervals.
    seed : int
        Of the order in which independent draws are put side by side.

    Returns
    -------
    list of dict
        With the keys of `COLUMNS`.
    """
    pair = _pair(a, b, arms, shared, dependence, seed=seed)
    mine, theirs = arms
    failed = "not-converged" if a.failed or b.failed else ""
    apart = (mine.target, mine.direction) != (theirs.target, theirs.direction)
    rows = []

    def add(
        name: str,
        draws: tuple[Floats, Floats] | None,
        guide: Callable[[Floats], Floats],
        *,
        value: str = "",
        status: str = "",
    ) -> None:
        row: dict[str, object] = dict.fromkeys(COLUMNS, np.nan) | {
            "model": mine.model, "condition": mine.condition, "model_b": theirs.model,
            "condition_b": theirs.condition, "estimand": name, "value": value, "scale": "points",
            "level": level, "dependence": dependence.kind, "n_shared": shared.scenarios,
            "status": failed or status or "ok",
        }  # fmt: skip
        if draws is not None and row["status"] == "ok":
            row |= _summary(draws[0], pair.together(*draws, guide), level)
        rows.append(row)

    if mine.target or theirs.target:
        aimed = _has_items(pair.gain)
        why = "targets-differ" if apart else "" if aimed else "no-items"
        add("gain", pair.gain, lambda s: tax.gain(s, mine.target, mine.direction), status=why)
    off = set(tax.off_target(mine.target))
    same = set(measured(pair.shift[0])) & off == set(measured(pair.shift[1])) & off
    why = "targets-differ" if mine.target != theirs.target else ""
    # A tax over other values is another quantity, not the same one that has changed.
    why = why or ("" if same else "values-differ")
    why = why or ("" if _has_items(pair.rms) else "no-items")
    add("tax_rms", pair.rms, lambda s: _rms(s, mine.target), status=why)
    for v, name in enumerate(VALUES):
        draws = pair.shift[0][:, v], pair.shift[1][:, v]
        if v in pair.columns:
            add("shift", draws, lambda s, v=v: s[:, v], value=name)  # type: ignore[misc]
        else:
            add("shift", None, lambda s: s, value=name, status="no-items")
    return rows


def _has_items(draws: tuple[Floats, Floats]) -> bool:
    return not any(np.isnan(x).any() for x in draws)


def _rms(shift: Floats, target: tuple[str, ...]) -> Floats:
    off = shift[:, tax.off_target(target)]
    return np.asarray(np.sqrt(np.nanmean(off**2, axis=1)))


def _pair(
    a: Side, b: Side, arms: tuple[Arm, Arm], shared: Shared, dependence: Dependence, *, seed: int
) -> _Pair:
    rng = np.random.default_rng(seed)
    drawn = []
    for side, arm in zip((a, b), arms, strict=True):
        one = side.draws.sel(arm=arm.label)
        n = one.sizes["sample"]
        # Every draw about as often as any other, in an order that has nothing to do with the other
        # run's: two fits from one seed may resemble each other draw by draw.
        rows = np.concatenate([rng.permutation(n) for _ in range(-(-N_DRAWS // n))])[:N_DRAWS]
        drawn.append([one[k].to_numpy()[rows] for k in ("shift", "gain", "tax_rms")])
    shift, gain, rms = ((drawn[0][k], drawn[1][k]) for k in range(3))
    both = [v for v in measured(shift[0]) if v in measured(shift[1])]
    entangled = None
    if dependence.kind == "paired" and a.scattering and b.scattering and both:
        influence = [
            s.scattering.influence[arm.model, arm.condition][:, both]
            for s, arm in zip((a, b), arms, strict=True)
            if s.scattering
        ]
        wanted = scenario_correlation(influence[0], influence[1], shared.pairs)
        entangled = np.full_like(shift[1], np.nan)
        entangled[:, both] = entangle(shift[0][:, both], shift[1][:, both], wanted)
    return _Pair(*arms, shift, gain, rms, dependence, entangled, both)


def _summary(a: Floats, b: Floats, level: float) -> dict[str, object]:
    draws = b - a
    tail = (1 - level) / 2
    lo, median, hi = np.quantile(draws, [tail, 0.5, 1 - tail])
    spread = a.std() * b.std()
    return {
        "a": float(np.median(a)),
        "b": float(np.median(b)),
        "mean": float(draws.mean()),
        "sd": float(draws.std(ddof=1)),
        "median": float(median),
        "lo": float(lo),
        "hi": float(hi),
        "p_positive": float((draws > 0).mean() + 0.5 * (draws == 0).mean()),
        "correlation": float(np.cov(a, b, ddof=0)[0, 1] / spread) if spread > 0 else np.nan,
    }


def as_table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return rows as a table with the columns in their order."""
    return pd.DataFrame(rows, columns=list(COLUMNS))
