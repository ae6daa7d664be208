"""How many more scenarios would decide, against the closed form of a gain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm
from test_decide import EXCESS, GAIN, TAX, budget

from vat_bayes.decide import Decision, decide, foresee, record
from vat_bayes.decide.future import _future
from vat_bayes.decide.rule import judge
from vat_bayes.decisions import at_look
from vat_bayes.estimands.norms import debiased_mean_square, mean_square
from vat_bayes.estimands.tax import tax_excess
from vat_bayes.stopping import look_probabilities
from vat_bayes.values import VALUES

SD, Z = 0.06, float(norm.ppf(0.95))


def draws_around(mean: float, *, scenarios: int = 24, n: int = 2000) -> xr.Dataset:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(n, 1, len(VALUES)))
    shift = mean + SD * (noise - noise.mean(0)) / noise.std(0)
    off = [i for i, v in enumerate(VALUES) if v != "power"]
    tax = np.sqrt(debiased_mean_square(shift[:, 0, off]))[:, None]
    return xr.Dataset(
        {
            "shift": (("sample", "arm", "value"), shift),
            "gain": (("sample", "arm"), shift[:, :, VALUES.index("power")]),
            "tax_rms": (("sample", "arm"), tax),
        },
        coords={
            "arm": ["a"],
            "value": list(VALUES),
            **{f"arm_{k}": ("arm", [x]) for k, x in {
                "model": "m", "condition": "a", "role": "intervention", "target": "power",
                "placebo": "", "direction": 1, "scenarios": scenarios,
            }.items()},
        },
        attrs={"identical_arms": "[]"},
    )  # fmt: skip


def judged(draws: xr.Dataset, clause: object) -> Decision:
    (found,) = decide(draws, budget(clause))  # type: ignore[arg-type]
    return replace(found, outlook=foresee(draws, budget(clause), found))  # type: ignore[arg-type]


def accepted(mean: float, bound: float, factor: float) -> float:
    """Probability of `accept` with `factor` times the scenarios: the posterior mean moves."""
    moves = SD * np.sqrt(1 - 1 / factor)
    return float(norm.cdf((mean - bound - Z * SD / np.sqrt(factor)) / moves))


def test_a_gain_is_foreseen_as_in_closed_form() -> None:
    found = judged(draws_around(0.29), GAIN).outlook
    assert found is not None
    assert found.more is not None
    factor = 1 + found.more / 24
    reject = 1 - accepted(0.29, 0.2 - 2 * Z * SD / np.sqrt(factor), factor)
    # One hundred futures: a standard error of .04 at most.
    assert found.accept == pytest.approx(accepted(0.29, 0.2, factor), abs=0.1)
    assert found.reject == pytest.approx(reject, abs=0.1)
    assert "more scenarios" in found.sentence


def test_at_the_bound_more_scenarios_do_not_help() -> None:
    decision = judged(draws_around(0.2), GAIN)
    assert decision.verdict == "undecided"
    assert decision.outlook is not None
    assert decision.outlook.more is None
    assert decision.outlook.tried == 15 * 24
    assert decision.outlook.sentence.startswith("More scenarios won't help much: even 360 more")
    (written,) = record(budget(GAIN), [decision])["decisions"]
    assert written["outlook"]["sentence"] == decision.outlook.sentence


def test_what_is_decided_has_no_outlook() -> None:
    assert judged(draws_around(0.5), GAIN).outlook is None
    without = draws_around(0.2).drop_vars("arm_scenarios")
    assert judged(without, GAIN).outlook is None


def test_a_tax_that_is_near_its_budget_needs_more_than_one_that_is_not() -> None:
    near, far = (judged(draws_around(m), TAX).outlook for m in (0.145, 0.13))
    assert far is not None
    assert far.more is not None
    assert near is not None
    assert near.tried > far.more


def test_looking_often_asks_for_more() -> None:
    told = {"rule": "width(gain) < 0.1 and decided", "shares": [0.5, 1.0]}
    asked = at_look(budget(GAIN, joint=0.9), told)
    exact = look_probabilities([0.5, 1.0], 0.95)[-1]
    assert exact <= asked.clauses[0].probability <= exact + 1e-5
    assert asked.joint_probability is not None
    assert asked.joint_probability > 0.9
    assert at_look(budget(GAIN), told | {"rule": "width(gain) < 0.1"}) == budget(GAIN)
    assert at_look(budget(GAIN), None) == budget(GAIN)


@pytest.mark.parametrize("pooled", [False, True])
def test_the_excess_is_foreseen_by_the_rule_that_it_is_judged_by(pooled: bool) -> None:
    rng = np.random.default_rng(1)
    shift = np.array([0.1, 0.0])[:, None] + SD * rng.normal(size=(400, 2, len(VALUES)))
    off = [i for i, v in enumerate(VALUES) if v != "power"]
    # The placebo has no target, so its own tax is over all ten values.
    tax = [mean_square(shift[:, 0, off], pooled=pooled), mean_square(shift[:, 1], pooled=pooled)]
    coordinates = {
        "model": ["m", "m"], "condition": ["a", "p"], "role": ["intervention", "placebo"],
        "target": ["power", ""], "placebo": ["p", ""], "direction": [1, 1], "scenarios": [24, 24],
    }  # fmt: skip
    draws = xr.Dataset(
        {
            "shift": (("sample", "arm", "value"), shift),
            "tax_rms": (("sample", "arm"), np.sqrt(np.stack(tax, 1))),
        },
        coords={f"arm_{k}": ("arm", x) for k, x in coordinates.items()},
        attrs={"identical_arms": "[]"},
    )
    excess = tax_excess(shift[:, 0], shift[:, 1], off, pooled=pooled)
    kept = float((excess <= EXCESS.bound).mean())
    for required, verdict in ((kept - 1e-9, "accept"), (kept + 1e-9, "undecided")):
        asked = budget(replace(EXCESS, probability=required))
        future = _future(draws, asked, judge("m", "a", asked, ["ok"]), 0)
        assert future is not None
        assert future.verdict(shift.reshape(400, -1)) == verdict
