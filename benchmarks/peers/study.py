"""What every peer is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from vat_bayes.conditions import Condition
from vat_bayes.simulate import World, draw_world, simulate
from vat_bayes.values import VALUES

Floats = npt.NDArray[np.float64]
CONDITIONS = (
    Condition("baseline", "baseline"),
    Condition("promote", "intervention", ("benevolence",), placebo="placebo"),
    Condition("placebo", "placebo"),
)
NAMES = [c.name for c in CONDITIONS]


@dataclass(frozen=True)
class Study:
    """A simulated study in which no value is coupled to another and no style changes.

    Most peers can express neither, and a comparison should not turn on that.

    Parameters
    ----------
    rows : DataFrame
        One row per rating, with ``sign`` (+1 supports, -1 violates), and ``arm`` (0 baseline).
    truth : ndarray, shape (value,)
        True shifts under ``promote``, in points.
    world : World
    """

    rows: pd.DataFrame
    truth: Floats
    world: World

    @property
    def n_categories(self) -> int:
        """K."""
        return self.world.n_categories


@dataclass(frozen=True)
class Answer:
    """Shifts under ``promote`` as a peer estimates them.

    Parameters
    ----------
    shifts : ndarray, shape (chain, draw, value), or None
        Posterior draws in points.
    interval : ndarray, shape (2, value)
        90 % interval, from the draws or by the peer's own method.
    seconds : float
        From the table to the draws, compilation included.
    sampling : float
        The part of it that grows with the number of draws.
    """

    shifts: Floats | None
    interval: Floats
    seconds: float
    sampling: float


def make_study(scenarios: int, seed: int, replicates: int = 1) -> Study:
    """Simulate.

    Parameters
    ----------
    scenarios : int
        60 cells each.
    seed : int
    replicates : int
        Ratings of each cell.

    Returns
    -------
    Study
    """
    drawn = draw_world(seed=seed, conditions=CONDITIONS, coupling=0.0)
    still = np.zeros_like(drawn.beta)
    world = World(**(vars(drawn) | {"beta": still, "lambda_": still}))
    made = simulate(scenarios, seed=seed, world=world, replicates=replicates)
    rows = made.judgments.rename(columns={"polarity": "sign"})
    rows["arm"] = rows["condition"].map(NAMES.index)
    rows["cluster"] = rows["scenario"] + "/" + rows["value"]
    rows["score"] = rows["rating"] - (world.n_categories + 1) / 2
    t = made.truth
    chosen = t[
        (t["condition"] == "promote") & (t["estimand"] == "shift") & (t["scale"] == "points")
    ]
    return Study(rows, chosen.set_index("value")["truth"].loc[list(VALUES)].to_numpy(), world)


def from_draws(shifts: Floats, seconds: float, sampling: float) -> Answer:
    """Summarise posterior draws of the shifts, shape (chain, draw, value)."""
    flat = shifts.reshape(-1, shifts.shape[-1])
    return Answer(shifts, np.quantile(flat, [0.05, 0.95], axis=0), seconds, sampling)


def shifts_in_points(
    cutpoint: Floats, theta: Floats, delta: Floats, scatter: Floats, scatter_after: Floats
) -> Floats:
    """Bring latent effects of an ordinal model to points, averaged over both polarities.

    Parameters
    ----------
    cutpoint : ndarray, shape (draw, K - 1)
    theta, delta : ndarray, shape (draw, value)
    scatter, scatter_after : ndarray, shape (draw,) or (draw, value)
        Standard deviation of all random effects together, before and after.

    Returns
    -------
    ndarray, shape (draw, value)
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    weights = weights / weights.sum()

    def score(centre: Floats, spread: Floats) -> Floats:
        spread = np.broadcast_to(spread if spread.ndim == 2 else spread[:, None], centre.shape)
        eta = centre[..., None] + spread[..., None] * nodes
        above = 1 / (1 + np.exp(cutpoint[:, None, None, :] - eta[..., None]))
        return np.asarray((above.sum(-1) * weights).sum(-1))

    after = score(theta + delta, scatter_after) - score(-theta - delta, scatter_after)
    return (after - (score(theta, scatter) - score(-theta, scatter))) / 2
