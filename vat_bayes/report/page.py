"""What stands on the page: every section as plain objects, drawn and worded, for the template."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vat_bayes.report import words
from vat_bayes.report.agreement import disagreements
from vat_bayes.report.doses import Dosed, find_doses
from vat_bayes.report.figures.circle import circle, circle_limit
from vat_bayes.report.figures.coupling import coupling
from vat_bayes.report.figures.dose import dose
from vat_bayes.report.figures.forest import forest, forest_limits
from vat_bayes.report.figures.gain_tax import gain_tax, left_out
from vat_bayes.report.figures.style import Drawing
from vat_bayes.report.finding import nvat_sentence
from vat_bayes.report.run import Arm, Run
from vat_bayes.report.tables import (
    Table,
    circle_table,
    coupling_table,
    dose_table,
    floors_table,
    gain_tax_table,
    nvat_table,
    shifts_table,
    style_table,
)
from vat_bayes.report.truth import true_shifts


@dataclass(frozen=True)
class Panel:
    """A figure with its caption and its numbers.

    Parameters
    ----------
    arm : Arm or None
        The arm that it is about; None when it is about a whole model.
    drawing : Drawing or None
        The figure; None when there is nothing to draw, and the caption says why.
    caption : str
        What to read off.
    table : Table or None
        The same as numbers; None when they stand beside it anyway.
    """

    arm: Arm | None
    drawing: Drawing | None
    caption: str
    table: Table | None = None


@dataclass(frozen=True)
class ModelPart:
    """Everything on the page that is about one model."""

    model: str
    arms: tuple[Arm, ...]
    plot: Panel
    gain_tax: Table
    floors: Table | None
    doses: tuple[tuple[Dosed, Panel], ...]
    forests: tuple[Panel, ...]
    circles: tuple[Panel, ...]
    circle: Table | None
    couplings: tuple[Panel, ...]
    nvat: Table | None
    nvat_said: tuple[tuple[Arm, str], ...]
    style: Table | None


def model_parts(run: Run) -> tuple[ModelPart, ...]:
    """Draw and tabulate everything, model by model."""
    limits, reach = forest_limits(run), circle_limit(run)
    return tuple(
        _model_part(run, model, limits, reach, f"m{i}" if len(run.models) > 1 else "")
        for i, model in enumerate(run.models, start=1)
    )


def drawings(parts: tuple[ModelPart, ...]) -> tuple[Drawing, ...]:
    """Return every figure of the page, in the page's order."""
    panels = [p for part in parts for p in _panels(part)]
    return tuple(p.drawing for p in panels if p.drawing is not None)


def _panels(part: ModelPart) -> tuple[Panel, ...]:
    return (part.plot, *(p for _, p in part.doses), *part.forests, *part.circles, *part.couplings)


def _model_part(
    run: Run, model: str, limits: tuple[float, float], reach: float, prefix: str
) -> ModelPart:
    arms = tuple(a for a in run.arms if a.model == model)
    nvat = nvat_table(run, model)
    return ModelPart(
        model=model,
        arms=arms,
        plot=Panel(
            None, gain_tax(run, model, name=_name(prefix, "gain-tax")), _plot_said(run, model)
        ),
        gain_tax=gain_tax_table(run, model),
        floors=floors_table(run, model),
        doses=tuple(
            (
                s,
                Panel(
                    None,
                    dose(run, s, name=_name(prefix, "dose", s.arms[-1])),
                    doses_said(run, s),
                    dose_table(run, s.arms, s.doses),
                ),
            )
            for s in find_doses(run, model)
        ),
        forests=tuple(
            Panel(
                arm,
                forest(run, arm, limits, true_shifts(run, arm), name=_name(prefix, "forest", arm)),
                _forest_said(run, arm),
                shifts_table(run, arm),
            )
            for arm in arms
        ),
        circles=tuple(
            Panel(arm, drawn, _circle_said(run, arm))
            for arm in arms
            if arm.role == "intervention"
            and (drawn := circle(run, arm, reach, name=_name(prefix, "circle", arm)))
        ),
        circle=circle_table(run, model),
        couplings=tuple(
            Panel(
                arm,
                coupling(run, arm, name=_name(prefix, "coupling", arm)),
                _coupling_said(run, arm),
                coupling_table(run, arm),
            )
            for arm in arms
            if any(e.status != "not-estimated" for e in run.couplings(arm).values())
        ),
        nvat=nvat,
        nvat_said=tuple(
            (a, nvat_sentence(run, a)) for a in arms if a.role == "intervention" and nvat
        ),
        style=style_table(run, model),
    )


def _name(prefix: str, kind: str, arm: Arm | None = None) -> str:
    """Return a file name of a figure: never from a user's text as it is."""
    slug = ""
    if arm is not None:
        safe = re.sub(r"[^a-z0-9]+", "-", arm.condition.casefold()).strip("-")[:40]
        slug = "-".join(x for x in (arm.key.lower(), safe) if x)
    return "-".join(x for x in (prefix, kind, slug) if x)


def _plot_said(run: Run, model: str) -> str:
    out = left_out(run, model)
    reasons: dict[str, list[str]] = {}
    for a in out:
        reasons.setdefault(words.reason(_why(run, a)), []).append(a.key)
    missing = "; ".join(f"{words.listing(keys)}, because {why}" for why, keys in reasons.items())
    without = f" Not drawn: {missing}." if out else ""
    mine = [a for a in run.arms if a.model == model and a not in out]
    if not mine:
        return without.strip()
    aimed = [a for a in mine if run.get(a, "gain", scale="points").known]
    said = []
    if aimed:
        said.append(
            "Further right is more gain, further down is less tax. The inner region of each "
            "intervention holds half of its joint draws and the outer one 90%; the point is at "
            "the medians. Below the dashed line the tax is smaller than the gain."
        )
    beside = [a for a in mine if a not in aimed]
    if beside:
        which = "At the right stand the conditions" if aimed else "Shown are the conditions"
        said.append(
            f"{which} that have no target ({words.listing([a.key for a in beside])}), for which "
            f"all values count: thick bars hold half of the draws, thin ones are the "
            f"{words.percent(run.level)} interval."
        )
        placebos = [a for a in beside if a.role == "placebo"]
        if len(placebos) == 1 and aimed:
            said.append("The grey band carries the placebo's interval across.")
    return " ".join(said) + without


def _why(run: Run, arm: Arm) -> str:
    return run.get(arm, "tax_rms", scale="points").status


def doses_said(run: Run, series: Dosed) -> str:
    """Say what is to be read off a series of doses."""
    said = [
        f"that the {what} falls at no step is {words.probability(p.centre)}"
        for what, p in zip(("gain", "tax"), series.rises, strict=True)
        if p.known
    ]
    if not said:
        last = run.get(series.arms[-1], "tax_rms", scale="points")
        return f"Withheld: {words.reason(last.status)}."
    return (
        f"Bars are {words.percent(run.level)} intervals. The probability "
        f"{words.listing(said)}. The line only joins the points; what lies between two doses was "
        "not measured."
    )


def _forest_said(run: Run, arm: Arm) -> str:
    off = [v for v in run.values if v not in arm.target]
    known = [e for v in off if (e := run.get(arm, "shift", v, "points")).known]
    which = "other values" if arm.target else "values"
    if not known:
        status = run.get(arm, "shift", run.values[0], "points").status
        twin = any(run.get(arm, "shift_classical", v, "points").known for v in run.values)
        only = "; only the classical estimates are shown" if twin else ""
        return f"Posterior shifts withheld: {words.reason(status)}{only}."
    down = sum(e.sign < 0 for e in known)
    up = sum(e.sign > 0 for e in known)
    target = words.listing([words.value_label(t) for t in arm.target])
    aim = f"Target: {target}. " if target else ""
    return (
        f"{aim}Of {words.count(len(known))} {which}, {_none(up)} clearly rose and {_none(down)} "
        "clearly fell."
    )


def _circle_said(run: Run, arm: Arm) -> str:
    along, off = (run.get(arm, f"tax_{n}", scale="points") for n in ("structural", "anomalous"))
    if not arm.target:
        return "No target was declared, so the circle predicts nothing."
    if not (along.known and off.known):
        return f"What the circle predicts is not given: {words.reason(along.status)}."
    return (
        f"From this gain the circle predicts a tax of {along.phrase}. What the other values did "
        f"beside that is {off.phrase}, root mean square."
    )


def _none(n: int) -> str:
    return words.count(n) if n else "none"


def _coupling_said(run: Run, arm: Arm) -> str:
    known = [e for e in run.couplings(arm).values() if e.known]
    if not known:
        status = next(iter(run.couplings(arm).values())).status
        return f"Couplings withheld: {words.reason(status)}."
    clear = sum(bool(e.sign) for e in known)
    return f"{clear} of {len(known)} pairs have an interval that excludes 0; they carry their sign."


def disagreement_lines(run: Run) -> tuple[str, ...]:
    """Return one line per estimand where posterior and classical estimate part."""
    lines = []
    for d in disagreements(run):
        what = words.estimand_label(d.posterior.estimand)
        of = f" of {d.posterior.value}" if d.posterior.value else ""
        model = f"{d.arm.model}, " if len(run.models) > 1 else ""
        lines.append(
            f"{model}{d.arm.condition}: {what[0].lower()}{what[1:]}{of}, posterior "
            f"{d.posterior.phrase}, classical {d.classical.phrase}."
        )
    return tuple(lines)
