"""Collecting until a rule is met: a block of scenarios, a look, and on to the next block."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from vat_bayes.audit import FittedRun, Say, fit_run, load_run, silent
from vat_bayes.checks import gating_failures
from vat_bayes.collect import Progress, collect
from vat_bayes.collect.run import open_llamacpp
from vat_bayes.collect.session import OpenJudge
from vat_bayes.decide import load_budget
from vat_bayes.errors import InputError
from vat_bayes.judgments import load_judgments
from vat_bayes.judgments.cells import to_cells
from vat_bayes.runs import FitOptions, RunFiles, write_text
from vat_bayes.stopping import Rule, ordered_scenarios, paired_widths, widths
from vat_bayes.study import Study

NEAR = 1.1
"""The model is fitted where the paired comparison is within this factor of every width."""
SECTION = "sequential"
"""The section of the manifest that holds the rule and every look."""
BY_RULE, EXHAUSTED = "the rule was met", "all scenarios were collected"


@dataclass(frozen=True)
class Plan:
    """When to look.

    Parameters
    ----------
    rule : Rule
    first : int
        Scenarios before the first look. A width that is estimated from few scenarios is now and
        then small by luck, and a rule that looks early stops just then (Anscombe 1953).
    block : int
        Scenarios from one look to the next.
    budget : Path, optional
        The declared budget, for a rule that asks for a decision.

    References
    ----------
    Anscombe (1953). Sequential estimation. Journal of the Royal Statistical Society B 15, 1-29.
    """

    rule: Rule
    first: int = 24
    block: int = 12
    budget: Path | None = None

    def __post_init__(self) -> None:
        for name, found, least in (("first", self.first, 4), ("block", self.block, 1)):
            if found < least:
                raise InputError(f"--{name} is {found}, expected at least {least}")
        if self.rule.needs_decision and self.budget is None:
            raise InputError(f"the rule '{self.rule}' asks for a decision", hint="give --budget")
        if self.budget is not None and not self.rule.needs_decision:
            raise InputError(
                f"a budget was given, and the rule '{self.rule}' does not ask for a decision",
                hint="add 'and decided' to the rule, or lay the budget into the run folder",
            )

    def sizes(self, total: int) -> list[int]:
        """Return the numbers of scenarios at which to look, all of them at last."""
        return [*range(min(self.first, total), total, self.block), total]


@dataclass(frozen=True)
class Stopped:
    """How a collection ended.

    Parameters
    ----------
    run : FittedRun
        The fit of the last look.
    looks : tuple of dict
        Every look: ``scenarios, judgments, paired`` (widths without a fit), ``fitted`` and, where
        that is so, ``widths``, ``verdicts``, ``required``, ``failed`` and ``met``.
    why : str
    scenarios, total : int
        How many were collected, and how many there are.
    """

    run: FittedRun
    looks: tuple[Mapping[str, Any], ...]
    why: str
    scenarios: int
    total: int

    @property
    def met(self) -> bool:
        """Whether the rule was met."""
        return bool(self.looks[-1].get("met"))


def collect_until(
    study: Study,
    plan: Plan,
    *,
    out: str | Path | None = None,
    sample: int | None = None,
    options: FitOptions | None = None,
    progress: Progress | None = None,
    open_judge: OpenJudge = open_llamacpp,
    cluster: str | None = None,
    say: Say = silent,
) -> Stopped:
    """Collect blocks of scenarios until a rule is met.

    Whole scenarios are collected under all conditions, in a random order that the study's seed
    gives. After each block there is a look: first a paired comparison with clustered errors, and
    where that is within a tenth of every width that the rule asks for, a fit, which alone can stop.
    Every look is written into the manifest before the next block is asked. An interrupted run goes
    on with the same call; a run with another rule is refused, because what was looked at is part of
    what is reported.

    Parameters
    ----------
    study : Study
    plan : Plan
    out, sample, progress, open_judge, cluster
        See `vat_bayes.collect.collect`.
    options : FitOptions, optional
        How a look is fitted.
    say : callable, optional
        Takes a sentence on every look.

    Returns
    -------
    Stopped

    Raises
    ------
    InputError
        When the study, the rule, the budget or the folder can't be used, or the run began with
        another rule.
    """
    options = options or FitOptions()
    items = study.load_items()
    order = ordered_scenarios(items, seed=study.seed)
    if plan.rule.widths:
        _refuse_unknown(plan.rule, study)
    files = RunFiles(Path(out or study.out or Path("runs", study.name)))
    began = _began(plan, order, options)
    looks = _earlier(files, began)
    looker, fitted = _Looker(files, plan, options, began, say), None
    for size in plan.sizes(len(order)):
        if any(look["scenarios"] == size and not _last(look, len(order)) for look in looks):
            continue
        # Judgments beside the posterior of fewer of them would mislead whoever opens the folder.
        if not any(look["scenarios"] == size for look in looks):
            files.drop_results()
        folder = collect(
            study,
            out=files.root,
            sample=sample,
            progress=progress,
            open_judge=open_judge,
            cluster=cluster,
            scenarios=order[:size],
        )
        if plan.budget is not None:
            write_text(files.budget, plan.budget.read_text(encoding="utf-8-sig"))
        done = next((look for look in looks if look["scenarios"] == size), None)
        if done is not None and files.draws.is_file():
            return _stopped(folder.root, looks, len(order))
        looks = [look for look in looks if look["scenarios"] != size]
        look, fitted = looker.look(size, looks)
        looks.append(look)
        files.write_section(SECTION, files.read_manifest().get(SECTION, began) | {"looks": looks})
        say(_told(look, len(order)))
        if _last(look, len(order)):
            break
    if fitted is None:
        raise RuntimeError("the last look was not fitted")
    return Stopped(fitted, tuple(looks), _why(looks[-1]), looks[-1]["scenarios"], len(order))


def _stopped(folder: Path, looks: list[dict[str, Any]], total: int) -> Stopped:
    last = looks[-1]
    return Stopped(load_run(folder), tuple(looks), _why(last), last["scenarios"], total)


def _why(look: Mapping[str, Any]) -> str:
    return BY_RULE if look.get("met") else EXHAUSTED


def _last(look: Mapping[str, Any], total: int) -> bool:
    return bool(look.get("met")) or look["scenarios"] == total


def _refuse_unknown(rule: Rule, study: Study) -> None:
    """Refuse a rule that no fit could ever meet, before anything is asked."""
    conditions = [c for c in study.as_conditions() if c.role != "baseline"]
    names = [c.name for c in conditions]
    for clause in rule.widths:
        if clause.condition and clause.condition not in names:
            raise InputError(
                f"the rule names the condition '{clause.condition}', and the study has none of "
                "that name",
                hint=f"there are: {', '.join(names)}",
            )
        mine = [c for c in conditions if clause.condition in ("", c.name)]
        if clause.estimand == "gain" and not any(c.target for c in mine):
            raise InputError(f"'{clause}' asks for a gain, and no condition has a target")
        if clause.estimand != "tax_excess":
            continue
        placebos = {c.name for c in conditions if c.role == "placebo"}
        interventions = [c for c in conditions if c.role == "intervention"]
        asked = [c for c in interventions if c in mine]
        if not placebos:
            raise InputError(f"'{clause}' asks for a contrast, and the study has no placebo")
        if not asked:
            raise InputError(
                f"'{clause}' asks for a contrast with the placebo, which only an intervention has",
                hint=f"there are: {', '.join(c.name for c in interventions)}",
            )
        if all(c.reference in placebos for c in asked):
            raise InputError(
                f"'{clause}' asks for a contrast with the placebo, and no intervention is compared "
                "with anything else"
            )


def _began(plan: Plan, order: tuple[str, ...], options: FitOptions) -> dict[str, Any]:
    """Return what must be the same when the run is taken up."""
    budget = None if plan.budget is None else load_budget(plan.budget).sha256
    return {
        "rule": str(plan.rule),
        "first": plan.first,
        "block": plan.block,
        "level": options.level,
        "budget_sha256": budget,
        "scenarios": len(order),
        "order_sha256": hashlib.sha256("\n".join(order).encode()).hexdigest(),
    }


def _earlier(files: RunFiles, began: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the looks of a run that is taken up."""
    manifest = files.read_manifest()
    found = manifest.get(SECTION)
    if found is None:
        if "judgments" in manifest:
            raise InputError(
                "the run was collected without a rule, which must be there before the data",
                where=str(files.root),
                hint="choose another --out",
            )
        return []
    for key, value in began.items():
        if found.get(key) != value:
            raise InputError(
                f"the run began with another {key.replace('_', ' ')} "
                f"({found.get(key)!r}, now {value!r})",
                where=str(files.root),
                hint="go on as it began, or choose another --out: every look is reported",
            )
    return list(found["looks"])


@dataclass(frozen=True)
class _Looker:
    """Looks at what a run folder holds."""

    files: RunFiles
    plan: Plan
    options: FitOptions
    began: Mapping[str, Any]
    say: Say

    def look(
        self, size: int, looks: list[dict[str, Any]]
    ) -> tuple[dict[str, Any], FittedRun | None]:
        """Compare in pairs and, where that is near enough, fit."""
        files, rule, level = self.files, self.plan.rule, self.options.level
        total = int(self.began["scenarios"])
        judgments = load_judgments(files.root)
        compared = paired_widths(to_cells(judgments), {c.name: c for c in judgments.conditions})
        paired = {str(c): compared.of(c, level=level) for c in rule.widths}
        look: dict[str, Any] = {
            "scenarios": size,
            "judgments": judgments.n_rows,
            "paired": paired,
            "fitted": False,
        }
        bounds = {str(c): c.bound for c in rule.widths}
        far = any(w is not None and w >= NEAR * bounds[c] for c, w in paired.items())
        if far and size < total:
            return look, None
        # The decision of this fit must know how often was looked.
        shares = [x["scenarios"] / total for x in looks if x["fitted"]] + [size / total]
        files.write_section(SECTION, {**self.began, "looks": looks, "shares": shares})
        fitted = fit_run(files.root, options=self.options, say=self.say)
        failed = [c.check for c in gating_failures(fitted.failed)]
        with xr.open_dataset(files.draws) as draws:
            found = [widths(draws, c, level=level) for c in rule.widths]
        met = not failed and all(f.holds for f in found)
        look |= {"fitted": True, "failed": failed, "widths": {f.clause: f.width for f in found}}
        if rule.needs_decision:
            verdicts, required = _verdicts(files)
            look |= {"verdicts": verdicts, "required": required}
            met = met and all(v != "undecided" for v in verdicts.values())
        return look | {"met": met}, fitted


def _verdicts(files: RunFiles) -> tuple[dict[str, str], list[float]]:
    found = json.loads(files.decision.read_text(encoding="utf-8"))
    verdicts = {f"{d['model']}: {d['condition']}": d["verdict"] for d in found["decisions"]}
    return verdicts, [c["required"] for c in found["decisions"][0]["clauses"]]


def _told(look: Mapping[str, Any], total: int) -> str:
    numbers = look["widths"] if look["fitted"] else look["paired"]
    parts = [f"{c}: {'?' if w is None else f'{w:.3g}'}" for c, w in numbers.items()]
    parts += [f"{c} {v}" for c, v in look.get("verdicts", {}).items()]
    how = "" if look["fitted"] else " (paired comparison; too far for a fit)"
    failed = f"; the fit failed {', '.join(look['failed'])}" if look.get("failed") else ""
    end = "; the rule is met" if look.get("met") else ""
    return f"look at {look['scenarios']} of {total} scenarios: {'; '.join(parts)}{how}{failed}{end}"
