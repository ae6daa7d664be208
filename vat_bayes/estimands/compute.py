"""Every estimand of a posterior, from the same joint draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from vat_bayes.estimands import tax
from vat_bayes.estimands.arms import ArmInfo, only_role, placebo_of, read_arms, stacked
from vat_bayes.estimands.classical import (
    PairedShifts,
    paired_shifts,
    raw_coupling,
    sampling_draws,
    scenario_bootstrap,
)
from vat_bayes.estimands.coupling import add_coupling
from vat_bayes.estimands.norms import Floats
from vat_bayes.estimands.rows import Rows
from vat_bayes.estimands.shifts import Shifts, compute_shifts
from vat_bayes.model.access import array
from vat_bayes.values import VALUES

N_CLASSICAL = 4000
N_RESAMPLES = 1000


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
    shifts = compute_shifts(tree)
    paired = paired_shifts(tree, fitted)
    rows = Rows(level)
    coupling = stacked(tree, "coupling")
    columns: dict[str, list[Floats]] = {"gain": [], "tax_rms": [], "tax_excess": []}
    for i, arm in enumerate(fitted):
        n = int(paired.clusters[i].max())
        add = _Adder(rows, arm, n, shifts, i, arms)
        add.shifts()
        columns["gain"].append(add.gain())
        add.ratios(columns["gain"][-1])
        rms, excess = add.tax()
        columns["tax_rms"].append(rms)
        columns["tax_excess"].append(excess)
        add.style(tree)
        measured = _measured(shifts.points[:, i], list(range(len(VALUES))))
        add_coupling(rows, arm, n, tree, measured=measured)
    _classical_rows(rows, fitted, arms, paired, seed=seed)
    n_scenarios = len(np.unique(array(tree, "constant_data", "item_scenario")))
    for arm in arms[len(fitted) :]:
        for v in VALUES:
            rows.add_zero(arm, n_scenarios, "shift", value=v)
        if arm.condition.target:
            rows.add_zero(arm, n_scenarios, "gain")
        rows.add_zero(arm, n_scenarios, "tax_rms")
    return Estimands(rows.table(), _draws(tree, fitted, shifts, columns, coupling))


@dataclass(frozen=True)
class _Adder:
    """Adds the rows of one arm."""

    rows: Rows
    arm: ArmInfo
    n: int
    all_shifts: Shifts
    index: int
    arms: list[ArmInfo]

    @property
    def points(self) -> Floats:
        return self.all_shifts.points[:, self.index]

    @property
    def target(self) -> tuple[str, ...]:
        return self.arm.condition.target

    @property
    def columns(self) -> list[int]:
        return _measured(self.points, tax.off_target(self.target))

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
        ratio = tax.tax_rms(self.points, self.columns) / size if shown else None
        self.rows.add(self.arm, self.n, "tax_ratio", ratio, scale="ratio", status=status)

    def tax(self) -> tuple[Floats, Floats]:
        if not self.columns:
            self.rows.add(self.arm, self.n, "tax_rms", None, status="no-items")
            none = np.full(len(self.points), np.nan)
            return none, none
        rms = tax.tax_rms(self.points, self.columns)
        self.rows.add(self.arm, self.n, "tax_rms", rms)
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

    def _excess(self, name: str, other: ArmInfo | None, missing: str, none: Floats) -> Floats:
        if other is None:
            self.rows.add(self.arm, self.n, name, None, status=missing)
            return none
        if other.index is None:
            against = np.zeros_like(self.points)
        else:
            against = self.all_shifts.points[:, other.index]
        excess = tax.tax_excess(self.points, against, self.columns)
        self.rows.add(self.arm, self.n, name, excess)
        return excess

    def style(self, tree: xr.DataTree) -> None:
        i, s = self.index, self.all_shifts
        beta, extremity = stacked(tree, "beta")[:, i], stacked(tree, "lambda_")[:, i]
        self.rows.add(self.arm, self.n, "style_acquiescence", beta, scale="latent")
        self.rows.add(self.arm, self.n, "style_acquiescence", s.acquiescence[:, i])
        self.rows.add(self.arm, self.n, "style_extremity", extremity, scale="latent")
        for v, name in enumerate(VALUES):
            self.rows.add(self.arm, self.n, "style_extremity", s.extremity[:, i, v], value=name)


def _measured(shift: Floats, columns: list[int]) -> list[int]:
    """Drop the values that no item loads on."""
    return [v for v in columns if not np.isnan(shift[:, v]).any()]


def _classical_rows(
    rows: Rows, fitted: list[ArmInfo], arms: list[ArmInfo], paired: PairedShifts, *, seed: int
) -> None:
    sampled = sampling_draws(paired, N_CLASSICAL, seed=seed)
    boot = scenario_bootstrap(paired, N_RESAMPLES, seed=seed)
    for i, arm in enumerate(fitted):
        n = int(paired.clusters[i].max())
        for v, name in enumerate(VALUES):
            rows.add_mean(
                arm,
                n,
                "shift_classical",
                mean=float(paired.mean[i, v]),
                error=float(paired.standard_error[i, v]),
                degrees=float(paired.clusters[i, v]) - 1,
                value=name,
            )
            rows.add(arm, n, "shift_bootstrap", boot[:, i, v], value=name)
        target, direction = arm.condition.target, arm.condition.direction
        if target:
            columns = [VALUES.index(v) for v in target]
            mean = float(direction * paired.mean[i, columns].mean())
            spread = paired.influence[i][:, columns].mean(1)
            clusters = paired.clusters[i, columns].min()
            error = float(np.sqrt(clusters / max(clusters - 1, 1) * (spread**2).sum()))
            degrees = float(clusters) - 1
            rows.add_mean(arm, n, "gain_classical", mean=mean, error=error, degrees=degrees)
            rows.add(arm, n, "gain_bootstrap", tax.gain(boot[:, i], target, direction))
        off = _measured(paired.mean[i][None], tax.off_target(target))
        if off and np.isfinite(sampled[:, i, off]).all():
            rows.add(arm, n, "tax_rms_classical", tax.tax_rms(sampled[:, i], off))
            placebo = placebo_of(arms, arm)
            if arm.condition.role == "intervention" and placebo and placebo.index is not None:
                excess = tax.tax_excess(sampled[:, i], sampled[:, placebo.index], off)
                rows.add(arm, n, "tax_excess_classical", excess)
        by_scenario = paired.by_scenario[i][:, paired.clusters[i] > 0]
        raw = raw_coupling(by_scenario, n_resamples=N_RESAMPLES, seed=seed)
        if raw is None:
            rows.add(arm, n, "nvat_paper_raw", None, scale="norm", status="too-few-scenarios")
            continue
        # Resampling adds noise to a norm that noise already inflates, so the percentile interval
        # lies above the number itself. Moved back to it, the resamples show how far the number
        # scatters; what noise alone makes of it, the null shows.
        own = np.maximum(1.0, raw.norm + raw.bootstrap - np.median(raw.bootstrap))
        rows.add(arm, raw.n, "nvat_paper_raw", own, scale="norm")
        rows.records[-1] |= {"mean": raw.norm, "median": raw.norm}
        rows.add(arm, raw.n, "nvat_paper_raw_null", raw.null, scale="norm")
        rows.records[-1]["p_positive"] = float((raw.null >= raw.norm).mean())


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
        },
        attrs={"schema_version": 1, "chains": tree["posterior"].sizes["chain"]},
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
