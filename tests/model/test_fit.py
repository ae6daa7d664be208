"""Fits on small studies: the same bits, the truth, and one answer whatever samples."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from simulated_studies import (
    PLACEBO,
    RETEST,
    TARGETED,
    drawn_posterior,
    simulate_study,
)

from vat_bayes.checks import run_checks
from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.estimands import compute_estimands
from vat_bayes.judgments import load_judgments
from vat_bayes.model import fit, load_spec, read_tree, write_tree
from vat_bayes.model.build import prepare
from vat_bayes.model.sampling import Settings, sample
from vat_bayes.values import VALUES

ALONE = Condition("promote", "intervention", ("benevolence",))
BENEVOLENCE = VALUES.index("benevolence")
TINY = simulate_study(0, n_scenarios=8, conditions=(ALONE,))
# Fits of one shape share programs, which take longest, whatever their data and however many draws.
TUNE = 300
GROUPS = {
    "posterior", "sample_stats", "prior", "log_likelihood",
    "log_prior", "posterior_predictive",
    "observed_data", "constant_data",
}  # fmt: skip


def tiny_fit() -> xr.DataTree:
    return fit(TINY.judgments, draws=20, tune=TUNE, chains=2, seed=3)


@pytest.fixture(scope="module")
def tiny() -> xr.DataTree:
    return tiny_fit()


def test_same_seed_same_bits(tiny: xr.DataTree) -> None:
    again = tiny_fit()
    for group in GROUPS:
        first, second = tiny[group].to_dataset(), again[group].to_dataset()
        assert set(first.data_vars) == set(second.data_vars)
        for name in first.data_vars:
            np.testing.assert_array_equal(first[name].to_numpy(), second[name].to_numpy())


def test_tree_has_every_group_with_named_dimensions(tiny: xr.DataTree) -> None:
    assert set(tiny.children) == GROUPS
    posterior = tiny["posterior"].to_dataset()
    dims = {str(name): x.dims[2:] for name, x in posterior.data_vars.items()}
    assert dims == {
        "level": ("model",),
        "theta": ("model", "value"),
        "delta": ("arm", "value"),
        "u_scale": ("arm", "value"),
        "coupling_scale": ("arm",),
        "coupling": ("arm", "value", "value2"),
        "beta": ("arm",),
        "lambda_": ("arm",),
        "alpha_scale": ("model",),
        "kappa_scale": ("model",),
        "noise": ("state",),
    }
    assert tuple(posterior["value"].to_numpy()) == VALUES
    assert posterior["arm"].to_numpy().tolist() == ["promote"]
    assert posterior["state"].to_numpy().tolist() == ["baseline", "promote"]
    assert tiny["log_likelihood"]["judgments"].dims == ("chain", "draw", "model", "scenario")
    assert tiny["observed_data"]["score"].dims == ("state", "item")
    assert tiny["constant_data"]["loading"].shape == (160, 10)
    assert tiny.attrs["readout"] == "distribution"
    assert tiny.attrs["engine"] == "nuts"
    assert tiny.attrs["seed"] == 3
    assert json.loads(tiny.attrs["arms"])[0]["target"] == ["benevolence"]
    assert json.loads(tiny.attrs["baselines"]) == {"m": "baseline"}


def test_file_round_trip(tiny: xr.DataTree, tmp_path: Path) -> None:
    path = tmp_path / "posterior.nc"
    write_tree(tiny, path)
    assert [p.name for p in tmp_path.iterdir()] == ["posterior.nc"]
    back = read_tree(path)
    for group in GROUPS:
        xr.testing.assert_identical(back[group].to_dataset(), tiny[group].to_dataset())
    assert dict(back.attrs) == dict(tiny.attrs)
    opened = az.from_netcdf(path)
    assert set(opened.children) == GROUPS
    assert len(az.summary(opened, var_names=["delta"])) == 10
    opened.close()
    before, after = compute_estimands(tiny).table, compute_estimands(back).table
    pd.testing.assert_frame_equal(before, after)


@pytest.mark.parametrize("repeats", [1, 2])
def test_ratings_tree_round_trip(tmp_path: Path, repeats: int) -> None:
    table = simulate_study(1, readout="ratings", n_scenarios=4, repeats=repeats).judgments.table
    reworded = table.assign(prompt="reversed")
    judgments = load_judgments(
        pd.concat([table.assign(prompt="forward"), reworded], ignore_index=True),
        conditions=(Condition("baseline", "baseline"), TARGETED, PLACEBO),
        n_categories=5,
    )
    tree = drawn_posterior(judgments, draws=10)
    prompt = tree["posterior"].to_dataset().data_vars["prompt"]
    assert prompt.dims == ("chain", "draw", "model", "wording")
    assert prompt["wording"].to_numpy().tolist() == ["forward", "reversed"]
    # Two prompts of one item are two ratings of it, which share what the condition does to it.
    assert "repeat_scale" in tree["posterior"].data_vars
    assert tree["posterior"]["u"].dims == ("chain", "draw", "arm", "scenario", "value")
    path = tmp_path / "posterior.nc"
    write_tree(tree, path)
    back = read_tree(path)
    # Without a model file there is no density of the priors.
    assert set(tree.children) == GROUPS - {"log_prior"}
    for group in tree.children:
        xr.testing.assert_identical(back[group].to_dataset(), tree[group].to_dataset())


def test_files_that_are_no_posterior(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no posterior here"):
        read_tree(tmp_path / "posterior.nc")
    broken = tmp_path / "broken.nc"
    broken.write_bytes(b"\x89HDF\r\n\x1a\nand no more")
    with pytest.raises(InputError, match="not a posterior file") as caught:
        read_tree(broken)
    assert "\n" not in str(caught.value)
    text = tmp_path / "text.nc"
    text.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="not a posterior file"):
        read_tree(text)
    other = tmp_path / "other.nc"
    xr.Dataset({"x": ("i", [1.0])}).to_netcdf(other, engine="h5netcdf")
    with pytest.raises(InputError, match="not a posterior"):
        read_tree(other)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"backend": "numpyr"}, "unknown backend 'numpyr', .* did you mean 'numpyro'"),
        ({"engine": "quick"}, "unknown engine 'quick'"),
        (
            {"engine": "fast", "backend": "pymc"},
            "does not fit expected scores with the pymc",
        ),
        ({"draws": 1}, "--draws must be at least 4, found 1"),
        ({"spec": "defalt"}, "did you mean 'default'"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        fit(TINY.judgments, **options)  # type: ignore[arg-type]


def test_a_backend_without_the_sampler_says_so() -> None:
    design = prepare(TINY.judgments).design
    with pytest.raises(InputError, match="pymc backend samples by NUTS alone, found 'hmc'"):
        sample(design, load_spec(), Settings(), "pymc", "hmc")


def test_ratings_with_their_effects_are_sampled_by_nuts_alone() -> None:
    study = simulate_study(1, readout="ratings", n_scenarios=4)
    design = prepare(study.judgments, "ratings").design
    with pytest.raises(InputError, match="sampled by NUTS alone, found 'hmc'"):
        sample(design, load_spec(), Settings(), "numpyro", "hmc")


def test_nothing_but_copies_cannot_be_fitted() -> None:
    table = TINY.judgments.table
    base = table[table["condition"] == "baseline"]
    judgments = load_judgments(
        pd.concat([base, base.assign(condition="retest")], ignore_index=True),
        conditions=(Condition("baseline", "baseline"), RETEST),
        n_categories=11,
    )
    with pytest.raises(InputError, match="nothing to fit"):
        fit(judgments)


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["scores", "ratings"])
def test_known_truth_is_recovered(readout: str) -> None:
    conditions = (TARGETED, PLACEBO, RETEST) if readout == "scores" else (TARGETED, PLACEBO)
    study = simulate_study(7, readout=readout, n_scenarios=16, conditions=conditions)
    tree = fit(study.judgments, draws=200, tune=250, chains=2, seed=1)
    estimands = compute_estimands(tree)
    table = estimands.table[estimands.table["scale"] == "points"]
    distance = []
    for condition in ("promote", "placebo"):
        mine = table[table["condition"] == condition]
        shift = mine[mine["estimand"] == "shift"]
        error = shift["mean"].to_numpy() - study.shift[condition]
        distance.append(error / shift["sd"].to_numpy())
    z = np.abs(np.concatenate(distance))
    assert z.max() < 4
    assert (z < 2).mean() >= 0.8
    gain = table[(table["condition"] == "promote") & (table["estimand"] == "gain")].iloc[0]
    assert gain["p_positive"] > 0.975
    assert abs(gain["mean"] - study.shift["promote"][BENEVOLENCE]) < 3 * gain["sd"]
    failed = [c for c in run_checks(tree, estimands) if c.verdict == "fail"]
    assert {c.check for c in failed} <= {"r_hat", "ess_bulk", "ess_tail"}  # the chains are short


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["scores", "ratings"])
def test_backends_and_engines_agree(readout: str) -> None:
    n_scenarios = 8 if readout == "scores" else 5
    study = simulate_study(8, readout=readout, n_scenarios=n_scenarios, conditions=(ALONE,))
    ways: list[dict[str, Any]] = [{"backend": "numpyro"}, {"backend": "pymc"}]
    # That for ratings approximates and has tests of its own.
    ways += [{"engine": "fast"}] if readout == "scores" else []
    first, *others = [
        fit(study.judgments, draws=400, tune=TUNE, chains=2, seed=1, **way) for way in ways
    ]
    names = [n for n in ("theta", "delta", "beta", "lambda_", "alpha_scale", "kappa_scale",
                         "u_scale", "coupling_scale", "level", "noise", "cutpoint")
             if n in first["posterior"].data_vars]  # fmt: skip
    for name, other in product(names, others):
        pair = (first, other)
        (m1, s1, e1, f1), (m2, s2, e2, f2) = (moments(t["posterior"][name]) for t in pair)
        sd = np.maximum(s1, s2)
        # Means within 0.1 sd and sds within 5 %, plus four Monte Carlo errors of the difference.
        assert (np.abs(m1 - m2) < 0.1 * sd + 4 * np.hypot(e1, e2)).all(), name
        assert (np.abs(s1 - s2) < 0.05 * sd + 4 * np.hypot(f1, f2)).all(), name


def moments(x: xr.DataArray) -> tuple[np.ndarray, ...]:
    """Mean and sd of every entry, and their Monte Carlo errors."""
    data = x.to_dataset(name="x")
    return (
        x.mean(("chain", "draw")).to_numpy(),
        x.std(("chain", "draw"), ddof=1).to_numpy(),
        az.mcse(data, method="mean")["x"].to_numpy(),
        az.mcse(data, method="sd")["x"].to_numpy(),
    )
