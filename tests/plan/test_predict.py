"""Predicted precision against brute force, and components against simulated judgments."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated_studies import PLACEBO, TARGETED, drawn_posterior, simulate_study

from vat_bayes.errors import InputError
from vat_bayes.plan import (
    Components,
    Design,
    Question,
    assumed_components,
    declared,
    pilot_components,
    pilot_placebo,
    predict,
    required_scenarios,
    world_components,
)
from vat_bayes.plan.excess import joint_covariance
from vat_bayes.simulate import draw_world, simulate
from vat_bayes.values import VALUES

V = len(VALUES)


def components(**parts: float) -> Components:
    """Independent values with the given standard deviations."""
    sd = {"effect": 0.3, "item": 0.2, "rating": 0.5, "wording": 0.1} | parts
    return Components(
        effect=sd["effect"] ** 2 * np.eye(V),
        item=np.full(V, sd["item"] ** 2),
        rating=np.full(V, sd["rating"] ** 2),
        wording=np.full(V, sd["wording"] ** 2),
        target=(0,),
        source="declared",
    )


def test_the_variance_is_that_of_simulated_means() -> None:
    c, rng = components(), np.random.default_rng(0)
    scenarios, items, prompts, repeats, n = 5, 2, 3, 2, 40_000
    wording = 0.1 * rng.normal(size=(n, prompts)).mean(1)
    effect = 0.3 * rng.normal(size=(n, scenarios)).mean(1)
    item = 0.2 * rng.normal(size=(n, scenarios * items)).mean(1)
    rated = scenarios * items * prompts * repeats
    two = 0.5 * (rng.normal(size=(n, 2, rated)).mean(2) @ [1.0, -1.0])
    expected = np.var(wording + effect + item + two)
    found = c.covariance(scenarios, items=items, prompts=prompts, repeats=repeats)
    assert found[0, 0] == pytest.approx(expected, rel=0.03)
    # One wording is a fact of the study, not a draw.
    one = c.covariance(scenarios, items=items)[0, 0]
    assert one == pytest.approx((0.09 + (0.04 + 0.5) / 2) / scenarios)


def test_condition_and_placebo_share_the_baseline() -> None:
    c, p, rng = components(), components(effect=0.15), np.random.default_rng(0)
    scenarios, items, repeats, n = 5, 2, 3, 40_000
    # What an item adds is half the baseline's and half the condition's.
    own = 0.2 / np.sqrt(2) * rng.normal(size=(n, 3, scenarios * items)).mean(2)
    rated = 0.5 * rng.normal(size=(n, 3, scenarios * items * repeats)).mean(2)
    effect = np.array([0.3, 0.15]) * rng.normal(size=(n, 2, scenarios)).mean(2)
    at = own + rated
    both = effect + at[:, 1:] - at[:, [0]]
    found = joint_covariance(c, p, [3, 4], scenarios, items=items, repeats=repeats)
    expected = np.cov(both.T)
    assert found[0, 0] == pytest.approx(expected[0, 0], rel=0.03)
    assert found[2, 2] == pytest.approx(expected[1, 1], rel=0.03)
    assert found[0, 2] == pytest.approx(expected[0, 1], rel=0.03)
    assert found[0, 1] == found[0, 3] == 0
    assert np.linalg.eigvalsh(found).min() > 0


def test_an_excess_over_nothing_is_a_tax() -> None:
    exact = components(effect=0.0, item=0.0, rating=0.0, wording=0.0)
    question = Question(tax=0.4)
    alone = predict(components(), Design(48), question, placebo=exact)
    assert alone.width_excess == pytest.approx(alone.width_tax, rel=0.1)
    # A noisy placebo adds its own error, one that moves as much brings the excess near zero.
    beside = predict(components(), Design(48), question)
    assert beside.width_excess > alone.width_excess
    near = predict(components(), Design(48), replace(question, placebo_tax=0.4))
    assert near.width_excess > beside.width_excess
    nowhere = replace(exact, effect=np.full((V, V), np.nan))
    assert np.isnan(predict(components(), Design(48), placebo=nowhere).width_excess)


def test_gain_widths_and_power_are_those_of_a_t_test() -> None:
    c, design = components(rating=0.0, wording=0.0), Design(12)
    found = predict(c, design, Question(gain=0.2))
    rng = np.random.default_rng(1)
    mean = (
        0.2 + 0.3 * rng.normal(size=(20_000, 12)) + 0.2 / np.sqrt(2) * rng.normal(size=(20_000, 12))
    )
    error = mean.std(1, ddof=1) / np.sqrt(12)
    t = mean.mean(1) / error
    assert found.power_gain == pytest.approx((t > stats.t.ppf(0.95, 11)).mean(), abs=0.01)
    width = 2 * stats.t.ppf(0.95, 11) * np.sqrt((error**2).mean())
    assert found.width_gain == pytest.approx(width, rel=0.01)
    detectable = predict(c, design, Question(gain=found.detectable_gain))
    assert detectable.power_gain == pytest.approx(0.8, abs=1e-6)


def test_power_for_a_tax_is_that_of_a_chi_square_test() -> None:
    found = predict(components(), Design(24), Question(tax=0.1))
    variance = components().covariance(24)[0, 0]
    n = V - 1
    expected = stats.ncx2.sf(stats.chi2.ppf(0.95, n), n, n * 0.1**2 / variance)
    assert found.power_tax == pytest.approx(expected, abs=0.03)
    at = predict(components(), Design(24), Question(tax=found.detectable_tax)).power_tax
    assert at == pytest.approx(0.8, abs=0.01)


def test_the_smallest_number_of_scenarios_is_found() -> None:
    c, design = components(), Design(4)
    n = required_scenarios(c, design, lambda p: p.width_gain < 0.15)
    assert n is not None
    assert predict(c, replace(design, scenarios=n)).width_gain < 0.15
    assert predict(c, replace(design, scenarios=n - 1)).width_gain >= 0.15
    # With two wordings their variation is left however many scenarios there are.
    never = required_scenarios(c, Design(4, prompts=2), lambda p: p.width_gain < 0.15)
    assert never is None


@pytest.mark.parametrize("readout", ["distribution", "ratings"])
def test_components_of_a_simulated_model_are_those_of_its_judgments(readout: str) -> None:
    world = draw_world(seed=5)
    made = simulate(400, seed=5, readout=readout, world=world)  # type: ignore[arg-type]
    table = made.judgments
    score = table["rating"].astype(float)
    if readout == "distribution":
        score = table[[f"p{k}" for k in range(1, 6)]] @ np.arange(1, 6)
    wide = (
        table.assign(score=score)
        .pivot_table(index=["scenario", "value", "polarity"], columns="condition", values="score")
        .reset_index()
    )
    wide["d"] = wide["polarity"] * (wide["promote-benevolence"] - wide["baseline"])
    by_scenario: pd.DataFrame = wide.pivot_table(index="scenario", columns="value", values="d")
    seen = by_scenario[list(VALUES)].var()
    predicted = np.diag(world_components(world, readout).covariance(1))  # type: ignore[arg-type]
    # Each of 400 variances has a standard error of seven per cent, their mean one of about three.
    assert predicted.mean() == pytest.approx(seen.mean(), rel=0.08)
    np.testing.assert_allclose(predicted, seen, rtol=0.3)


def test_a_pilot_gives_the_components_of_its_posterior() -> None:
    tree = drawn_posterior(simulate_study(1, n_scenarios=6).judgments, draws=40)
    found, items = pilot_components(tree)
    posterior = tree["posterior"].to_dataset()
    arm = posterior.sel(arm=posterior["arm"][0])
    stretch = (np.exp(arm["lambda_"]) - 1) ** 2
    state = posterior["noise"] ** 2
    item = state[..., 0] + state[..., 1] + stretch * posterior["kappa_scale"][..., 0] ** 2
    assert items == 2.0
    assert found.item[0] == pytest.approx(float(item.mean()))
    effect = np.exp(2 * arm["lambda_"]) * arm["u_scale"] ** 2
    effect = effect + stretch * posterior["alpha_scale"][..., 0] ** 2
    np.testing.assert_allclose(np.diag(found.effect), effect.mean(("chain", "draw")), rtol=1e-12)
    assert found.target == (VALUES.index("benevolence"),)
    with pytest.raises(InputError, match="did you mean 'promote'"):
        pilot_components(tree, "promot")


def test_a_pilot_of_a_condition_that_is_compared_with_another_is_refused() -> None:
    more = replace(TARGETED, name="more", reference="promote")
    study = simulate_study(1, n_scenarios=5, conditions=(more, TARGETED, PLACEBO))
    tree = drawn_posterior(study.judgments, draws=10)
    assert pilot_placebo(tree, "promote") is not None
    # Unnamed, it is the first of which a plan can be made.
    assert pilot_components(tree)[0].source.endswith("'promote'")
    with pytest.raises(InputError, match="'more' is compared with 'promote'"):
        pilot_components(tree, "more")


def test_a_pilot_of_ratings_is_near_what_it_was_drawn_from() -> None:
    data = simulate_study(2, readout="ratings", n_scenarios=4)
    found, _ = pilot_components(drawn_posterior(data.judgments, draws=10), "promote")
    sizes = found.sizes()
    assert 0.5 < sizes["rating"] < 1.5
    assert 0.0 < sizes["effect"] < 0.6
    assert found.n_categories == 5


def test_declared_numbers_take_the_place_of_assumed_ones() -> None:
    assumed = assumed_components()
    found = declared(assumed, {"effect": 0.5, "item": 0.1, "rating": None})
    sizes = found.sizes()
    assert sizes["effect"] == pytest.approx(0.5)
    assert sizes["item"] == pytest.approx(0.1)
    assert sizes["rating"] == assumed.sizes()["rating"]
    with pytest.raises(InputError, match="--effect-sd is -1"):
        declared(assumed, {"effect": -1.0})
