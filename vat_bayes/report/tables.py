"""The report's tables: cells that carry their interval, and one builder per table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from vat_bayes.report import words
from vat_bayes.report.estimates import Estimate
from vat_bayes.report.run import Arm, Run
from vat_bayes.report.truth import Compared

_WIDTH = 40


@dataclass(frozen=True)
class Cell:
    """One cell: a text, or an estimate with what belongs under it.

    Parameters
    ----------
    text : str
        The text, or the number.
    bounds : str
        The interval; empty for a text.
    notes : tuple of str
        Short lines under the number.
    key : str
        The key of an arm, shown as its mark.
    strong, muted : bool
        An interval that excludes zero is strong; a withheld number is muted.
    """

    text: str
    bounds: str = ""
    notes: tuple[str, ...] = ()
    key: str = ""
    strong: bool = False
    muted: bool = False


@dataclass(frozen=True)
class Column:
    """A column: its heading and, where all its numbers share one, its unit."""

    label: str
    unit: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table.

    Parameters
    ----------
    caption : str
        What it shows.
    columns : tuple of Column
        The first heads the rows.
    rows : tuple of tuple of Cell
        The cells.
    shape : {"cards", "scroll", "lines"}
        On a narrow screen its rows become cards, or it scrolls in its own box; a table of lines
        scrolls and keeps an interval beside its number.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    shape: Literal["cards", "scroll", "lines"] = "scroll"


# What can be on either side of zero; a norm can't, and clearing zero says nothing of it.
_SIGNED = frozenset(
    {"gain", "shift", "gnd", "coupling", "tax_excess", "tax_excess_retest"}
    | {"gain_classical", "shift_classical", "shift_bootstrap"}
    | {"style_acquiescence", "style_extremity", "style_shift"}
    | {"adjacent", "opposed", "trajectory_gain", "trajectory_tax"}
)


def estimate_cell(e: Estimate, *, notes: tuple[str, ...] = ()) -> Cell:
    """Return an estimate as a cell."""
    if not e.known:
        return Cell(e.text, muted=True, notes=notes)
    if e.scale == "probability":  # it has no interval
        return Cell(words.probability(e.centre), notes=notes)
    return Cell(
        words.number(e.centre, e.places),
        e.bounds,
        tuple(n for n in (e.note, *notes) if n),
        strong=bool(e.sign) and e.estimand in _SIGNED,
    )


def arm_cell(arm: Arm, *, whole: bool = False) -> Cell:
    """Return an arm as the head of a row; a long name is whole where rows can become cards."""
    role = "" if arm.role in ("intervention", arm.condition) else arm.role
    name = arm.condition if whole else words.shorten(arm.condition, _WIDTH)
    return Cell(name, key=arm.key, notes=(role,) if role else ())


def _of(run: Run, model: str) -> str:
    """Return `` of <model>`` where there are several."""
    return f" of {model}" if len(run.models) > 1 else ""


def _targets(arm: Arm) -> str:
    names = words.listing([words.value_label(t) for t in arm.target]) or "none"
    return names if arm.direction > 0 or not arm.target else f"{names}, downwards"


def gain_tax_table(run: Run, model: str) -> Table:
    """Return gain, tax, excess and ratio of one model's arms."""
    rows = []
    for arm in run.arms:
        if arm.model != model:
            continue
        gain, tax, over, again = (
            run.get(arm, n, scale="points")
            for n in ("gain", "tax_rms", "tax_excess", "tax_excess_retest")
        )
        mark = Cell(words.NONE, muted=True)
        aims = arm.role == "intervention"
        rows.append(
            (
                arm_cell(arm, whole=True),
                Cell(_targets(arm)),
                estimate_cell(gain, notes=_twin(run, arm, "gain")) if aims or gain.known else mark,
                estimate_cell(tax, notes=_twin(run, arm, "tax_rms")),
                estimate_cell(over, notes=_p(over)) if aims or over.known else mark,
                estimate_cell(again, notes=_p(again)) if aims or again.known else mark,
                estimate_cell(run.get(arm, "tax_ratio")) if aims else mark,
            )
        )
    return Table(
        f"Gain and tax{_of(run, model)}, with {words.percent(run.level)} intervals; bold where a "
        "number that could be on either side of zero has an interval that excludes it",
        (
            Column("Condition", numeric=False),
            Column("Target", numeric=False),
            Column("Gain", "rating points"),
            Column("Tax (RMS)", "rating points"),
            Column("Tax over placebo", "rating points"),
            Column("Tax over retest", "rating points"),
            Column("Tax per point of gain", "points per point"),
        ),
        tuple(rows),
        "cards",
    )


def _twin(run: Run, arm: Arm, name: str) -> tuple[str, ...]:
    e = run.get(arm, f"{name}_classical", scale="points")
    return (f"classical {e.text}",) if e.known else ()


def _p(e: Estimate) -> tuple[str, ...]:
    there = e.known and math.isfinite(e.p_positive)
    return (f"P(> 0) {words.probability(e.p_positive)}",) if there else ()


def floors_table(run: Run, model: str) -> Table | None:
    """Return the readings that noise biases upward, each beside its floor."""
    names = ("tax_displacement", "tax_loss")
    rows = []
    for arm in run.arms:
        cells = [run.get(arm, n, scale="points") for name in names for n in (name, f"{name}_floor")]
        if arm.model == model and any(c.known for c in cells):
            rows.append((arm_cell(arm), *(estimate_cell(c) for c in cells)))
    if not rows:
        return None
    return Table(
        f"Displacement and loss{_of(run, model)}, each beside what no effect would show",
        (
            Column("Condition", numeric=False),
            Column("Mean displacement", "rating points"),
            Column("Its floor", "rating points"),
            Column("Mean loss", "rating points"),
            Column("Its floor", "rating points"),
        ),
        tuple(rows),
    )


def dose_table(run: Run, arms: tuple[Arm, ...], doses: tuple[float, ...]) -> Table:
    """Return gain and tax of one series, and their changes from dose to dose."""
    forms = (
        ("gain", "Gain"),
        ("trajectory_gain", "Change of the gain"),
        ("tax_rms", "Tax (RMS)"),
        ("trajectory_tax", "Change of the tax"),
    )
    rows = []
    for i, (arm, dose) in enumerate(zip(arms, doses, strict=True)):
        cells = [Cell(f"{dose:g}".replace("-", words.MINUS))]
        for name, _ in forms:
            step = name.startswith("trajectory")
            if step and not i:
                cells.append(Cell(words.NONE, muted=True))
                continue
            value = arms[i - 1].condition if step else ""
            cells.append(estimate_cell(run.get(arm, name, value, "points")))
        rows.append((arm_cell(arm), *cells))
    return Table(
        f"Gain and tax over the dose{_of(run, arms[0].model)}, each change from the next lower "
        "dose",
        (
            Column("Condition", numeric=False),
            Column("Dose"),
            *(Column(label, "rating points") for _, label in forms),
        ),
        tuple(rows),
    )


def shifts_table(run: Run, arm: Arm) -> Table:
    """Return one arm's shifts in every form: the forest's numbers."""
    forms = (
        ("shift", "points", "Shift", "rating points"),
        ("shift_classical", "points", "Classical", "rating points"),
        ("shift_bootstrap", "points", "Bootstrap", "rating points"),
        ("shift", "points-adjusted", "Style held fixed", "rating points"),
        ("shift", "latent", "Latent", "latent units"),
        ("gnd", None, "Per point of gain", "points per point"),
    )
    shown = [
        f for f in forms if any(run.get(arm, f[0], v, f[1]).known for v in run.values)
    ] or list(forms[:1])
    rows = [
        (
            Cell(words.value_label(v), notes=("target",) if v in arm.target else ()),
            *(estimate_cell(run.get(arm, name, v, scale)) for name, scale, _, _ in shown),
        )
        for v in run.values
    ]
    return Table(
        f"Shift of each value under {arm.condition}",
        (Column("Value", numeric=False), *(Column(label, unit) for _, _, label, unit in shown)),
        tuple(rows),
    )


def circle_table(run: Run, model: str) -> Table | None:
    """Return what the value circle says of one model's arms."""
    forms = (
        ("tax_structural", "Tax along the circle"),
        ("tax_anomalous", "Tax off the circle"),
        ("adjacent", "Mean shift of the neighbours"),
        ("opposed", "Mean shift of the opposites"),
    )
    mine = [a for a in run.role("intervention", model=model) if a.target]
    mine = [a for a in mine if any(run.get(a, n).status != "not-estimated" for n, _ in forms)]
    if not mine:
        return None
    return Table(
        f"Tax along and off the value circle{_of(run, model)}",
        (
            Column("Condition", numeric=False),
            *(Column(label, "rating points") for _, label in forms),
        ),
        tuple(
            (arm_cell(a), *(estimate_cell(run.get(a, n, scale="points")) for n, _ in forms))
            for a in mine
        ),
    )


def coupling_table(run: Run, arm: Arm) -> Table:
    """Return one arm's couplings: the heat map's numbers."""
    rows = [
        (
            Cell(f"{words.value_label(u)} and {words.value_label(w)}"),
            estimate_cell(e),
            Cell("excludes 0" if e.sign else words.NONE, muted=not e.sign),
        )
        for (u, w), e in run.couplings(arm).items()
    ]
    return Table(
        f"Coupling of each pair of values under {arm.condition}",
        (
            Column("Pair", numeric=False),
            Column("Coupling", "correlation"),
            Column("Interval", numeric=False),
        ),
        tuple(rows),
        "lines",
    )


def nvat_table(run: Run, model: str) -> Table | None:
    """Return the coupling norms of one model's arms, each beside what it must be compared with."""
    names = (
        ("nvat_offdiag", "nVAT, off-diagonal"),
        ("nvat_offdiag_prior", "Prior alone"),
        ("nvat_paper", "As published, with the diagonal"),
        ("nvat_paper_raw", "Raw Spearman"),
        ("nvat_paper_raw_null", "Sign-flip null of the raw"),
    )
    mine = [a for a in run.arms if a.model == model]
    shown = [n for n in names if any(run.get(a, n[0]).status != "not-estimated" for a in mine)]
    if not shown:
        return None
    return Table(
        f"Coupling norm{_of(run, model)}",
        (Column("Condition", numeric=False), *(Column(label, "correlation") for _, label in shown)),
        tuple((arm_cell(a), *(estimate_cell(run.get(a, name)) for name, _ in shown)) for a in mine),
    )


def style_table(run: Run, model: str) -> Table | None:
    """Return the response style of one model's arms."""
    forms = (
        ("style_acquiescence", "points", "Acquiescence", "rating points"),
        ("style_acquiescence", "latent", "Acquiescence", "latent units"),
        ("style_extremity", "points", "Extremity", "rating points"),
        ("style_extremity", "latent", "Extremity", "log units of sharpness"),
    )
    mine = [a for a in run.arms if a.model == model]
    shown = [
        f
        for f in forms
        if any(e.estimand == f[0] and e.scale == f[1] for a in mine for e in run.all(a))
    ]
    if not shown:
        return None
    return Table(
        f"Response style{_of(run, model)}",
        (Column("Condition", numeric=False), *(Column(label, unit) for _, _, label, unit in shown)),
        tuple(
            (
                arm_cell(a),
                *(estimate_cell(run.get(a, name, scale=scale)) for name, scale, _, _ in shown),
            )
            for a in mine
        ),
    )


def arm_of_any_model(run: Run, arm: Arm) -> Cell:
    """Return an arm as the head of a row in a table of several models."""
    notes = (words.shorten(arm.model, _WIDTH),) if len(run.models) > 1 else ()
    return Cell(words.shorten(arm.condition, _WIDTH), key=arm.key, notes=notes)


def truth_table(run: Run, compared: tuple[Compared, ...], caption: str) -> Table:
    """Return estimates beside their truth."""
    rows = []
    for c in compared:
        e = c.estimate
        what = words.estimand_label(e.estimand)
        of = " and ".join(words.value_label(v) for v in e.value.split("~")) if e.value else ""
        places = e.places if e.known else 2
        held = {True: "\N{CHECK MARK} inside", False: "\N{MULTIPLICATION X} outside"}
        rows.append(
            (
                arm_of_any_model(run, c.arm),
                Cell(f"{what}: {of}" if of else what),
                Cell(f"{words.number(c.truth, places)}"),
                estimate_cell(e),
                Cell(e.unit or words.NONE),
                Cell(
                    held[c.inside] if c.inside is not None else words.NONE, muted=c.inside is None
                ),
            )
        )
    return Table(
        caption,
        (
            Column("Condition", numeric=False),
            Column("Estimate", numeric=False),
            Column("Truth, exact"),
            Column("Estimated"),
            Column("Unit", numeric=False),
            Column("Interval", numeric=False),
        ),
        tuple(rows),
        "lines",
    )
