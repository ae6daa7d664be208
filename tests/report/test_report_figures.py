from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from report_runs import Made

from vat_bayes.report.figures.density import regions
from vat_bayes.report.page import ModelPart, drawings, model_parts
from vat_bayes.report.run import load_run

MakeRun = Callable[..., Path]


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_regions_hold_their_share_of_the_draws(correlation: float) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.multivariate_normal([1, 2], [[1, correlation], [correlation, 1]], 4000).T
    found = regions(x, y)
    assert found is not None
    i = np.clip(np.searchsorted(found.y, y), 0, len(found.y) - 1)
    j = np.clip(np.searchsorted(found.x, x), 0, len(found.x) - 1)
    for height, share in zip(found.heights, (0.9, 0.5), strict=True):
        assert np.mean(found.density[i, j] >= height) == pytest.approx(share, abs=0.02)


def test_a_tax_has_no_region_below_zero() -> None:
    rng = np.random.default_rng(4)
    found = regions(rng.normal(size=2000), np.maximum(0, rng.normal(0.1, 0.2, 2000)))
    assert found is not None
    assert found.y.min() == 0.0


def test_draws_without_spread_have_no_region() -> None:
    assert regions(np.zeros(1000), np.ones(1000)) is None
    assert regions(np.full(1000, np.nan), np.ones(1000)) is None


def test_every_figure_is_well_formed_and_carries_its_text_twin(
    standard_parts: tuple[ModelPart, ...],
) -> None:
    drawn = drawings(standard_parts)
    assert len({d.name for d in drawn}) == len(drawn) == 23
    for d in drawn:
        assert re.fullmatch(r"[a-z0-9-]+", d.name)
        for svg in (d.inline, d.file):
            root = ET.fromstring(svg)
            assert root.tag.endswith("svg")
            assert root.get("aria-label") == d.alt
        assert len(INTERVALS.findall(d.alt)) > 0
    for panel in (*standard_parts[0].forests, *standard_parts[0].couplings):
        assert panel.table is not None
        assert panel.caption


INTERVALS = re.compile(r"\[−?\d+\.\d+, −?\d+\.\d+\]")


def test_inline_figures_follow_the_page_and_share_no_ids(
    standard_parts: tuple[ModelPart, ...],
) -> None:
    drawn = drawings(standard_parts)
    seen: set[str] = set()
    for d in drawn:
        assert "DejaVu" not in d.inline
        assert re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", d.inline) == []
        ids = re.findall(r'\bid="([^"]+)"', d.inline)
        assert len(set(ids)) == len(ids)
        assert seen.isdisjoint(ids)
        seen |= set(ids)
        used = re.findall(r'(?:xlink:href="|url\()#([^")]+)', d.inline)
        assert set(used) == set(ids)


def test_figures_have_no_date_and_load_nothing(
    standard_parts: tuple[ModelPart, ...],
) -> None:
    for d in drawings(standard_parts):
        addresses = set(re.findall(r"https?://[^\"\s<]+", d.file))
        assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
        assert "<metadata" not in d.file


def test_withheld_conditions_are_not_drawn_and_the_caption_says_why(make_run: MakeRun) -> None:
    folder = make_run(
        (
            Made("good", target=("power",), gain=0.4, spill=0.1),
            Made("bad", target=("power",), gain=0.4, spill=0.1, status="not-converged"),
        )
    )
    plot = model_parts(load_run(folder))[0].plot
    assert plot.drawing is not None
    assert "good" in plot.drawing.alt
    assert "bad" not in plot.drawing.alt
    assert "Not drawn: B, because the fit failed its checks." in plot.caption


def test_names_are_text_in_figures_too(make_run: MakeRun) -> None:
    name = '<script>x</script> $\\frac{1}{2}$ & "q" \x07'
    folder = make_run((Made(name, target=("power",), gain=0.4, spill=0.1),))
    for d in drawings(model_parts(load_run(folder))):
        assert "<script" not in d.inline + d.file
        ET.fromstring(d.file)
