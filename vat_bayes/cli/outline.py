"""The table of ``collect --dry-run``: what is asked of which model, and how much of it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from vat_bayes.collect import Outline


def outline_parts(found: Outline) -> tuple[Table | str, ...]:
    """Return what to print of an outline.

    Parameters
    ----------
    found : Outline
        What a study asks for.
    """
    from rich.table import Table
    from rich.text import Text

    from vat_bayes.collect.progress import duration

    models = list(dict.fromkeys(row.model for row in found.rows))
    conditions = {row.condition: row for row in found.rows}
    cells = {(row.condition, row.model): f"{row.made}/{row.judgments}" for row in found.rows}
    table = Table(box=None, pad_edge=False)
    for name in ("condition", "role", "kind"):
        table.add_column(name)
    for model in models:
        table.add_column(Text(model), justify="right")
    for name, row in conditions.items():
        texts = (name, row.role, row.kind, *(cells[name, model] for model in models))
        table.add_row(*map(Text, texts))
    left = found.seconds_left
    if not found.made:
        speed = "how long it takes is told once it runs"
    elif left is None:
        speed = "the sessions so far were too short to tell how long the rest takes"
    else:
        speed = f"about {duration(left)} left at the speed of the last session"
    if found.judgments == found.made:
        speed = "everything is made"
    return (
        *found.notes,
        f"{_several(len(models), 'model')} x {_several(len(conditions), 'condition')}: "
        f"{found.judgments:,} judgments, {found.made:,} of them made; {speed}",
        table,
        f"run folder: {found.folder}",
    )


def _several(n: int, name: str) -> str:
    return f"{n} {name}" + ("" if n == 1 else "s")
