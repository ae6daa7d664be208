"""The commands that judge and explain: ``decide`` and ``explain``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vat_bayes.cli import options as o
from vat_bayes.cli.fitting import RunFolder
from vat_bayes.cli.output import Output

if TYPE_CHECKING:
    from rich.table import Table

    from vat_bayes.decide import Decision

_STYLES = {"accept": "bold green", "reject": "bold red", "undecided": "yellow"}


def decide(
    run: RunFolder,
    *,
    budget: Annotated[
        Path | None,
        typer.Option("--budget", help="The budget (TOML); budget.toml in the run folder if none."),
    ] = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Judge a fitted run by a declared budget; exit code 1 unless every condition is accepted."""
    from vat_bayes.decisions import decide_run
    from vat_bayes.runs import RunFiles

    decisions = decide_run(run, budget)
    file = RunFiles(run).decision
    Output(quiet, json).result(
        {"run": str(run), "decision": str(file), "decisions": [asdict(d) for d in decisions]},
        _table(decisions),
        f"decision: {file}",
    )
    if any(d.verdict != "accept" for d in decisions):
        raise typer.Exit(1)


def explain(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="An estimand as in estimands.csv; all without one."),
    ] = None,
    *,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Say what an estimand is: definition, formula, unit, when it is withheld, and its source."""
    from vat_bayes.estimands import explain as look_up
    from vat_bayes.estimands import registry

    output = Output(quiet, json)
    if name is not None:
        found = look_up(name)
        output.result(asdict(found), str(found))
        return
    known = registry()
    width = max(map(len, known))
    output.result(
        {n: asdict(d) for n, d in known.items()},
        *(f"{n:{width}}  {d.label}" for n, d in known.items()),
    )


def _table(decisions: list[Decision]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from vat_bayes.report.decided import clause_text, reason

    table = Table(title="Decision", title_justify="left", title_style="bold")
    for heading in ("Model", "Condition", "Verdict", "P(all clauses)", "Why"):
        table.add_column(heading, overflow="fold")
    for d in decisions:
        found = [c.clause for c in d.clauses]
        sentences = [(c.sentence, clause_text(c.kind, c.estimand, c.value, c.bound)) for c in found]
        joint = "" if d.joint_probability is None else f"{d.joint_probability:.3f}"
        table.add_row(
            Text(d.model),
            Text(d.condition),
            Text(d.verdict, style=_STYLES[d.verdict]),
            joint,
            Text(
                " ".join([reason(d.why, sentences), *([d.outlook.sentence] if d.outlook else [])])
            ),
        )
    return table
