from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from report_runs import Made
from test_report_html import page_of

from vat_bayes.estimands.trajectory import monotone_probability
from vat_bayes.report.doses import find_doses
from vat_bayes.report.machine import summary
from vat_bayes.report.page import drawings, model_parts
from vat_bayes.report.run import load_run

MakeRun = Callable[..., Path]
DOSES = (1.0, 4.0, 16.0)
ARMS = tuple(
    # Not in the order of the doses: the rows say which is the next lower one.
    Made(f"shots-{d:g}", target=("power",), gain=0.1 * np.log2(d) + 0.1, spill=0.05)
    for d in (DOSES[2], DOSES[0], DOSES[1])
)


def with_doses(folder: Path) -> dict[str, float]:
    """Put doses and the rows of their series into a made-up run; return P(monotone) by quantity."""
    draws = xr.load_dataset(folder / "estimand_draws.nc")
    doses = [float(str(c).removeprefix("shots-")) for c in draws["arm_condition"].to_numpy()]
    draws.assign_coords(arm_dose=("arm", doses)).to_netcdf(
        folder / "estimand_draws.nc", engine="h5netcdf"
    )
    order = np.argsort(doses)
    names = [str(c) for c in draws["arm_condition"].to_numpy()[order]]
    table = pd.read_csv(folder / "estimands.csv", dtype=str, keep_default_na=False)
    usual = table[table["estimand"] == "tax_rms"].set_index("condition").to_dict("index")
    rows, found = [], {}
    for short, name in (("gain", "gain"), ("tax", "tax_rms")):
        joint = draws[name].to_numpy()[:, order]
        for i in range(1, len(names)):
            step = joint[:, i] - joint[:, i - 1]
            lo, median, hi = np.quantile(step, [0.05, 0.5, 0.95])
            rows.append(
                usual[names[i]]
                | {"condition": names[i], "estimand": f"trajectory_{short}", "value": names[i - 1]}
                | {"median": median, "lo": lo, "hi": hi}
            )
        found[short] = monotone_probability(np.diff(joint, axis=1))
        rows.append(
            usual[names[-1]]
            | {"condition": names[-1], "estimand": f"p_monotone_{short}", "value": "shots"}
            | {"scale": "probability", "status": "ok"}
            | dict.fromkeys(("mean", "median", "lo", "hi", "p_positive"), found[short])
        )
    pd.concat([table, pd.DataFrame(rows)]).to_csv(folder / "estimands.csv", index=False)
    return found


def test_a_series_is_found_in_the_order_of_its_doses(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    p = with_doses(folder)
    run = load_run(folder)
    (series,) = find_doses(run, run.models[0])
    assert series.name == "shots"
    assert series.doses == DOSES
    assert [a.condition for a in series.arms] == ["shots-1", "shots-4", "shots-16"]
    assert [e.centre for e in series.rises] == pytest.approx([p["gain"], p["tax"]])


def test_the_page_draws_and_tells_the_trajectory(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    with_doses(folder)
    run = load_run(folder)
    page = page_of(folder)
    assert "dose" in [a["id"] for tag, a in page.tags if tag == "section"]
    (figure,) = [d for d in drawings(model_parts(run)) if d.name.startswith("dose")]
    assert (folder / "figures" / f"{figure.name}.svg").is_file()
    (series,) = find_doses(run, run.models[0])
    for arm, dose in zip(series.arms, series.doses, strict=True):
        for name in ("gain", "tax_rms"):
            assert f"dose {dose:g} {run.get(arm, name, scale='points').text}" in figure.alt
    for p in series.rises:
        assert f"P(monotone) {p.text}".replace(">", "&gt;") in re.sub(
            r"<!--.*?-->", "", figure.file
        )
    for e in (e for a in run.arms for e in run.all(a) if e.estimand.startswith("trajectory")):
        assert e.text in page.text


def test_without_a_series_there_is_no_section(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    assert "dose" not in [a.get("id") for _, a in page_of(folder).tags]


def test_a_failed_fit_draws_no_trajectory(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    with_doses(folder)
    (folder / "checks.json").write_text(
        '[{"check": "r_hat", "verdict": "fail", "figure": 1.2, "threshold": 1.01, "why": "R-hat"}]'
    )
    text = page_of(folder).text
    assert not list((folder / "figures").glob("dose*"))
    assert "Withheld: the fit failed its checks." in text


def test_the_summary_tells_the_trajectory(make_run: MakeRun) -> None:
    folder = make_run(ARMS)
    rises = with_doses(folder)
    (told,) = summary(load_run(folder))["trajectories"]
    assert [s["dose"] for s in told["steps"]] == list(DOSES)
    assert told["steps"][0]["gain_change"] is None
    assert told["p_monotone_gain"]["median"] == rises["gain"]
    draws = xr.load_dataset(folder / "estimand_draws.nc").swap_dims(arm="arm_condition")["gain"]
    step = draws.sel(arm_condition="shots-4") - draws.sel(arm_condition="shots-1")
    assert told["steps"][1]["gain_change"]["median"] == pytest.approx(float(step.median()))
