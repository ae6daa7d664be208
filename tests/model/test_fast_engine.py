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


def graded(**figures: object) -> str:
    tree = xr.DataTree()
    tree.attrs = {
        "engine": "fast", "fast_shift": 0.02, "fast_shifted": "theta", "fast_effects_k": 0.1,
        "fast_pareto_k": 0.2, **figures,
    }  # fmt: skip
    return check_fast_engine(tree).verdict


def test_verdicts() -> None:
    assert graded() == "pass"
    assert graded(fast_pareto_k=float("nan")) == "warn"
    assert graded(fast_shift=0.2) == "warn"
    assert graded(fast_shift=0.4) == "fail"
    assert graded(fast_shift=float("nan")) == "fail"
    assert graded(fast_effects_k=0.6) == "warn"
    assert graded(fast_pareto_k=0.9) == "fail"
    assert graded(engine="nuts") == "not-run"


@pytest.mark.slow
def test_agrees_with_nuts_or_says_that_it_does_not() -> None:
    study = simulate_study(5, readout="ratings", n_scenarios=48, conditions=(ALONE,))
    fast = fit(study.judgments, engine="fast", draws=1000, chains=2, seed=1)
    nuts = fit(study.judgments, engine="nuts", draws=1000, tune=500, chains=2, seed=1)
    assert set(fast["posterior"].data_vars) == set(nuts["posterior"].data_vars) - {"u"}
    assert json.loads(fast.attrs["arms"]) == json.loads(nuts.attrs["arms"])
    verdict = check_fast_engine(fast).verdict
    for name in ("theta", "delta", "beta", "u_scale", "alpha_scale", "coupling"):
        (m1, s1, e1), (m2, s2, e2) = (moments(t["posterior"][name]) for t in (fast, nuts))
        # A correlation of a value with itself has no scatter to compare.
        free = s2 > 1e-9
        near = np.abs(m1 - m2) < 0.1 * s2 + 4 * np.hypot(e1, e2)
        assert verdict == "fail" or near[free].all(), name
        assert verdict == "fail" or (np.abs(s1[free] / s2[free] - 1) < 0.25).all(), name
    shift = compute_estimands(fast).draws["shift"]
    assert np.isfinite(shift.to_numpy()).all()


def moments(x: xr.DataArray) -> tuple[np.ndarray, ...]:
    """Mean and sd of every entry, and the Monte Carlo error of the mean."""
    mean, sd = x.mean(("chain", "draw")).to_numpy(), x.std(("chain", "draw")).to_numpy()
    error = az.mcse(x.to_dataset(name="x"), method="mean")["x"].to_numpy()
    return mean, sd, np.nan_to_num(error)
