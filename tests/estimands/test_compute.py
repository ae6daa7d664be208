"""The tidy table: what is reported, what is withheld, and what never happens in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from simulated_studies import (
    BASELINE,
    PLACEBO,
    RETEST,
    TARGETED,
    Simulated,
    V,
    drawn_posterior,
    simulate_study,
)

from vat_bayes.conditions import Condition
from vat_bayes.estimands import Estimands, compute_estimands, withhold
from vat_bayes.estimands.arms import ArmInfo
from vat_bayes.estimands.classical import PairedShifts, scenario_bootstrap
from vat_bayes.estimands.classical_rows import N_RESAMPLES, add_classical
from vat_bayes.estimands.rows import Rows
from vat_bayes.estimands.tax import tax_excess, tax_rms
from vat_bayes.judgments import Judgments, load_judgments
from vat_bayes.values import VALUES

CONTRACT = (
    "model,condition,target,estimand,value,scale,mean,sd,median,lo,hi,level,p_positive,status,"
    "n_scenarios"
).split(",")
NUMBERS = ["mean", "sd", "median", "lo", "hi", "p_positive"]
NAMES = {
    "shift", "gain", "gnd", "tax_rms", "tax_ratio", "tax_excess", "tax_excess_retest",
    "tax_displacement", "tax_displacement_floor", "tax_loss", "tax_loss_floor",
    "style_acquiescence", "style_extremity", "coupling", "nvat_offdiag", "nvat_offdiag_prior",
    "nvat_paper", "nvat_paper_prior", "nvat_paper_raw", "nvat_paper_raw_null", "shift_classical",
    "shift_bootstrap", "gain_classical", "gain_bootstrap", "tax_rms_classical",
    "tax_excess_classical", "tax_excess_retest_classical", "tax_rms_bootstrap",
    "tax_excess_bootstrap", "tax_excess_retest_bootstrap", "style_shift", "worst_loss",
    "worst_loss_floor", "p_worst_loss", "tax_structural", "tax_anomalous", "adjacent", "opposed",
    "hub", "hub_prior", "p_top_hub", "gini", "gini_prior", "pareto",
}  # fmt: skip
BENEVOLENCE = VALUES.index("benevolence")


def rows(estimands: Estimands, condition: str, estimand: str, **where: str) -> pd.DataFrame:
    table = estimands.table
    keep = (table["condition"] == condition) & (table["estimand"] == estimand)
    for column, wanted in where.items():
        keep &= table[column] == wanted
    return table[keep]


def row(estimands: Estimands, condition: str, estimand: str, **where: str) -> pd.Series[Any]:
    found = rows(estimands, condition, estimand, **where)
    assert len(found) == 1
    return found.iloc[0]


def with_gain(
    mean: float,
    sd: float,
    *,
    conditions: tuple[Condition, ...] = (TARGETED, PLACEBO),
    others: float = 0.3,
) -> Estimands:
    """Estimands of draws whose shift of benevolence is known: no response style, shift = delta."""
    study = simulate_study(0, n_scenarios=5, conditions=conditions)
    rng = np.random.default_rng(0)
    shape, a = (2, 300), len(conditions)
    delta = others + 0.05 * rng.normal(size=(*shape, a, V))
    z = rng.normal(size=shape)
    z = (z - z.mean()) / z.std(ddof=1)
    delta[:, :, 0, BENEVOLENCE] = mean + sd * z
    none = np.zeros((*shape, a))
    fixed = {"delta": delta, "beta": none, "lambda_": none}
    return compute_estimands(drawn_posterior(study.judgments, draws=300, fixed=fixed))


@pytest.fixture(scope="module")
def full() -> Estimands:
    conditions = (TARGETED, PLACEBO, RETEST)
    study = simulate_study(1, n_scenarios=12, conditions=conditions)
    return compute_estimands(drawn_posterior(study.judgments))


def test_contract_columns_names_and_scales(full: Estimands) -> None:
    assert list(full.table.columns) == CONTRACT
    assert set(full.table["estimand"]) == NAMES
    assert set(rows(full, "promote", "shift")["scale"]) == {"points", "points-adjusted", "latent"}
    assert (full.table["level"] == 0.9).all()
    assert (full.table["n_scenarios"] == 12).all()
    assert set(full.table["target"]) == {"benevolence", ""}


def test_numbers_are_ordered_and_probabilities_are_probabilities(full: Estimands) -> None:
    shown = full.table[full.table["mean"].notna()]
    assert shown[NUMBERS].notna().all(axis=None)
    assert (shown["lo"] <= shown["median"]).all()
    assert (shown["median"] <= shown["hi"]).all()
    assert shown["p_positive"].between(0, 1).all()
    assert (shown["sd"] >= 0).all()
    withheld = full.table[full.table["mean"].isna()]
    assert withheld[NUMBERS].isna().all(axis=None)
    assert not withheld["status"].isin(["ok", "at-floor"]).any()


def test_joint_draws_are_those_of_the_table(full: Estimands) -> None:
    draws = full.draws
    assert draws["shift"].dims == ("sample", "arm", "value")
    assert draws["shift"].attrs["units"] == "rating points"
    one = draws["shift"].sel(arm="promote", value="power").to_numpy()
    line = row(full, "promote", "shift", value="power", scale="points")
    assert line["mean"] == pytest.approx(one.mean())
    assert line["lo"] == pytest.approx(np.quantile(one, 0.05))
    assert line["p_positive"] == pytest.approx((one > 0).mean())
    gain = draws["gain"].sel(arm="promote").to_numpy()
    np.testing.assert_array_equal(gain, draws["shift"].sel(arm="promote", value="benevolence"))
    assert np.isnan(draws["gain"].sel(arm="placebo")).all()


def test_level_is_the_width(full: Estimands) -> None:
    study = simulate_study(1, n_scenarios=12, conditions=(TARGETED, PLACEBO, RETEST))
    narrow = compute_estimands(drawn_posterior(study.judgments), level=0.5)
    for where in ({"estimand": "shift"}, {"estimand": "shift_classical"}):
        a, b = (row(e, "promote", **where, value="power", **scale) for e, scale in (
            (full, {"scale": "points"}), (narrow, {"scale": "points"}),
        ))  # fmt: skip
        assert b["hi"] - b["lo"] < 0.6 * (a["hi"] - a["lo"])


@pytest.mark.parametrize(
    ("mean", "sd", "status", "gain_status"),
    [
        (1.0, 0.1, "ok", "ok"),
        (0.1, 0.2, "gain-not-resolved", "ok"),
        (0.5, 0.2, "gain-not-resolved", "ok"),  # the sign is known, the size is not
        (-1.0, 0.1, "wrong-way", "wrong-way"),
        (-0.5, 0.2, "gain-not-resolved", "wrong-way"),
    ],
)
def test_ratios_are_withheld_until_the_gain_is_resolved(
    mean: float, sd: float, status: str, gain_status: str
) -> None:
    found = with_gain(mean, sd)
    gain = row(found, "promote", "gain", scale="points")
    assert gain["status"] == gain_status
    assert gain["mean"] == pytest.approx(mean, abs=1e-9)
    ratio = row(found, "promote", "tax_ratio")
    gnd = rows(found, "promote", "gnd")
    assert ratio["status"] == status
    assert (gnd["status"] == status).all()
    assert set(gnd["value"]) == set(VALUES) - {"benevolence"}
    shown = status != "gain-not-resolved"
    assert ratio[NUMBERS].notna().all() == shown
    assert gnd[NUMBERS].notna().all(axis=None) == shown
    if shown:
        assert ratio["median"] == pytest.approx(0.3 / abs(mean), rel=0.1)
        assert (gnd["median"] > 0).all()  # in the sign of the shift, whatever the gain's


def test_suppressing_a_value_is_a_gain() -> None:
    suppress = Condition("promote", "intervention", ("benevolence",), direction=-1)
    found = with_gain(-1.0, 0.1, conditions=(suppress, PLACEBO))
    assert row(found, "promote", "gain", scale="points")["mean"] == pytest.approx(1.0)
    assert row(found, "promote", "tax_ratio")["status"] == "ok"


def test_no_target_no_gain_but_a_tax() -> None:
    found = with_gain(1.0, 0.1, conditions=(Condition("promote", "intervention"), PLACEBO))
    assert row(found, "promote", "gain")["status"] == "no-target"
    assert row(found, "promote", "tax_ratio")["status"] == "no-target"
    assert rows(found, "promote", "gain_classical").empty
    # All ten values count: nine at .3 and one at 1.
    expected = np.sqrt((9 * 0.3**2 + 1) / 10)
    assert row(found, "promote", "tax_rms")["median"] == pytest.approx(expected, rel=0.03)


def test_excess_needs_something_to_exceed(full: Estimands) -> None:
    alone = with_gain(1.0, 0.1, conditions=(Condition("promote", "intervention"),))
    assert row(alone, "promote", "tax_excess")["status"] == "no-placebo"
    assert row(alone, "promote", "tax_excess_retest")["status"] == "no-retest"
    assert np.isnan(alone.draws["tax_excess"]).all()
    assert row(full, "promote", "tax_excess_retest")["status"] == "ok"
    for null in ("placebo", "retest"):
        assert rows(full, null, "tax_excess").empty
        assert rows(full, null, "tax_ratio").empty


def test_excess_over_an_equal_placebo_is_nothing() -> None:
    line = row(with_gain(1.0, 0.1), "promote", "tax_excess")
    assert line["lo"] < 0 < line["hi"]


def test_no_effect_is_at_its_floor() -> None:
    # Posterior means that scatter as widely as the draws around them, nothing more.
    rng = np.random.default_rng(1)
    study = simulate_study(0, n_scenarios=5)
    delta = 0.1 * rng.normal(size=(1, 1, 2, V)) + 0.1 * rng.normal(size=(2, 300, 2, V))
    none = np.zeros((2, 300, 2))
    fixed = {"delta": delta, "beta": none, "lambda_": none}
    found = compute_estimands(drawn_posterior(study.judgments, draws=300, fixed=fixed))
    for name in ("tax_displacement", "tax_loss"):
        assert row(found, "placebo", name)["status"] == "at-floor"
    floor = row(found, "placebo", "tax_displacement_floor")["mean"]
    assert floor == pytest.approx(2 / np.sqrt(np.pi) * 0.1, rel=0.05)
    moved = with_gain(1.0, 0.1)
    assert row(moved, "promote", "tax_displacement")["status"] == "ok"
    assert row(moved, "promote", "tax_loss")["status"] == "at-floor"  # every shift is a rise


def with_copy(study: Simulated, condition: Condition) -> Judgments:
    table = study.judgments.table
    copy = table[table["condition"] == "baseline"].assign(condition=condition.name)
    return load_judgments(
        pd.concat([table, copy], ignore_index=True),
        conditions=(*study.judgments.conditions, condition),
        n_categories=study.judgments.n_categories,
    )


@pytest.mark.parametrize("readout", ["scores", "ratings"])
def test_repeated_judgments_are_exact_zeros(readout: str) -> None:
    study = simulate_study(2, readout=readout, n_scenarios=5)
    twin = Condition("unapplied", "intervention", ("power",))
    tree = drawn_posterior(with_copy(study, twin), draws=20)
    assert "unapplied" not in tree["posterior"]["arm"].values
    found = compute_estimands(tree)
    mine = found.table[found.table["condition"] == "unapplied"]
    assert set(mine["estimand"]) == {"shift", "gain", "tax_rms"}
    assert (mine["status"] == "identical").all()
    assert (mine[["mean", "sd", "median", "lo", "hi"]] == 0.0).all(axis=None)
    assert (mine["p_positive"] == 0.5).all()


def without(study: Simulated, condition: str, value: str) -> Judgments:
    """The study with no answer of a condition about a value."""
    table = study.judgments.table
    gone = (table["condition"] == condition) & (table["value"] == value)
    return load_judgments(
        table[~gone], conditions=study.judgments.conditions,
        n_categories=study.judgments.n_categories,
    )  # fmt: skip


@pytest.mark.parametrize("readout", ["scores", "ratings"])
def test_a_value_that_a_condition_was_not_asked_about_has_no_shift(readout: str) -> None:
    study = simulate_study(2, readout=readout, n_scenarios=5, conditions=(TARGETED, PLACEBO))
    found = compute_estimands(drawn_posterior(without(study, "promote", "power"), draws=20))
    for scale in ("points", "points-adjusted", "latent"):
        mine = row(found, "promote", "shift", value="power", scale=scale)
        assert mine["status"] == "no-items"
        assert row(found, "placebo", "shift", value="power", scale=scale)["status"] == "ok"
    # The tax is that of the eight others, whatever the prior says about this one.
    shift = found.draws["shift"].sel(arm="promote")
    eight = [v for v in VALUES if v not in ("power", "benevolence")]
    own = tax_rms(shift.sel(value=eight).to_numpy(), list(range(8)))
    np.testing.assert_allclose(found.draws["tax_rms"].sel(arm="promote"), own)


def test_the_excess_is_over_the_values_that_the_placebo_was_asked_about() -> None:
    study = simulate_study(2, n_scenarios=5, conditions=(TARGETED, PLACEBO))
    found = compute_estimands(drawn_posterior(without(study, "placebo", "power"), draws=20))
    assert row(found, "promote", "shift", value="power", scale="points")["status"] == "ok"
    for name in ("tax_excess", "tax_excess_classical", "tax_excess_bootstrap"):
        assert row(found, "promote", name)["status"] == "ok"
    eight = [VALUES.index(v) for v in VALUES if v not in ("power", "benevolence")]
    shift = found.draws["shift"]
    own, against = (shift.sel(arm=a).to_numpy() for a in ("promote", "placebo"))
    np.testing.assert_allclose(
        found.draws["tax_excess"].sel(arm="promote"), tax_excess(own, against, eight)
    )


def test_repeating_the_baseline_is_no_zero_against_what_moved() -> None:
    study = simulate_study(2, n_scenarios=5, conditions=(TARGETED, PLACEBO))
    back = Condition("back", "intervention", ("power",), reference="promote")
    table = compute_estimands(drawn_posterior(with_copy(study, back), draws=20)).table
    mine = table[table["condition"] == "back"]
    assert set(mine["estimand"]) == {"shift", "gain", "tax_rms"}
    assert (mine["status"] == "not-estimated").all()
    assert mine[["mean", "sd", "median", "lo", "hi", "p_positive"]].isna().all(axis=None)


def test_excess_over_a_retest_without_any_noise_is_the_tax() -> None:
    study = simulate_study(2, n_scenarios=5)
    found = compute_estimands(drawn_posterior(with_copy(study, RETEST)))
    excess = row(found, "promote", "tax_excess_retest")
    assert excess["status"] == "ok"
    assert excess["median"] == pytest.approx(row(found, "promote", "tax_rms")["median"])
    # The classical twin has the same contrast: nothing is taken off its tax.
    for suffix in ("classical", "bootstrap"):
        twin = row(found, "promote", f"tax_excess_retest_{suffix}")
        assert twin["mean"] == pytest.approx(row(found, "promote", f"tax_rms_{suffix}")["mean"])


def test_a_placebo_without_any_effect_is_contrasted_too() -> None:
    alone = Condition("promote", "intervention", ("benevolence",))
    study = simulate_study(2, n_scenarios=5, conditions=(alone,))
    found = compute_estimands(drawn_posterior(with_copy(study, PLACEBO)))
    assert "placebo" not in found.draws["arm"].values
    for suffix in ("", "_classical", "_bootstrap"):
        excess = row(found, "promote", f"tax_excess{suffix}")
        assert excess["status"] == "ok"
        assert excess["mean"] == pytest.approx(row(found, "promote", f"tax_rms{suffix}")["mean"])


@pytest.mark.parametrize("readout", ["scores", "ratings"])
def test_style_parts_are_differences_of_the_scales(readout: str) -> None:
    study = simulate_study(4, readout=readout, n_scenarios=5)
    found = compute_estimands(drawn_posterior(study.judgments, draws=40))
    for value in VALUES:
        whole = row(found, "promote", "shift", value=value, scale="points")["mean"]
        bare = row(found, "promote", "shift", value=value, scale="points-adjusted")["mean"]
        style = row(found, "promote", "style_shift", value=value)["mean"]
        assert style == pytest.approx(whole - bare, abs=1e-12)
    # With as many supporting as violating items and scores on a line, yes-saying moves no value.
    beta = rows(found, "promote", "style_acquiescence")
    by_value = beta[beta["value"] != ""]["mean"].abs().max()
    assert by_value < 1e-12 if readout == "scores" else by_value > 1e-4


def test_values_without_items_are_left_out() -> None:
    heard = ("benevolence", "power", "security")
    study = simulate_study(3, n_scenarios=8, values=heard)
    found = compute_estimands(drawn_posterior(study.judgments))
    for scale in ("points", "points-adjusted", "latent"):
        shift = rows(found, "promote", "shift", scale=scale).set_index("value")
        assert (shift.drop(index=list(heard))["status"] == "no-items").all()
        assert (shift.loc[list(heard), "status"] == "ok").all()
    two = found.draws["shift"].sel(arm="promote", value=["power", "security"]).mean("sample")
    rms = row(found, "promote", "tax_rms")
    assert rms["hi"] > float(np.sqrt((two**2).mean())) > rms["lo"]
    coupled = rows(found, "promote", "coupling").set_index("value")["status"]
    assert coupled["power~security"] == "ok"
    assert coupled["power~tradition"] == "no-items"
    assert row(found, "promote", "nvat_paper_raw")["mean"] <= np.sqrt(3)


def test_nothing_but_the_target_has_no_tax() -> None:
    study = simulate_study(3, n_scenarios=8, values=("benevolence",))
    found = compute_estimands(drawn_posterior(study.judgments))
    assert row(found, "promote", "tax_rms")["status"] == "no-items"
    assert row(found, "promote", "gain", scale="points")["status"] == "ok"
    assert rows(found, "promote", "nvat_offdiag").empty


def test_withholding_blanks_numbers_and_keeps_draws(full: Estimands) -> None:
    blank = withhold(full, "not-converged", ("shift", "gain"))
    assert rows(blank, "promote", "shift")[NUMBERS].isna().all(axis=None)
    assert (rows(blank, "promote", "gain")["status"] == "not-converged").all()
    pd.testing.assert_frame_equal(
        rows(blank, "promote", "tax_rms"), rows(full, "promote", "tax_rms")
    )
    assert blank.draws is full.draws
    assert rows(full, "promote", "shift")["mean"].notna().all()


ARM = ArmInfo("a", "m", TARGETED, 0)
FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(arrays(float, st.integers(2, 50), elements=FINITE), st.floats(0.1, 0.99))
def test_any_draws_make_an_ordered_row(draws: np.ndarray, level: float) -> None:
    table = Rows(level)
    table.add(ARM, 3, "shift", draws)
    (record,) = table.table().to_dict("records")
    assert record["lo"] <= record["median"] <= record["hi"]
    assert 0 <= record["p_positive"] <= 1
    assert record["status"] == "ok"


@given(FINITE, st.floats(0, 1e6, allow_subnormal=False), st.integers(-1, 60))
def test_any_classical_mean_makes_an_ordered_row(mean: float, error: float, degrees: int) -> None:
    table = Rows(0.9)
    table.add_mean(ARM, 3, "shift_classical", mean=mean, error=error, degrees=degrees)
    (record,) = table.table().to_dict("records")
    if degrees < 1:
        assert record["status"] == "too-few-scenarios"
        assert np.isnan(record["mean"])
    else:
        assert record["lo"] <= record["median"] <= record["hi"]
        assert 0 <= record["p_positive"] <= 1


def test_draws_of_zero_are_half_positive() -> None:
    table = Rows(0.9)
    table.add(ARM, 3, "tax_excess", np.zeros(10))
    table.add(ARM, 3, "tax_excess", np.array([0.0, 0.0, 1.0, -1.0]))
    assert table.table()["p_positive"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("seed", range(4))
def test_raw_norm_lies_in_its_interval(seed: int) -> None:
    study = simulate_study(seed, n_scenarios=10, partial=0.1)
    found = compute_estimands(drawn_posterior(study.judgments, draws=10))
    for condition in ("promote", "placebo"):
        line = row(found, condition, "nvat_paper_raw")
        assert line["lo"] <= line["median"] <= line["hi"]


def test_baseline_is_no_arm(full: Estimands) -> None:
    assert BASELINE.name not in set(full.table["condition"])


def test_a_value_of_one_scenario_has_no_interval_between_scenarios() -> None:
    rng = np.random.default_rng(2)
    paired = PairedShifts(rng.normal(size=(1, 8, len(VALUES))), np.ones((1, 8, len(VALUES))))
    for v, kept in ((2, 1), (3, 0)):
        paired.total[0, kept:, v] = paired.weight[0, kept:, v] = 0.0
    for rows in (slice(None), slice(0, 1)):
        table = Rows(0.9)
        here = PairedShifts(paired.total[:, rows], paired.weight[:, rows])
        add_classical(table, [ARM], [ARM], here, seed=0)
        found = table.table().set_index(["estimand", "value"])
        boot = found.loc["shift_bootstrap"]
        few = list(VALUES) if rows.stop else [VALUES[2]]
        assert set(boot.index[boot["status"] == "too-few-scenarios"]) == set(few) - {VALUES[3]}
        assert boot.loc[VALUES[3], "status"] == "no-items"
        assert boot.loc[boot["status"] != "ok", "lo"].isna().all()
        # A tax over values of which one has a single scenario has no error either.
        assert "tax_rms_bootstrap" not in found.index.get_level_values(0)
        assert "tax_rms_classical" not in found.index.get_level_values(0)


def test_few_resamples_without_a_value_are_left_out() -> None:
    """Seven scenarios of 24 have the value: one resample in some two thousand has none of them."""
    rng = np.random.default_rng(3)
    paired = PairedShifts(rng.normal(size=(1, 24, len(VALUES))), np.ones((1, 24, len(VALUES))))
    paired.total[0, 7:, 2] = paired.weight[0, 7:, 2] = 0.0
    lacking = 0
    for seed in range(5):
        lacking += np.isnan(scenario_bootstrap(paired, N_RESAMPLES, seed=seed)).any()
        table = Rows(0.9)
        add_classical(table, [ARM], [ARM], paired, seed=seed)
        found = table.table().set_index(["estimand", "value"])
        assert (found.loc["shift_bootstrap", "status"] == "ok").all()
        assert np.isfinite(found.loc[("tax_rms_bootstrap", ""), "hi"])
    assert lacking
    # With three scenarios one resample in twenty has none, which is too many to leave out.
    paired.total[0, 3:, 2] = paired.weight[0, 3:, 2] = 0.0
    table = Rows(0.9)
    add_classical(table, [ARM], [ARM], paired, seed=0)
    found = table.table().set_index(["estimand", "value"])
    assert found.loc[("shift_bootstrap", VALUES[2]), "status"] == "too-few-scenarios"
    assert "tax_rms_bootstrap" not in found.index.get_level_values(0)
