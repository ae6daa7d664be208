"""What the estimands do when the model file asks for more than the plain form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from simulated_studies import (
    PLACEBO,
    TARGETED,
    V,
    drawn_posterior,
    factorial_structure,
    simulate_study,
)

from vat_bayes.conditions import Condition
from vat_bayes.estimands import compute_estimands
from vat_bayes.estimands.norms import debiased_mean_square, mean_square
from vat_bayes.estimands.shifts import compute_shifts
from vat_bayes.estimands.tax import no_tax_ratio
from vat_bayes.model.build import Prepared
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.values import VALUES

STUDY = simulate_study(0, n_scenarios=4).judgments
DERIVED = Condition("derived", "intervention", ("benevolence",), reference="promote")


def pooled_tree(delta: np.ndarray) -> xr.DataTree:
    tree = drawn_posterior(STUDY, fixed={"delta": delta, "lambda_": np.zeros((2, 150, 2))})
    tree.attrs["pooling"] = "exchangeable"
    return tree


def test_a_pooled_norm_is_that_of_the_draws() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(0.2, 0.3, (500, 9))
    np.testing.assert_array_equal(mean_square(draws, pooled=True), (draws**2).mean(1))
    np.testing.assert_array_equal(mean_square(draws, pooled=False), debiased_mean_square(draws))

    tree = pooled_tree(rng.normal(1.0, 0.05, (2, 150, 2, V)))
    table = compute_estimands(tree).table.set_index(["condition", "estimand"])
    row = table.loc[[("promote", "tax_rms")]].iloc[0]
    off = [v for v in range(V) if VALUES[v] != "benevolence"]
    shift = compute_shifts(tree).points[:, 0][:, off]
    assert row["median"] == pytest.approx(np.median(np.sqrt((shift**2).mean(1))), rel=1e-12)
    assert row["status"] == "ok"


def test_a_pooled_norm_near_zero_is_at_floor() -> None:
    tree = pooled_tree(np.random.default_rng(1).normal(0, 0.01, (2, 150, 2, V)))
    table = compute_estimands(tree).table.set_index(["condition", "estimand"])
    row = table.loc[[("promote", "tax_rms")]].iloc[0]
    assert row["status"] == "at-floor"
    assert row["lo"] == 0.0
    assert row["hi"] > 0.0


def test_evidence_for_no_tax_is_a_ratio_to_the_prior() -> None:
    prior = np.sqrt(stats.chi2(9).rvs(20_000, random_state=0) / 9)
    assert no_tax_ratio(prior, prior) == pytest.approx(1.0)
    assert no_tax_ratio(prior + 2.0, prior) == 0.0
    assert no_tax_ratio(0.1 * prior, prior) == pytest.approx(20.0)


def test_style_is_against_the_condition_of_reference_and_coupling_says_it_is_not() -> None:
    study = simulate_study(2, n_scenarios=4, conditions=(TARGETED, PLACEBO, DERIVED)).judgments
    tree = drawn_posterior(study)
    table = compute_estimands(tree).table
    latent = table[table["scale"] == "latent"].set_index(["condition", "estimand"])
    beta = tree["posterior"]["beta"]
    difference = float((beta.sel(arm="derived") - beta.sel(arm="promote")).mean())
    assert latent.loc[("derived", "style_acquiescence"), "mean"] == pytest.approx(difference)
    assert latent.loc[("promote", "style_acquiescence"), "mean"] == pytest.approx(
        float(beta.sel(arm="promote").mean())
    )
    coupling = table[table["estimand"] == "coupling"].set_index("condition")["status"]
    assert set(coupling.loc["derived"]) == {"against-baseline"}
    assert set(coupling.loc["promote"]) == {"ok"}


def test_coupling_that_is_not_in_the_model_is_withheld() -> None:
    tree = drawn_posterior(STUDY, fixed={"coupling_scale": np.zeros((2, 150, 2))})
    table = compute_estimands(tree).table
    for name in ("coupling", "nvat_offdiag", "nvat_paper"):
        rows = table[(table["estimand"] == name)]
        assert set(rows["status"]) == {"not-in-model"}
        assert rows["mean"].isna().all()


def test_subvalues_are_averaged_over_those_of_the_items() -> None:
    # Two sub-values for each value: scenarios 0 and 1 ask for the first, 2 to 7 for the second.
    s = factorial_structure(8, (TARGETED,))
    value = np.abs(s.loading).argmax(1)
    second = (s.item_scenario >= 2).astype(int)
    s = replace(
        s,
        subvalues=tuple(f"{v}-{i}" for v in VALUES for i in (1, 2)),
        item_subvalue=2 * value + second,
    )
    state, item = (x.ravel() for x in np.indices((2, len(s.items))))
    counts = np.eye(5, dtype=int)[np.random.default_rng(0).integers(0, 5, len(state))]
    design = RatingsDesign(s, state, item, np.zeros_like(state), counts)
    scores = (counts @ np.arange(1, 6) - 3.0).reshape(2, -1)
    prepared = Prepared(design, ("baseline",), scores, (), ())
    plain = drawn_posterior(prepared, draws=20)
    shape = (2, 20, 1)
    move = np.random.default_rng(1).normal(0, 0.5, (*shape, 2 * V))

    def with_moves(first: np.ndarray, other: np.ndarray) -> np.ndarray:
        tree = plain.copy(deep=True)
        both = np.stack([first, other], -1).reshape(*shape, 2 * V)
        posterior = (
            tree["posterior"]
            .to_dataset()
            .assign(subvalue_shift=(("chain", "draw", "arm", "subvalue_name"), both))
        )
        tree["posterior"] = xr.DataTree(posterior)
        return compute_shifts(tree).points[:, 0]

    a, b = move[..., ::2], move[..., 1::2]
    # A shift is the mean over items: a quarter of them moves by a, the rest by b.
    mixed = 0.25 * with_moves(a, a) + 0.75 * with_moves(b, b)
    np.testing.assert_allclose(with_moves(a, b), mixed, atol=1e-12)
    # And a move of all sub-values alike is a move of delta.
    moved = plain.copy(deep=True)
    moved["posterior"] = xr.DataTree(
        moved["posterior"].to_dataset().assign(delta=lambda d: d["delta"] + a)
    )
    np.testing.assert_allclose(with_moves(a, a), compute_shifts(moved).points[:, 0], atol=1e-12)
