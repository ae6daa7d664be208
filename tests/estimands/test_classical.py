"""Classical twins against loops, resampling and theory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_studies import BASELINE, PLACEBO, TARGETED, drawn_posterior, simulate_study

from vat_bayes.estimands.arms import read_arms
from vat_bayes.estimands.classical import (
    PairedShifts,
    paired_shifts,
    raw_coupling,
    sampling_draws,
    scenario_bootstrap,
)
from vat_bayes.judgments import load_judgments
from vat_bayes.values import VALUES


def uneven_table() -> pd.DataFrame:
    """Ratings with refusals, so that scenarios carry different weights."""
    table = simulate_study(5, readout="ratings", n_scenarios=12).judgments.table
    gone = np.random.default_rng(0).random(len(table)) < 0.15
    table["rating"] = table["rating"].mask(gone)
    return table


def posterior_of(table: pd.DataFrame) -> xr.DataTree:
    judgments = load_judgments(table, conditions=(BASELINE, TARGETED, PLACEBO), n_categories=5)
    return drawn_posterior(judgments, chains=1, draws=2)


def test_means_and_errors_against_a_loop_over_the_table() -> None:
    table = uneven_table()
    tree = posterior_of(table)
    paired = paired_shifts(tree, read_arms(tree))
    by_item = table.dropna(subset="rating").set_index(["condition", "item"])
    for a, condition in enumerate(("promote", "placebo")):
        for v, value in enumerate(VALUES):
            differences: dict[str, list[float]] = {}
            for item, row in by_item.loc["baseline"].iterrows():
                if row["value"] == value and (condition, item) in by_item.index:
                    moved = by_item.loc[(condition, item), "rating"] - row["rating"]
                    signed = float(row["polarity"] * moved)
                    differences.setdefault(str(row["scenario"]), []).append(signed)
            everything = [x for xs in differences.values() for x in xs]
            mean = sum(everything) / len(everything)
            n = len(differences)
            meat = sum(sum(x - mean for x in xs) ** 2 for xs in differences.values())
            error = np.sqrt(n / (n - 1) * meat) / len(everything)
            assert paired.mean[a, v] == pytest.approx(mean, abs=1e-12)
            assert paired.standard_error[a, v] == pytest.approx(error, abs=1e-12)
            assert paired.clusters[a, v] == n


def random_paired(rng: np.random.Generator, n_scenarios: int) -> PairedShifts:
    weight = rng.integers(1, 4, (2, n_scenarios, 10)).astype(float)
    return PairedShifts(weight * rng.normal(0.2, 1, weight.shape), weight)


def test_clustered_errors_agree_with_bootstrap_and_sampling_draws() -> None:
    paired = random_paired(np.random.default_rng(1), 60)
    error = paired.standard_error
    boot = scenario_bootstrap(paired, 6000, seed=2)
    np.testing.assert_allclose(boot.std(0) / error, 1.0, atol=0.07)
    np.testing.assert_allclose(boot.mean(0), paired.mean, atol=0.1 * error.max())
    drawn = sampling_draws(paired, 6000, seed=2)
    np.testing.assert_allclose(drawn.std(0) / error, 1.0, atol=0.05)
    np.testing.assert_allclose(drawn.mean(0), paired.mean, atol=0.06 * error.max())
    # Values are resampled together: covariances agree, not just the diagonal.
    both = [np.corrcoef(x.reshape(6000, -1).T) for x in (boot, drawn)]
    assert np.abs(both[0] - both[1]).max() < 0.1


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_names_and_order_of_items_and_scenarios_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = UNEVEN.copy()
    for column in ("item", "scenario"):
        names = table[column].unique()
        table[column] = table[column].map(dict(zip(names, rng.permutation(names), strict=True)))
    tree = posterior_of(table.sample(frac=1, random_state=seed, ignore_index=True))
    paired = paired_shifts(tree, read_arms(tree))
    np.testing.assert_allclose(paired.mean, KNOWN.mean, atol=1e-12)
    np.testing.assert_allclose(paired.standard_error, KNOWN.standard_error, atol=1e-12)


UNEVEN = uneven_table()
_TREE = posterior_of(UNEVEN)
KNOWN = paired_shifts(_TREE, read_arms(_TREE))


def test_value_without_items_has_no_twin() -> None:
    paired = random_paired(np.random.default_rng(3), 8)
    paired.total[:, :, 4] = paired.weight[:, :, 4] = 0.0
    assert np.isnan(paired.mean[:, 4]).all()
    assert np.isnan(paired.standard_error[:, 4]).all()
    assert np.isnan(scenario_bootstrap(paired, 10, seed=0)[:, :, 4]).all()
    assert np.isfinite(np.delete(paired.mean, 4, axis=1)).all()


@pytest.mark.parametrize("n", [20, 60])
def test_raw_coupling_of_unrelated_values_is_its_null(n: int) -> None:
    # E r^2 = 1 / (n - 1) for rank correlations of unrelated values (Kendall 1948).
    expected = np.sqrt(1 + 9 / (n - 1))
    rng = np.random.default_rng(n)
    norms, nulls = [], []
    for _ in range(30):
        raw = raw_coupling(rng.normal(size=(n, 10)), n_resamples=40, seed=0)
        assert raw is not None
        assert raw.n == n
        norms.append(raw.norm)
        nulls.append(raw.null.mean())
    assert np.mean(nulls) == pytest.approx(expected, rel=0.01)
    assert np.mean(norms) == pytest.approx(expected, rel=0.015)


def test_raw_coupling_of_related_values_is_over_its_null() -> None:
    rng = np.random.default_rng(4)
    shifts = rng.normal(size=(40, 1)) + 0.5 * rng.normal(size=(40, 10))
    raw = raw_coupling(shifts, n_resamples=200, seed=0)
    assert raw is not None
    assert raw.norm > raw.null.max()
    # All ranks alike: every correlation is one, and the norm is sqrt(V).
    same = raw_coupling(np.repeat(shifts[:, :1], 10, axis=1), n_resamples=5, seed=0)
    assert same is not None
    assert same.norm == pytest.approx(np.sqrt(10))


def test_raw_coupling_against_pandas() -> None:
    shifts = np.random.default_rng(5).normal(size=(15, 10)).round(1)
    shifts[3, 2] = np.nan
    raw = raw_coupling(shifts, n_resamples=5, seed=0)
    assert raw is not None
    correlation = pd.DataFrame(shifts).dropna().corr(method="spearman").to_numpy()
    assert raw.norm == pytest.approx(np.linalg.norm(correlation) / np.sqrt(10))
    assert raw.n == 14


def test_raw_coupling_needs_four_scenarios() -> None:
    assert raw_coupling(np.zeros((3, 10)), n_resamples=5, seed=0) is None
