"""What a command prints: sentences on the way, then a table for people or JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from vat_bayes.audit import FittedRun
    from vat_bayes.checks import Check

_WIDTH = 120
_HEADLINE = ("gain", "tax_rms", "tax_excess", "tax_excess_retest", "tax_ratio")


@dataclass(frozen=True)
class Output:
    """Where the words go.

    Parameters
    ----------
    quiet : bool
        Print nothing but errors, and JSON where that is asked for.
    as_json : bool
        Print one JSON object in place of the text.
    """

    quiet: bool
    as_json: bool

    def say(self, text: str) -> None:
        """Tell how far the work is, on the standard error stream."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def result(self, data: Mapping[str, Any], *parts: Table | str) -> None:
        """Print the result of a command."""
        if self.as_json:
            print(json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False))
        elif not self.quiet:
            console = _console()
            for part in parts:
                # A condition may be called [bold], and a path must not be broken over two lines.
                console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))


def fitted_data(fitted: FittedRun) -> dict[str, Any]:
    """Return what a program wants to know of a fitted run."""
    table = fitted.estimands.table
    rows = table[table["estimand"].isin(_HEADLINE) & table["scale"].isin(("points", "ratio"))]
    return {
        "run": str(fitted.folder),
        "passed": not fitted.failed,
        "estimates": rows.to_dict("records"),
        "checks": [asdict(c) for c in fitted.checks],
    }


def headline(fitted: FittedRun) -> Table:
    """Return gain and tax of every condition as a table."""
    from vat_bayes.report import format_table

    return format_table(fitted.estimands.table, [asdict(c) for c in fitted.checks])


def failures(fitted: FittedRun) -> str:
    """Name the failed checks, or say that none failed."""
    if not fitted.failed:
        warned = sum(c.verdict == "warn" for c in fitted.checks)
        skipped = sum(c.verdict == "not-run" for c in fitted.checks)
        return f"no check failed ({warned} with a warning, {skipped} not run)"
    said = "failed: " + "; ".join(f"{c.check} ({c.why})" for c in fitted.failed)
    from vat_bayes.checks import gating_failures
    from vat_bayes.runs import FitOptions, RunFiles

    gating = gating_failures(fitted.failed)
    if not gating:
        return said
    if any(c.check == "fast_engine" for c in gating):
        return (
            f"{said}\nthe approximation can't be trusted here, so what it estimates is withheld; "
            f"fit without it: vat-bayes fit {fitted.folder} --engine nuts"
        )
    section, usual = RunFiles(fitted.folder).fit_section(), FitOptions()
    draws, tune = (
        2 * max(int(section.get(k, least)), least)
        for k, least in (("draws", usual.draws // 2), ("tune", usual.tune // 2))
    )
    return (
        f"{said}\nthe sampler has not converged, so what it estimates is withheld; run it longer: "
        f"vat-bayes fit {fitted.folder} --draws {draws} --tune {tune}"
    )


def checks_table(checks: Sequence[Check]) -> Table:
    """Return the verdicts as a table."""
    from rich.table import Table
    from rich.text import Text

    styles = {"pass": "green", "warn": "yellow", "fail": "bold red", "not-run": "dim"}
    table = Table(title="Checks", title_justify="left", title_style="bold")
    for heading in ("Check", "Verdict", "Figure", "Threshold", "Why"):
        table.add_column(heading, overflow="fold")
    for c in checks:
        table.add_row(
            Text(c.check),
            Text(c.verdict, style=styles[c.verdict]),
            _number(c.figure),
            _number(c.threshold),
            Text(c.why),
        )
    return table


def _number(x: float | None) -> str:
    return "" if x is None else f"{x:.3g}"


def _console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDTH)


def _plain(x: Any) -> Any:
    """Return nested data as JSON has it: no NaN, no numpy scalars."""
    if isinstance(x, Mapping):
        return {str(k): _plain(v) for k, v in x.items()}
    if isinstance(x, list | tuple):
        return [_plain(v) for v in x]
    if hasattr(x, "item"):
        x = x.item()
    if isinstance(x, float) and not math.isfinite(x):
        return None
    return x if isinstance(x, str | int | float | bool | None) else str(x)
