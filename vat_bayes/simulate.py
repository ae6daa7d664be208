"""Judgments with known truth, drawn from the reference measurement model.

The design is factorial: every scenario has a supporting and a violating action for every value, and
every item is judged under every condition. The true effects come from the same definition as the
estimates, by quadrature over the whole population of scenarios and not over the ones that were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError, near_miss
from vat_bayes.values import VALUES, cosine

Floats = npt.NDArray[np.float64]
Readout = Literal["ratings", "distribution"]

CONDITIONS = (
    Condition("baseline", "baseline"),
    Condition("promote-benevolence", "intervention", ("benevolence",), placebo="placebo"),
    Condition("promote-achievement", "intervention", ("achievement",), placebo="placebo"),
    Condition("placebo", "placebo"),
    Condition("retest", "retest"),
)
"""The conditions of a simulated study, where none are given."""

# Gauss-Hermite nodes for the scatter of scenarios and items: exact to far beyond what is printed.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(61)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
# How far the other values follow the target around the circle, and how much each strays from that.
_SPILL, _STRAY = 0.3, 0.2


@dataclass(frozen=True)
class World:
    """The parameters of a simulated model and of its conditions, in logits.

    Parameters
    ----------
    conditions : tuple of Condition
        Exactly one of them is the baseline.
    cutpoint : ndarray, shape (K - 1,)
        Ascending.
    theta : ndarray, shape (value,)
        Baseline endorsement.
    alpha_scale, kappa_scale, noise_scale : float
        Standard deviations of scenario-by-value endorsement, of items, and of items within a
        condition.
    delta, u_scale : ndarray, shape (condition, value)
        Effect of each condition, and how much it varies over scenarios; zero at baseline.
    coupling : ndarray, shape (condition, value, value)
        Correlations of that variation.
    beta, lambda_ : ndarray, shape (condition,)
        Response style: acquiescence and extremity; zero at baseline.
    """

    conditions: tuple[Condition, ...]
    cutpoint: Floats
    theta: Floats
    alpha_scale: float
    kappa_scale: float
    noise_scale: float
    delta: Floats
    u_scale: Floats
    coupling: Floats
    beta: Floats
    lambda_: Floats

    @property
    def n_categories(self) -> int:
        """K."""
        return len(self.cutpoint) + 1

    @property
    def baseline(self) -> int:
        """Position of the baseline."""
        return next(i for i, c in enumerate(self.conditions) if c.role == "baseline")

    def expected_scores(self, condition: int) -> Floats:
        """Return the expected rating of a new item of a new scenario.

        Parameters
        ----------
        condition : int
            Position of the condition.

        Returns
        -------
        ndarray, shape (value, 2)
            For the supporting and the violating action of each value.
        """
        polarity = np.array([1.0, -1.0])
        mean = polarity * (self.theta + self.delta[condition])[:, None] + self.beta[condition]
        variance = self.alpha_scale**2 + self.kappa_scale**2 + self.noise_scale**2
        spread = np.sqrt(variance + self.u_scale[condition] ** 2)[:, None, None]
        eta = mean[:, :, None] + spread * _NODES
        above = expit((eta[..., None] - self.cutpoint) * np.exp(self.lambda_[condition])).sum(-1)
        return np.asarray(1 + above @ _WEIGHTS)

    def shifts(self) -> Floats:
        """Return the true shift of each value against the condition's reference, in points.

        Returns
        -------
        ndarray, shape (condition, value)
        """
        signed = np.stack(
            [self.expected_scores(c) @ [0.5, -0.5] for c in range(len(self.conditions))]
        )
        position = {c.name: i for i, c in enumerate(self.conditions)}
        against = [
            self.baseline if c.reference is None else position[c.reference] for c in self.conditions
        ]
        return np.asarray(signed - signed[against])


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


def draw_world(
    *, seed: int = 0, conditions: Sequence[Condition] = CONDITIONS, n_categories: int = 5
) -> World:
    """Draw the parameters of a model and of its conditions.

    An intervention moves its targets by 0.9 logits, the other values by 0.3 times the cosine of
    their angle on the value circle and a random part, and changes the response style a little. A
    placebo moves every value by a little, a retest by nothing.

    Parameters
    ----------
    seed : int
        Seed of the draw.
    conditions : sequence of Condition
        The design.
    n_categories : int
        K.

    Returns
    -------
    World

    Raises
    ------
    InputError
        When there is not exactly one baseline, or K is out of range.
    """
    if sum(c.role == "baseline" for c in conditions) != 1:
        raise InputError("a simulated study needs exactly one baseline")
    if not 2 <= n_categories <= 11:
        raise InputError(f"{n_categories} rating categories, expected 2 to 11")
    rng = np.random.default_rng(_checked_seed(seed))
    n, v = len(conditions), len(VALUES)
    delta, u_scale = np.zeros((n, v)), np.zeros((n, v))
    beta, lambda_ = np.zeros(n), np.zeros(n)
    coupling = np.broadcast_to(np.eye(v), (n, v, v)).copy()
    theta = rng.normal(0, 0.7, v)
    for i, c in enumerate(conditions):
        if c.role == "intervention":
            delta[i], u_scale[i] = _effect(c, rng), 0.4
            coupling[i] = _correlation(rng)
            beta[i], lambda_[i] = rng.normal(0, 0.1, 2)
        elif c.role == "placebo":
            delta[i], u_scale[i] = rng.normal(0, 0.08, v), 0.15
        elif c.role == "retest":
            u_scale[i] = 0.1
    return World(
        conditions=tuple(conditions),
        cutpoint=1.3 * logit(np.arange(1, n_categories) / n_categories),
        theta=theta,
        alpha_scale=0.5,
        kappa_scale=0.7,
        noise_scale=0.2,
        delta=delta,
        u_scale=u_scale,
        coupling=coupling,
        beta=beta,
        lambda_=lambda_,
    )


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
    rng = np.random.default_rng([_checked_seed(seed), 1])
    chances = _probabilities(world, scenarios, rng)
    judgments = _table(world, chances, rng, readout, replicates)
    return Simulated(judgments, true_effects(world, readout), world)


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


def _effect(condition: Condition, rng: np.random.Generator) -> Floats:
    effect = rng.normal(0, _STRAY, len(VALUES))
    for t in condition.target:
        effect += condition.direction * _SPILL * np.array([cosine(t, v) for v in VALUES])
    for t in condition.target:
        effect[VALUES.index(t)] = 0.9 * condition.direction
    return effect


def _correlation(rng: np.random.Generator) -> Floats:
    # Two common factors: values move together in some scenarios, against each other in others.
    factors = rng.normal(0, 0.5, (len(VALUES), 2))
    covariance = factors @ factors.T + np.eye(len(VALUES))
    scale = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / np.outer(scale, scale))


def _probabilities(world: World, scenarios: int, rng: np.random.Generator) -> Floats:
    """Probabilities of the ratings, shape (condition, scenario, value, polarity, K)."""
    n, v = len(world.conditions), len(VALUES)
    alpha = rng.normal(0, world.alpha_scale, (scenarios, v))
    kappa = rng.normal(0, world.kappa_scale, (scenarios, v, 2))
    out = np.empty((n, scenarios, v, 2, world.n_categories))
    for i in range(n):
        factor = np.linalg.cholesky(world.coupling[i])
        u = world.u_scale[i] * (rng.normal(size=(scenarios, v)) @ factor.T)
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
    if readout == "distribution":
        table.insert(6, "rating", flat.argmax(axis=1) + 1)
        columns = {f"p{j + 1}": flat[:, j] for j in range(k)}
        return table.assign(**columns, p_valid=1.0)
    drawn = (rng.random((replicates, len(flat), 1)) > flat.cumsum(axis=1)[:, :-1]).sum(-1) + 1
    table = pd.concat([table] * replicates, ignore_index=True)
    table.insert(6, "rating", drawn.ravel())
    table.insert(7, "replicate", np.repeat(np.arange(1, replicates + 1), len(flat)))
    return table


def _checked_seed(seed: int) -> int:
    if not 0 <= seed < 2**63:
        raise InputError(f"the seed is {seed}, expected a whole number from 0 to 2^63 - 1")
    return seed
