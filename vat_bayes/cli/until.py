"""``collect --until``: the looks as a table, and why the collection ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vat_bayes.cli.output import Output, failures, fitted_data, headline
from vat_bayes.cli.programs import keep_programs

if TYPE_CHECKING:
    from rich.table import Table

    from vat_bayes.collect import Progress
    from vat_bayes.sequential import Stopped
    from vat_bayes.study import Study


def collect_until(
    study: Study,
    until: str,
    budget: Path | None,
    first: int,
    block: int,
    *,
    output: Output,
    out: Path | None,
    sample: int | None,
    progress: Progress,
    cluster: str | None,
) -> None:
    """Collect until a rule is met, and print the looks.

    Raises
    ------
    InputError
        When the rule, the budget or the study can't be used.
    """
    keep_programs()
    from vat_bayes.sequential import Plan
    from vat_bayes.sequential import collect_until as run
    from vat_bayes.stopping import parse_rule

    plan = Plan(parse_rule(until), first, block, budget)
    ended = run(
        study,
        plan,
        out=out,
        sample=sample,
        progress=progress,
        cluster=cluster,
        say=output.say,
    )
    output.result(
        fitted_data(ended.run)
        | {
            "rule": str(plan.rule),
            "met": ended.met,
            "why": ended.why,
            "scenarios": ended.scenarios,
            "scenarios_there": ended.total,
            "looks": list(ended.looks),
        },
        _table(ended),
        headline(ended.run),
        failures(ended.run),
        _sentence(ended),
        f"next: vat-bayes report {ended.run.folder}",
    )


def _sentence(ended: Stopped) -> str:
    saved = 1 - ended.scenarios / ended.total
    if ended.met:
        return (
            f"stopped: {ended.why} at {ended.scenarios} of {ended.total} scenarios "
            f"({saved:.0%} of the judgments saved)"
        )
    return f"ended: {ended.why} ({ended.total}), and the rule was not met"


def _table(ended: Stopped) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Looks", title_justify="left", title_style="bold")
    for heading in ("Scenarios", "Judgments", "Asked", "By", "Found"):
        table.add_column(heading, overflow="fold")
    for look in ended.looks:
        asked, found = _cells(look)
        table.add_row(
            str(look["scenarios"]),
            f"{look['judgments']:,}",
            Text(asked),
            "fit" if look["fitted"] else "paired comparison",
            Text(found, style="green" if look.get("met") else ""),
        )
    return table


def _cells(look: Mapping[str, Any]) -> tuple[str, str]:
    numbers = look["widths"] if look["fitted"] else look["paired"]
    asked = list(numbers)
    found = ["unknown" if w is None else f"{w:.3f}" for w in numbers.values()]
    if "verdicts" in look:
        asked.append(f"decided at {max(look['required']):.4g}")
        found.append(", ".join(f"{name} {v}" for name, v in look["verdicts"].items()))
    if look.get("failed"):
        found.append(f"fit failed {', '.join(look['failed'])}")
    return "\n".join(asked), "\n".join(found)
