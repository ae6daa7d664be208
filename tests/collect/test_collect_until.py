"""Collecting until a rule is met: blocks, looks, interruption, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_collect_run import Recorder

from vat_bayes.collect import collect
from vat_bayes.errors import InputError
from vat_bayes.runs import FitOptions
from vat_bayes.sequential import Plan, collect_until
from vat_bayes.stopping import ordered_scenarios, parse_rule
from vat_bayes.study import Study

# The answers of random weights hardly move: trajectories are long, and few of them are enough here.
QUICK = FitOptions(draws=4, tune=10, chains=1)


@pytest.fixture
def longer(study_data: dict[str, Any], tmp_path: Path) -> Study:
    """Return the small study with twice the scenarios, a baseline, an intervention and a retest."""
    path = tmp_path / "longer.csv"
    lines = ["item,scenario,topic,value,polarity,scenario_text,action_text,split"]
    for s in range(8):
        for value in ("benevolence", "power"):
            for sign in (1, -1):
                action = f"{'Help' if sign > 0 else 'Hinder'} {value} {s}"
                lines.append(
                    f'i{s}-{value}{sign:+d},s{s},t{s % 2},{value},{sign},"Ann, number {s}, waits.",'
                    f"{action},judged"
                )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    kept = [c for c in study_data["conditions"] if c.get("kind") != "shots"]
    items = study_data["items"] | {"path": str(path)}
    return Study.from_dict(study_data | {"conditions": kept, "items": items})


def looks(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text())["sequential"][
        "looks"
    ]
    return found


def test_a_rule_that_is_never_met_ends_with_all_scenarios(longer: Study, tmp_path: Path) -> None:
    plan = Plan(parse_rule("width(gain) < 0.0001"), first=4, block=2)
    run = tmp_path / "run"
    each = len(longer.prompts) * len(longer.conditions) * 4
    with pytest.raises(KeyboardInterrupt):
        collect_until(longer, plan, out=run, progress=Recorder(stop_after=4 * each + 3))
    # The first look is written down; nothing is fitted, because the paired comparison is far.
    (first,) = looks(run)
    assert (first["scenarios"], first["fitted"]) == (4, False)
    assert first["paired"]["width(gain) < 0.0001"] > 0.0001
    order = ordered_scenarios(longer.load_items(), seed=longer.seed)
    table = pd.read_parquet(run / "judgments.parquet")
    assert set(table["scenario"]) == set(order[:4])
    with pytest.raises(InputError, match="the run began with another rule"):
        collect_until(longer, Plan(parse_rule("width(gain) < 1"), first=4, block=2), out=run)

    said: list[str] = []
    ended = collect_until(longer, plan, out=run, options=QUICK, say=said.append)
    assert not ended.met
    assert ended.why == "all scenarios were collected"
    assert [x["scenarios"] for x in ended.looks] == [4, 6, 8]
    assert [x["fitted"] for x in ended.looks] == [False, False, True]
    assert ended.looks[-1]["widths"]["width(gain) < 0.0001"] > 0.0001
    assert looks(run)[0] == first
    assert sum("paired comparison" in s for s in said) == 1
    assert (run / "posterior.nc").is_file()
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["state"] == "complete"
    assert manifest["sequential"]["shares"] == [1.0]
    # The same judgments, bit for bit, as those of a run without a rule.
    whole = pd.read_parquet(collect(longer, out=tmp_path / "whole").judgments)
    pd.testing.assert_frame_equal(pd.read_parquet(run / "judgments.parquet"), whole)

    with pytest.raises(InputError, match="collected without a rule"):
        collect_until(longer, plan, out=tmp_path / "whole")
    again = collect_until(longer, plan, out=run, options=QUICK)
    assert (again.looks, again.met) == (ended.looks, False)


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        ("decided", {}, "asks for a decision; give --budget"),
        ("width(gain) < 1", {"budget": Path("b.toml")}, "does not ask for a decision"),
        ("width(gain) < 1", {"first": 2}, "--first is 2, expected at least 4"),
        ("width(gain) < 1", {"block": 0}, "--block is 0, expected at least 1"),
        ("width(gain, retset) < 1", {}, "names the condition 'retset'"),
        ("width(gain, retest) < 1", {}, "no condition has a target"),
        ("width(tax_excess, retest) < 1", {}, "which only an intervention has"),
        ("decided", {"budget": Path("missing.toml")}, "the budget file does not exist"),
    ],
)
def test_a_mistake_ends_before_anything_is_asked(
    longer: Study, tmp_path: Path, rule: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        collect_until(longer, Plan(parse_rule(rule), **options), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_excess_over_the_own_reference_is_refused(
    longer: Study, study_data: dict[str, Any], tmp_path: Path
) -> None:
    conditions = [
        c | ({"reference": "placebo"} if c["name"] == "promote" else {})
        for c in study_data["conditions"]
        if c.get("kind") != "shots"
    ]
    items = longer.to_dict()["items"]
    beside = Study.from_dict(study_data | {"conditions": conditions, "items": items})
    with pytest.raises(InputError, match="no intervention is compared with anything else"):
        collect_until(beside, Plan(parse_rule("width(tax_excess) < 1")), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
