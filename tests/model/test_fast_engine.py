"""The fast engine for ratings: what it takes, what it returns, and that it agrees with NUTS."""

from __future__ import annotations

import json
from dataclasses import replace

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from simulated_studies import factorial_structure, irregular_ratings, simulate_study

from vat_bayes.checks.fast_engine import check_fast_engine
from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.estimands import compute_estimands
from vat_bayes.judgments import load_judgments
from vat_bayes.model import fit, load_spec
from vat_bayes.model.fast import diagnose, ratings
from vat_bayes.model.fast.diagnose import Diagnosis, _pareto_k
from vat_bayes.model.fast.ratings import preference, refusal
from vat_bayes.model.ratings import RatingsDesign

SPEC = load_spec()
ALONE = Condition("promote", "intervention", ("benevolence",))


def plain(n_scenarios: int, rng: np.random.Generator) -> RatingsDesign:
    s = factorial_structure(n_scenarios)
    state, item = (x.ravel() for x in np.indices((s.n_states, len(s.items))))
    counts = np.eye(5, dtype=np.int64)[rng.integers(0, 5, len(state))]
    return RatingsDesign(s, state, item, np.zeros(len(state), dtype=int), counts)


def test_what_it_takes() -> None:
    rng = np.random.default_rng(0)
    design = plain(6, rng)
    assert refusal(design, SPEC) is None
    assert refusal(irregular_ratings(rng, rich=False), SPEC) is None
    worded = replace(design, structure=replace(design.structure, prompts=("a", "b")))
    assert refusal(worded, SPEC) == "ratings with several prompts"
    twice = replace(design, counts=2 * design.counts)
    assert refusal(twice, SPEC) == "repeated ratings of an item in one condition"
    probit = replace(SPEC, link="probit")
    assert refusal(design, probit) == "ratings with this model's link"
    gone = np.ones(len(design.cell_state), dtype=bool)
    for scenario in range(1, 6):
        for value in range(scenario):
            gone &= design.cell_item // 2 != 10 * scenario + value
    holes = RatingsDesign(
        design.structure, *(x[gone] for x in
                            (design.cell_state, design.cell_item, design.cell_prompt,
                             design.counts)),
    )  # fmt: skip
    assert refusal(holes, SPEC) is None
    assert preference(design) == "the data are small enough"
    assert preference(plain(200, rng)) is None
    assert "held against the likelihood" in str(preference(plain(800, rng)))


def test_refused_by_name_and_left_to_nuts_by_auto() -> None:
    table = simulate_study(1, readout="ratings", n_scenarios=3, conditions=(ALONE,)).judgments.table
    twice = load_judgments(
        pd.concat([table.assign(replicate=r) for r in (1, 2)], ignore_index=True),
        conditions=(Condition("baseline", "baseline"), ALONE),
        n_categories=5,
    )
    with pytest.raises(InputError, match="the fast engine does not fit repeated ratings") as caught:
        fit(twice, engine="fast", draws=4, tune=10, chains=1)
    assert "--engine nuts" in str(caught.value)
    tree = fit(twice, engine="auto", draws=4, tune=10, chains=1)
    assert tree.attrs["engine"] == "nuts"
    assert "repeated ratings" in tree.attrs["engine_reason"]
    assert check_fast_engine(tree).verdict == "not-run"


def test_what_is_trusted() -> None:
    good = Diagnosis(0.6, 0.2, "theta", 0.08, "style", 0.45)
    assert good.trusted
    for worse in (
        {"effects_k": 0.8}, {"shift": 0.3}, {"width": 0.2}, {"pareto_k": 0.6}, {"pareto_k": np.nan}
    ):  # fmt: skip
        assert not replace(good, **worse).trusted


def test_chains_that_never_moved_vouch_for_nothing() -> None:
    moved = np.random.default_rng(1).normal(size=100)
    assert _pareto_k(moved) < 0.5
    assert _pareto_k(np.repeat([0.0, -3.0], 50)) == np.inf
    assert _pareto_k(np.zeros(100)) == np.inf
    assert _pareto_k(np.full(100, np.nan)) == np.inf


def graded(**figures: object) -> str:
    tree = xr.DataTree()
    tree.attrs = {
        "engine": "fast", "fast_shift": 0.02, "fast_shifted": "theta", "fast_effects_k": 0.1,
        "fast_width": 0.01, "fast_widened": "style", "fast_pareto_k": 0.2, **figures,
    }  # fmt: skip
    return check_fast_engine(tree).verdict


def test_verdicts() -> None:
    assert graded() == "pass"
    assert graded(fast_pareto_k=float("nan")) == "warn"
    assert graded(fast_shift=0.2) == "warn"
    assert graded(fast_shift=0.4) == "fail"
    assert graded(fast_shift=float("nan")) == "fail"
    assert graded(fast_width=0.07) == "warn"
    assert graded(fast_width=0.2) == "fail"
    assert graded(fast_effects_k=0.6) == "warn"
    assert graded(fast_pareto_k=0.9) == "fail"
    # A hundred ratios of the likelihood carry less than the many weights of the effects.
    assert graded(fast_pareto_k=0.45) == "warn"
    assert graded(fast_pareto_k=0.6) == "fail"
    assert graded(engine="nuts") == "not-run"


@pytest.mark.slow
def test_auto_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratings, "LARGE_CELLS", 10)
    monkeypatch.setattr(ratings, "LARGE_SCENARIOS", 2)
    # Whether a small study passes is a matter of its seed and of the machine: here none does.
    monkeypatch.setattr(diagnose, "LARGEST_SHIFT", 0.0)
    study = simulate_study(5, readout="ratings", n_scenarios=5, conditions=(ALONE,))
    fast, auto = (
        fit(study.judgments, engine=e, draws=50, tune=300, chains=2, seed=1)
        for e in ("fast", "auto")
    )
    assert (fast.attrs["engine"], auto.attrs["engine"]) == ("fast", "nuts")
    assert auto.attrs["engine_reason"] == "the fast engine's diagnostics speak against its fit"
    figures = [k for k in fast.attrs if str(k).startswith("fast_")]
    assert [auto.attrs[k] for k in figures] == [fast.attrs[k] for k in figures]


@pytest.mark.slow
def test_agrees_with_nuts() -> None:
    study = simulate_study(5, readout="ratings", n_scenarios=48, conditions=(ALONE,))
    fast, nuts = (
        fit(study.judgments, engine=e, draws=500, tune=300, chains=2, seed=1)
        for e in ("fast", "nuts")
    )
    assert set(fast["posterior"].data_vars) == set(nuts["posterior"].data_vars) - {"u"}
    assert json.loads(fast.attrs["arms"]) == json.loads(nuts.attrs["arms"])
    for name in ("theta", "delta", "beta", "lambda_", "cutpoint", "kappa_scale", "u_scale"):
        (m1, s1, e1, v1), (m2, s2, e2, v2) = (moments(t["posterior"][name]) for t in (fast, nuts))
        # What is promised, and what four Monte Carlo errors of either add to it.
        assert (np.abs(m1 - m2) < 0.1 * s2 + 4 * np.hypot(e1, e2)).all(), name
        assert (np.abs(s1 - s2) < 0.05 * s2 + 4 * np.hypot(v1, v2)).all(), name
    shifts = [compute_estimands(t).draws["shift"] for t in (fast, nuts)]
    mean, sd = (np.stack([f(x, axis=0) for x in shifts]) for f in (np.mean, np.std))
    assert (np.abs(mean[0] - mean[1]) < 0.1 * sd[1] + 4 * sd[1] * np.sqrt(2 / 400)).all()


def moments(x: xr.DataArray) -> tuple[np.ndarray, ...]:
    """Mean and sd of every entry, and their Monte Carlo errors."""
    mean, sd = x.mean(("chain", "draw")).to_numpy(), x.std(("chain", "draw")).to_numpy()
    both = [
        np.nan_to_num(az.mcse(x.to_dataset(name="x"), method=m)["x"].to_numpy())
        for m in ("mean", "sd")
    ]
    return mean, sd, *both
