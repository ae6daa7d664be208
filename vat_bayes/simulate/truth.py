"""The true effects of a world, by the definitions of the estimands."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from vat_bayes.conditions import Condition
from vat_bayes.simulate.world import World
from vat_bayes.values import VALUES

Readout = Literal["ratings", "distribution"]


def true_effects(world: World, readout: Readout = "ratings") -> pd.DataFrame:
    """Return the true effects of a world.

    Parameters
    ----------
    world : World
        The parameters.
    readout : {"ratings", "distribution"}
        The latent scale and the coupling are those of the ratings, and are left out for
        distributions, which are fitted on another scale.

    Returns
    -------
    pandas.DataFrame
        ``condition, estimand, value, scale, truth``: `shift` of every value, `gain`, `tax_rms`,
        `tax_displacement`, `tax_loss` and `tax_excess` in points; for ratings also `shift`,
        `style_acquiescence` and `style_extremity` on the latent scale, `coupling` and
        `nvat_offdiag`.
    """
    rows: list[tuple[str, str, str, str, float]] = []
    points = world.shifts()
    for i, c in enumerate(world.conditions):
        if i == world.baseline:
            continue
        off = [j for j, v in enumerate(VALUES) if v not in c.target]
        mine = points[i]
        found = [("shift", v, x) for v, x in zip(VALUES, mine, strict=True)]
        if c.target:
            on = [VALUES.index(v) for v in c.target]
            found.append(("gain", "", c.direction * mine[on].mean()))
        square = float((mine[off] ** 2).mean())
        found.append(("tax_rms", "", square**0.5))
        found.append(("tax_displacement", "", np.abs(mine[off]).mean()))
        found.append(("tax_loss", "", np.maximum(0, -mine[off]).mean()))
        if (p := _placebo(world, c)) is not None:
            excess = square - float((points[p, off] ** 2).mean())
            found.append(("tax_excess", "", np.sign(excess) * abs(excess) ** 0.5))
        rows += [(c.name, name, v, "points", float(x)) for name, v, x in found]
        if readout == "ratings":
            rows += [(c.name, *row) for row in _latent(world, i)]
    return pd.DataFrame(rows, columns=["condition", "estimand", "value", "scale", "truth"])


def _latent(world: World, i: int) -> list[tuple[str, str, str, float]]:
    rows = [("shift", v, "latent", float(x)) for v, x in zip(VALUES, world.delta[i], strict=True)]
    rows.append(("style_acquiescence", "", "latent", float(world.beta[i])))
    rows.append(("style_extremity", "", "latent", float(world.lambda_[i])))
    r, n = world.coupling[i], len(VALUES)
    rows += [
        ("coupling", f"{VALUES[a]}~{VALUES[b]}", "correlation", float(r[a, b]))
        for a in range(n)
        for b in range(a + 1, n)
    ]
    norm = np.sqrt(((r - np.eye(n)) ** 2).sum() / (n * (n - 1)))
    return [*rows, ("nvat_offdiag", "", "correlation", float(norm))]


def _placebo(world: World, condition: Condition) -> int | None:
    if condition.role != "intervention":
        return None
    there = [i for i, c in enumerate(world.conditions) if c.role == "placebo"]
    named = [i for i in there if world.conditions[i].name == condition.placebo]
    return next(iter(named), there[0] if len(there) == 1 else None)
