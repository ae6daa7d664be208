"""Write a run's report: as a page with its figures, on paper, as Markdown, or for programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import pandas as pd

from vat_bayes.errors import InputError, near_miss
from vat_bayes.report.pdf import needed_browser, print_page

if TYPE_CHECKING:
    from vat_bayes.report.run import Run

Form = Literal["html", "md", "pdf", "json"]
FORMS: tuple[str, ...] = get_args(Form)
"""What a report can be written as."""

# A condition that is gone must not leave its figure behind; other files are left alone.
_OURS = re.compile(r"(m\d+-)?(gain-tax|dose|forest|circle|coupling)\b.*\.svg$")


def write_report(
    run_folder: str | Path,
    *,
    form: Form = "html",
    truth: pd.DataFrame | None = None,
    data: pd.DataFrame | None = None,
) -> Path:
    """Write the report of a run into its folder.

    The same run gives the same bytes (a PDF aside, into which the browser writes the time).

    Parameters
    ----------
    run_folder : str or Path
        It holds ``estimands.csv``, ``estimand_draws.nc`` and ``checks.json``; ``manifest.json``,
        ``study.toml``, ``data.csv``, ``truth.csv`` and ``decision.json`` are used when they are
        there.
    form : {"html", "md", "pdf", "json"}
        ``html`` writes ``report.html``, ``figures/*.svg`` and ``summary.json``; ``pdf`` the same
        and ``report.pdf``, printed by an installed browser; ``md`` writes ``report.md``, and
        ``json`` ``summary.json`` alone.
    truth : pandas.DataFrame, optional
        True values: ``condition, estimand, value, truth`` and, where needed, ``model`` and
        ``scale`` (rating points without it). In place of ``truth.csv``.
    data : pandas.DataFrame, optional
        One row per model and condition: ``model, condition``, counts such as ``rows, items,
        scenarios, refused``, and means such as ``p_valid``, each with ``_lo`` and ``_hi`` if it has
        an interval. In place of ``data.csv``.

    Returns
    -------
    Path
        The file that was asked for.

    Raises
    ------
    InputError
        When the form is unknown, the folder lacks a file, a file can't be read, the report's
        libraries are missing, or there is no browser to print a PDF.
    """
    if form not in FORMS:
        raise InputError(
            f"unknown format '{form}', expected one of {', '.join(FORMS)}",
            hint=near_miss(form, FORMS),
        )
    from vat_bayes.report.machine import summary_json
    from vat_bayes.report.run import load_run

    folder = Path(run_folder)
    if form == "pdf":
        needed_browser()
    run = load_run(folder, truth=truth, data=data)
    if form != "md":
        _write(folder / "summary.json", summary_json(run))
    if form == "json":
        return folder / "summary.json"
    try:
        return _drawn(folder, run, form)
    except ModuleNotFoundError as e:
        if e.name in ("jinja2", "markupsafe", "matplotlib"):
            raise InputError(
                f"the report needs {e.name}",
                hint="install it with: pip install 'vat-bayes[report]'",
            ) from e
        raise


def _drawn(folder: Path, run: Run, form: Form) -> Path:
    """Write the forms that need more than the base."""
    if form == "md":
        from vat_bayes.report.markdown import render_markdown

        _write(folder / "report.md", render_markdown(run))
        return folder / "report.md"
    from vat_bayes.report.html import render
    from vat_bayes.report.page import drawings, model_parts

    parts = model_parts(run)
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    for stale in figures.glob("*.svg"):
        if _OURS.match(stale.name):
            stale.unlink()
    for d in drawings(parts):
        _write(figures / f"{d.name}.svg", d.file)
    page = folder / "report.html"
    _write(page, render(run, parts))
    if form == "html":
        return page
    print_page(page, folder / "report.pdf")
    return folder / "report.pdf"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
