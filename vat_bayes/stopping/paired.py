"""What can be known of a width without a fit: paired differences, scenarios as clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from vat_bayes.conditions import Condition
from vat_bayes.estimands.classical import PairedShifts, sampling_draws
from vat_bayes.estimands.norms import Floats
from vat_bayes.estimands.tax import off_target, tax_rms
from vat_bayes.judgments.cells import Cells
from vat_bayes.stopping.rule import Width
from vat_bayes.values import VALUES

_DRAWS = 1000


@dataclass(frozen=True)
class PairedArm:
    """The paired differences of one model under one condition.

    Parameters
    ----------
    model : str
    condition : Condition
    shifts : PairedShifts
        With one arm.
    """

    model: str
    condition: Condition
    shifts: PairedShifts


@dataclass(frozen=True)
class PairedWidths:
    """Whether a look is worth a fit.

    Parameters
    ----------
    arms : tuple of PairedArm
        Every condition but the baselines.
    """

    arms: tuple[PairedArm, ...]

    def of(self, clause: Width, *, level: float = 0.9, seed: int = 0) -> float | None:
        """Return the widest interval of a clause by the paired comparison.

        Parameters
        ----------
        clause : Width
        level : float
        seed : int
            Of the draws behind a tax.

        Returns
        -------
        float or None
            In points. None where this comparison does not give it, as for `tax_excess`.
        """
        found = [
            width
            for arm in self.arms
            if clause.condition == arm.condition.name
            or (not clause.condition and arm.condition.role == "intervention")
            if (width := _width(arm, clause, level, seed)) is not None
        ]
        return max(found, default=None)


def paired_widths(cells: Cells, conditions: Mapping[str, Condition]) -> PairedWidths:
    """Pair every item with itself under the reference of its condition.

    Parameters
    ----------
    cells : Cells
    conditions : mapping of str to Condition

    Returns
    -------
    PairedWidths
    """
    n_models, n_conditions = len(cells.models), len(cells.conditions)
    score = np.full((n_models, n_conditions, len(cells.items)), np.nan)
    score[cells.score_model, cells.score_condition, cells.score_item] = cells.score
    baseline = next(c.name for c in conditions.values() if c.role == "baseline")
    arms = []
    for m, model in enumerate(cells.models):
        for name in cells.model_conditions[m]:
            condition = conditions[name]
            if condition.role == "baseline":
                continue
            reference = condition.reference or baseline
            difference = (
                score[m, cells.conditions.index(name)] - score[m, cells.conditions.index(reference)]
            )
            arms.append(PairedArm(model, condition, _paired(cells, difference)))
    return PairedWidths(tuple(arms))


def _paired(cells: Cells, difference: Floats) -> PairedShifts:
    both = ~np.isnan(difference)
    total = np.zeros((len(cells.scenarios), len(VALUES)))
    weight = np.zeros_like(total)
    scenario, loading = cells.item_scenario[both], cells.loading[both]
    np.add.at(total, scenario, loading * difference[both, None])
    np.add.at(weight, scenario, np.abs(loading))
    return PairedShifts(total[None], weight[None])


def _width(arm: PairedArm, clause: Width, level: float, seed: int) -> float | None:
    shifts, target = arm.shifts, arm.condition.target
    if clause.estimand == "gain" and target:
        return _mean_width(shifts, [VALUES.index(v) for v in target], level)
    if clause.estimand == "shift":
        named = [clause.value] if clause.value else list(VALUES)
        each = [_mean_width(shifts, [VALUES.index(v)], level) for v in named]
        return max((w for w in each if w is not None), default=None)
    if clause.estimand == "tax_rms":
        off = [i for i in off_target(target) if shifts.clusters[0, i] > 1]
        if not off:
            return None
        draws = tax_rms(sampling_draws(shifts, _DRAWS, seed=seed)[:, 0], off)
        lo, hi = np.quantile(draws, ((1 - level) / 2, (1 + level) / 2))
        return float(hi - lo)
    return None


def _mean_width(shifts: PairedShifts, columns: list[int], level: float) -> float | None:
    n = float(shifts.clusters[0, columns].min())
    if n < 2:
        return None
    spread = shifts.influence[0][:, columns].mean(1)
    error = np.sqrt(n / (n - 1) * (spread**2).sum())
    return float(2 * student.ppf((1 + level) / 2, n - 1) * error)
