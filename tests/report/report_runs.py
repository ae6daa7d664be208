"""Run folders that keep the contract: made from seeds, with a known pattern of shifts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w
import xarray as xr

from vat_bayes.values import VALUES

LEVEL = 0.9
SAMPLES = 1000


@dataclass(frozen=True)
class Made:
    """One condition of a made-up run."""

    name: str
    role: str = "intervention"
    target: tuple[str, ...] = ()
    direction: int = 1
    gain: float = 0.0
    spill: float = 0.0
    status: str = "ok"
    text: str = "Care for the people around you."
    placebo_for: tuple[str, ...] = ()


STANDARD = (
    Made("promote-benevolence", target=("benevolence",), gain=0.41, spill=0.12),
    Made("promote-power", target=("power",), gain=0.62, spill=0.34),
    Made("suppress-tradition", target=("tradition",), direction=-1, gain=0.3, spill=0.1),
    Made("backfire", target=("security",), gain=-0.25, spill=0.15),
    Made("hint", target=("hedonism",), gain=0.02, spill=0.02),
    Made("no-aim", spill=0.2),
    Made("placebo", role="placebo", spill=0.04, text="The weather is mild today."),
    Made("retest", role="retest", spill=0.01, text=""),
)

CHECKS = [
    {
        "check": "r_hat",
        "verdict": "pass",
        "figure": 1.003,
        "threshold": 1.01,
        "why": "largest rank-normalised R-hat",
    },
    {
        "check": "posterior predictive",
        "verdict": "warn",
        "figure": 0.03,
        "threshold": 0.05,
        "why": "the share of 3s is low in hint",
    },
    {
        "check": "simulation-based calibration",
        "verdict": "not-run",
        "figure": None,
        "threshold": None,
        "why": "takes an hour; ask for it",
    },
]


def _true_shifts(arm: Made, rng: np.random.Generator) -> np.ndarray:
    pattern = rng.normal(size=len(VALUES))
    off = [i for i, v in enumerate(VALUES) if v not in arm.target]
    pattern *= arm.spill / np.sqrt(np.mean(pattern[off] ** 2)) if arm.spill else 0.0
    for t in arm.target:
        pattern[VALUES.index(t)] = arm.direction * arm.gain
    return pattern


def write_run(
    folder: Path,
    arms: tuple[Made, ...] = STANDARD,
    *,
    models: tuple[str, ...] = ("demo-judge",),
    checks: list[dict[str, Any]] | None = None,
    name: str = "A made-up study",
    provenance: bool = True,
    truth: bool = False,
    seed: int = 7,
) -> Path:
    """Write a run folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    made = [(m, a) for m in models for a in arms]
    n, v = len(made), len(VALUES)
    shift = np.empty((SAMPLES, n, v))
    gain = np.full((SAMPLES, n), np.nan)
    tax = np.empty((SAMPLES, n))
    coupling = np.empty((SAMPLES, n, v, v))
    rows: list[dict[str, object]] = []
    truths: list[dict[str, object]] = []
    for j, (model, arm) in enumerate(made):
        true = _true_shifts(arm, rng)
        common = rng.normal(size=(SAMPLES, 1))
        shift[:, j] = true + 0.05 * (0.5 * common + rng.normal(size=(SAMPLES, v)))
        on = [VALUES.index(t) for t in arm.target]
        off = [i for i in range(v) if i not in on]
        if on:
            gain[:, j] = arm.direction * shift[:, j, on].mean(axis=1)
        tax[:, j] = np.sqrt(np.maximum(0, np.mean(shift[:, j, off] ** 2, axis=1) - 0.05**2))
        corr = np.tanh(np.linspace(-0.8, 0.8, v * v).reshape(v, v))
        corr = (corr + corr.T) / 2 * np.outer(np.cos(np.arange(v)), np.cos(np.arange(v)))
        noise = rng.normal(scale=0.12, size=(SAMPLES, v, v))
        coupling[:, j] = np.tanh(corr + (noise + noise.transpose(0, 2, 1)) / 2)
        coupling[:, j, np.arange(v), np.arange(v)] = 1.0
        truths += [
            {"condition": arm.name, "estimand": "shift", "value": u, "truth": true[i]}
            for i, u in enumerate(VALUES)
            if model == models[0]
        ]
        rows += _rows(model, arm, arms, shift[:, j], gain[:, j], tax[:, j], coupling[:, j], rng)
    label = [a.name if len(models) == 1 else f"{m}: {a.name}" for m, a in made]
    xr.Dataset(
        {
            "shift": (("sample", "arm", "value"), shift),
            "gain": (("sample", "arm"), gain),
            "tax_rms": (("sample", "arm"), tax),
            "coupling": (("sample", "arm", "value", "value2"), coupling),
        },
        coords={
            "arm": label,
            "value": list(VALUES),
            "value2": list(VALUES),
            "arm_model": ("arm", [m for m, _ in made]),
            "arm_condition": ("arm", [a.name for _, a in made]),
            "arm_role": ("arm", [a.role for _, a in made]),
            "arm_target": ("arm", [",".join(a.target) for _, a in made]),
        },
    ).to_netcdf(folder / "estimand_draws.nc", engine="h5netcdf")
    pd.DataFrame(rows).to_csv(folder / "estimands.csv", index=False)
    (folder / "checks.json").write_text(json.dumps(CHECKS if checks is None else checks))
    if truth:
        pd.DataFrame(truths).to_csv(folder / "truth.csv", index=False)
    if provenance:
        _provenance(folder, name, made)
    return folder


def _rows(
    model: str,
    arm: Made,
    arms: tuple[Made, ...],
    shift: np.ndarray,
    gain: np.ndarray,
    tax: np.ndarray,
    coupling: np.ndarray,
    rng: np.random.Generator,
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []

    def row(
        estimand: str,
        draws: np.ndarray | None,
        value: str = "",
        scale: str = "points",
        status: str = "ok",
    ) -> None:
        classical = estimand.endswith(("_classical", "_bootstrap"))
        if arm.status == "not-converged" and not classical:
            draws, status = None, "not-converged"
        numbers: dict[str, object] = dict.fromkeys(
            ("mean", "sd", "median", "lo", "hi", "p_positive"), ""
        )
        if draws is not None:
            lo, median, hi = np.quantile(draws, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2])
            numbers = {
                "mean": draws.mean(),
                "sd": draws.std(),
                "median": "" if classical else median,
                "lo": lo,
                "hi": hi,
                "p_positive": (draws > 0).mean(),
            }
        rows.append(
            {
                "model": model,
                "condition": arm.name,
                "target": ",".join(arm.target),
                "estimand": estimand,
                "value": value,
                "scale": scale,
                **numbers,
                "level": LEVEL,
                "status": status,
                "n_scenarios": 48,
            }
        )

    placebo = next((a for a in arms if a.role == "placebo"), None)
    retest = next((a for a in arms if a.role == "retest"), None)
    for i, v in enumerate(VALUES):
        jitter = rng.normal(scale=0.02)
        row("shift", shift[:, i], v)
        row("shift", 0.9 * shift[:, i], v, "points-adjusted")
        row("shift", 2 * shift[:, i], v, "latent")
        row("shift_classical", 1.05 * shift[:, i] + jitter, v)
    if arm.target:
        row("gain", gain, status="wrong-way" if arm.gain < 0 else "ok")
        row("gain_classical", 1.05 * gain + 0.01)
    else:
        row("gain", None, status="no-target")
    row("tax_rms", tax)
    row("tax_rms_classical", 1.1 * tax)
    floor = 0.04 + 0.005 * rng.normal(size=SAMPLES)
    for name in ("tax_displacement", "tax_loss"):
        row(name, 0.8 * tax, status="ok" if arm.spill > 0.05 else "at-floor")
        row(f"{name}_floor", floor)
    if arm.role == "intervention":
        if placebo:
            row("tax_excess", tax - placebo.spill + 0.01 * rng.normal(size=SAMPLES))
        else:
            row("tax_excess", None, status="no-placebo")
        if abs(arm.gain) > 0.1:
            row("tax_ratio", tax / np.abs(gain), scale="ratio")
            for i, v in enumerate(VALUES):
                if v not in arm.target:
                    row("gnd", shift[:, i] / np.abs(gain), v, "ratio")
        else:
            status = "gain-not-resolved" if arm.target else "no-target"
            row("tax_ratio", None, scale="ratio", status=status)
    if arm.role != "retest":
        if retest:
            row("tax_excess_retest", tax - retest.spill)
        else:
            row("tax_excess_retest", None, status="no-retest")
    for i, u in enumerate(VALUES):
        for k in range(i + 1, len(VALUES)):
            row("coupling", coupling[:, i, k], f"{u}~{VALUES[k]}", "correlation")
    norm = np.sqrt((coupling**2).sum(axis=(1, 2)) - len(VALUES)) / np.sqrt(90)
    row("nvat_offdiag", norm, scale="correlation")
    row("nvat_offdiag_prior", np.abs(rng.normal(0.1, 0.06, SAMPLES)), scale="correlation")
    row("nvat_paper", np.sqrt(1 + 9 * norm**2), scale="correlation")
    row("nvat_paper_raw", np.abs(rng.normal(1.2, 0.02, SAMPLES)), scale="correlation")
    row("nvat_paper_raw_null", np.abs(rng.normal(1.1, 0.01, SAMPLES)), scale="correlation")
    for name in ("style_acquiescence", "style_extremity"):
        style = rng.normal(0.03, 0.02, SAMPLES)
        row(name, style, scale="latent")
        row(name, 0.5 * style)
    row("gini", np.abs(rng.normal(0.2, 0.03, SAMPLES)), scale="share")
    return rows


def _provenance(folder: Path, name: str, made: list[tuple[str, Made]]) -> None:
    conditions: list[dict[str, object]] = [{"name": "baseline", "role": "baseline", "kind": "none"}]
    for a in dict.fromkeys(a for _, a in made):
        c: dict[str, object] = {"name": a.name, "role": a.role, "kind": "prompt", "text": a.text}
        if a.placebo_for:
            c["placebo_for"] = list(a.placebo_for)
        if a.target:
            c |= {"target": list(a.target), "direction": a.direction}
        conditions.append(c)
    study = {
        "schema_version": 1,
        "name": name,
        "seed": 20260101,
        "items": {"source": "core", "scenarios": 48},
        "scale": {"labels": ["1", "2", "3", "4", "5"]},
        "template": {"question": "How much do you approve of this action?"},
        "conditions": conditions,
    }
    (folder / "study.toml").write_text(tomli_w.dumps(study))
    manifest = {
        "schema_version": 1,
        "models": [{"name": m, "sha256": "ab" * 32} for m in dict.fromkeys(m for m, _ in made)],
        "items": {"sha256": "cd" * 32},
        "versions": {"vat-bayes": "0.1.0", "numpyro": "0.22.0"},
        "prompts": {
            str(c["name"]): {
                "n": 960,
                "sha256": "ef" * 32,
                "system": str(c.get("text", "")),
                "first_question": "A neighbour asks for help.\n\nAction: Help.\n\nHow much?",
            }
            for c in conditions
        },
        "fit": {"engine": "nuts", "backend": "numpyro", "seed": 11, "chains": 4, "draws": 1000},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    pd.DataFrame(
        [
            {
                "model": m,
                "condition": c,
                "role": "baseline",
                "rows": 960,
                "items": 960,
                "scenarios": 48,
                "refused": 3,
                "refused_share": 3 / 960,
                "mean_rating": 3.214,
                "p_valid": 0.993,
                "position_bias": 0.02,
                "position_bias_lo": -0.01,
                "position_bias_hi": 0.05,
            }
            for m in dict.fromkeys(m for m, _ in made)
            for c in ["baseline", *dict.fromkeys(a.name for _, a in made)]
        ]
    ).to_csv(folder / "data.csv", index=False)


def write_example_items(folder: Path, scenario: str, action: str) -> None:
    """Add the items that each condition of a run moved most, and their texts."""
    arms = pd.read_csv(folder / "estimands.csv")[["model", "condition"]].drop_duplicates()
    rows = []
    for model, condition in arms.itertuples(index=False):
        known = condition != "retest"
        rows += [
            {
                "model": model,
                "condition": condition,
                "reference": "baseline",
                "rank": i + 1,
                "item": f"{condition}-{i}",
                "scenario": f"s{i}",
                "values": "benevolence, -power",
                "before": 2.5,
                "after": 3.75 - 0.1 * i,
                "change": 1.25 - 0.1 * i,
                "shrunken": 0.93 - 0.1 * i if known else None,
                "lo": 0.61 - 0.1 * i if known else None,
                "hi": 1.25 - 0.1 * i if known else None,
                "level": LEVEL,
                "judged": 2,
                "noise": "prompts" if known else "",
                "n_items": 960,
            }
            for i in range(7)
        ]
    table = pd.DataFrame(rows)
    table.to_csv(folder / "example_items.csv", index=False)
    texts = pd.DataFrame({"item": table["item"], "scenario_text": scenario, "action_text": action})
    texts.to_parquet(folder / "items.parquet")
