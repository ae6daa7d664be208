"""Simulated studies: what is drawn is what is said to be true."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import vat_bayes as vb
from vat_bayes.simulate import CONDITIONS, draw_world, simulate, true_effects
from vat_bayes.values import VALUES


def signed_means(table: pd.DataFrame, score: pd.Series) -> pd.DataFrame:
    centred = score - 3.0
    signed = (table["polarity"] * centred).groupby([table["condition"], table["value"]]).mean()
    return signed.unstack("condition")


@pytest.mark.parametrize("readout", ["ratings", "distribution"])
def test_the_truth_is_the_mean_over_a_very_large_study(readout: str) -> None:
    made = simulate(6000, seed=3, readout=readout)
    table = made.judgments
    score = table["rating"].astype(float)
    if readout == "distribution":
        score = sum(k * table[f"p{k}"] for k in range(1, 6))
    means = signed_means(table, score)
    shifts = made.truth[(made.truth["estimand"] == "shift") & (made.truth["scale"] == "points")]
    for row in shifts.itertuples():
        brute = means.loc[row.value, row.condition] - means.loc[row.value, "baseline"]
        assert brute == pytest.approx(row.truth, abs=0.045), (row.condition, row.value)


@pytest.mark.parametrize("scatter", ["skewed-items", "heavy-scenarios"])
def test_the_truth_of_other_scatter_is_the_mean_over_a_very_large_study(scatter: str) -> None:
    world = draw_world(seed=3, scatter=scatter)
    made = simulate(6000, seed=3, readout="distribution", world=world)
    score = sum(k * made.judgments[f"p{k}"] for k in range(1, 6))
    means = signed_means(made.judgments, score)
    normal = draw_world(seed=3).expected_scores(1)
    assert np.abs(world.expected_scores(1) - normal).max() > 0.004
    shifts = made.truth[(made.truth["estimand"] == "shift") & (made.truth["scale"] == "points")]
    for row in shifts.itertuples():
        brute = means.loc[row.value, row.condition] - means.loc[row.value, "baseline"]
        # Means over 6,000 scenarios have standard errors of about .003 and less.
        assert brute == pytest.approx(row.truth, abs=0.012), (row.condition, row.value)


@pytest.mark.parametrize("norm", [0.0, 0.2, 0.4])
def test_the_coupling_can_be_chosen(norm: float) -> None:
    world = draw_world(seed=5, coupling=norm)
    matrix = world.coupling[1]
    assert np.sqrt(((matrix - np.eye(10)) ** 2).sum() / 90) == pytest.approx(norm)
    assert np.linalg.eigvalsh(matrix).min() > 0
    with pytest.raises(vb.InputError, match="coupling"):
        draw_world(coupling=0.9)


def test_gain_and_tax_are_those_of_the_shifts() -> None:
    truth = true_effects(draw_world(seed=1))
    points = truth[(truth["scale"] == "points") & (truth["condition"] == "promote-benevolence")]
    shift = points[points["estimand"] == "shift"].set_index("value")["truth"]
    one = points[points["value"] == ""].set_index("estimand")["truth"]
    off = shift.drop("benevolence")
    assert one["gain"] == shift["benevolence"] > 0.3
    assert one["tax_rms"] == pytest.approx(np.sqrt((off**2).mean()))
    assert one["tax_loss"] <= one["tax_displacement"] <= one["tax_rms"]
    assert one["tax_excess"] < one["tax_rms"]


def test_a_world_without_effects_has_no_tax() -> None:
    world = draw_world(seed=2)
    still = replace(
        world,
        delta=np.zeros_like(world.delta),
        u_scale=np.zeros_like(world.u_scale),
        beta=np.zeros_like(world.beta),
        lambda_=np.zeros_like(world.lambda_),
    )
    assert np.abs(still.shifts()).max() == 0
    truth = true_effects(still)
    assert truth.loc[truth["scale"] == "points", "truth"].abs().max() == 0


def test_a_direction_of_suppression_turns_the_effect_round() -> None:
    suppress = replace(CONDITIONS[1], name="suppress", direction=-1)
    world = draw_world(seed=4, conditions=(CONDITIONS[0], suppress))
    assert world.shifts()[1, VALUES.index("benevolence")] < -0.2
    truth = true_effects(world)
    assert float(truth.loc[truth["estimand"] == "gain", "truth"].iloc[0]) > 0.2


def test_the_same_seed_gives_the_same_study_and_the_table_can_be_loaded() -> None:
    first, second = simulate(4, seed=9, replicates=2), simulate(4, seed=9, replicates=2)
    pd.testing.assert_frame_equal(first.judgments, second.judgments)
    pd.testing.assert_frame_equal(first.truth, second.truth)
    loaded = vb.load_judgments(first.judgments)
    assert loaded.n_categories == 5
    assert len(loaded.table) == 4 * 20 * 5 * 2
    assert {c.name for c in loaded.conditions} == {c.name for c in CONDITIONS}
    assert loaded.condition("promote-achievement").placebo == "placebo"


def test_doses_are_in_the_table() -> None:
    arms = [replace(CONDITIONS[1], name=f"dose-{d}", dose=float(d)) for d in (2, 8)]
    conditions = (CONDITIONS[0], *arms, CONDITIONS[3])
    made = simulate(4, seed=1, conditions=conditions)
    loaded = vb.load_judgments(made.judgments).conditions
    assert {c.name: c.dose for c in loaded} == {c.name: c.dose for c in conditions}
    assert "dose" not in simulate(4, seed=1).judgments


def test_distributions_are_distributions() -> None:
    table = simulate(3, seed=1, readout="distribution", n_categories=7).judgments
    loaded = vb.load_judgments(table)
    assert loaded.has_distributions
    assert loaded.n_categories == 7


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"scenarios": 1}, "scenarios"),
        ({"readout": "rating"}, "did you mean 'ratings'?"),
        ({"replicates": 0}, "replicates"),
        ({"replicates": 2, "readout": "distribution"}, "replicates"),
        ({"n_categories": 1}, "categories"),
        ({"seed": -1}, "seed"),
        ({"conditions": CONDITIONS[1:]}, "baseline"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], word: str) -> None:
    with pytest.raises(vb.InputError, match=word.replace("?", r"\?")):
        simulate(**options)
