"""The report as data: ``summary.json``."""

from __future__ import annotations

import json
import math
from importlib.metadata import version
from typing import Any

from vat_bayes.report.agreement import disagreements
from vat_bayes.report.estimates import Estimate
from vat_bayes.report.finding import alerts, findings, opening
from vat_bayes.report.run import VERDICTS, Arm, Run
from vat_bayes.report.truth import compare

SCHEMA_VERSION = 1

# What a program needs first; everything else is in estimands.csv.
_NAMES = (
    "gain",
    "gain_classical",
    "tax_rms",
    "tax_rms_classical",
    "tax_excess",
    "tax_excess_retest",
    "tax_ratio",
    "tax_displacement",
    "tax_loss",
    "nvat_offdiag",
    "nvat_offdiag_prior",
)
_IN_POINTS = ("gain", "tax_rms", "tax_excess", "tax_displacement", "tax_loss")


def summary(run: Run) -> dict[str, Any]:
    """Return the machine-readable summary of a run.

    Parameters
    ----------
    run : Run
        The run.

    Returns
    -------
    dict
        ``schema_version, generator, study, level, alerts, opening, checks`` (counts by verdict),
        ``arms`` (each with its finding, estimates and shifts), ``disagreements`` and ``truth``.
        A number that is withheld is null, and its ``status`` says why.
    """
    said = {f.arm: f for f in findings(run)}
    compared = compare(run)
    judged = [c for c in compared if c.inside is not None]
    return {
        "schema_version": SCHEMA_VERSION,
        "generator": f"vat-bayes {version('vat-bayes')}",
        "study": run.name,
        "level": run.level,
        "alerts": list(alerts(run)),
        "opening": opening(run),
        "checks": {v: sum(c.verdict == v for c in run.checks) for v in VERDICTS},
        "arms": [
            {
                "key": arm.key,
                "model": arm.model,
                "condition": arm.condition,
                "role": arm.role,
                "target": list(arm.target),
                "direction": arm.direction,
                "placebo": arm.placebo,
                "finding": (
                    {"tone": said[arm].tone, "text": said[arm].text} if arm in said else None
                ),
                "estimates": {name: _json(_get(run, arm, name)) for name in _NAMES},
                "shifts": {v: _json(run.get(arm, "shift", v, "points")) for v in run.values},
            }
            for arm in run.arms
        ],
        "disagreements": [
            {
                "model": d.arm.model,
                "condition": d.arm.condition,
                "estimand": d.posterior.estimand,
                "value": d.posterior.value,
                "posterior": _json(d.posterior),
                "classical": _json(d.classical),
            }
            for d in disagreements(run)
        ],
        "truth": (
            {"compared": len(judged), "inside": sum(bool(c.inside) for c in judged)}
            if compared
            else None
        ),
    }


def _get(run: Run, arm: Arm, name: str) -> Estimate:
    return run.get(arm, name, scale="points" if name.startswith(_IN_POINTS) else None)


def _json(e: Estimate) -> dict[str, Any]:
    def finite(x: float) -> float | None:
        return x if math.isfinite(x) else None

    return {
        "median": finite(e.centre),
        "lo": finite(e.lo),
        "hi": finite(e.hi),
        "level": finite(e.level),
        "unit": e.unit,
        "p_positive": finite(e.p_positive),
        "status": e.status,
    }


def summary_json(run: Run) -> str:
    """Return `summary` as text, the same for the same run."""
    return json.dumps(summary(run), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
