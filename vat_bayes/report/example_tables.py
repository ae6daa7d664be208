"""The items that each condition moved most, as tables with what has to be known to read them."""

from __future__ import annotations

from dataclasses import dataclass

from vat_bayes.report import words
from vat_bayes.report.example_items import ExampleItem
from vat_bayes.report.run import Arm, Run
from vat_bayes.report.tables import Cell, Column, Table

SHOWN = 5
"""How many items of each condition are shown; `summary.json` has all that the run folder holds."""

_NOISE = {
    "prompts": "how differently the change of one item comes out under the prompts (wordings and "
    "orders of the options)",
    "repeats": "how much repeated ratings of an item differ",
    "retest": "the changes under the retest, which are rewording as well as noise, so that rather "
    "too much than too little is taken out",
}


@dataclass(frozen=True)
class Examples:
    """What the section on items shows.

    Parameters
    ----------
    said : tuple of str
        What has to be known to read the tables.
    moved : tuple of (Arm, Table)
        Of the interventions.
    beside : tuple of (Arm, Table)
        Of placebos and retests.
    """

    said: tuple[str, ...]
    moved: tuple[tuple[Arm, Table], ...]
    beside: tuple[tuple[Arm, Table], ...]


def examples(run: Run) -> Examples | None:
    """Return the items that each condition moved most; None where the run folder has none."""
    if not run.examples:
        return None
    tables = []
    for arm in run.arms:
        mine = run.examples_of(arm)[:SHOWN]
        if mine:
            tables.append((arm, examples_table(mine, arm.condition)))
    return Examples(
        examples_said(run.examples),
        tuple(t for t in tables if t[0].role == "intervention"),
        tuple(t for t in tables if t[0].role != "intervention"),
    )


def examples_table(items: tuple[ExampleItem, ...], condition: str) -> Table:
    """Return some items of one model and condition as a table.

    Parameters
    ----------
    items : tuple of ExampleItem
        Not empty.
    condition : str
        What they were moved by.
    """
    known = items[0].noise != ""
    rows = [
        (
            Cell(x.item, notes=_texts(x)),
            Cell(_values(x.values)),
            Cell(words.number(x.before, 2)),
            Cell(words.number(x.after, 2)),
            Cell(words.number(x.change, 2)),
            *([_without_noise(x)] if known else []),
        )
        for x in items
    ]
    level = words.percent(items[0].level)
    return Table(
        f"Items that moved most under {condition}",
        (
            Column("Item", numeric=False),
            Column("Supports + or violates \N{MINUS SIGN}", numeric=False),
            Column("Before", "mean rating"),
            Column("After", "mean rating"),
            Column("Change", "rating points"),
            *([Column("Without noise", f"rating points, {level} interval")] if known else []),
        ),
        tuple(rows),
        "cards",
    )


def _texts(x: ExampleItem) -> tuple[str, ...]:
    action = (f"Action: {x.action_text}",) if x.action_text and x.scenario_text else ()
    return (*filter(None, (x.scenario_text,)), *(action or filter(None, (x.action_text,))))


def _without_noise(x: ExampleItem) -> Cell:
    places = words.decimals(x.hi - x.lo)
    return Cell(words.number(x.shrunken, places), words.interval(x.lo, x.hi, places))


def _values(text: str) -> str:
    """Return ``Benevolence +, Power -`` for ``benevolence, -power``."""
    parts = []
    for part in filter(None, text.split(", ")):
        size, _, name = part.lstrip("-").rpartition(" ")
        sign = "\N{MINUS SIGN}" if part.startswith("-") else "+"
        parts.append(f"{words.value_label(name)} {sign}{size}")
    return ", ".join(parts)


def examples_said(items: tuple[ExampleItem, ...]) -> tuple[str, ...]:
    """Say what the examples are, what was taken for noise, and what is missing."""
    said = [
        "These are the items whose rating each condition moved most. They were picked because they "
        "moved, so their raw changes are too large on average. Read them to see what kind of item "
        "moves, and not as evidence: that is in the shifts above."
    ]
    sources = list(dict.fromkeys(x.noise for x in items if x.noise))
    if sources:
        taken = words.listing([_NOISE[s] for s in sources if s in _NOISE])
        said.append(
            "The last column is the change without noise: drawn back towards what the mean "
            "shifts of its values make of such an item, the further the noisier a single item is. "
            f"The size of the noise comes from {taken}."
        )
    if any(not x.noise for x in items):
        which = words.listing(list(dict.fromkeys(x.condition for x in items if not x.noise)))
        said.append(
            f"For {which} the noise of a single item is not known, because nothing was asked more "
            "than once: raw changes are shown, and part of the largest of them is noise."
        )
    if not any(x.has_text for x in items):
        said.append("The run folder holds no texts of the items, so they are shown by name.")
    return tuple(said)
