"""How many more scenarios would probably decide, when a condition is undecided."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from vat_bayes.decide.budget import Budget, Clause
from vat_bayes.decide.outlook import ENOUGH, Outlook
from vat_bayes.decide.rule import Decision, Floats, judge
from vat_bayes.estimands.contrasts import debiased_difference
from vat_bayes.estimands.nearest import nearest_vectors
from vat_bayes.estimands.norms import as_long_as_noise, mean_square, signed_root
from vat_bayes.estimands.placebos import placebo_in
from vat_bayes.estimands.tax import off_target
from vat_bayes.values import VALUES

# Multiples of the present number of scenarios that are tried.
_FACTORS = (1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 13.0, 16.0)
_FUTURES, _DRAWS = 100, 400


def foresee(
    draws: xr.Dataset, budget: Budget, decision: Decision, *, seed: int = 0
) -> Outlook | None:
    """Say how many more scenarios would probably decide.

    A preposterior simulation (Raiffa and Schlaifer 1961). True effects are drawn from the
    posterior, their off-target part brought to the norm of the same draw of the debiased tax. ``n``
    more scenarios of that truth give an estimate whose error has the covariance of the posterior
    times ``S / n``; the two estimates are averaged by their numbers of scenarios, the posterior
    shrinks by ``sqrt(S / (S + n))``, and the budget's own rule judges the result. The smallest of
    thirteen multiples of ``S`` that decides in 80 % of 100 such futures is named.

    Parameters
    ----------
    draws : Dataset
        What `decision` was made from.
    budget : Budget
    decision : Decision
    seed : int

    Returns
    -------
    Outlook or None
        None when the condition is decided, or is undecided for another reason than its precision.

    References
    ----------
    Raiffa, Schlaifer (1961). Applied Statistical Decision Theory. Harvard University.
    """
    if decision.verdict != "undecided" or any(c.probability is None for c in decision.clauses):
        return None
    future = _future(draws, budget, decision, seed)
    if future is None:
        return None
    scenarios = future.scenarios
    found: dict[float, tuple[float, float]] = {}

    def decides(factor: float) -> bool:
        found[factor] = future.chances(factor)
        return sum(found[factor]) >= ENOUGH

    # The chance of a verdict rises with the number of scenarios: halve the range of the factors.
    low, high = 0, len(_FACTORS) - 1
    if not decides(_FACTORS[high]):
        factor, more = _FACTORS[high], None
    else:
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if decides(_FACTORS[middle]) else (middle + 1, high)
        factor = _FACTORS[high]
        more = math.ceil(scenarios * (factor - 1))
    accept, reject = found[factor]
    return Outlook(scenarios, more, math.ceil(scenarios * (factor - 1)), accept, reject)


@dataclass(frozen=True)
class _Future:
    """The posterior of one condition, and the budget's rule on any draws of the same kind.

    `centre` is a float array (column,), `truth` (future, column), `noise` (future, column) and
    `error` (draw, column); columns are the shifts of the condition, and of its placebo where the
    budget asks for a contrast.
    """

    scenarios: int
    centre: Floats
    truth: Floats
    noise: Floats
    error: Floats
    verdict: Callable[[Floats], str]

    def chances(self, factor: float) -> tuple[float, float]:
        """Return how often `factor` times as many scenarios lead to accept and to reject."""
        more = factor - 1
        estimate = self.truth + self.noise / np.sqrt(more)
        centres = (self.centre + more * estimate) / factor
        verdicts = [self.verdict(c + self.error / np.sqrt(factor)) for c in centres]
        return verdicts.count("accept") / len(verdicts), verdicts.count("reject") / len(verdicts)


def _future(draws: xr.Dataset, budget: Budget, decision: Decision, seed: int) -> _Future | None:
    arms = {
        (str(m), str(c)): i
        for i, (m, c) in enumerate(
            zip(draws["arm_model"].to_numpy(), draws["arm_condition"].to_numpy(), strict=True)
        )
    }
    arm = arms.get((decision.model, decision.condition))
    # A condition that repeated its baseline has no error that could shrink.
    if arm is None or "arm_scenarios" not in draws.coords:
        return None
    contrast = any(c.estimand == "tax_excess" for c in budget.clauses)
    other = placebo_in(draws, arm) if contrast else None
    columns = [arm] if other is None else [arm, other]
    targets = tuple(t for t in str(draws["arm_target"].to_numpy()[arm]).split(",") if t)
    off = [
        i for i in off_target(targets) if not np.isnan(draws["shift"].to_numpy()[:, arm, i]).any()
    ]
    shifts = draws["shift"].to_numpy()[:, columns]
    shifts = np.where(np.isnan(shifts), 0.0, shifts)
    plain = np.sqrt((shifts[:, :, off] ** 2).mean(2))
    pooled = bool(np.allclose(plain[:, 0], draws["tax_rms"].to_numpy()[:, arm]))
    # The placebo's own tax is over values of its own; the contrast takes those of the condition.
    tax = np.stack(
        [np.sqrt(mean_square(x[:, off], pooled=pooled)) for x in shifts.transpose(1, 0, 2)], 1
    )
    truth = shifts.copy()
    scale = np.divide(tax, plain, out=np.ones_like(tax), where=plain > 0)
    truth[:, :, off] *= scale[..., None]
    rng = np.random.default_rng(seed)
    n, v = len(shifts), len(VALUES)
    flat = shifts.reshape(n, -1)
    centre = flat.mean(0)
    error = flat - centre
    kept = rng.permutation(n)[: min(n, _DRAWS)]
    shape = _Shape(
        on=[VALUES.index(t) for t in targets],
        off=off,
        direction=int(draws["arm_direction"].to_numpy()[arm]),
        pooled=pooled,
        together=budget.joint_probability is not None,
    )

    def verdict(x: Floats) -> str:
        mine, theirs = x[:, :v], x[:, v:]
        theirs = theirs if theirs.shape[1] else np.zeros_like(mine)
        found = [shape.kept(c, mine, theirs) for c in budget.clauses]
        return judge(decision.model, decision.condition, budget, found).verdict

    return _Future(
        scenarios=int(draws["arm_scenarios"].to_numpy()[arm]),
        centre=centre,
        truth=truth.reshape(n, -1)[rng.integers(0, n, _FUTURES)],
        noise=error[rng.integers(0, n, _FUTURES)],
        error=error[kept],
        verdict=verdict,
    )


@dataclass(frozen=True)
class _Shape:
    """Which columns of the shifts are on target and off, and how the tax is computed.

    `together`: whether it matters in which draws a clause is kept, and not only in how many.
    """

    on: list[int]
    off: list[int]
    direction: int
    pooled: bool
    together: bool

    def kept(self, clause: Clause, mine: Floats, theirs: Floats) -> Floats:
        """Return whether a clause is kept in each draw, as the rule itself has it."""
        if clause.kind == "gain":
            x = self.direction * mine[:, self.on].mean(1)
            return np.asarray(x >= clause.bound, dtype=float)
        if clause.kind == "protected":
            x = -mine[:, VALUES.index(clause.value)]
        elif clause.estimand == "tax_rms" and not (self.pooled or self.together):
            return np.full(len(mine), _probability_within(mine[:, self.off], clause.bound))
        elif clause.estimand == "tax_rms":
            x = np.sqrt(mean_square(mine[:, self.off], pooled=self.pooled))
        elif self.pooled:
            square, other = (mine[:, self.off] ** 2).mean(1), (theirs[:, self.off] ** 2).mean(1)
            x = signed_root(square - other)
        else:
            x = signed_root(debiased_difference(mine[:, self.off], theirs[:, self.off]))
        return np.asarray(x <= clause.bound, dtype=float)


def _probability_within(draws: Floats, bound: float) -> float:
    """Return P(tax <= bound) without all other quantiles; see `debiased_mean_square`."""
    error = draws - draws.mean(0)
    own = (error**2).sum(1)
    centre = as_long_as_noise(draws.mean(0), own)
    square = bound**2 * draws.shape[1]
    (x,) = nearest_vectors(
        centre, error.T @ error / len(error), np.ones_like(centre), np.array([square])
    )
    scattered = square + 2.0 * (error @ x) + own
    return float((scattered >= centre @ centre).mean())
