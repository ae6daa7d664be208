"""The report as Markdown, as PDF and as JSON with its schema."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from report_runs import STANDARD, Made
from test_report_decision import ARMS, judged
from test_report_html import EVIL

from vat_bayes.errors import InputError
from vat_bayes.report import write_report
from vat_bayes.report.machine import summary
from vat_bayes.report.markdown import escape_markdown, fenced
from vat_bayes.report.pdf import find_browser
from vat_bayes.report.run import load_run
from vat_bayes.report.schema import Summary, json_schema_text

MakeRun = Callable[..., Path]
SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "summary.schema.json"


def test_the_published_schema_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == json_schema_text()


def test_the_summary_keeps_to_its_schema_and_carries_the_decision(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    found = judged(folder)
    file = write_report(folder, form="json")
    assert file.name == "summary.json"
    assert not (folder / "report.html").exists()
    told = json.loads(file.read_text())
    Summary.model_validate(told)
    with pytest.raises(ValidationError, match="more"):
        Summary.model_validate(told | {"more": 1})
    decision = told["decision"]
    assert decision["verdict"] == found["verdict"] == "reject"
    assert [d["verdict"] for d in decision["decisions"]] == ["accept", "undecided", "reject"]
    for mine, theirs in zip(decision["decisions"], found["decisions"], strict=True):
        assert mine["joint_probability"] == theirs["joint_probability"]
        assert [c["probability"] for c in mine["clauses"]] == [
            c["probability"] for c in theirs["clauses"]
        ]
    assert decision["budget"]["sha256"] == found["budget"]["sha256"]


def test_without_a_budget_or_a_series_the_summary_says_so(make_run: MakeRun) -> None:
    told = summary(load_run(make_run(ARMS)))
    assert told["decision"] is None
    assert told["trajectories"] == []


def test_markdown_has_every_number_of_the_main_tables(standard_run: Path, tmp_path: Path) -> None:
    run = load_run(standard_run)
    text = write_report(standard_run, form="md").read_text(encoding="utf-8")
    for arm in run.arms:
        for e in (
            run.get(arm, "tax_rms", scale="points"),
            *(run.get(arm, "shift", v, "points") for v in run.values),
        ):
            assert f"{e.bounds}" in text
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[0] == "Gain and tax"
    assert {"Checks", "Limits", "How to cite"} <= set(headings)
    assert "![" not in text
    # Every row of a table has as many cells as its heading.
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()]
    inside = [(a, b) for a, b in zip(widths, widths[1:], strict=False) if a and b]
    assert inside
    assert all(a == b for a, b in inside)


def test_names_are_not_markdown(make_run: MakeRun) -> None:
    evil = f"{EVIL} | *x* [a](javascript:b) `c` _d_ $e$"
    folder = make_run((Made(evil, target=("power",), gain=0.6, text="```\nx\n````"),))
    text = write_report(folder, form="md").read_text(encoding="utf-8")
    prose = re.sub(r"^(`{3,})\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "<script" not in prose
    assert "](javascript" not in prose
    assert escape_markdown(evil) in prose
    assert "`````\n```\nx\n````\n`````" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.41 [0.33, 0.50]", "0.41 [0.33, 0.50]"),
        ("tax_rms _a_ *b*", r"tax_rms \_a\_ \*b\*"),
        ("# shots", r"\# shots"),
        ("1. first", r"1\. first"),
        ("0.95", "0.95"),
        ("- a\n\n- b", r"\- a - b"),
        ("---", r"\---"),
        ("a|b <i>&amp;", r"a\|b &lt;i&gt;&amp;amp;"),
        ("[a]: b", r"[a]\: b"),
    ],
)
def test_texts_show_as_they_are(text: str, shown: str) -> None:
    assert escape_markdown(text) == shown


def test_a_fence_is_longer_than_any_in_its_text() -> None:
    assert str(fenced("a ```` b")) == "`````\na ```` b\n`````"


def test_an_unknown_format_is_refused_with_the_near_miss(standard_run: Path) -> None:
    with pytest.raises(InputError, match="unknown format 'htm', .* did you mean 'html'"):
        write_report(standard_run, form="htm")  # type: ignore[arg-type]


def test_without_a_browser_a_pdf_is_refused_in_one_sentence(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(STANDARD[:1])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="none of chromium, .* is on PATH; install one of them"):
        write_report(folder, form="pdf")
    assert not (folder / "report.html").exists()


def test_a_browser_that_fails_is_told(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(STANDARD[:1])
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    browser.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(InputError, match=r"did not print the page \(exit code 3: no display\)"):
        write_report(folder, form="pdf")
    assert not (folder / "report.pdf").exists()


@pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome on PATH")
def test_the_page_is_printed(make_run: MakeRun) -> None:
    folder = make_run(STANDARD[:1])
    pdf = write_report(folder, form="pdf")
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())) >= 2
