"""Write a run's report: the page, its figures as files, and the summary for programs."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from vat_bayes.errors import InputError

# A condition that is gone must not leave its figure behind; other files are left alone.
_OURS = re.compile(r"(m\d+-)?(gain-tax|dose|forest|coupling)\b.*\.svg$")


def write_report(
    run_folder: str | Path,
    *,
    truth: pd.DataFrame | None = None,
    data: pd.DataFrame | None = None,
) -> Path:
    """Write ``report.html``, ``figures/*.svg`` and ``summary.json`` into a run folder.

    The same run gives the same bytes.

    Parameters
    ----------
    run_folder : str or Path
        It holds ``estimands.csv``, ``estimand_draws.nc`` and ``checks.json``; ``manifest.json``,
        ``study.toml``, ``data.csv``, ``truth.csv`` and ``decision.json`` are used when they are
        there.
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
        The page.

    Raises
    ------
    InputError
        When the folder lacks a file, a file can't be read, or the report's libraries are missing.
    """
    try:
        from vat_bayes.report.html import render
        from vat_bayes.report.page import drawings, model_parts
    except ModuleNotFoundError as e:
        if e.name in ("jinja2", "markupsafe", "matplotlib"):
            raise InputError(
                f"the report needs {e.name}",
                hint="install it with: pip install 'vat-bayes[report]'",
            ) from e
        raise
    from vat_bayes.report.machine import summary_json
    from vat_bayes.report.run import load_run

    folder = Path(run_folder)
    run = load_run(folder, truth=truth, data=data)
    parts = model_parts(run)
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    for stale in figures.glob("*.svg"):
        if _OURS.match(stale.name):
            stale.unlink()
    for d in drawings(parts):
        _write(figures / f"{d.name}.svg", d.file)
    _write(folder / "summary.json", summary_json(run))
    page = folder / "report.html"
    _write(page, render(run, parts))
    return page


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
