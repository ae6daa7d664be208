"""The result in the terminal: gain and tax with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from rich.table import Table
from rich.text import Text

from vat_bayes.checks import gating_failures
from vat_bayes.report import words
from vat_bayes.report.estimates import Estimate, Estimates, tidy
from vat_bayes.report.run import parse_checks

_COLUMNS = (
    ("gain", "Gain"),
    ("tax_rms", "Tax (RMS)"),
    ("tax_excess", "Tax over placebo"),
    ("tax_excess_retest", "Tax over retest"),
)


def format_table(estimands: pd.DataFrame, checks: Sequence[Mapping[str, object]] = ()) -> Table:
    """Return gain and tax of every condition as a table for the terminal.

    Parameters
    ----------
    estimands : pandas.DataFrame
        The tidy contract of ``estimands.csv``.
    checks : sequence of mapping
        The rows of ``checks.json``. When one that is about the sampler has failed, the numbers of
        the fit are withheld, as they are on the page.

    Returns
    -------
    rich.table.Table
        One row per model and condition, in rating points, each number with its interval; a
        withheld number says why. A model's name is shown only when there are several.

    Raises
    ------
    InputError
        When a column of the contract is missing.
    """
    table = tidy(estimands)
    failed = gating_failures(parse_checks(checks))
    estimates = Estimates(table, withheld="not-converged" if failed else None)
    arms = table[["model", "condition", "target"]].drop_duplicates(["model", "condition"])
    levels = table["level"].dropna()
    level = words.percent(float(levels.iloc[0])) if len(levels) else "no"
    several = arms["model"].nunique() > 1
    shown = [
        (name, title)
        for name, title in _COLUMNS
        if any(estimates.get(m, c, name, scale="points").known for m, c, _ in arms.to_numpy())
        or name in ("gain", "tax_rms")
    ]
    out = Table(
        title=f"Gain and tax in rating points, {level} intervals",
        title_justify="left",
        title_style="bold",
    )
    if several:
        out.add_column("Model", overflow="fold")
    out.add_column("Condition", overflow="fold")
    out.add_column("Target", overflow="fold")
    for _, title in shown:
        out.add_column(title, justify="right")
    for model, condition, target in arms.itertuples(index=False):
        cells = [Text(words.printable(model))] if several else []
        # Text and not str: a condition may be called [bold].
        cells.append(Text(words.printable(condition)))
        cells.append(Text(words.printable(target.replace(",", ", ")) or words.NONE))
        cells += [_cell(estimates.get(model, condition, name, scale="points")) for name, _ in shown]
        out.add_row(*cells)
    return out


def _cell(e: Estimate) -> Text:
    if not e.known:
        plain = e.status in ("not-estimated", "no-target")
        return Text(words.NONE if plain else e.text, style="dim")
    text = Text(e.text, style="bold" if e.sign else "")
    if e.note:
        text.append(f" ({e.note})", style="yellow")
    return text
