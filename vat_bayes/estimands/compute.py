"""Every estimand of a posterior, from the same joint draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from vat_bayes.estimands import tax
from vat_bayes.estimands.answered import answered, only_answered
from vat_bayes.estimands.arms import (
    ArmInfo,
    find_arm,
    is_still,
    only_role,
    placebo_of,
    read_arms,
    stacked,
)
from vat_bayes.estimands.classical import paired_shifts
from vat_bayes.estimands.classical_rows import add_classical
from vat_bayes.estimands.compare import add_comparisons
from vat_bayes.estimands.coupling import add_coupling
from vat_bayes.estimands.hubs import add_hubs
from vat_bayes.estimands.norms import Floats, measured_values
from vat_bayes.estimands.pattern import add_pattern
from vat_bayes.estimands.rows import Rows
from vat_bayes.estimands.shifts import Shifts, compute_shifts
from vat_bayes.model.access import count_scenarios
from vat_bayes.values import VALUES


@dataclass(frozen=True)
class Estimands:
    """The estimands of one posterior.

    Parameters
    ----------
    table : DataFrame
        Tidy, with the columns of ``estimands.csv``.
    draws : Dataset
        The joint draws behind it: ``shift (sample, arm, value)``, ``gain``, ``tax_rms`` and
        ``tax_excess (sample, arm)``, ``coupling (sample, arm, value, value2)``, in points.
    """

    table: pd.DataFrame
    draws: xr.Dataset


def compute_estimands(tree: xr.DataTree, *, level: float = 0.9, seed: int = 0) -> Estimands:
    """Compute every estimand.

    Parameters
    ----------
    tree : DataTree
        A posterior as `vat_bayes.model.fit` returns it.
    level : float
        Probability of the equal-tailed intervals.
    seed : int
        Seed of the bootstraps and permutations of the classical twins.

    Returns
    -------
    Estimands
    """
    arms = read_arms(tree)
    fitted = [a for a in arms if a.index is not None]
    shifts = only_answered(compute_shifts(tree), answered(tree, arms))
    paired = paired_shifts(tree, fitted)
    rows = Rows(level)
    coupling = stacked(tree, "coupling")
    columns: dict[str, list[Floats]] = {"gain": [], "tax_rms": [], "tax_excess": []}
    off: list[Floats] = []
    pooled = _is_pooled(tree)
    for i, arm in enumerate(fitted):
        n = int(paired.clusters[i].max())
        reference = find_arm(arms, arm.model, arm.condition.reference)
        add = _Adder(rows, arm, n, shifts, i, arms, pooled)
        add.shifts()
        columns["gain"].append(add.gain())
        add.ratios(columns["gain"][-1])
        rms, excess = add.tax(pooled_norms(tree, arm, reference, add.columns))
        columns["tax_rms"].append(rms)
        columns["tax_excess"].append(excess)
        points = shifts.points[:, i]
        off.append(points[:, add.columns])
        add_pattern(rows, arm, n, points, add.columns, pooled=add.pooled)
        add.style(tree)
        measured = measured_values(shifts.points[:, i], list(range(len(VALUES))))
        against = reference is not None and reference.index is not None
        add_coupling(rows, arm, n, tree, measured=measured, other_reference=against)
        coupled = rows.status_of(arm, "nvat_offdiag")
        if coupled != "not-in-model":
            add_hubs(rows, arm, n, tree, measured=measured, status=coupled)
    add_classical(rows, fitted, arms, paired, seed=seed)
    n_scenarios = count_scenarios(tree)
    counts = [*(int(n) for n in paired.clusters.max(1)), *[n_scenarios] * len(arms)][: len(arms)]
    add_comparisons(rows, arms, counts, columns["gain"], columns["tax_rms"], off=off, pooled=pooled)
    for arm in arms[len(fitted) :]:
        _without_effect(rows, arm, n_scenarios, stayed=is_still(arms, arm))
    draws = _draws(tree, fitted, shifts, columns, coupling)
    draws = draws.assign_coords(arm_scenarios=("arm", counts[: len(fitted)]))
    return Estimands(rows.table(), draws)


def _without_effect(rows: Rows, arm: ArmInfo, n: int, *, stayed: bool) -> None:
    """Add an arm that repeated its baseline: no shift, unless its reference moved away from it."""
    wanted = [("shift", v) for v in VALUES] + [("tax_rms", "")]
    if arm.condition.target:
        wanted.append(("gain", ""))
    for estimand, value in wanted:
        if stayed:
            rows.add_zero(arm, n, estimand, value=value)
        else:
            rows.add(arm, n, estimand, None, value=value, status="not-estimated")


def _is_pooled(tree: xr.DataTree) -> bool:
    return bool(tree.attrs.get("pooling", "none") != "none")


def pooled_norms(
    tree: xr.DataTree, arm: ArmInfo, reference: ArmInfo | None, columns: list[int]
) -> tuple[Floats, Floats] | None:
    """Draw the root mean square of an arm's effects from the posterior and from the prior.

    Against the baseline they are in the condition's own units, as the prior is: in those of the
    baseline, the ratio of the two would depend on the extremity too.

    Parameters
    ----------
    tree : DataTree
    arm : ArmInfo
        A fitted arm.
    reference : ArmInfo or None
        The arm that it is compared with; None for the baseline.
    columns : list of int
        The values in question.

    Returns
    -------
    (ndarray, ndarray), shape (sample,) each, or None
        None where the effects are not pooled.
    """
    if not _is_pooled(tree) or not columns:
        return None
    found = []
    for group in ("posterior", "prior"):
        delta = stacked(tree, "delta", group=group)
        effect = delta[:, arm.index]
        if reference is not None and reference.index is not None:
            effect = effect - delta[:, reference.index]
        else:
            effect = np.exp(stacked(tree, "lambda_", group=group)[:, arm.index])[:, None] * effect
        found.append(np.sqrt((effect[:, columns] ** 2).mean(1)))
    return found[0], found[1]


@dataclass(frozen=True)
class _Adder:
    """Adds the rows of one arm."""

    rows: Rows
    arm: ArmInfo
    n: int
    all_shifts: Shifts
    index: int
    arms: list[ArmInfo]
    pooled: bool

    @property
    def points(self) -> Floats:
        return self.all_shifts.points[:, self.index]

    @property
    def target(self) -> tuple[str, ...]:
        return self.arm.condition.target

    @property
    def columns(self) -> list[int]:
        return measured_values(self.points, tax.off_target(self.target))

    def shifts(self) -> None:
        for scale, draws in (
            ("points", self.all_shifts.points),
            ("points-adjusted", self.all_shifts.adjusted),
            ("latent", self.all_shifts.latent),
        ):
            for v, name in enumerate(VALUES):
                self.rows.add(
                    self.arm, self.n, "shift", draws[:, self.index, v], value=name, scale=scale
                )

    def gain(self) -> Floats:
        if not self.target:
            if self.arm.condition.role == "intervention":
                self.rows.add(self.arm, self.n, "gain", None, status="no-target")
            return np.full(len(self.points), np.nan)
        direction = self.arm.condition.direction
        result = tax.gain(self.points, self.target, direction)
        for scale, draws in (
            ("points", self.all_shifts.points),
            ("points-adjusted", self.all_shifts.adjusted),
            ("latent", self.all_shifts.latent),
        ):
            gain = tax.gain(draws[:, self.index], self.target, direction)
            status = "wrong-way" if tax.is_wrong_way(gain) else "ok"
            self.rows.add(self.arm, self.n, "gain", gain, scale=scale, status=status)
        return result

    def ratios(self, gain: Floats) -> None:
        if self.arm.condition.role != "intervention":
            return
        status = "no-target"
        if self.target:
            status = "wrong-way" if tax.is_wrong_way(gain) else "ok"
            status = status if tax.is_resolved(gain) else "gain-not-resolved"
        shown = status in ("ok", "wrong-way")
        size = np.abs(gain)
        for v in self.columns:
            ratio = self.points[:, v] / size if shown else None
            name = VALUES[v]
            self.rows.add(self.arm, self.n, "gnd", ratio, value=name, scale="ratio", status=status)
        if not self.columns:
            return
        rms = tax.tax_rms(self.points, self.columns, pooled=self.pooled)
        ratio = rms / size if shown else None
        self.rows.add(self.arm, self.n, "tax_ratio", ratio, scale="ratio", status=status)

    def tax(self, norms: tuple[Floats, Floats] | None) -> tuple[Floats, Floats]:
        if not self.columns:
            self.rows.add(self.arm, self.n, "tax_rms", None, status="no-items")
            none = np.full(len(self.points), np.nan)
            return none, none
        rms = tax.tax_rms(self.points, self.columns, pooled=self.pooled)
        self._tax_row(rms, norms)
        for name, plain, floor in (
            ("tax_displacement", tax.displacement, tax.displacement_floor),
            ("tax_loss", tax.loss, tax.loss_floor),
        ):
            draws, under = plain(self.points, self.columns), floor(self.points, self.columns)
            cleared = draws.mean() > np.quantile(under, 0.5 + self.rows.level / 2)
            status = "ok" if cleared else "at-floor"
            self.rows.add(self.arm, self.n, name, draws, status=status)
            self.rows.add(self.arm, self.n, f"{name}_floor", under)
        excess = np.full(len(rms), np.nan)
        if self.arm.condition.role != "intervention":
            return rms, excess
        model = self.arm.model
        placebo = placebo_of(self.arms, self.arm)
        excess = self._excess("tax_excess", placebo, "no-placebo", excess)
        retest = only_role(self.arms, model, "retest")
        self._excess("tax_excess_retest", retest, "no-retest", excess)
        return rms, excess

    def _tax_row(self, rms: Floats, norms: tuple[Floats, Floats] | None) -> None:
        self.rows.add(self.arm, self.n, "tax_rms", rms)
        if norms is None:
            return
        # The posterior of a norm is positive in every draw: only the evidence can say zero.
        if tax.no_tax_ratio(*norms) > tax.EXCLUDED:
            self.rows.records[-1] |= {"status": "at-floor", "lo": 0.0}

    def _excess(self, name: str, other: ArmInfo | None, missing: str, none: Floats) -> Floats:
        if other is None:
            self.rows.add(self.arm, self.n, name, None, status=missing)
            return none
        if other.condition.name == self.arm.condition.reference:
            # What is left of the condition beside it is the tax itself.
            self.rows.add(self.arm, self.n, name, None, status="is-reference")
            return none
        if other.index is not None:
            against = self.all_shifts.points[:, other.index]
        elif is_still(self.arms, other):
            against = np.zeros_like(self.points)
        else:
            self.rows.add(self.arm, self.n, name, None, status="not-estimated")
            return none
        # Both taxes are of the same values, or their difference would be one of values too.
        both = measured_values(against, self.columns)
        if not both:
            self.rows.add(self.arm, self.n, name, None, status="no-items")
            return none
        excess = tax.tax_excess(self.points, against, both, pooled=self.pooled)
        self.rows.add(self.arm, self.n, name, excess)
        return excess

    def style(self, tree: xr.DataTree) -> None:
        i, s = self.index, self.all_shifts
        beta, extremity = stacked(tree, "beta"), stacked(tree, "lambda_")
        reference = find_arm(self.arms, self.arm.model, self.arm.condition.reference)
        if reference is not None and reference.index is not None:
            beta = beta - beta[:, [reference.index]]
            extremity = extremity - extremity[:, [reference.index]]
        beta, extremity = beta[:, i], extremity[:, i]
        self.rows.add(self.arm, self.n, "style_acquiescence", beta, scale="latent")
        self.rows.add(self.arm, self.n, "style_acquiescence", s.acquiescence[:, i])
        self.rows.add(self.arm, self.n, "style_extremity", extremity, scale="latent")
        for name, part in (
            ("style_acquiescence", s.yes_saying),
            ("style_extremity", s.extremity),
            ("style_shift", s.points - s.adjusted),
        ):
            for v, value in enumerate(VALUES):
                self.rows.add(self.arm, self.n, name, part[:, i, v], value=value)


def _draws(
    tree: xr.DataTree,
    fitted: list[ArmInfo],
    shifts: Shifts,
    columns: dict[str, list[Floats]],
    coupling: Floats,
) -> xr.Dataset:
    conditions = [a.condition for a in fitted]
    data: dict[str, tuple[tuple[str, ...], Floats]] = {
        "shift": (("sample", "arm", "value"), shifts.points)
    }
    data |= {name: (("sample", "arm"), np.stack(x, 1)) for name, x in columns.items()}
    dataset = xr.Dataset(
        {
            **data,
            "coupling": (("sample", "arm", "value", "value2"), coupling.astype(np.float32)),
        },
        coords={
            "arm": [a.label for a in fitted],
            "value": list(VALUES),
            "value2": list(VALUES),
            "arm_model": ("arm", [a.model for a in fitted]),
            "arm_condition": ("arm", [c.name for c in conditions]),
            "arm_role": ("arm", [c.role for c in conditions]),
            "arm_target": ("arm", [",".join(c.target) for c in conditions]),
            "arm_placebo": ("arm", [c.placebo or "" for c in conditions]),
            "arm_reference": ("arm", [c.reference or "" for c in conditions]),
            "arm_direction": ("arm", [c.direction for c in conditions]),
            "arm_dose": ("arm", [np.nan if c.dose is None else c.dose for c in conditions]),
        },
        attrs={
            "schema_version": 1,
            "chains": tree["posterior"].sizes["chain"],
            # Those that repeated their baseline have no draws; all their effects are zero.
            "identical_arms": tree.attrs["identical_arms"],
        },
    )
    dataset["shift"].attrs["units"] = "rating points"
    return dataset


def withhold(estimands: Estimands, status: str, names: tuple[str, ...]) -> Estimands:
    """Blank the numbers of some estimands and say why.

    Parameters
    ----------
    estimands : Estimands
    status : str
    names : tuple of str

    Returns
    -------
    Estimands
        The draws are left as they are; they are the evidence for the refusal.
    """
    table = estimands.table.copy()
    rows = table["estimand"].isin(names) & table["mean"].notna()
    table.loc[rows, ["mean", "sd", "median", "lo", "hi", "p_positive"]] = np.nan
    table.loc[rows, "status"] = status
    return replace(estimands, table=table)
