"""Rows of the classical twins: clustered errors, the scenario bootstrap, the raw coupling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vat_bayes.estimands import tax
from vat_bayes.estimands.arms import ArmInfo, is_still, only_role, placebo_of
from vat_bayes.estimands.classical import (
    PairedShifts,
    raw_coupling,
    sampling_draws,
    scenario_bootstrap,
)
from vat_bayes.estimands.norms import Floats
from vat_bayes.estimands.rows import Rows
from vat_bayes.values import VALUES

N_CLASSICAL = 4000
N_RESAMPLES = 1000
# Scenarios that an error between scenarios takes.
_FEWEST = 2
# Resamples that may lack a value and be left out. Of seven scenarios that have it one resample in
# a thousand takes none; where many do, what is left says little of how the value scatters.
_MISSING = 0.01


def add_classical(
    rows: Rows, fitted: list[ArmInfo], arms: list[ArmInfo], paired: PairedShifts, *, seed: int
) -> None:
    """Add the classical twins of every fitted arm.

    Parameters
    ----------
    rows : Rows
    fitted, arms : list of ArmInfo
        The arms with a posterior, and all of them.
    paired : PairedShifts
    seed : int
    """
    sampled = sampling_draws(paired, N_CLASSICAL, seed=seed)
    boot = scenario_bootstrap(paired, N_RESAMPLES, seed=seed)
    for i, arm in enumerate(fitted):
        _means(rows, arm, i, paired, boot)
        # Debiased with the resamples as its scatter, the bootstrap of the tax is Carpenter's test
        # inversion bootstrap; its plain percentiles would be those of a norm that noise inflates.
        for suffix, twin in (("classical", sampled), ("bootstrap", boot)):
            _taxes(rows, arms, arm, paired, (suffix, twin))
        _raw_coupling(rows, arm, i, paired, seed)


def _means(rows: Rows, arm: ArmInfo, i: int, paired: PairedShifts, boot: Floats) -> None:
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
        again, status = _resampled(boot[:, i, v], paired.clusters[i, v])
        rows.add(arm, n, "shift_bootstrap", again, value=name, status=status)
    target, direction = arm.condition.target, arm.condition.direction
    if not target:
        return
    columns = [VALUES.index(v) for v in target]
    mean = float(direction * paired.mean[i, columns].mean())
    spread = paired.influence[i][:, columns].mean(1)
    clusters = float(paired.clusters[i, columns].min())
    error = float(np.sqrt(clusters / max(clusters - 1, 1) * (spread**2).sum()))
    rows.add_mean(arm, n, "gain_classical", mean=mean, error=error, degrees=clusters - 1)
    again, status = _resampled(tax.gain(boot[:, i], target, direction), clusters)
    rows.add(arm, n, "gain_bootstrap", again, status=status)


def _resampled(draws: Floats, clusters: float) -> tuple[Floats | None, str]:
    """Return resampled means and their status: one scenario, resampled, is always itself."""
    if clusters == 0:
        return None, "no-items"
    known = np.isfinite(draws)
    if clusters < _FEWEST or not _nearly_all(known):
        return None, "too-few-scenarios"
    return draws[known], "ok"


def _nearly_all(known: NDArray[np.bool_]) -> bool:
    return bool(known.mean() >= 1 - _MISSING)


def _taxes(
    rows: Rows, arms: list[ArmInfo], arm: ArmInfo, paired: PairedShifts, named: tuple[str, Floats]
) -> None:
    """Add tax and excess from draws or resamples (sample, arm, value) of all the shifts."""
    suffix, twin = named
    assert arm.index is not None
    n = int(paired.clusters[arm.index].max())
    off = _with_error(twin, paired, arm.index, tax.off_target(arm.condition.target))
    if not off:
        return
    own = twin[:, arm.index]
    known = np.isfinite(own[:, off]).all(1)
    rows.add(arm, n, f"tax_rms_{suffix}", tax.tax_rms(own[known], off))
    if arm.condition.role != "intervention":
        return
    for name, other in (
        ("tax_excess", placebo_of(arms, arm)),
        ("tax_excess_retest", only_role(arms, arm.model, "retest")),
    ):
        if other is None or other.condition.name == arm.condition.reference:
            continue
        if other.index is not None:
            both = _with_error(twin, paired, other.index, off)
            against = twin[:, other.index]
        else:
            # One that repeated the baseline was not fitted: its shifts are exactly zero.
            both = off if is_still(arms, other) else []
            against = np.zeros_like(own)
        known = np.isfinite(own[:, both] + against[:, both]).all(1)
        if both and _nearly_all(known):
            excess = tax.tax_excess(own[known], against[known], both)
            rows.add(arm, n, f"{name}_{suffix}", excess)


def _with_error(twin: Floats, paired: PairedShifts, i: int, columns: list[int]) -> list[int]:
    """Return the values that have items; none where one of these has no error between scenarios."""
    there = [v for v in columns if paired.clusters[i, v] > 0]
    enough = all(paired.clusters[i, v] >= _FEWEST for v in there)
    return there if enough and _nearly_all(np.isfinite(twin[:, i, there]).all(1)) else []


def _raw_coupling(rows: Rows, arm: ArmInfo, i: int, paired: PairedShifts, seed: int) -> None:
    n = int(paired.clusters[i].max())
    by_scenario = paired.by_scenario[i][:, paired.clusters[i] > 0]
    raw = raw_coupling(by_scenario, n_resamples=N_RESAMPLES, seed=seed)
    if raw is None:
        rows.add(arm, n, "nvat_paper_raw", None, scale="norm", status="too-few-scenarios")
        return
    # Resampling adds noise to a norm that noise already inflates, so the percentile interval
    # lies above the number itself. Moved back to it, the resamples show how far the number
    # scatters; what noise alone makes of it, the null shows.
    own = np.maximum(1.0, raw.norm + raw.bootstrap - np.median(raw.bootstrap))
    rows.add(arm, raw.n, "nvat_paper_raw", own, scale="norm")
    rows.records[-1] |= {"mean": raw.norm, "median": raw.norm}
    rows.add(arm, raw.n, "nvat_paper_raw_null", raw.null, scale="norm")
    # The data are one of the arrangements that the null is made of: no p-value is zero.
    beyond = 1 + int((raw.null >= raw.norm).sum())
    rows.records[-1]["p_positive"] = beyond / (1 + len(raw.null))
