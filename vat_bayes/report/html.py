"""The page: one self-contained HTML file."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vat_bayes.report import words
from vat_bayes.report.citation import bibtex, references
from vat_bayes.report.decision import decision
from vat_bayes.report.example_tables import examples
from vat_bayes.report.figures.style import series_role
from vat_bayes.report.finding import alerts, findings, opening
from vat_bayes.report.limits import limits
from vat_bayes.report.page import ModelPart, disagreement_lines
from vat_bayes.report.provenance import data_table, manifest, prompts, settings
from vat_bayes.report.run import VERDICTS, Run
from vat_bayes.report.subjects import subjects
from vat_bayes.report.tables import Table, truth_table
from vat_bayes.report.truth import compare, verdict

TEMPLATES = Path(__file__).resolve().parent / "templates"
_SIGNS = {
    "fail": "\N{MULTIPLICATION X}",
    "warn": "!",
    "pass": "\N{CHECK MARK}",
    "not-run": words.NONE,
}
# How a verdict looks, its sign and its word: never colour alone.
_DECIDED = {
    "accept": ("pass", _SIGNS["pass"], "accepted"),
    "reject": ("fail", _SIGNS["fail"], "rejected"),
    "undecided": ("warn", "?", "undecided"),
}
_LINES = 5
_MANY = 24
_NBSP = "\N{NO-BREAK SPACE}"
VERDICT_WORDS = {"fail": "failed", "warn": "warned", "pass": "passed", "not-run": "not run"}


def render(run: Run, parts: tuple[ModelPart, ...]) -> str:
    """Return the report of a run as HTML.

    Parameters
    ----------
    run : Run
        The run.
    parts : tuple of ModelPart
        Its figures and tables, from `vat_bayes.report.page.model_parts`.

    Notes
    -----
    Everything is escaped but the SVG, which matplotlib has escaped, and the style sheet. The page
    loads nothing, and its content policy forbids it to.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["key_role"] = series_role
    environment.filters["bind"] = bind
    compared = compare(run)
    return environment.get_template("report.html.j2").render(
        run=run,
        parts=parts,
        css=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        svg=Markup,
        n_lines=_LINES,
        words=words,
        level=words.percent(run.level),
        alerts=alerts(run),
        opening=opening(run),
        findings=findings(run),
        decision=decision(run),
        decided=_DECIDED,
        disagreements=disagreement_lines(run),
        examples=examples(run),
        checks=sorted(run.checks, key=lambda c: VERDICTS.index(c.verdict)),
        tally=[
            (v, _SIGNS[v], f"{n} {VERDICT_WORDS[v]}")
            for v in ("pass", "warn", "fail", "not-run")
            if (n := sum(c.verdict == v for c in run.checks))
        ],
        signs=_SIGNS,
        verdicts=VERDICT_WORDS,
        data=data_table(run),
        prompts=prompts(run),
        settings=settings(run),
        manifest=manifest(run),
        limits=limits(run),
        subjects=subjects(run),
        truth=_truth(run),
        truth_said=verdict(compared, run.level),
        references=references(run.manifest),
        bibtex=bibtex(run.manifest),
        version=version("vat-bayes"),
    )


def bind(text: str) -> str:
    """Keep an interval, and a number with its unit, on one line."""
    text = re.sub(r"\[([^\s\]]+), ([^\s\]]+)\]", f"[\\1,{_NBSP}\\2]", text)
    return re.sub(r"(\d) (rating points|points)", rf"\1{_NBSP}\2", text)


def _truth(run: Run) -> tuple[Table, ...]:
    """Return the comparison as tables: all of it, led by the misses when it is long."""
    compared = compare(run)
    if not compared:
        return ()
    every = truth_table(run, compared, "Estimates beside the truth")
    missed = tuple(c for c in compared if c.inside is False)
    if len(compared) <= _MANY:
        return (every,)
    return (truth_table(run, missed, "Outside their intervals"), every) if missed else (every,)
