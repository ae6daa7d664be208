from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr
from report_runs import CHECKS, Made

from vat_bayes.errors import InputError
from vat_bayes.report.run import load_run, parse_checks

MakeRun = Callable[..., Path]


def test_arms_stand_in_order_with_keys_directions_and_placebos(standard_run: Path) -> None:
    run = load_run(standard_run)
    keys = {a.condition: a.key for a in run.arms}
    assert keys["promote-benevolence"] == "A"
    assert keys["placebo"] == "P"
    assert keys["retest"] == "R"
    assert [a.role for a in run.arms] == ["intervention"] * 6 + ["placebo", "retest"]
    directions = {a.condition: a.direction for a in run.arms}
    assert directions["suppress-tradition"] == -1
    assert directions["backfire"] == 1
    assert {a.placebo for a in run.role("intervention")} == {"placebo"}


def test_a_condition_has_the_same_key_in_every_model(make_run: MakeRun) -> None:
    run = load_run(make_run(models=("one", "two")))
    keys = {}
    for arm in run.arms:
        assert keys.setdefault(arm.condition, arm.key) == arm.key
    assert run.models == ("one", "two")


def test_keys_never_run_out_and_never_collide(make_run: MakeRun) -> None:
    arms = tuple(Made(f"i{n}", target=("power",), gain=0.1) for n in range(30))
    run = load_run(make_run((*arms, Made("p1", role="placebo"), Made("p2", role="placebo"))))
    keys = [a.key for a in run.arms]
    assert len(set(keys)) == len(keys)
    assert keys[-2:] == ["P", "P2"]


def test_two_placebos_are_told_apart_by_whom_they_serve(make_run: MakeRun) -> None:
    folder = make_run(
        (
            Made("a", target=("power",), gain=0.2),
            Made("b", target=("power",), gain=0.2),
            Made("p1", role="placebo", placebo_for=("a",)),
            Made("p2", role="placebo"),
        )
    )
    placebos = {a.condition: a.placebo for a in load_run(folder).role("intervention")}
    assert placebos == {"a": "p1", "b": "p2"}


def test_the_draws_word_on_the_placebo_comes_first(make_run: MakeRun) -> None:
    folder = make_run(
        (
            Made("a", target=("power",), gain=0.2),
            Made("p1", role="placebo"),
            Made("p2", role="placebo"),
        )
    )
    assert load_run(folder).role("intervention")[0].placebo is None
    draws = xr.load_dataset(folder / "estimand_draws.nc")
    draws = draws.assign_coords(arm_placebo=("arm", ["p2", "", ""]))
    draws.to_netcdf(folder / "estimand_draws.nc", engine="h5netcdf")
    assert load_run(folder).role("intervention")[0].placebo == "p2"


def test_a_condition_without_draws_is_still_an_arm(make_run: MakeRun) -> None:
    folder = make_run((Made("a", target=("power",), gain=0.2), Made("same", target=("power",))))
    draws = xr.load_dataset(folder / "estimand_draws.nc").sel(arm=["a"])
    draws.to_netcdf(folder / "estimand_draws.nc", engine="h5netcdf")
    assert [a.condition for a in load_run(folder).arms] == ["a", "same"]


@pytest.mark.parametrize("name", ["estimands.csv", "estimand_draws.nc", "checks.json"])
def test_a_missing_file_is_named(make_run: MakeRun, name: str) -> None:
    folder = make_run((Made("a"),))
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"there is no {name}"):
        load_run(folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("checks.json", "{", "not JSON"),
        ("checks.json", "{}", "expected a list"),
        ("checks.json", '[{"check": "x", "verdict": "good"}]', "check 1"),
        ("manifest.json", "[]", "expected an object"),
        ("study.toml", "a = ", "not TOML"),
        ("estimand_draws.nc", "no", "not a netCDF file"),
    ],
)
def test_a_broken_file_is_named(make_run: MakeRun, name: str, text: str, message: str) -> None:
    folder = make_run((Made("a"),))
    (folder / name).write_text(text)
    with pytest.raises(InputError, match=message):
        load_run(folder)


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("r_hat", True),
        ("ess_bulk", True),
        ("ess_tail", True),
        ("divergences", True),
        ("bfmi", True),
        ("tree_depth", False),
        ("simulated process", False),
        ("posterior predictive", False),
    ],
)
def test_only_checks_of_the_sampler_withhold_numbers(
    make_run: MakeRun, name: str, about: bool
) -> None:
    checks = [{"check": name, "verdict": "fail", "figure": 1, "threshold": 2, "why": "so"}]
    run = load_run(make_run((Made("a", target=("power",), gain=0.4),), checks=checks))
    assert bool(run.fit_failures) is about
    assert run.get(run.arms[0], "gain").known is not about


def test_checks_keep_their_order_and_say_what_is_missing() -> None:
    checks = parse_checks(json.loads(json.dumps(CHECKS)))
    assert [c.verdict for c in checks] == ["pass", "warn", "not-run"]
    assert (checks[2].figure, checks[2].threshold) == ("", "")
    assert checks[0].figure == "1.003"


def test_only_a_baseline_is_nothing_to_report(make_run: MakeRun) -> None:
    folder = make_run((Made("a"),))
    table = pd.read_csv(folder / "estimands.csv").iloc[:0]
    table.to_csv(folder / "estimands.csv", index=False)
    draws = xr.load_dataset(folder / "estimand_draws.nc").isel(arm=slice(0, 0))
    draws.to_netcdf(folder / "estimand_draws.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="nothing to report"):
        load_run(folder)
