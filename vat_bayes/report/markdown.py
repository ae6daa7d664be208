"""The report as Markdown: words and tables, complete without a figure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vat_bayes.report import words
from vat_bayes.report.citation import bibtex, references
from vat_bayes.report.decision import decision
from vat_bayes.report.doses import find_doses
from vat_bayes.report.example_tables import examples
from vat_bayes.report.finding import alerts, findings, nvat_sentence, opening
from vat_bayes.report.html import TEMPLATES, VERDICT_WORDS
from vat_bayes.report.limits import limits
from vat_bayes.report.page import disagreement_lines, doses_said
from vat_bayes.report.provenance import data_table, manifest, prompts, settings
from vat_bayes.report.run import VERDICTS, Arm, Run
from vat_bayes.report.subjects import subjects
from vat_bayes.report.tables import (
    Table,
    circle_table,
    dose_table,
    floors_table,
    gain_tax_table,
    nvat_table,
    shifts_table,
    style_table,
    truth_table,
)
from vat_bayes.report.truth import Compared, compare, verdict

_DECIDED = {"accept": "accepted", "reject": "rejected", "undecided": "undecided"}
# What means something in Markdown; square brackets do only before what makes a link of them, and
# an underscore only at the edge of a word, so that intervals and names stay as they are.
_SPECIAL = re.compile(r"([\\`*|~$]|(?<=\])[(\[:]|(?<!\w)_|_(?!\w))")
# What begins a heading, a list or a rule at the start of a line.
_AT_START = re.compile(r"^(\d*)(#{1,6}|[-+=]+|[.)])(?=\s|$)")
# A longer table of details is left to estimands.csv.
_MOST_ROWS = 60


@dataclass(frozen=True)
class _Part:
    """The tables of one model; the names are those of `vat_bayes.report.page.ModelPart`."""

    model: str
    gain_tax: Table
    floors: Table | None
    doses: tuple[tuple[str, Table], ...]
    shifts: tuple[Table, ...]
    circle: Table | None
    couplings: tuple[tuple[Arm, list[str], int], ...]
    nvat: Table | None
    nvat_said: tuple[tuple[Arm, str], ...]
    style: Table | None


def render_markdown(run: Run) -> str:
    """Return the report of a run as Markdown.

    Parameters
    ----------
    run : Run
        The run.

    Notes
    -----
    Every text that comes from outside is escaped, whatever the template does with it: a condition
    called ``*`` or an item with ``<script>`` in it shows as it is.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_written,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    compared = compare(run)
    text = environment.get_template("report.md.j2").render(
        run=run,
        words=words,
        alerts=alerts(run),
        opening=opening(run),
        findings=findings(run),
        disagreements=disagreement_lines(run),
        tally=", ".join(
            f"{n} {VERDICT_WORDS[v]}"
            for v in ("pass", "warn", "fail", "not-run")
            if (n := sum(c.verdict == v for c in run.checks))
        ),
        decision=decision(run),
        decided=_DECIDED,
        parts=[_part(run, model) for model in run.models],
        truth_said=verdict(compared, run.level) if compared else "",
        missed=_missed(run, compared),
        examples=examples(run),
        checks=sorted(run.checks, key=lambda c: VERDICTS.index(c.verdict)),
        verdicts=VERDICT_WORDS,
        data=data_table(run),
        prompts=prompts(run),
        settings=settings(run),
        manifest=manifest(run),
        subjects=subjects(run),
        limits=limits(run),
        references=references(run.manifest),
        bibtex=bibtex(run.manifest),
        fenced=fenced,
        most_rows=_MOST_ROWS,
        version=version("vat-bayes"),
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _part(run: Run, model: str) -> _Part:
    arms = tuple(a for a in run.arms if a.model == model)
    nvat = nvat_table(run, model)
    return _Part(
        model=model,
        gain_tax=gain_tax_table(run, model),
        floors=floors_table(run, model),
        doses=tuple(
            (doses_said(run, s), dose_table(run, s.arms, s.doses)) for s in find_doses(run, model)
        ),
        shifts=tuple(shifts_table(run, arm) for arm in arms),
        circle=circle_table(run, model),
        couplings=tuple(
            (
                arm,
                [
                    f"{words.value_label(u)} and {words.value_label(w)} {e.text}"
                    for (u, w), e in run.couplings(arm).items()
                    if e.sign
                ],
                sum(e.known for e in run.couplings(arm).values()),
            )
            for arm in arms
            if any(e.known for e in run.couplings(arm).values())
        ),
        nvat=nvat,
        nvat_said=tuple(
            (a, nvat_sentence(run, a)) for a in arms if a.role == "intervention" and nvat
        ),
        style=style_table(run, model),
    )


def _missed(run: Run, compared: tuple[Compared, ...]) -> Table | None:
    missed = tuple(c for c in compared if c.inside is False)
    return truth_table(run, missed, "True values outside their intervals") if missed else None


def _written(x: object) -> Markup:
    return x if isinstance(x, Markup) else Markup(escape_markdown(str(x)))


def escape_markdown(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line.

    Parameters
    ----------
    text : str
        Anything.
    """
    text = " ".join(words.printable(text).split())
    text = _SPECIAL.sub(r"\\\1", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _AT_START.sub(r"\1\\\2", text)


def fenced(text: str) -> Markup:
    """Return a text as a block of code whose fence is longer than any in the text.

    Parameters
    ----------
    text : str
        Anything.
    """
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    lines = [words.printable(line) for line in text.splitlines()]
    return Markup("\n".join([fence, *lines, fence]))
