"""A run in a notebook: how it shows itself, its table, its figures, and its posterior in ArviZ."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from report_runs import Made
from rich.console import Console
from simulated_studies import drawn_posterior, simulate_study
from test_report_decision import ARMS, judged
from test_report_doses import ARMS as DOSED
from test_report_doses import with_doses
from test_report_html import EVIL

import vat_bayes as vb
from vat_bayes.audit import FittedRun
from vat_bayes.estimands import compute_estimands
from vat_bayes.model import write_tree
from vat_bayes.runs import RunFiles, write_dataset, write_table
from vat_bayes.values import angle

MakeRun = Callable[..., Path]


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def shown(standard_run: Path) -> FittedRun:
    return vb.load_run(standard_run)


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_run_shows_itself_in_one_line_and_in_a_notebook(shown: FittedRun) -> None:
    line = repr(shown)
    assert line.startswith("FittedRun('")
    assert "six interventions, 48 scenarios; checks: 1 warned, 1 passed, 1 not run" in line
    assert "\n" not in line
    page = _Tags(shown._repr_html_())
    assert page.tags.count("table") == 1
    gain = shown._run.get(shown._run.arms[0], "gain", scale="points")
    assert gain.bounds in page.text
    assert shown._run.arms[0].condition in page.text


def test_a_terminal_gets_the_table_and_the_decision(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    judged(folder)
    out = StringIO()
    Console(file=out, width=160).print(vb.load_run(folder))
    assert "Gain and tax in rating points" in out.getvalue()
    assert "1 accepted, 1 undecided and 1 rejected" in out.getvalue()


def test_a_name_is_no_markup_in_a_notebook(make_run: MakeRun) -> None:
    run = vb.load_run(make_run((Made(EVIL, target=("power",), gain=0.6),), name=EVIL))
    page = _Tags(run._repr_html_())
    assert {"script", "img"}.isdisjoint(page.tags)
    assert EVIL in page.text


def test_the_table_is_that_of_the_file_with_numbers(shown: FittedRun, standard_run: Path) -> None:
    table = shown.to_dataframe()
    file = pd.read_csv(standard_run / "estimands.csv")
    assert list(table.columns) == list(file.columns)
    assert table["mean"].dtype == float
    np.testing.assert_array_equal(table["mean"], file["mean"])
    table["mean"] = 0.0
    assert shown.to_dataframe()["mean"].abs().sum() > 0


def test_a_failed_fit_withholds_its_numbers_everywhere(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    failed = {"check": "r_hat", "verdict": "fail", "figure": 1.2, "threshold": 1.01, "why": "R-hat"}
    (folder / "checks.json").write_text(json.dumps([failed]))
    run = vb.load_run(folder)
    assert "The fit failed" in run._repr_html_()
    mine = run.to_dataframe().query("estimand in ['gain', 'tax_rms', 'shift']")
    assert mine[["mean", "lo", "hi"]].isna().all(axis=None)
    assert set(mine["status"]) == {"not-converged"}
    with pytest.raises(vb.InputError, match="nothing to draw"):
        run.plot_gain_tax()
    assert pyplot.get_fignums() == []


def test_figures_draw_what_the_table_says(shown: FittedRun) -> None:
    name = "promote-power"
    arm = next(a for a in shown._run.arms if a.condition == name)
    shift = shown._run.get(arm, "shift", "security", "points")
    forest = shown.plot_forest(name)
    ends = [line.get_xdata() for line in forest.lines if len(line.get_xdata()) == 2]
    assert any(np.allclose(e, [shift.lo, shift.hi]) for e in ends)
    circle = shown.plot_circle(name)
    assert circle.name == "polar"
    radii = [line.get_ydata() for line in circle.lines if len(line.get_ydata()) == 2]
    assert any(np.allclose(r, [shift.lo, shift.hi]) for r in radii)
    coupling = shown.plot_coupling(name)
    assert len(coupling.get_yticklabels()) == len(shown._run.values) - 1
    plane = shown.plot_gain_tax()
    assert plane.get_xlabel() == "Gain of the target, rating points"
    assert len(pyplot.get_fignums()) == 4


def test_the_circle_predicts_the_cosine_of_the_gain(shown: FittedRun) -> None:
    name = "suppress-tradition"
    arm = next(a for a in shown._run.arms if a.condition == name)
    gain = shown._run.get(arm, "gain", scale="points").centre
    (dashed,) = (x for x in shown.plot_circle(name).lines if x.get_linestyle() == "--")
    at, predicted = np.asarray(dashed.get_xdata()), np.asarray(dashed.get_ydata())
    target = np.radians(angle("tradition"))
    np.testing.assert_allclose(predicted, -gain * np.cos(at - target), atol=1e-12)


def test_figures_go_into_a_part_of_another(shown: FittedRun) -> None:
    left, right = pyplot.figure(figsize=(9, 4)).subfigures(1, 2)
    shown.plot_forest("hint", figure=left)
    shown.plot_circle("hint", figure=right)
    assert len(left.axes) == len(right.axes) == 1
    assert len(pyplot.get_fignums()) == 1


def test_a_series_of_doses_is_drawn(make_run: MakeRun) -> None:
    folder = make_run(DOSED)
    with_doses(folder)
    gain, tax = vb.load_run(folder).plot_trajectory()
    assert gain.get_title(loc="left") == "Gain"
    assert tax.get_xlabel() == "Dose"


def test_what_is_not_there_is_told_with_what_is(
    shown: FittedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call, message in (
        (shown.plot_forest, "say which condition; one of promote-benevolence, "),
        (lambda: shown.plot_forest("promote-powr"), "no condition 'promote-powr'; did you mean"),
        (lambda: shown.plot_gain_tax("other"), "no model 'other'; have demo-judge"),
        (shown.plot_trajectory, "differ in their dose alone"),
    ):
        with pytest.raises(vb.InputError, match=message):
            call()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(vb.InputError, match=r"pip install 'vat-bayes\[report\]'"):
        shown.plot_gain_tax()


def test_a_folder_without_a_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(vb.InputError, match="no such run folder"):
        vb.load_run(tmp_path / "none")
    with pytest.raises(vb.InputError, match=r"there is no estimands\.csv; fit it first"):
        vb.load_run(tmp_path)


def test_arviz_takes_the_posterior_as_it_is(tmp_path: Path) -> None:
    import arviz as az

    files = RunFiles(tmp_path)
    tree = drawn_posterior(simulate_study(1, n_scenarios=4).judgments, draws=60)
    found = compute_estimands(tree)
    write_table(files.estimands, found.table)
    write_dataset(files.draws, found.draws)
    files.checks.write_text("[]")
    write_tree(tree, files.posterior)
    posterior = vb.load_run(tmp_path).posterior
    table = az.summary(posterior, var_names=["delta", "beta"])
    delta = posterior["posterior"]["delta"]
    assert len(table) == delta.sizes["arm"] * (delta.sizes["value"] + 1)
    first = table.loc["delta[promote, self-direction]"]
    assert float(first["mean"]) == pytest.approx(
        float(delta.sel(arm="promote", value="self-direction").mean()), abs=1e-3
    )
    assert float(az.rhat(posterior, var_names=["beta"])["beta"].max()) < 1.2
    for plot in (az.plot_forest, az.plot_dist, az.plot_trace):
        assert plot(posterior, var_names=["beta"]) is not None


def test_a_backend_that_turns_interactive_when_it_is_loaded_stays_so(
    standard_run: Path, tmp_path: Path
) -> None:
    """As that of a notebook does: inside the figures' style it would be turned off again."""
    (tmp_path / "like_inline.py").write_text(
        "import matplotlib\n"
        "from matplotlib.backends.backend_agg import *\n"
        "from matplotlib.backends.backend_agg import _BackendAgg\n"
        "from matplotlib.backend_bases import FigureManagerBase as FigureManager\n"
        "matplotlib.interactive(True)\n"
    )
    script = (
        "import matplotlib, vat_bayes as vb\n"
        f"vb.load_run({str(standard_run)!r}).plot_gain_tax()\n"
        "assert matplotlib.is_interactive()\n"
    )
    environment = os.environ | {"MPLBACKEND": "module://like_inline", "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
