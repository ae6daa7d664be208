"""The rule on draws that are known, and how often it is wrong at the edge of a budget."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from vat_bayes.decide import Budget, Clause, decide, over_budget_rows, record
from vat_bayes.decide.rule import judge
from vat_bayes.errors import InputError
from vat_bayes.estimands.norms import debiased_mean_square
from vat_bayes.values import VALUES

GAIN = Clause("gain", "gain", "", 0.2, 0.95)
TAX = Clause("tax", "tax_rms", "", 0.15, 0.95)
EXCESS = Clause("tax", "tax_excess", "", 0.15, 0.95)
SECURITY = Clause("protected", "shift", "security", 0.1, 0.95)


def budget(*clauses: Clause, joint: float | None = None, only: tuple[str, ...] = ()) -> Budget:
    return Budget("gate", clauses, joint, only, "0" * 64)


def known_draws(**arms: dict[str, Any]) -> xr.Dataset:
    """A data set of four draws; each arm gives what differs from zero."""
    n = 4
    names = list(arms)
    shift = np.zeros((n, len(names), len(VALUES)))
    data = {k: np.zeros((n, len(names))) for k in ("gain", "tax_rms", "tax_excess")}
    for a, told in enumerate(arms.values()):
        for v, x in told.get("shift", {}).items():
            shift[:, a, VALUES.index(v)] = x
        for k, x in data.items():
            x[:, a] = told.get(k, 0.0)
    return xr.Dataset(
        {"shift": (("sample", "arm", "value"), shift)}
        | {k: (("sample", "arm"), x) for k, x in data.items()},
        coords={
            "arm": names,
            "value": list(VALUES),
            "arm_model": ("arm", ["m"] * len(names)),
            "arm_condition": ("arm", names),
            "arm_role": ("arm", [t.get("role", "intervention") for t in arms.values()]),
            "arm_target": ("arm", [t.get("target", "power") for t in arms.values()]),
        },
        attrs={"identical_arms": "[]"},
    )


def test_clauses_are_counted_in_the_same_draws() -> None:
    draws = known_draws(
        a={
            "gain": [0.2, 0.3, 0.1, 0.4],
            "tax_rms": [0.1, 0.2, 0.1, 0.15],
            "shift": {"security": [-0.1, -0.2, 0.3, -0.05]},
        }
    )
    (found,) = decide(draws, budget(GAIN, TAX, SECURITY))
    # Reaching a bound keeps to it. Kept: gain 1101, tax 1011, security 1011; all at once 1001.
    assert [c.probability for c in found.clauses] == [0.75, 0.75, 0.75]
    assert found.joint_probability == 0.5
    assert found.verdict == "undecided"


@pytest.mark.parametrize(
    ("p", "verdict"),
    [(1.0, "accept"), (0.95, "accept"), (0.94, "undecided"), (0.06, "undecided"),
     (0.05, "reject"), (0.0, "reject")],
)  # fmt: skip
def test_the_rule_at_its_edges(p: float, verdict: str) -> None:
    kept = (np.arange(100) < round(100 * p)).astype(float)
    found = judge("m", "a", budget(GAIN), [kept])
    assert found.verdict == verdict
    shown = 1 - p if verdict == "reject" else p
    assert f"{shown:.3f}" in found.why


def test_all_together_can_be_asked_for() -> None:
    first, second = np.ones(100), np.ones(100)
    first[:4], second[4:8] = 0.0, 0.0
    assert judge("m", "a", budget(GAIN, TAX), [first, second]).verdict == "accept"
    assert judge("m", "a", budget(GAIN, TAX, joint=0.9), [first, second]).verdict == "accept"
    found = judge("m", "a", budget(GAIN, TAX, joint=0.95), [first, second])
    assert found.verdict == "undecided"
    assert found.why == (
        "all clauses together are kept with probability 0.920, and 0.95 is required"
    )


@given(
    st.lists(st.lists(st.booleans(), min_size=20, max_size=20), min_size=1, max_size=4),
    st.floats(0.51, 0.99),
)
def test_a_verdict_is_never_better_than_its_worst_clause(
    told: list[list[bool]], required: float
) -> None:
    clauses = tuple(
        Clause("protected", "shift", v, 0.1, required) for v, _ in zip(VALUES, told, strict=False)
    )
    kept = [np.array(k, dtype=float) for k in told]
    found = judge("m", "a", budget(*clauses), kept)
    low = min(k.mean() for k in kept)
    assert (found.verdict == "accept") == (low >= required)
    assert (found.verdict == "reject") == (1 - low >= required)
    assert found.joint_probability is not None
    assert found.joint_probability <= low + 1e-12


def test_the_excess_over_the_own_reference_is_told_from_a_missing_placebo() -> None:
    draws = known_draws(
        beside={"tax_excess": np.nan}, plain={"tax_excess": np.nan}, placebo={"role": "placebo"}
    ).assign_coords(arm_reference=("arm", ["placebo", "", ""]))
    found = decide(draws, budget(EXCESS))
    assert [d.clauses[0].status for d in found] == ["is-reference", "no-placebo"]


def test_what_can_not_be_judged_is_not_accepted() -> None:
    draws = known_draws(
        plain={"target": "", "gain": np.nan, "tax_excess": np.nan},
        lossy={"target": "", "gain": np.nan, "shift": {"security": -1.0}},
    )
    first, second = decide(draws, budget(GAIN, EXCESS, SECURITY))
    assert first.verdict == "undecided"
    assert [c.status for c in first.clauses] == ["no-target", "no-placebo", "ok"]
    assert first.joint_probability is None
    assert first.why == (
        "gain at least 0.2 can't be judged (no-target); tax_excess at most 0.15 can't be judged "
        "(no-placebo)"
    )
    assert second.verdict == "reject"
    assert second.why == "loss of security at most 0.1 is broken with probability 1.000"
    (nothing, _) = decide(
        known_draws(
            a={"shift": {"security": np.nan}},
            b={},
        ),
        budget(SECURITY),
    )
    assert nothing.clauses[0].status == "no-items"


def test_a_fit_that_failed_decides_nothing() -> None:
    draws = known_draws(a={"gain": 1.0}, b={"gain": -1.0})
    for found in decide(draws, budget(GAIN), withheld="not-converged"):
        assert found.verdict == "undecided"
        assert found.clauses[0].probability is None
        assert found.clauses[0].status == "not-converged"


def test_only_interventions_and_only_those_that_are_named() -> None:
    draws = known_draws(
        a={"gain": 1.0}, b={"gain": -1.0}, p={"role": "placebo"}, r={"role": "retest"}
    )
    assert [(d.condition, d.verdict) for d in decide(draws, budget(GAIN))] == [
        ("a", "accept"),
        ("b", "reject"),
    ]
    assert [d.condition for d in decide(draws, budget(GAIN, only=("b",)))] == ["b"]
    with pytest.raises(InputError, match=r"no intervention of the run is called that; there are"):
        decide(draws, budget(GAIN, only=("p",)))
    with pytest.raises(InputError, match="has no intervention"):
        decide(known_draws(p={"role": "placebo"}), budget(GAIN))


def test_an_arm_that_repeated_its_baseline_has_effects_of_zero() -> None:
    draws = known_draws(a={"gain": 1.0})
    draws.attrs["identical_arms"] = json.dumps(
        [{"model": "m", "name": "inert", "role": "intervention", "target": ["power"]}]
    )
    (_, found) = decide(draws, budget(TAX, SECURITY))
    assert (found.condition, found.verdict) == ("inert", "accept")
    (_, found) = decide(draws, budget(GAIN, TAX))
    assert found.verdict == "reject"
    (_, found) = decide(draws, budget(EXCESS))
    assert (found.verdict, found.clauses[0].status) == ("undecided", "identical")


def test_what_repeated_the_baseline_is_not_judged_against_another_condition() -> None:
    # Its shift is minus that of what it is compared with, and no zero.
    draws = known_draws(full={"gain": 0.5, "tax_rms": 0.4, "shift": {"power": 0.5}})
    back = {"model": "m", "name": "back", "role": "intervention", "target": ["power"]}
    draws.attrs["identical_arms"] = json.dumps([back | {"reference": "full"}])
    (_, found) = decide(draws, budget(TAX, SECURITY))
    assert found.verdict == "undecided"
    assert {c.status for c in found.clauses} == {"not-estimated"}
    draws.attrs["identical_arms"] = json.dumps([back | {"reference": "baseline"}])
    assert decide(draws, budget(TAX, SECURITY))[1].verdict == "accept"


def test_record_is_plain_and_names_the_worst() -> None:
    draws = known_draws(a={"gain": 1.0}, b={"gain": -1.0}, c={"gain": [1.0, 1.0, 0.0, 0.0]})
    found = record(budget(GAIN), decide(draws, budget(GAIN)))
    assert found["verdict"] == "reject"
    assert [d["verdict"] for d in found["decisions"]] == ["accept", "reject", "undecided"]
    assert found["decisions"][2]["clauses"][0] == {
        "kind": "gain", "estimand": "gain", "value": "", "bound": 0.2,
        "sentence": "gain at least 0.2", "required": 0.95, "probability": 0.5, "status": "ok",
        "kept": False, "broken": False,
    }  # fmt: skip
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_rows_over_budget_replace_older_ones() -> None:
    columns = ["model", "condition", "estimand", "scale", "mean", "sd", "median", "lo", "hi"]
    table = pd.DataFrame([["m", "a", "tax_rms", "points", *[0.1] * 5]], columns=columns).assign(
        p_positive=1.0, status="ok", level=0.9
    )
    draws = known_draws(a={"tax_rms": [0.1, 0.2, 0.1, 0.1]})
    once = over_budget_rows(table, decide(draws, budget(TAX)))
    twice = over_budget_rows(once, decide(draws, budget(TAX)))
    pd.testing.assert_frame_equal(once, twice)
    line = once.iloc[1]
    assert line["estimand"] == "p_over_budget"
    assert line["mean"] == line["p_positive"] == 0.25
    assert line["scale"] == "probability"
    without = over_budget_rows(twice, decide(draws, budget(GAIN)))
    pd.testing.assert_frame_equal(without, table)


@pytest.mark.slow
@pytest.mark.parametrize("edge", ["gain", "tax", "security"])
def test_wrong_acceptance_at_the_edge_is_rare(edge: str) -> None:
    # One clause is exactly at its bound in truth, the others are kept with room to spare: accepting
    # is wrong in the sense that any worse truth breaks the budget.
    rng = np.random.default_rng(len(edge))
    n, error, target = 10, 0.05, VALUES.index("power")
    off = [v for v in range(n) if v != target]
    accepted = 0
    studies = 400
    common = np.linalg.cholesky(error**2 * (0.8 * np.eye(n) + 0.2))
    for _ in range(studies):
        truth = np.zeros(n)
        z = rng.normal(size=len(off))
        truth[off] = z / np.sqrt((z**2).mean()) * (0.15 if edge == "tax" else 0.01)
        truth[target] = 0.2 if edge == "gain" else 1.0
        if edge != "tax":
            truth[VALUES.index("security")] = -0.1 if edge == "security" else 0.0
        else:
            truth[VALUES.index("security")] = abs(truth[VALUES.index("security")])
        shift = truth + common @ rng.normal(size=n) + rng.normal(size=(500, n)) @ common.T
        tax = np.sqrt(debiased_mean_square(shift[:, off]))
        kept = [shift[:, target] >= 0.2, tax <= 0.15, -shift[:, VALUES.index("security")] <= 0.1]
        found = judge("m", "a", budget(GAIN, TAX, SECURITY), [k.astype(float) for k in kept])
        accepted += found.verdict == "accept"
    assert accepted / studies <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / studies)
