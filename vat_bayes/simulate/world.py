"""The parameters of a simulated model, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError, near_miss
from vat_bayes.values import VALUES, cosine

Floats = npt.NDArray[np.float64]

CONDITIONS = (
    Condition("baseline", "baseline"),
    Condition("promote-benevolence", "intervention", ("benevolence",), placebo="placebo"),
    Condition("promote-achievement", "intervention", ("achievement",), placebo="placebo"),
    Condition("placebo", "placebo"),
    Condition("retest", "retest"),
)
"""The conditions of a simulated study, where none are given."""

Scatter = Literal["normal", "skewed-items", "heavy-scenarios"]
"""How items and scenarios scatter about their means."""

# Gauss-Hermite nodes for normal scatter: exact to far beyond what is printed.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(61)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
# Draws in place of nodes where the scatter is not normal: truth to about .001 points.
_DRAWS = 200_000
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
    scatter : {"normal", "skewed-items", "heavy-scenarios"}
        The standard deviations above belong to normal draws, or to items that are exponentially
        distributed about their mean, or to scenarios (baseline and effect) that follow Student's t
        with three degrees of freedom.
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
    scatter: Scatter = "normal"

    def draw_items(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw item effects with mean 0 and standard deviation 1."""
        if self.scatter == "skewed-items":
            return rng.exponential(size=shape) - 1.0
        return rng.normal(size=shape)

    def draw_scenarios(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Draw scenario effects with mean 0 and standard deviation 1, shape (scenario, value).

        Heavy tails are those of whole scenarios: one that is far out is so in all its values.
        """
        drawn = rng.normal(size=shape)
        if self.scatter == "heavy-scenarios":
            # Three degrees of freedom have variance 3.
            chi2 = rng.chisquare(3, size=(*shape[:-1], 1)) / 3
            drawn = drawn / np.sqrt(chi2) / np.sqrt(3)
        return drawn

    @cached_property
    def _scatter_draws(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Standardised draws of alpha, u, kappa and noise, each of shape (draw,)."""
        rng = np.random.default_rng(0)
        alpha, u = (self.draw_scenarios(rng, (_DRAWS, 1))[:, 0] for _ in range(2))
        return alpha, u, self.draw_items(rng, (_DRAWS,)), rng.normal(size=_DRAWS)

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
        scale = self.u_scale[condition][:, None, None]
        if self.scatter == "normal":
            variance = self.alpha_scale**2 + self.kappa_scale**2 + self.noise_scale**2
            off, weights = np.sqrt(variance + scale**2) * _NODES, _WEIGHTS
        else:
            alpha, u, kappa, noise = self._scatter_draws
            off = polarity[:, None] * (self.alpha_scale * alpha + scale * u)
            off = off + self.kappa_scale * kappa + self.noise_scale * noise
            weights = np.full(_DRAWS, 1 / _DRAWS)
        eta = mean[:, :, None] + off
        sharpness = np.exp(self.lambda_[condition])
        # One threshold at a time, since draws are many.
        above = sum(expit((eta - t) * sharpness) @ weights for t in self.cutpoint)
        return np.asarray(1 + above)

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


def draw_world(
    *,
    seed: int = 0,
    conditions: Sequence[Condition] = CONDITIONS,
    n_categories: int = 5,
    scatter: Scatter = "normal",
    coupling: float | None = None,
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
    scatter : {"normal", "skewed-items", "heavy-scenarios"}
        See `World`.
    coupling : float, optional
        Root mean square of the correlations of an intervention's variation over scenarios, 0 to .5;
        otherwise as it is drawn, about .2.

    Returns
    -------
    World

    Raises
    ------
    InputError
        When there is not exactly one baseline, or another argument is out of range.
    """
    if scatter not in get_args(Scatter):
        known = get_args(Scatter)
        raise InputError(
            f"unknown scatter '{scatter}', expected one of {', '.join(known)}",
            hint=near_miss(scatter, known),
        )
    if coupling is not None and not 0 <= coupling <= 0.5:
        raise InputError(f"the coupling is {coupling}, expected 0 to 0.5")
    if sum(c.role == "baseline" for c in conditions) != 1:
        raise InputError("a simulated study needs exactly one baseline")
    if not 2 <= n_categories <= 11:
        raise InputError(f"{n_categories} rating categories, expected 2 to 11")
    rng = np.random.default_rng(checked_seed(seed))
    n, v = len(conditions), len(VALUES)
    delta, u_scale = np.zeros((n, v)), np.zeros((n, v))
    beta, lambda_ = np.zeros(n), np.zeros(n)
    matrices = np.broadcast_to(np.eye(v), (n, v, v)).copy()
    theta = rng.normal(0, 0.7, v)
    for i, c in enumerate(conditions):
        if c.role == "intervention":
            delta[i], u_scale[i] = _effect(c, rng), 0.4
            matrices[i] = _correlation(rng, coupling)
            beta[i], lambda_[i] = rng.normal(0, 0.1, 2)
        elif c.role == "placebo":
            delta[i], u_scale[i] = rng.normal(0, 0.08, v), 0.15
        elif c.role == "retest":
            u_scale[i] = 0.1
    return World(
        scatter=scatter,
        conditions=tuple(conditions),
        cutpoint=1.3 * logit(np.arange(1, n_categories) / n_categories),
        theta=theta,
        alpha_scale=0.5,
        kappa_scale=0.7,
        noise_scale=0.2,
        delta=delta,
        u_scale=u_scale,
        coupling=matrices,
        beta=beta,
        lambda_=lambda_,
    )


def checked_seed(seed: int) -> int:
    """Return the seed, or raise an `InputError` when it is out of range."""
    if not 0 <= seed < 2**63:
        raise InputError(f"the seed is {seed}, expected a whole number from 0 to 2^63 - 1")
    return seed


def _effect(condition: Condition, rng: np.random.Generator) -> Floats:
    effect = rng.normal(0, _STRAY, len(VALUES))
    for t in condition.target:
        effect += condition.direction * _SPILL * np.array([cosine(t, v) for v in VALUES])
    for t in condition.target:
        effect[VALUES.index(t)] = 0.9 * condition.direction
    return effect


def _correlation(rng: np.random.Generator, norm: float | None) -> Floats:
    # Two common factors: values move together in some scenarios, against each other in others.
    v = len(VALUES)
    spread = 0.5 if norm is None else 1.5
    while True:
        factors = rng.normal(0, spread, (v, 2))
        covariance = factors @ factors.T + np.eye(v)
        scale = np.sqrt(np.diag(covariance))
        drawn = np.asarray(covariance / np.outer(scale, scale))
        if norm is None:
            return drawn
        found = np.sqrt(((drawn - np.eye(v)) ** 2).sum() / (v * (v - 1)))
        if found >= norm:
            # Between the drawn matrix and the identity, hence still a correlation matrix.
            return np.asarray(np.eye(v) + norm / found * (drawn - np.eye(v)))
