"""A run folder as the report sees it: arms, estimates, draws, checks and provenance."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from vat_bayes.checks import gating_failures
from vat_bayes.conditions import ROLES
from vat_bayes.errors import InputError
from vat_bayes.report.estimates import Estimate, Estimates, read_estimands
from vat_bayes.report.example_items import ExampleItem, read_example_items
from vat_bayes.values import VALUES

_IN_DRAWS = (
    *("arm", "value", "shift", "gain", "tax_rms"),
    *("arm_model", "arm_condition", "arm_role", "arm_target"),
)
VERDICTS = ("fail", "warn", "pass", "not-run")


@dataclass(frozen=True)
class Arm:
    """One model under one condition other than its baseline.

    Parameters
    ----------
    key : str
        A short name for figures, the same for a condition in every model: A, B, ... for
        interventions, P for a placebo, R for a retest.
    label : str
        The arm's label in the posterior.
    model, condition : str
        What it is.
    role : str
        ``intervention``, ``placebo`` or ``retest``.
    target : tuple of str
        The values it aims at; empty when none is declared.
    direction : int
        1 to promote the target, -1 to suppress it.
    placebo : str or None
        The condition that is its placebo.
    """

    key: str
    label: str
    model: str
    condition: str
    role: str
    target: tuple[str, ...]
    direction: int
    placebo: str | None


@dataclass(frozen=True)
class Check:
    """One row of ``checks.json``."""

    check: str
    verdict: str
    figure: str
    threshold: str
    why: str


@dataclass(frozen=True)
class Run:
    """Everything that a report is made of.

    Parameters
    ----------
    name : str
        The study's name, or the folder's.
    arms : tuple of Arm
        Interventions, then placebos, then retests, model by model.
    values : tuple of str
        The values in circle order.
    estimates : Estimates
        What to show; numbers of a failed fit are already withheld.
    draws : xarray.Dataset
        The joint draws.
    checks : tuple of Check
        In the order of the file; empty when no checks were run.
    manifest, study : mapping
        As in their files; empty when there are none.
    data : pandas.DataFrame or None
        The judgments in counts, one row per model and condition.
    truth : pandas.DataFrame or None
        True values, where the study was simulated or built to have known ones.
    decision : mapping
        As in ``decision.json``; empty when no budget was declared.
    examples : tuple of ExampleItem
        The items that each condition moved most; empty when the folder has none.
    """

    name: str
    arms: tuple[Arm, ...]
    values: tuple[str, ...]
    estimates: Estimates
    draws: xr.Dataset
    checks: tuple[Check, ...]
    manifest: Mapping[str, Any]
    study: Mapping[str, Any]
    data: pd.DataFrame | None
    truth: pd.DataFrame | None
    decision: Mapping[str, Any]
    examples: tuple[ExampleItem, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The audited models, in the order of their arms."""
        return tuple(dict.fromkeys(a.model for a in self.arms))

    @property
    def level(self) -> float:
        """The level of the intervals."""
        levels = self.estimates.table["level"].dropna()
        return float(levels.iloc[0]) if len(levels) else 0.9

    @property
    def fit_failures(self) -> tuple[Check, ...]:
        """The failed checks that are about the sampler."""
        return gating_failures(self.checks)

    def role(self, *roles: str, model: str | None = None) -> tuple[Arm, ...]:
        """Return the arms in these roles."""
        return tuple(a for a in self.arms if a.role in roles and model in (None, a.model))

    def get(self, arm: Arm, estimand: str, value: str = "", scale: str | None = None) -> Estimate:
        """Return one estimate of an arm."""
        return self.estimates.get(arm.model, arm.condition, estimand, value, scale)

    def all(self, arm: Arm) -> list[Estimate]:
        """Return every estimate of an arm, in the order of the table."""
        return self.estimates.of(arm.model, arm.condition)

    def examples_of(self, arm: Arm) -> tuple[ExampleItem, ...]:
        """Return the items that an arm moved, the largest change first."""
        mine = (arm.model, arm.condition)
        return tuple(x for x in self.examples if (x.model, x.condition) == mine)

    def couplings(self, arm: Arm) -> dict[tuple[str, str], Estimate]:
        """Return an arm's couplings, each pair of values once, in circle order."""
        found = {}
        for i, u in enumerate(self.values):
            for w in self.values[i + 1 :]:
                e = self.get(arm, "coupling", f"{u}~{w}")
                if e.status == "not-estimated":
                    e = self.get(arm, "coupling", f"{w}~{u}")
                found[u, w] = e
        return found

    def placebo_of(self, arm: Arm) -> Arm | None:
        """Return the arm of an intervention's placebo."""
        return next(
            (
                a
                for a in self.arms
                if a.role == "placebo" and (a.model, a.condition) == (arm.model, arm.placebo)
            ),
            None,
        )

    def failed(self, arm: Arm) -> bool:
        """Whether the fit behind an arm failed."""
        return bool(self.fit_failures) or any(
            e.status == "not-converged"
            for e in self.all(arm)
            if e.estimand in ("gain", "tax_rms", "shift")
        )


def load_run(
    folder: Path, *, truth: pd.DataFrame | None = None, data: pd.DataFrame | None = None
) -> Run:
    """Read a run folder.

    Parameters
    ----------
    folder : Path
        It holds ``estimands.csv``, ``estimand_draws.nc`` and ``checks.json``, and may hold
        ``manifest.json``, ``study.toml``, ``data.csv``, ``truth.csv``, ``decision.json``,
        ``example_items.csv`` and ``items.parquet``.
    truth, data : pandas.DataFrame, optional
        In place of the files of that name.

    Raises
    ------
    InputError
        When a file is missing or can't be read.
    """
    for name in ("estimands.csv", "estimand_draws.nc", "checks.json"):
        if not (folder / name).is_file():
            raise InputError(
                f"there is no {name}", where=str(folder), hint="is the run fitted and checked?"
            )
    table = read_estimands(folder / "estimands.csv")
    draws = _draws(folder / "estimand_draws.nc")
    rows = _json(folder / "checks.json")
    if not isinstance(rows, list):
        raise InputError("expected a list of checks", where="checks.json")
    checks = parse_checks(rows)
    study = _study(folder / "study.toml")
    arms = _arms(table, draws, study)
    if not arms:
        raise InputError(
            "there is nothing to report", where="estimands.csv", hint="is there only a baseline?"
        )
    manifest = _optional_object(folder / "manifest.json")
    return Run(
        name=str(study.get("name") or folder.resolve().name),
        arms=arms,
        values=_values(draws),
        estimates=Estimates(table, withheld="not-converged" if gating_failures(checks) else None),
        draws=draws,
        checks=checks,
        manifest=manifest,
        study=study,
        data=data if data is not None else _optional_table(folder / "data.csv"),
        truth=truth if truth is not None else _optional_table(folder / "truth.csv"),
        decision=_optional_object(folder / "decision.json"),
        examples=read_example_items(folder),
    )


def _draws(path: Path) -> xr.Dataset:
    try:
        draws = xr.load_dataset(path)
    except (OSError, ValueError) as e:
        raise InputError(f"not a netCDF file ({type(e).__name__})", where=path.name) from e
    missing = [n for n in _IN_DRAWS if n not in draws.variables]
    if missing:
        raise InputError(f"there is no {', '.join(missing)} in it", where=path.name)
    return draws


def _optional_table(path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    names = {"model": str, "condition": str, "estimand": str, "value": str, "scale": str}
    table = pd.read_csv(path, dtype=names, keep_default_na=False, na_values=[""])
    present = [c for c in names if c in table.columns]
    return table.fillna(dict.fromkeys(present, ""))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as e:
        raise InputError(f"not JSON ({e.msg})", where=f"{path.name}, line {e.lineno}") from e


def _optional_object(path: Path) -> dict[str, Any]:
    found = _json(path) if path.is_file() else {}
    if not isinstance(found, dict):
        raise InputError("expected an object", where=path.name)
    return found


def _study(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as e:
        raise InputError(f"not TOML ({e})", where=path.name) from e


def parse_checks(
    rows: Sequence[Mapping[str, object]], *, where: str = "checks.json"
) -> tuple[Check, ...]:
    """Return the rows of ``checks.json`` as checks.

    Raises
    ------
    InputError
        When a row has no verdict that is known.
    """
    checks = []
    for i, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or row.get("verdict") not in VERDICTS:
            raise InputError(
                f"expected an object with a verdict, one of {', '.join(VERDICTS)}",
                where=f"{where}, check {i}",
            )
        checks.append(
            Check(
                check=str(row.get("check", "")),
                verdict=str(row["verdict"]),
                figure=_plain(row.get("figure")),
                threshold=_plain(row.get("threshold")),
                why=_plain(row.get("why")),
            )
        )
    return tuple(checks)


def _plain(x: object) -> str:
    if x is None:
        return ""
    return f"{x:.4g}" if isinstance(x, float) else str(x)


def _values(draws: xr.Dataset) -> tuple[str, ...]:
    found = [str(v) for v in draws["value"].to_numpy()]
    known = [v for v in VALUES if v in found]
    return (*known, *(v for v in found if v not in known))


def _arms(table: pd.DataFrame, draws: xr.Dataset, study: Mapping[str, Any]) -> tuple[Arm, ...]:
    conditions = {str(c.get("name")): c for c in study.get("conditions", [])}
    found = [
        (str(label), str(model), str(condition), str(role), _targets(str(target)))
        for label, model, condition, role, target in zip(
            draws["arm"].to_numpy(),
            draws["arm_model"].to_numpy(),
            draws["arm_condition"].to_numpy(),
            draws["arm_role"].to_numpy(),
            draws["arm_target"].to_numpy(),
            strict=True,
        )
    ]
    drawn = {(m, c) for _, m, c, _, _ in found}
    # A condition that could not be fitted (its answers are identical, say) has rows but no draws.
    for model, condition, target in (
        table[["model", "condition", "target"]].drop_duplicates().itertuples(index=False)
    ):
        if (model, condition) not in drawn:
            role = str(conditions.get(condition, {}).get("role", "intervention"))
            drawn.add((model, condition))
            if role != "baseline":
                found.append((condition, model, condition, role, _targets(target)))
    models = list(dict.fromkeys(m for _, m, _, _, _ in found))
    found.sort(key=lambda f: (models.index(f[1]), ROLES.index(f[3])))
    keys = _keys([(c, r) for _, _, c, r, _ in found])
    declared = _declared_placebos(draws)
    placebos = [c for _, _, c, r, _ in found if r == "placebo"]
    return tuple(
        Arm(
            key=keys[condition],
            label=label,
            model=model,
            condition=condition,
            role=role,
            target=target,
            direction=_direction(draws, label, target),
            placebo=(
                (declared.get(label) or _placebo(condition, placebos, conditions))
                if role == "intervention"
                else None
            ),
        )
        for label, model, condition, role, target in found
    )


def _direction(draws: xr.Dataset, label: str, target: tuple[str, ...]) -> int:
    """Return the direction that turns the target's shift into the gain, draw by draw."""
    known = [t for t in target if t in draws["value"].to_numpy()]
    if not known or label not in draws["arm"].to_numpy():
        return 1
    arm = draws.sel(arm=label)
    shift = arm["shift"].sel(value=known).mean("value")
    return -1 if float((arm["gain"] * shift).sum()) < 0 else 1


def _targets(text: str) -> tuple[str, ...]:
    return tuple(t.strip() for t in text.split(",") if t.strip())


def _keys(conditions: list[tuple[str, str]]) -> dict[str, str]:
    """Give each condition its letter; P and R are kept for placebos and retests."""
    letters = "ABCDEFGHIJKLMNOQSTUVWXYZ"
    keys: dict[str, str] = {}
    used = {"intervention": 0, "placebo": 0, "retest": 0}
    for condition, role in conditions:
        if condition in keys:
            continue
        n = used[role]
        used[role] += 1
        if role == "intervention":
            turn, i = divmod(n, len(letters))
            keys[condition] = letters[i] + (str(turn + 1) if turn else "")
        else:
            keys[condition] = role[0].upper() + (str(n + 1) if n else "")
    return keys


def _declared_placebos(draws: xr.Dataset) -> dict[str, str]:
    """Return the placebo that the estimates were contrasted with, where the draws say so."""
    if "arm_placebo" not in draws.variables:
        return {}
    placebos = draws["arm_placebo"].to_numpy()
    return {str(a): str(p) for a, p in zip(draws["arm"].to_numpy(), placebos, strict=True)}


def _placebo(
    condition: str, placebos: list[str], conditions: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """Return the placebo that this condition names or that names it, else the only free one."""
    if named := conditions.get(condition, {}).get("placebo"):
        return str(named)
    for p in dict.fromkeys(placebos):
        if condition in conditions.get(p, {}).get("placebo_for", []):
            return p
    free = [p for p in dict.fromkeys(placebos) if not conditions.get(p, {}).get("placebo_for")]
    return free[0] if len(free) == 1 else None
