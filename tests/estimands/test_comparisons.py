"""Dose series, the frontier and pairs: against loops over draws, and in the table."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_studies import BASELINE, PLACEBO, drawn_posterior, simulate_study

from vat_bayes.conditions import Condition
from vat_bayes.estimands import Estimands, compute_estimands
from vat_bayes.estimands.arms import ArmInfo
from vat_bayes.estimands.contrasts import debiased_step
from vat_bayes.estimands.frontier import beats, on_frontier
from vat_bayes.estimands.trajectory import find_series, monotone_probability, stem
from vat_bayes.judgments import load_judgments
from vat_bayes.values import VALUES


def shots(k: float, **more: object) -> Condition:
    told = {"target": ("benevolence",), "dose": float(k), "placebo": "placebo", **more}
    return Condition(f"shots-{k:g}", "intervention", **told)


@pytest.mark.parametrize(
    ("name", "dose", "shared"),
    [
        ("shots-4", 4, "shots"),
        ("steer--0.5", -0.5, "steer"),
        ("step-1e+06", 1e6, "step"),
        ("4 shots", 4, "# shots"),
        ("qwen3-step-200-b", 200, "qwen#-step-#-b"),
        ("steer-weak", 1, "steer"),
        ("weak", 1, "weak"),
    ],
)
def test_stem_of_a_name(name: str, dose: float, shared: str) -> None:
    assert stem(name, dose) == shared


def test_series_share_everything_but_the_dose() -> None:
    conditions = [
        shots(8), shots(2), shots(4),
        Condition("lora-1", "intervention", ("benevolence",), dose=1.0),
        Condition("shots-3", "intervention", ("power",), dose=3.0),
        Condition("shots-5", "intervention", ("benevolence",), direction=-1, dose=5.0),
        Condition("shots-6", "placebo", ("benevolence",), dose=6.0),
        Condition("shots-7", "intervention", ("benevolence",)),
    ]  # fmt: skip
    arms = [ArmInfo(f"m: {c.name}", "m", c, i) for i, c in enumerate(conditions)]
    other = [ArmInfo("n: shots-9", "n", shots(9), len(arms))]
    (series,) = find_series(arms + other)
    assert series.name == "shots"
    assert [a.condition.name for a in series.arms] == ["shots-2", "shots-4", "shots-8"]
    assert not series.repeats


@given(st.integers(0, 500), st.integers(2, 4))
def test_monotone_probability_by_loop(seed: int, k: int) -> None:
    draws = np.random.default_rng(seed).integers(0, 4, (30, k)).astype(float)
    expected = []
    for row in draws:
        share = 1.0
        for a, b in itertools.pairwise(row):
            share *= 1.0 if b > a else 0.5 if b == a else 0.0
        expected.append(share)
    assert monotone_probability(np.diff(draws, axis=1)) == pytest.approx(np.mean(expected))


def test_without_dependence_on_the_dose_all_orders_are_alike() -> None:
    draws = np.random.default_rng(0).normal(size=(20_000, 3))
    assert monotone_probability(np.diff(draws, axis=1)) == pytest.approx(1 / 6, abs=0.01)


@given(st.integers(0, 500), st.integers(1, 4))
def test_frontier_and_pairs_by_loop(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    gain, tax = rng.integers(-2, 3, (25, k)) / 2.0, rng.integers(0, 3, (25, k)) / 2.0
    expected = np.zeros(k)
    for g, t in zip(gain, tax, strict=True):
        others = [*zip(g, t, strict=True), (0.0, 0.0)]
        for i in range(k):
            dominated = any(a >= g[i] and b <= t[i] and (a, b) != (g[i], t[i]) for a, b in others)
            expected[i] += not dominated
    np.testing.assert_allclose(on_frontier(gain, tax), expected / 25)
    score = {True: 1.0, False: 0.0}
    for i, j in itertools.permutations(range(k), 2):
        each = [
            (0.5 if g[i] == g[j] else score[g[i] > g[j]])
            * (0.5 if t[i] == t[j] else score[t[i] < t[j]])
            for g, t in zip(gain, tax, strict=True)
        ]
        assert beats(gain[:, i], tax[:, i], gain[:, j], tax[:, j]) == pytest.approx(np.mean(each))


def rows(found: Estimands, condition: str, estimand: str) -> pd.DataFrame:
    t = found.table
    return t[(t["condition"] == condition) & (t["estimand"] == estimand)]


@pytest.fixture(scope="module")
def dosed() -> Estimands:
    conditions = (shots(2), shots(4), shots(8), PLACEBO)
    return compute_estimands(
        drawn_posterior(simulate_study(1, n_scenarios=6, conditions=conditions).judgments)
    )


def test_trajectory_rows_are_differences_of_the_joint_draws(dosed: Estimands) -> None:
    of_doses = dosed.draws.sel(arm=["shots-2", "shots-4", "shots-8"])
    shift = of_doses["shift"].to_numpy()[:, :, [v != "benevolence" for v in VALUES]]
    steps = {
        "gain": np.diff(of_doses["gain"].to_numpy(), axis=1),
        "tax": np.stack([debiased_step(shift[:, k], shift[:, k - 1]) for k in (1, 2)], axis=1),
    }
    for name, step in steps.items():
        for k, condition in enumerate(("shots-4", "shots-8")):
            (line,) = rows(dosed, condition, f"trajectory_{name}").to_dict("records")
            assert line["value"] == ("shots-2", "shots-4")[k]
            assert line["mean"] == pytest.approx(step[:, k].mean())
        (p,) = rows(dosed, "shots-8", f"p_monotone_{name}").to_dict("records")
        assert (p["value"], p["scale"]) == ("shots", "probability")
        expected = ((step > 0) + 0.5 * (step == 0)).prod(1).mean()
        assert p["mean"] == p["p_positive"] == pytest.approx(expected)
        assert rows(dosed, "shots-2", f"trajectory_{name}").empty
    np.testing.assert_array_equal(dosed.draws["arm_dose"], [2, 4, 8, np.nan])


def test_every_pair_and_every_place_on_the_frontier_is_told(dosed: Estimands) -> None:
    names = ("shots-2", "shots-4", "shots-8")
    for name in names:
        assert set(rows(dosed, name, "p_beats")["value"]) == set(names) - {name}
        assert len(rows(dosed, name, "pareto")) == 1
    assert rows(dosed, "placebo", "pareto").empty
    gain, tax = (dosed.draws[v].sel(arm=list(names)).to_numpy() for v in ("gain", "tax_rms"))
    found = [rows(dosed, n, "pareto")["mean"].iloc[0] for n in names]
    np.testing.assert_allclose(found, on_frontier(gain, tax))


def test_repeated_doses_make_no_trajectory() -> None:
    conditions = (
        shots(2),
        Condition("shots-02", "intervention", ("benevolence",), dose=2.0),
        Condition("shots-3", "intervention", ("benevolence",), dose=3.0),
    )
    # By the numbers in their names: a name that ends in its dose has another stem.
    assert stem("shots-02", 2.0) == "shots-#"
    named = tuple(
        Condition(f"{c.dose:g} shots {x}", "intervention", ("benevolence",), dose=c.dose)
        for c, x in zip(conditions, (1, 2, 3), strict=True)
    )
    study = simulate_study(1, n_scenarios=5, conditions=named)
    found = compute_estimands(drawn_posterior(study.judgments, draws=20))
    line = rows(found, "3 shots 3", "p_monotone_gain")
    assert line["status"].tolist() == ["dose-repeated"]
    assert line["mean"].isna().all()
    assert not found.table["estimand"].str.startswith("trajectory").any()


def test_a_dose_without_any_effect_is_a_point_of_the_series() -> None:
    study = simulate_study(2, n_scenarios=5, conditions=(shots(4), PLACEBO))
    table = study.judgments.table
    copy = table[table["condition"] == "baseline"].assign(condition="shots-1")
    judgments = load_judgments(
        pd.concat([table, copy], ignore_index=True),
        conditions=(BASELINE, shots(4), PLACEBO, shots(1)),
        n_categories=study.judgments.n_categories,
    )
    found = compute_estimands(drawn_posterior(judgments))
    (step,) = rows(found, "shots-4", "trajectory_gain").to_dict("records")
    gain = found.draws["gain"].sel(arm="shots-4").to_numpy()
    assert step["value"] == "shots-1"
    assert step["mean"] == pytest.approx(gain.mean())
