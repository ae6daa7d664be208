"""What a design will show: widths of the intervals, and what it can detect."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct
from scipy.stats import t as student

from vat_bayes.estimands.norms import debiased_mean_square
from vat_bayes.plan.components import Components, Floats
from vat_bayes.plan.excess import expected_width, joint_covariance

# Simulated estimates for the width of a tax, and draws of each; then estimates for a power.
_STUDIES, _DRAWS, _POWER = 80, 400, 4000
_LARGEST = 100_000
NUMBERS = (
    *("width_gain", "width_shift", "width_tax", "width_excess"),
    *("detectable_gain", "detectable_tax", "power_gain", "power_tax"),
)
"""What is predicted of a design."""


@dataclass(frozen=True)
class Design:
    """How much is collected.

    Parameters
    ----------
    scenarios, prompts, repeats : int
    items : float
        Items of each value in a scenario.
    conditions : int
        With the baseline and the placebo.
    values : int
        How many values have items.
    """

    scenarios: int
    prompts: int = 1
    repeats: int = 1
    items: float = 2.0
    conditions: int = 3
    values: int = 10

    @property
    def judgments(self) -> int:
        """Number of judgments of one model."""
        each = self.scenarios * self.items * self.values
        return round(each * self.conditions * self.prompts * self.repeats)


@dataclass(frozen=True)
class Question:
    """What is asked of a design.

    Parameters
    ----------
    gain, tax : float
        True gain and tax at which power and widths are given, in points.
    placebo_tax : float
        True tax of the placebo, for the width of the excess over it.
    level : float
        Probability of the intervals.
    probability : float
        How probable it must be that an effect is above zero for it to be detected.
    power : float
        With which probability the minimum detectable effects are detected.
    """

    gain: float = 0.3
    tax: float = 0.1
    placebo_tax: float = 0.0
    level: float = 0.9
    probability: float = 0.95
    power: float = 0.8


@dataclass(frozen=True)
class Prediction:
    """What a design will show, in points; each number is computed when it is first asked for.

    Gain and shifts: a t interval with (scenarios - 1) degrees of freedom around a mean with the
    variance of `Components.covariance`, and the power of a one-sided t test (noncentral t). The
    tax: estimates are simulated about true vectors of random direction and put through the
    estimator of `tax_rms`; a tax is detected when the hypothesis of none is rejected at
    ``1 - probability``. The excess likewise, with a placebo that shares the baseline.

    Parameters
    ----------
    components : Components
    design : Design
        Two scenarios or more.
    question : Question
    seed : int
        Of the simulation; the same for all designs, so that they differ by nothing else.
    placebo : Components, optional
        Those of the placebo; the condition's own where they are not known, which is cautious.
    """

    components: Components
    design: Design
    question: Question
    seed: int = 0
    placebo: Components | None = None

    def to_dict(self) -> dict[str, float]:
        """Return design and numbers; what a design can't have, as a gain without target, is NaN."""
        d = self.design
        return {
            "scenarios": d.scenarios,
            "prompts": d.prompts,
            "repeats": d.repeats,
            "judgments": d.judgments,
            **{name: getattr(self, name) for name in NUMBERS},
        }

    @cached_property
    def width_gain(self) -> float:
        """Expected width of the interval of the gain."""
        return self._width(self.gain_error)

    @cached_property
    def width_shift(self) -> float:
        """Expected width of the interval of a shift, averaged over the values."""
        variance = np.diag(self._covariance)
        return float(np.mean([self._width(e) for e in np.sqrt(variance[np.isfinite(variance)])]))

    @cached_property
    def width_tax(self) -> float:
        """Expected width of the interval of `tax_rms` at the tax in question."""
        rng = np.random.default_rng(self.seed)
        q, n = self.question, len(self._off)
        if n == 0:
            return math.nan
        tails = ((1 - q.level) / 2, (1 + q.level) / 2)
        # A variance that is estimated from few scenarios makes the draws heavier than normal.
        heavier = np.sqrt(self._degrees / max(1.0, self._degrees - 2.0))
        found = []
        for direction in self._directions(_STUDIES, rng):
            estimate = q.tax * direction + self._factor @ rng.normal(size=n)
            draws = estimate + heavier * rng.normal(size=(_DRAWS, n)) @ self._factor.T
            lo, hi = np.quantile(np.sqrt(debiased_mean_square(draws)), tails)
            found.append(hi - lo)
        return float(np.mean(found))

    @cached_property
    def width_excess(self) -> float:
        """Expected width of the interval of `tax_excess` at the two taxes in question."""
        q, d = self.question, self.design
        placebo = self.placebo or self.components
        there = np.isfinite(np.diag(placebo.effect))
        columns = [v for v in self.components.off_target if there[v]]
        if not columns:
            return math.nan
        joint = joint_covariance(
            self.components, placebo, columns, d.scenarios,
            items=d.items, prompts=d.prompts, repeats=d.repeats,
        )  # fmt: skip
        taxes = (q.tax, q.placebo_tax)
        return expected_width(joint, taxes, self._degrees, level=q.level, seed=self.seed)

    @cached_property
    def power_gain(self) -> float:
        """Probability of detecting the gain in question."""
        return self._power_gain(self.question.gain)

    @cached_property
    def power_tax(self) -> float:
        """Probability of detecting the tax in question."""
        return self._power_tax(self.question.tax)

    @cached_property
    def detectable_gain(self) -> float:
        """Smallest true gain that is detected with the power in question."""
        if not self.gain_error > 0:
            return self.gain_error

        def short(effects: float) -> float:
            return self._power_gain(effects * self.gain_error) - self.question.power

        high = 4.0
        while short(high) < 0:
            high *= 2
        return float(brentq(short, 0.0, high)) * self.gain_error

    @cached_property
    def detectable_tax(self) -> float:
        """Smallest true tax that is detected with the power in question."""
        if len(self._off) == 0:
            return math.nan
        high = float(np.sqrt(np.diag(self._off).mean()))
        if high == 0:
            return 0.0
        while self._power_tax(high) < self.question.power:
            high *= 2
        return float(brentq(lambda t: self._power_tax(t) - self.question.power, 0.0, high))

    @cached_property
    def gain_error(self) -> float:
        """Standard error of the gain, averaged over targets; NaN without any."""
        on = list(self.components.target)
        if not on:
            return math.nan
        return float(np.sqrt(self._covariance[np.ix_(on, on)].mean()))

    @cached_property
    def _covariance(self) -> Floats:
        d = self.design
        return self.components.covariance(
            d.scenarios, items=d.items, prompts=d.prompts, repeats=d.repeats
        )

    @property
    def _degrees(self) -> int:
        return max(1, self.design.scenarios - 1)

    @cached_property
    def _off(self) -> Floats:
        """Covariance of the off-target shifts."""
        off = self.components.off_target
        return np.asarray(self._covariance[np.ix_(off, off)])

    @cached_property
    def _factor(self) -> Floats:
        variance, axes = np.linalg.eigh(self._off)
        return np.asarray(axes * np.sqrt(np.maximum(variance, 0.0)))

    @cached_property
    def _noise(self) -> tuple[Floats, Floats, float]:
        """Directions, errors of the estimates, and the critical square of an estimate."""
        rng = np.random.default_rng([self.seed, 1])
        n = len(self._off)
        direction = self._directions(_POWER, rng)
        noise, own = (rng.normal(size=(_POWER, n)) @ self._factor.T for _ in range(2))
        return direction, noise, float(np.quantile((own**2).sum(1), self.question.probability))

    def _width(self, error: float) -> float:
        q = (1 + self.question.level) / 2
        return float(2 * student.ppf(q, self._degrees) * error)

    def _directions(self, n: int, rng: np.random.Generator) -> Floats:
        """Random vectors whose root mean square is one, shape (n, value)."""
        drawn = rng.normal(size=(n, len(self._off)))
        return np.asarray(drawn / np.sqrt((drawn**2).mean(1, keepdims=True)))

    def _power_gain(self, gain: float) -> float:
        critical = student.ppf(self.question.probability, self._degrees)
        return float(nct.sf(critical, self._degrees, gain / self.gain_error))

    def _power_tax(self, tax: float) -> float:
        if len(self._off) == 0:
            return math.nan
        direction, noise, critical = self._noise
        return float((((tax * direction + noise) ** 2).sum(1) > critical).mean())


def predict(
    components: Components,
    design: Design,
    question: Question | None = None,
    *,
    seed: int = 0,
    placebo: Components | None = None,
) -> Prediction:
    """Predict the precision and the power of a design; see `Prediction`.

    Parameters
    ----------
    components : Components
    design : Design
    question : Question, optional
    seed : int
    placebo : Components, optional

    Returns
    -------
    Prediction
    """
    return Prediction(components, design, question or Question(), seed, placebo)


def required_scenarios(
    components: Components,
    design: Design,
    enough: Callable[[Prediction], bool],
    question: Question | None = None,
    *,
    seed: int = 0,
    placebo: Components | None = None,
) -> int | None:
    """Return the smallest number of scenarios with which a prediction is good enough.

    Parameters
    ----------
    components : Components
    design : Design
        Its number of scenarios is left aside.
    enough : callable
        True from some number of scenarios on.
    question : Question, optional
    seed : int
    placebo : Components, optional

    Returns
    -------
    int or None
        From 4 on; None where 100,000 are not enough.
    """

    def holds(scenarios: int) -> bool:
        design_ = replace(design, scenarios=scenarios)
        return enough(predict(components, design_, question, seed=seed, placebo=placebo))

    low, high = 3, 4
    while not holds(high):
        low, high = high, 2 * high
        if low >= _LARGEST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high if high <= _LARGEST else None
