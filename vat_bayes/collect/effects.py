"""Proof that a condition took effect: how far its answers are from the baseline's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.journal import Key
from vat_bayes.collect.judge import Reading
from vat_bayes.errors import InputError
from vat_bayes.items import ItemSet
from vat_bayes.study import Study, StudyCondition

Floats = NDArray[np.float64]

IDENTICAL, SAME, DIFFERENT, MOVED = (
    "identical",
    "not distinguishable from baseline",
    "differs; no retest to compare with",
    "distinguishable from baseline",
)
# The .95 quantile of a normal: one-sided, since only a larger distance counts.
_CRITICAL = 1.645


class NoEffectError(InputError):
    """An intervention gave exactly the baseline's answers; everything is collected.

    Parameters
    ----------
    message : str
        One sentence.
    folder : pathlib.Path
        The finished run.
    """

    def __init__(self, message: str, folder: Path) -> None:
        super().__init__(message, where=str(folder), hint="is it applied to this model at all?")
        self.folder = folder


def effects(study: Study, items: ItemSet, readings: Mapping[Key, Reading]) -> list[dict[str, Any]]:
    """Return, for each model and condition but the baseline, its distance from the baseline.

    The distance of a prompt's two distributions over the ratings 1..K is their total variation,
    half the sum of absolute differences, from 0 to 1; the Jensen-Shannon divergence (in bits, from
    0 to 1; Lin 1991) stands beside it. Distributions of written answers are the shares of the
    ratings among the replicates. A condition is distinguishable from the baseline when its mean
    total variation exceeds the retests' by more than 1.645 standard errors, clustered by scenario.

    Parameters
    ----------
    study : Study
        The study.
    items : ItemSet
        Its items.
    readings : mapping of Key to Reading
        All of them.

    Returns
    -------
    list of dict
        ``model, condition, role, prompts, identical_share, mean_total_variation,
        max_total_variation, mean_jensen_shannon, mean_absolute_rating_change`` (in points),
        ``p_valid_change`` (mean of the change of the probability of a rating),
        ``retest_mean_total_variation``, ``z_over_retest`` and ``verdict``. Empty ones are None.
    """
    order = sorted((str(i), str(s)) for i, s in items.judged().rows("item", "scenario"))
    scenarios = np.unique([s for _, s in order], return_inverse=True)[1]
    clusters = np.repeat(scenarios, len(study.prompts))
    told = []
    for model in study.models:
        arms = {
            c.name: _Arm(study, [item for item, _ in order], model.name, c, readings)
            for c in study.conditions
        }
        base = arms.pop(study.baseline.name)
        plain = [c for c in study.conditions if c.role == "retest" and _of_baseline(study, c)]
        floor = [_total_variation(base, arms[c.name]) for c in plain]
        for c in study.conditions:
            if c.name in arms:
                fact = {"model": model.name, "condition": c.name, "role": c.role}
                others = [f for p, f in zip(plain, floor, strict=True) if p.name != c.name]
                told.append(fact | _compared(base, arms[c.name], others, clusters))
    return told


def _of_baseline(study: Study, retest: StudyCondition) -> bool:
    return retest.reference in (None, study.baseline.name)


class _Arm:
    """The answers of a model under a condition, one row for each item and prompt.

    `p` is a float array (prompts, K) of distributions, NaN where there is none; `valid` a float
    array (prompts,); `bits` everything that was read.
    """

    def __init__(
        self,
        study: Study,
        items: list[str],
        model: str,
        condition: StudyCondition,
        readings: Mapping[Key, Reading],
    ) -> None:
        self.bits: list[tuple[Reading, ...]] = [
            tuple(
                readings[Key(model, condition.name, item, prompt, replicate)]
                for replicate in range(1, study.readout.repeats + 1)
            )
            for item in items
            for prompt in study.prompts
        ]
        k = len(study.scale.labels)
        if study.readout.generates:
            given = [[r.rating for r in answers if r.rating is not None] for answers in self.bits]
            counts = np.array([np.bincount(g, minlength=k + 1)[1:] for g in given], dtype=float)
            n = counts.sum(axis=1)
            self.p: Floats = np.where(n[:, None] > 0, counts / np.maximum(n, 1)[:, None], np.nan)
            self.valid: Floats = n / study.readout.repeats
        else:
            nothing = (float("nan"),) * k
            self.p = np.array([a[0].probabilities or nothing for a in self.bits], dtype=float)
            self.valid = np.array([answers[0].p_valid for answers in self.bits], dtype=float)


def _total_variation(a: _Arm, b: _Arm) -> Floats:
    """Return the total variation of each prompt, float array (prompts,); NaN where unknown."""
    distance: Floats = np.abs(a.p - b.p).sum(axis=1) / 2
    return distance


def _jensen_shannon(a: _Arm, b: _Arm) -> Floats:
    def entropy(p: Floats) -> Floats:
        logs = np.log2(p, out=np.zeros_like(p), where=p > 0)
        total: Floats = -(p * logs).sum(axis=1)
        return total

    return np.maximum(entropy((a.p + b.p) / 2) - (entropy(a.p) + entropy(b.p)) / 2, 0.0)


def _compared(
    base: _Arm, arm: _Arm, floor: list[Floats], clusters: NDArray[np.intp]
) -> dict[str, Any]:
    tv = _total_variation(base, arm)
    ratings = np.arange(1, arm.p.shape[1] + 1)
    same = [x == y for x, y in zip(base.bits, arm.bits, strict=True)]
    retest = np.mean(floor, axis=0) if floor else None
    z = None if retest is None else _z(tv - retest, clusters)
    if all(same):
        verdict = IDENTICAL
    elif z is None:
        verdict = DIFFERENT
    else:
        verdict = MOVED if z > _CRITICAL else SAME
    return {
        "prompts": len(same),
        "identical_share": float(np.mean(same)),
        "mean_total_variation": _mean(tv),
        "max_total_variation": None if np.isnan(tv).all() else float(np.nanmax(tv)),
        "mean_jensen_shannon": _mean(_jensen_shannon(base, arm)),
        "mean_absolute_rating_change": _mean(np.abs((arm.p - base.p) @ ratings)),
        "p_valid_change": _mean(arm.valid - base.valid),
        "retest_mean_total_variation": None if retest is None else _mean(retest),
        "z_over_retest": z if z is None or np.isfinite(z) else None,
        "verdict": verdict,
    }


def _z(excess: Floats, clusters: NDArray[np.intp]) -> float | None:
    """Return the mean of the scenarios' means over its standard error; inf without any scatter."""
    known = ~np.isnan(excess)
    found, at = np.unique(clusters[known], return_inverse=True)
    if len(found) < 2:
        return None
    means = np.bincount(at, excess[known]) / np.bincount(at)
    mean, error = float(means.mean()), float(means.std(ddof=1) / np.sqrt(len(means)))
    if error == 0:
        return 0.0 if mean == 0 else float(np.copysign(np.inf, mean))
    return mean / error


def _mean(x: Floats) -> float | None:
    return None if np.isnan(x).all() else float(np.nanmean(x))
