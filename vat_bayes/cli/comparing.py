"""The command ``compare``: two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vat_bayes.cli import options as o
from vat_bayes.cli.output import Output


def compare(
    a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A fitted run folder.")],
    b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another one.")],
    *,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            "--pair",
            metavar="A=B",
            help="A condition of the first run and the one of the second that it is compared with; "
            "repeatable. Without it, conditions of the same name.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write every difference as CSV.")
    ] = None,
    level: o.Level = 0.9,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Compare two runs: gain, tax and every shift of RUN_B minus those of RUN_A."""
    from vat_bayes.compare import compare as run
    from vat_bayes.runs import write_table

    found = run(a, b, pairs=o.pairs(pair or [], "--pair") or None, level=level)
    if out is not None:
        write_table(out, found.table)
    parts = [] if out is None else [f"differences: {out}"]
    Output(quiet, json).result(
        found.to_dict(), f"a = {a}, b = {b}", *found.sentences(), found.rich_table(), *parts
    )
