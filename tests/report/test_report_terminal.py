from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from report_runs import CHECKS, STANDARD, Made
from rich.console import Console
from rich.table import Table

from vat_bayes.report import format_table
from vat_bayes.report.estimates import read_estimands

MakeRun = Callable[..., Path]


def printed(table: Table) -> str:
    console = Console(width=200, file=io.StringIO(), color_system=None)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_gain_and_tax_stand_with_their_intervals(standard_run: Path) -> None:
    text = printed(format_table(read_estimands(standard_run / "estimands.csv")))
    assert "Gain and tax in rating points, 90% intervals" in text
    assert "0.41 [0.32, 0.50]" in text
    assert "(wrong way)" in text
    assert "demo-judge" not in text


def test_models_are_named_when_there_are_several(make_run: MakeRun) -> None:
    folder = make_run(STANDARD[:1], models=("one", "two"))
    text = printed(format_table(read_estimands(folder / "estimands.csv")))
    assert "one" in text
    assert "two" in text


def test_names_are_not_markup(make_run: MakeRun) -> None:
    folder = make_run((Made("[bold]b[/bold]", target=("power",), gain=0.4),))
    assert "[bold]b[/bold]" in printed(format_table(read_estimands(folder / "estimands.csv")))


def test_a_failed_fit_is_withheld_here_too(make_run: MakeRun) -> None:
    folder = make_run(STANDARD[:1])
    checks = [{**CHECKS[0], "verdict": "fail"}]
    text = printed(format_table(read_estimands(folder / "estimands.csv"), checks))
    assert "withheld: fit failed its checks" in text
    assert "0.41 [" not in text
