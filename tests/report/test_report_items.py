"""The items that moved most, in every format; their texts show as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from report_runs import STANDARD, write_example_items
from test_report_html import EVIL, Page

from vat_bayes.errors import InputError
from vat_bayes.report import write_report
from vat_bayes.report.markdown import escape_markdown

MakeRun = Callable[..., Path]
MATHS = "∑ₙ αₙ² ≤ ½·π, x̄ ∈ ℝ, 𝔼[y] → ∞, a<b & c>d $e^{iπ}$"


@pytest.fixture
def folder(make_run: MakeRun) -> Path:
    run = make_run((*STANDARD[:1], *STANDARD[-2:]))
    write_example_items(run, EVIL, MATHS)
    return run


def test_items_stand_before_the_checks_with_texts_and_intervals(folder: Path) -> None:
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    sections = [a["id"] for tag, a in page.tags if tag == "section"]
    assert sections[sections.index("items") + 1] == "checks"
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.tags)
    assert EVIL in page.text
    assert f"Action: {MATHS}" in page.text
    assert "0.93 [0.61, 1.25]" in page.text
    assert "Benevolence +, Power \N{MINUS SIGN}" in page.text
    assert page.text.index("promote-benevolence-0") < page.text.index("The same for placebo")
    assert "promote-benevolence-5" not in page.text  # five of each are shown
    assert "For retest the noise of a single item is not known" in page.text


def test_items_are_in_markdown_and_in_the_summary(folder: Path) -> None:
    text = write_report(folder, form="md").read_text(encoding="utf-8")
    assert "## Items that moved most" in text
    assert escape_markdown(MATHS) in text
    assert "<script" not in text
    told = json.loads(write_report(folder, form="json").read_text(encoding="utf-8"))
    arm = told["arms"][0]
    assert len(arm["example_items"]) == 7
    first = arm["example_items"][0]
    assert (first["scenario_text"], first["action_text"]) == (EVIL, MATHS)
    assert (first["without_noise"], first["lo"], first["hi"]) == (0.93, 0.61, 1.25)
    retest = told["arms"][-1]["example_items"][0]
    assert (retest["without_noise"], retest["noise"]) == (None, "")


def test_without_texts_the_page_says_so(folder: Path) -> None:
    (folder / "items.parquet").unlink()
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert "The run folder holds no texts of the items" in page.text
    told = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert told["arms"][0]["example_items"][0]["scenario_text"] is None


def test_damaged_files_are_told(folder: Path) -> None:
    (folder / "items.parquet").write_text("no")
    with pytest.raises(InputError, match=r"items\.parquet: not a Parquet file"):
        write_report(folder)
    table = pd.read_csv(folder / "example_items.csv")
    table.drop(columns="before").to_csv(folder / "example_items.csv", index=False)
    with pytest.raises(InputError, match=r"example_items\.csv: there is no column before"):
        write_report(folder)
