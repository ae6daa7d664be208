from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from report_runs import CHECKS, Made

from vat_bayes.report import write_report
from vat_bayes.report.run import load_run

MakeRun = Callable[..., Path]
VOID = {"meta", "br", "hr", "img", "link", "input"}
EVIL = "<script>alert(\"x\")</script><img src=x onerror=alert(1)> & 'q'"


class Page(HTMLParser):
    """Checks that tags are balanced, and keeps what a reader would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page_of(folder: Path, **given: pd.DataFrame) -> Page:
    return Page(write_report(folder, **given).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def standard(standard_run: Path) -> Page:
    return page_of(standard_run)


def test_the_page_is_balanced_and_its_sections_stand_in_order(standard: Page) -> None:
    sections = [a["id"] for tag, a in standard.tags if tag == "section"]
    assert sections == [
        *("gain-tax", "shifts", "circle", "coupling", "style", "truth"),
        *("checks", "data", "other", "limits", "cite"),
    ]
    links = {a["href"] for tag, a in standard.tags if tag == "a" and str(a["href"])[0] == "#"}
    assert links == {f"#{s}" for s in sections}
    ids = [a["id"] for _, a in standard.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_nothing_is_loaded_and_nothing_runs(standard: Page) -> None:
    tags = {tag for tag, _ in standard.tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form"})
    for tag, attributes in standard.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert "src" not in attributes
        if tag == "use":
            assert str(attributes["xlink:href"]).startswith("#")
    policy = next(a["content"] for tag, a in standard.tags if a.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_the_style_sheet_loads_nothing(standard_run: Path) -> None:
    style = re.search(
        r"<style>(.*?)</style>", write_report(standard_run).read_text(), flags=re.DOTALL
    )
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "prefers-color-scheme: dark" in style[1]


def test_every_estimate_of_the_main_tables_is_there_with_its_interval(
    standard: Page, standard_run: Path
) -> None:
    run = load_run(standard_run)
    for arm in run.arms:
        for name in ("gain", "tax_rms", "tax_excess", "tax_excess_retest", "tax_displacement"):
            e = run.get(arm, name, scale="points")
            if e.known:
                assert e.text in standard.text
        for v in run.values:
            assert run.get(arm, "shift", v, "points").text in standard.text
        for e in run.couplings(arm).values():
            assert e.text in standard.text
        for name in ("nvat_offdiag", "nvat_offdiag_prior", "nvat_paper", "nvat_paper_raw_null"):
            assert run.get(arm, name).text in standard.text


def test_withheld_numbers_show_their_reason(standard: Page) -> None:
    assert "withheld: gain not resolved" in standard.text
    assert "no target declared" in standard.text
    assert "at floor" in standard.text
    assert "wrong way" in standard.text


def test_checks_are_told_in_words(standard: Page) -> None:
    for told in ("1 passed", "1 warned", "1 not run", "takes an hour; ask for it", "1.003"):
        assert told in standard.text


def test_provenance_is_on_the_page(standard: Page) -> None:
    for told in ("ab" * 32, "0.22.0", "3 of 960", "Care for the people around you.", "20260101"):
        assert told in standard.text
    assert "A neighbour asks for help." in standard.text


def test_methods_are_cited_and_bibtex_is_given(standard: Page) -> None:
    for told in ("Chen, Jiajun", "2602.12134", "Schwartz", "Hoffman", "Vehtari", "NumPyro"):
        assert told in standard.text
    assert "@article{chen2026valuealignmenttax," in standard.text


def test_truth_is_counted(standard: Page) -> None:
    assert "80 of 80 true values lie inside their 90% intervals" in standard.text


def test_misses_of_the_truth_are_shown_first(make_run: MakeRun) -> None:
    folder = make_run(truth=True)
    truth = pd.read_csv(folder / "truth.csv")
    truth.loc[0, "truth"] = 3.0
    page = page_of(folder, truth=truth)
    assert "79 of 80 true values" in page.text
    assert page.text.index("Outside their intervals") < page.text.index("All 80 comparisons")
    assert "outside" in page.text


def test_users_words_are_escaped_everywhere(make_run: MakeRun) -> None:
    folder = make_run(
        (
            Made(EVIL, target=("power",), gain=0.4, spill=0.1, text=f"</pre>{EVIL}"),
            Made("placebo", role="placebo", spill=0.03),
        ),
        models=(EVIL,),
        name=EVIL,
        checks=[{**CHECKS[0], "check": EVIL, "why": EVIL}],
    )
    page = page_of(folder)
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.tags)
    assert EVIL in page.text
    assert f"</pre>{EVIL}" in page.text


def test_a_failed_fit_shows_no_number_of_the_posterior(make_run: MakeRun) -> None:
    folder = make_run()
    numbers = {
        e.text
        for arm in load_run(folder).arms
        for name in ("gain", "tax_rms", "tax_excess")
        if (e := load_run(folder).get(arm, name, scale="points")).known
    }
    assert numbers
    (folder / "checks.json").write_text(
        '[{"check": "r_hat", "verdict": "fail", "figure": 1.2, "threshold": 1.01, "why": "R-hat"}]'
    )
    page = page_of(folder)
    assert page.text.index("The fit failed") < page.text.index("Six interventions")
    # A classical twin may happen to round to the same text, so its own are set aside.
    run = load_run(folder)
    twins = {e.text for a in run.arms for e in run.all(a) if e.known}
    shown = {n for n in numbers - twins if n in page.text}
    assert shown == set()
    assert not list((folder / "figures").glob("gain-tax*"))


@pytest.mark.parametrize(
    "given",
    [
        {"arms": (Made("free", spill=0.2), Made("placebo", role="placebo"))},
        {"arms": (Made("alone", target=("power",), gain=0.4, spill=0.1),), "provenance": False},
        {"arms": (Made("x" * 300, target=("power",), gain=0.4),), "models": ("m " * 90,)},
        {"models": ("one", "two"), "truth": True},
        {"arms": (Made("odd $^_% \x07 \N{PILE OF POO}", target=("power",), gain=0.4),)},
    ],
    ids=["no target", "bare", "long names", "two models", "odd signs"],
)
def test_every_kind_of_run_gives_a_balanced_page(
    make_run: MakeRun, given: dict[str, object]
) -> None:
    folder = make_run(**given)
    text = page_of(folder).text
    for arm in load_run(folder).arms:
        assert " ".join(arm.condition.split()) in text
