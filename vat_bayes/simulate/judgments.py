"""Judgments drawn from a world, in a factorial design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from scipy.special import expit

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError, near_miss
from vat_bayes.simulate.truth import Readout, true_effects
from vat_bayes.simulate.world import CONDITIONS, Floats, World, checked_seed, draw_world
from vat_bayes.values import VALUES


@dataclass(frozen=True)
class Simulated:
    """A simulated study.

    Parameters
    ----------
    judgments : pandas.DataFrame
        A table of judgments with condition columns, as `vat_bayes.load_judgments` takes it.
    truth : pandas.DataFrame
        ``condition, estimand, value, scale, truth``.
    world : World
        What they were drawn from.
    """

    judgments: pd.DataFrame
    truth: pd.DataFrame
    world: World


def simulate(
    scenarios: int = 48,
    *,
    seed: int = 0,
    readout: Readout = "ratings",
    replicates: int = 1,
    n_categories: int = 5,
    conditions: Sequence[Condition] = CONDITIONS,
    world: World | None = None,
) -> Simulated:
    """Simulate the judgments of a study with known truth.

    Parameters
    ----------
    scenarios : int
        Number of scenarios, with twenty items each.
    seed : int
        Seed of the draw; without a `world` of the parameters too.
    readout : {"ratings", "distribution"}
        Sampled ratings alone, or ``p1..pK`` with the most probable rating.
    replicates : int
        Ratings for each item and condition; 1 for distributions.
    n_categories, conditions
        See `draw_world`.
    world : World, optional
        The parameters, in place of drawn ones.

    Returns
    -------
    Simulated
        The judgments, the true effects and the parameters.

    Raises
    ------
    InputError
        When an option is out of range.
    """
    if not 2 <= scenarios <= 1_000_000:
        raise InputError(f"{scenarios} scenarios were asked for, expected 2 to 1000000")
    if readout not in get_args(Readout):
        known = get_args(Readout)
        raise InputError(
            f"unknown read-out '{readout}', expected one of {', '.join(known)}",
            hint=near_miss(readout, known),
        )
    if replicates < 1 or (replicates > 1 and readout == "distribution"):
        raise InputError(f"{replicates} replicates, expected 1, or more for ratings")
    world = world or draw_world(seed=seed, conditions=conditions, n_categories=n_categories)
    # Another stream than that of the parameters, or scenarios would repeat them.
    rng = np.random.default_rng([checked_seed(seed), 1])
    chances = _probabilities(world, scenarios, rng)
    judgments = _table(world, chances, rng, readout, replicates)
    return Simulated(judgments, true_effects(world, readout), world)


def _probabilities(world: World, scenarios: int, rng: np.random.Generator) -> Floats:
    """Probabilities of the ratings, shape (condition, scenario, value, polarity, K)."""
    n, v = len(world.conditions), len(VALUES)
    alpha = world.alpha_scale * world.draw_scenarios(rng, (scenarios, v))
    kappa = world.kappa_scale * world.draw_items(rng, (scenarios, v, 2))
    out = np.empty((n, scenarios, v, 2, world.n_categories))
    for i in range(n):
        factor = np.linalg.cholesky(world.coupling[i])
        u = world.u_scale[i] * (world.draw_scenarios(rng, (scenarios, v)) @ factor.T)
        effect = world.theta + alpha + world.delta[i] + u
        eta = effect[:, :, None] * [1.0, -1.0] + kappa + world.beta[i]
        eta += rng.normal(0, world.noise_scale, eta.shape)
        below = expit((world.cutpoint - eta[..., None]) * np.exp(world.lambda_[i]))
        ends = np.zeros((*eta.shape, 1))
        out[i] = np.diff(np.concatenate([ends, below, ends + 1], axis=-1), axis=-1)
    return out


def _table(
    world: World, chances: Floats, rng: np.random.Generator, readout: Readout, replicates: int
) -> pd.DataFrame:
    n, scenarios, v, _, k = chances.shape
    index = np.indices((n, scenarios, v, 2)).reshape(4, -1)
    flat = chances.reshape(-1, k)
    condition, scenario = index[0], np.char.mod("s%04d", index[1] + 1)
    value, polarity = np.array(VALUES)[index[2]], np.where(index[3] == 0, 1, -1)
    sign = np.where(index[3] == 0, "+", "-")
    item = [f"{s}/{w}{p}" for s, w, p in zip(scenario, value, sign, strict=True)]
    by_row = {
        "model": "simulated",
        "condition": np.array([c.name for c in world.conditions])[condition],
        "item": item,
        "scenario": scenario,
        "value": value,
        "polarity": polarity,
    }
    table = pd.DataFrame(by_row)
    for key, cells in (
        ("role", [c.role for c in world.conditions]),
        ("target", [",".join(c.target) for c in world.conditions]),
        ("direction", [c.direction for c in world.conditions]),
        ("reference", [c.reference or "" for c in world.conditions]),
        ("placebo", [c.placebo or "" for c in world.conditions]),
    ):
        table[key] = np.array(cells)[condition]
    if any(c.dose is not None for c in world.conditions):
        table["dose"] = np.array([c.dose for c in world.conditions], float)[condition]
    if readout == "distribution":
        table.insert(6, "rating", flat.argmax(axis=1) + 1)
        columns = {f"p{j + 1}": flat[:, j] for j in range(k)}
        return table.assign(**columns, p_valid=1.0)
    drawn = (rng.random((replicates, len(flat), 1)) > flat.cumsum(axis=1)[:, :-1]).sum(-1) + 1
    table = pd.concat([table] * replicates, ignore_index=True)
    table.insert(6, "rating", drawn.ravel())
    table.insert(7, "replicate", np.repeat(np.arange(1, replicates + 1), len(flat)))
    return table
