"""Every estimate that has no table of its own, gathered by subject, with what each one is."""

from __future__ import annotations

from dataclasses import dataclass

from vat_bayes.estimands.registry import Definition, registry
from vat_bayes.report import words
from vat_bayes.report.estimates import Estimate
from vat_bayes.report.run import Arm, Run
from vat_bayes.report.tables import Cell, Column, Table, arm_of_any_model, estimate_cell
from vat_bayes.values import VALUE_BY_NAME


@dataclass(frozen=True)
class Subject:
    """One group of estimates.

    Parameters
    ----------
    title : str
        What they are about.
    definitions : tuple of Definition
        Of the estimands in the table, in the order of the registry.
    table : Table
        Estimand by estimand, in the order of the arms.
    """

    title: str
    definitions: tuple[Definition, ...]
    table: Table


_TWINS = tuple(
    f"{name}_{twin}"
    for name in ("gain", "tax_rms", "tax_excess", "tax_excess_retest")
    for twin in ("classical", "bootstrap")
)
_SUBJECTS = (
    ("Gain on other scales", ("gain",)),
    (
        "Tax and its parts",
        (
            *("tax_structural", "tax_anomalous", "adjacent", "opposed"),
            *("worst_loss", "worst_loss_floor", "p_worst_loss", "p_over_budget"),
        ),
    ),
    (
        "Coupling: hubs and how unequal they are",
        (
            *("hub", "hub_prior", "p_top_hub", "gini", "gini_prior"),
            "nvat_paper_prior",
        ),
    ),
    (
        "Trajectories over the dose",
        ("trajectory_gain", "trajectory_tax", "p_monotone_gain", "p_monotone_tax"),
    ),
    ("Conditions compared with each other", ("pareto", "p_beats")),
    ("Response style by value", ("style_acquiescence", "style_extremity", "style_shift")),
    ("Classical and bootstrap twins", _TWINS),
)
_REST = "Others"

# What has a table of its own, whatever its scale and value.
_ELSEWHERE = frozenset(
    {"shift", "shift_classical", "shift_bootstrap", "gnd", "coupling"}
    | {"tax_rms", "tax_excess", "tax_excess_retest", "tax_ratio"}
    | {"tax_displacement", "tax_displacement_floor", "tax_loss", "tax_loss_floor"}
    | {"nvat_offdiag", "nvat_offdiag_prior", "nvat_paper", "nvat_paper_raw", "nvat_paper_raw_null"}
    | {"gain_classical", "tax_rms_classical"}
)
_SCALES = {"points-adjusted": "style held fixed", "latent": "latent"}


def _is_elsewhere(e: Estimate) -> bool:
    if e.estimand in ("style_acquiescence", "style_extremity"):
        return not e.value
    # A withheld gain leaves its scale empty and is told in the main table.
    return e.estimand in _ELSEWHERE or (e.estimand == "gain" and e.scale not in _SCALES)


def subjects(run: Run) -> tuple[Subject, ...]:
    """Gather every estimate that no other table of the report shows.

    Parameters
    ----------
    run : Run
        The run.

    Returns
    -------
    tuple of Subject
        Those with at least one row; what belongs to none comes last.
    """
    left: dict[str, list[tuple[Arm, Estimate]]] = {}
    for arm in run.arms:
        for e in run.all(arm):
            if not _is_elsewhere(e):
                left.setdefault(e.estimand, []).append((arm, e))
    grouped = {n for _, names in _SUBJECTS for n in names}
    rest = (_REST, tuple(n for n in left if n not in grouped))
    return tuple(
        _subject(run, title, {n: left[n] for n in names if n in left})
        for title, names in (*_SUBJECTS, rest)
        if any(n in left for n in names)
    )


def _subject(run: Run, title: str, found: dict[str, list[tuple[Arm, Estimate]]]) -> Subject:
    rows = [
        (
            arm_of_any_model(run, arm),
            Cell(_said(e)),
            estimate_cell(e),
            Cell(e.unit or words.NONE),
        )
        for pairs in found.values()
        for arm, e in pairs
    ]
    columns = (
        Column("Condition", numeric=False),
        Column("Estimate", numeric=False),
        Column("Value"),
        Column("Unit", numeric=False),
    )
    known = registry()
    return Subject(
        title,
        tuple(known[n] for n in found if n in known),
        Table(title, columns, tuple(rows), "lines"),
    )


def _said(e: Estimate) -> str:
    scale = f", {_SCALES[e.scale]}" if e.scale in _SCALES else ""
    what = f"{words.estimand_label(e.estimand)}{scale}"
    return f"{what}: {_of(e.value)}" if e.value else what


def _of(value: str) -> str:
    """Return a value or a pair of them by label; a condition's name may hold a tilde."""
    parts = value.split("~")
    if all(p in VALUE_BY_NAME for p in parts):
        return " and ".join(words.value_label(p) for p in parts)
    return value
