"""The report as data: ``summary.json``."""

from __future__ import annotations

import json
import math
from importlib.metadata import version
from typing import Any

from vat_bayes.report.agreement import disagreements
from vat_bayes.report.decided import Decided, decided
from vat_bayes.report.doses import Dosed, find_doses
from vat_bayes.report.estimates import Estimate
from vat_bayes.report.example_items import ExampleItem
from vat_bayes.report.finding import alerts, findings, opening
from vat_bayes.report.run import VERDICTS, Arm, Run
from vat_bayes.report.schema import SCHEMA_VERSION, Summary
from vat_bayes.report.truth import compare

# What a program needs first; everything else is in estimands.csv.
_NAMES = (
    "gain",
    "gain_classical",
    "tax_rms",
    "tax_rms_classical",
    "tax_excess",
    "tax_excess_retest",
    "tax_ratio",
    "tax_structural",
    "tax_anomalous",
    "tax_displacement",
    "tax_loss",
    "worst_loss",
    "nvat_offdiag",
    "nvat_offdiag_prior",
    "pareto",
)
_IN_POINTS = ("gain", "tax_rms", "tax_excess", "tax_displacement", "tax_loss", "worst_loss")
_BUDGET = ("name", "sha256", "joint_probability", "file", "file_changed", "first_used")


def summary(run: Run) -> dict[str, Any]:
    """Return the machine-readable summary of a run.

    Parameters
    ----------
    run : Run
        The run.

    Returns
    -------
    dict
        As `vat_bayes.report.schema.Summary` has it. A number that is withheld is null, and its
        ``status`` says why.

    Raises
    ------
    InputError
        When the decision lacks what its layout promises.
    """
    said = {f.arm: f for f in findings(run)}
    compared = compare(run)
    judged = [c for c in compared if c.inside is not None]
    found = {
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
                "example_items": [_item(x) for x in run.examples_of(arm)],
            }
            for arm in run.arms
        ],
        "trajectories": [
            _trajectory(run, model, s) for model in run.models for s in find_doses(run, model)
        ],
        "decision": _decision(decided(run)),
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
    # The published schema is made of this type, so that it can't say anything else.
    return Summary.model_validate(found).model_dump()


def _trajectory(run: Run, model: str, series: Dosed) -> dict[str, Any]:
    steps = []
    for i, (arm, dose) in enumerate(zip(series.arms, series.doses, strict=True)):
        before = series.arms[i - 1].condition if i else None
        change = {
            f"{name}_change": None
            if before is None
            else _json(run.get(arm, f"trajectory_{name}", before, "points"))
            for name in ("gain", "tax")
        }
        gain, tax = (_json(run.get(arm, n, scale="points")) for n in ("gain", "tax_rms"))
        steps.append(
            {"condition": arm.condition, "dose": dose, "gain": gain, "tax_rms": tax, **change}
        )
    gain, tax = (_json(e) for e in series.rises)
    return {
        "model": model,
        "series": series.name,
        "steps": steps,
        "p_monotone_gain": gain,
        "p_monotone_tax": tax,
    }


def _decision(found: Decided | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "verdict": found.verdict,
        "budget": {k: found.budget[k] for k in _BUDGET if k in found.budget},
        "budgets_used": found.budgets_used,
        "decisions": [
            {
                "model": d.model,
                "condition": d.condition,
                "verdict": d.verdict,
                "why": d.why,
                "joint_probability": d.joint_probability,
                "clauses": [{**vars(c)} for c in d.clauses],
            }
            for d in found.decisions
        ],
    }


def _get(run: Run, arm: Arm, name: str) -> Estimate:
    return run.get(arm, name, scale="points" if name.startswith(_IN_POINTS) else None)


def _item(x: ExampleItem) -> dict[str, Any]:
    found = {k: v for k, v in vars(x).items() if k not in ("model", "condition", "shrunken")}
    return found | {"without_noise": _finite(x.shrunken), "lo": _finite(x.lo), "hi": _finite(x.hi)}


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None


def _json(e: Estimate) -> dict[str, Any]:
    return {
        "median": _finite(e.centre),
        "lo": _finite(e.lo),
        "hi": _finite(e.hi),
        "level": _finite(e.level),
        "unit": e.unit,
        "p_positive": _finite(e.p_positive),
        "status": e.status,
    }


def summary_json(run: Run) -> str:
    """Return `summary` as text, the same for the same run."""
    return json.dumps(summary(run), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
