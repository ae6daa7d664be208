"""The page in a real browser: what it logs, how it lies at three widths, what axe-core finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_runs import STANDARD, write_example_items, write_run
from test_report_decision import judged
from test_report_html import EVIL

from vat_bayes.report import write_report
from vat_bayes.report.pdf import find_browser

BROWSER = find_browser()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on PATH")
MATHS = "∑ₙ αₙ² ≤ ½·π, x̄ ∈ ℝ, 𝔼[y] → ∞, a<b & c>d $e^{iπ}$"
WIDTHS = (1280, 768, 390)

# Pairs of shown texts that lie over each other. What a box has scrolled out of sight is not shown,
# and what stands in a figure is the figure's.
OVERLAPS = """() => {
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    const text = node.textContent.trim();
    if (!text || !parent.checkVisibility({visibilityProperty: true})) continue;
    if (parent.closest('svg, style') || getComputedStyle(parent).clipPath !== 'none') continue;
    if (parent.closest('thead') && getComputedStyle(parent.closest('thead')).clipPath !== 'none')
      continue;
    const box = parent.closest('.box')?.getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const r of range.getClientRects()) {
      const left = Math.max(r.left, box?.left ?? r.left);
      const right = Math.min(r.right, box?.right ?? r.right);
      if (right - left > 1 && r.height > 1) boxes.push([left, r.top, right, r.bottom, text]);
    }
  }
  const found = [];
  for (let i = 0; i < boxes.length; i++)
    for (let j = i + 1; j < boxes.length; j++) {
      const [a, b] = [boxes[i], boxes[j]];
      const x = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
      const y = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
      if (x > 2 && y > 6) found.push([a[4].slice(0, 60), b[4].slice(0, 60), x, y]);
    }
  return found;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run with every section of the page, and with texts that a page could trip over."""
    made = (STANDARD[0], STANDARD[-1])
    run = write_run(tmp_path_factory.mktemp("browser") / "run", made, name=EVIL, truth=True)
    write_example_items(run, EVIL, MATHS)
    judged(run)
    write_report(run)
    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as started:
        # The sandbox refuses to start for root, as in a container; the page runs no scripts.
        yield started.chromium.launch(executable_path=str(BROWSER), args=["--no-sandbox"])


@pytest.fixture(scope="module")
def page(browser: Any, folder: Path) -> Any:
    """Return the page with everything unfolded, and what the browser had to say in `said`."""
    page = browser.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("requestfailed", lambda request: page.said.append(request.url))
    page.on("dialog", lambda dialog: (page.said.append(dialog.message), dialog.dismiss()))
    page.goto((folder / "report.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    return page


def test_nothing_is_logged_and_texts_show_as_texts(page: Any) -> None:
    assert page.said == []
    assert page.title() == f"{EVIL}: value alignment tax"
    text = page.locator("#items").inner_text()
    assert EVIL in text
    assert f"Action: {MATHS}" in text
    assert page.locator("script, img").count() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overlaps_or_sticks_out(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERLAPS) == []


def test_text_that_overlaps_is_found(browser: Any) -> None:
    page = browser.new_page()
    page.set_content("<p>one line of text<p style='margin-top:-2em'>another line of text")
    assert len(page.evaluate(OVERLAPS)) == 1
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(page: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-core is not installed")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme=scheme)
    # One unfolded table stands for the others: contrast is slow to compute.
    page.evaluate(
        "document.querySelectorAll('details').forEach(d => d.open = !!d.closest('#items'))"
    )
    page.evaluate(Path(axe.AXE_FILE_PATH).read_text(encoding="utf-8"))
    # What depends on the colours is looked at in both schemes, and the rest once.
    rules = {} if scheme == "light" else {"runOnly": ["color-contrast"]}
    found = page.evaluate("rules => axe.run(rules)", rules)
    assert len(found["passes"]) >= (20 if scheme == "light" else 1)
    assert [(v["id"], v["impact"], v["nodes"][0]["html"]) for v in found["violations"]] == []


def test_the_page_prints(page: Any) -> None:
    page.emulate_media(media="print", color_scheme="light")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF-")
    # What is printed is no wider than the paper.
    page.set_viewport_size({"width": 794, "height": 1123})
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
