"""The command ``doctor``: what is installed, what works, and how to get the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vat_bayes.cli import options as o
from vat_bayes.cli.output import Output

if TYPE_CHECKING:
    from rich.table import Table

    from vat_bayes.doctor import Diagnosis, Finding

_TITLES = {
    "engine": "Engines and backends",
    "judge": "Judges",
    "importer": "Data",
    "report": "Report",
    "library": "Libraries",
}
_STYLES = {"works": "green", "installed": "green", "missing": "yellow", "broken": "bold red"}


def doctor(
    *,
    fit: Annotated[
        bool,
        typer.Option("--fit", help="Also fit a tiny study by every engine; takes minutes."),
    ] = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Say what is installed, what of it works here, and what to type to get the rest.

    Exit code 0 when everything that fitting a table of ratings needs is there, else 1.
    """
    from vat_bayes.doctor import diagnose

    output = Output(quiet, json)
    found = diagnose(fit=fit, say=output.say)
    output.result(
        found.to_dict(),
        f"vat-bayes {found.version}, Python {found.python}, {found.machine}",
        *(
            _table(title, [f for f in found.findings if f.kind == kind])
            for kind, title in _TITLES.items()
        ),
        *_advice(found),
    )
    if not found.works:
        raise typer.Exit(1)


def _table(title: str, findings: list[Finding]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        show_header=False,
        padding=(0, 2, 0, 0),
    )
    for width in (24, 10, None):
        table.add_column(overflow="fold", min_width=width)
    for f in findings:
        table.add_row(Text(f.name), Text(f.state, style=_STYLES[f.state]), Text(f.found))
    return table


def _advice(found: Diagnosis) -> list[str]:
    """Say whether the base works, and each thing to type once."""
    steps: dict[str, list[str]] = {}
    for f in found.findings:
        if not f.fine and f.get:
            steps.setdefault(f.get, []).append(f.name)
    lines = [f"for {', '.join(names)}: {get}" for get, names in steps.items()]
    if found.works:
        return ["the base works", *lines]
    broken = [f.name for f in found.findings if f.needed and not f.fine]
    return [f"the base does not work: {', '.join(broken)}", *lines]
