"""Comparing two runs: which draws go together, what the intervals cover, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import shutil
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rich.console import Console
from scipy import stats
from simulated_studies import PLACEBO, TARGETED, drawn_posterior, simulate_study

import vat_bayes as vb
from vat_bayes.checks import GATING, Check, write_checks
from vat_bayes.cli import main
from vat_bayes.compare.dependence import (
    entangle,
    in_order_of,
    opposing,
    scenario_correlation,
)
from vat_bayes.compare.differences import as_table, difference_rows, find_dependence
from vat_bayes.compare.shared import arms_of, find_shared
from vat_bayes.compare.side import Scattering, Side
from vat_bayes.estimands import compute_estimands, tax
from vat_bayes.model import write_tree
from vat_bayes.runs import RunFiles, write_dataset, write_table
from vat_bayes.values import VALUES

V = len(VALUES)
AIM = VALUES.index("benevolence")
OFF = [v for v in range(V) if v != AIM]


def side_of(
    scenarios: np.ndarray, names: list[str], rng: np.random.Generator, *, samples: int = 400
) -> Side:
    """A run whose posterior is that of a normal mean, from the shifts of its scenarios alone."""
    n = len(scenarios)
    mean, covariance = scenarios.mean(0), np.cov(scenarios.T) / n
    # Bayes for a normal mean with unknown covariance: a multivariate t.
    draws = stats.multivariate_t(mean, covariance, df=n - 1, seed=rng)
    shift = draws.rvs(samples)[:, None]
    data = {
        "shift": (("sample", "arm", "value"), shift),
        "gain": (("sample", "arm"), shift[:, :, AIM]),
        "tax_rms": (("sample", "arm"), tax.tax_rms(shift[:, 0], OFF)[:, None]),
    }
    coords = {
        "arm": ["promote"],
        "value": list(VALUES),
        "arm_model": ("arm", ["m"]),
        "arm_condition": ("arm", ["promote"]),
        "arm_role": ("arm", ["intervention"]),
        "arm_target": ("arm", ["benevolence"]),
        "arm_direction": ("arm", [1]),
    }
    scattering = Scattering(
        items={f"{name}/item": (i, (1.0,)) for i, name in enumerate(names)},
        names=tuple(names),
        influence={("m", "promote"): (scenarios - mean) / n},
        n_categories=5,
    )
    return Side(Path("run"), xr.Dataset(data, coords), scattering, {}, False)


def differences(a: Side, b: Side, *, paired: bool = True) -> pd.DataFrame:
    shared = find_shared(a, b)
    how = find_dependence(a, b, shared)
    if not paired:
        how = dataclasses.replace(how, kind="independent")
    arms = arms_of(a)[0], arms_of(b)[0]
    return as_table(difference_rows(a, b, arms, shared, how, level=0.9, seed=0))


def two_runs(
    rng: np.random.Generator, correlation: float, *, n: int = 30, shared: int = 30
) -> tuple[Side, Side, np.ndarray, np.ndarray]:
    """Two runs with known shifts; what scenarios they share have correlated effects."""
    true_a, true_b = rng.normal(0, 0.15, (2, V))
    z = rng.normal(size=(2, 2 * n - shared, V))
    effects = 0.4 * z[0], 0.4 * (correlation * z[0] + np.sqrt(1 - correlation**2) * z[1])
    names = [f"s{i:03d}" for i in range(2 * n - shared)]
    first, last = slice(0, n), slice(n - shared, None)
    a = side_of(true_a + effects[0][first], names[first], rng)
    b = side_of(true_b + effects[1][last], names[last], rng)
    return a, b, true_a, true_b


def rms(x: np.ndarray) -> float:
    return float(np.sqrt((x[OFF] ** 2).mean()))


@pytest.mark.parametrize(("correlation", "alone"), [(0.6, (0.95, 1.0)), (-0.5, (0.7, 0.87))])
def test_intervals_cover_the_truth_where_scenarios_are_shared(
    correlation: float, alone: tuple[float, float]
) -> None:
    """As if independent, the same intervals cover too often or, against each other, too rarely."""
    rng = np.random.default_rng(17)
    inside: dict[str, list[float]] = {"shift": [], "gain": [], "tax_rms": [], "independent": []}
    for _ in range(60):
        a, b, true_a, true_b = two_runs(rng, correlation)
        table = differences(a, b)
        truth = np.concatenate(
            [[true_b[AIM] - true_a[AIM], rms(true_b) - rms(true_a)], true_b - true_a]
        )
        held = (table["lo"] <= truth) & (truth <= table["hi"])
        for name in ("shift", "gain", "tax_rms"):
            inside[name].append(held[table["estimand"] == name].mean())
        apart = (b.draws["shift"] - a.draws["shift"]).quantile([0.05, 0.95], "sample")
        lo, hi = apart.to_numpy()[:, 0]
        inside["independent"].append(((lo <= truth[2:]) & (truth[2:] <= hi)).mean())
    covered = {name: float(np.mean(x)) for name, x in inside.items()}
    # Sixty studies: a standard error of .04 for one number each, and about .015 for ten shifts.
    assert 0.86 <= covered["shift"] <= 0.95
    assert 0.82 <= covered["gain"] <= 0.98
    assert 0.84 <= covered["tax_rms"] <= 1.0
    assert alone[0] <= covered["independent"] <= alone[1]


def test_the_correlation_is_that_of_the_scenarios_and_shrinks_with_the_overlap() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 50, V))
    x, y = x - x.mean(0), y - y.mean(0)
    every = np.stack([np.arange(50)] * 2, 1)
    np.testing.assert_allclose(
        scenario_correlation(x, y, every), np.corrcoef(x.T, y.T)[:V, V:], atol=1e-12
    )
    found = {
        shared: np.mean(
            [
                differences(*two_runs(rng, 0.8, n=40, shared=shared)[:2])["correlation"][2:]
                for _ in range(6)
            ]
        )
        for shared in (40, 20)
    }
    assert found[40] == pytest.approx(0.8, abs=0.06)
    assert found[20] == pytest.approx(0.4, abs=0.1)


def test_entangled_draws_keep_mean_and_covariance_and_get_the_correlation() -> None:
    rng = np.random.default_rng(3)
    mix = np.eye(3) + 0.3 * rng.normal(size=(2, 3, 3))
    a, b = (rng.normal(size=(50_000, 3)) @ m + 1 for m in mix)
    wanted = np.array([[0.3, 0.1, 0.0], [0.0, -0.2, 0.1], [0.1, 0.0, 0.2]])
    made = entangle(a, b, wanted)
    np.testing.assert_allclose(made.mean(0), b.mean(0), atol=0.02)
    np.testing.assert_allclose(np.cov(made.T), np.cov(b.T), rtol=0.03, atol=0.05)
    np.testing.assert_allclose(np.corrcoef(a.T, made.T)[:3, 3:], wanted, atol=0.02)
    # More than is possible is brought down to what is.
    too_much = entangle(a, a[rng.permutation(len(a))], 1.5 * np.corrcoef(a.T))
    assert np.isfinite(too_much).all()
    assert min(np.corrcoef(a[:, i], too_much[:, i])[0, 1] for i in range(3)) > 0.97


def test_a_reordering_keeps_the_draws_and_takes_the_ranks() -> None:
    rng = np.random.default_rng(4)
    draws, guide = rng.gamma(1, size=500), rng.normal(size=500)
    made = in_order_of(draws, guide)
    np.testing.assert_array_equal(np.sort(made), np.sort(draws))
    assert stats.spearmanr(made, guide).statistic == pytest.approx(1)


def test_the_widest_difference_is_the_sum_of_the_errors() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 1, 20_000), rng.normal(0, 2, 20_000)
    assert (opposing(a, b, 1.0) - a).std() == pytest.approx(3, rel=0.01)
    assert (opposing(a, b, 0.0) - a).std() == pytest.approx(np.sqrt(5), rel=0.02)
    half = np.sqrt(5 + 2 * 0.5 * 2)
    assert (opposing(a, b, 0.5) - a).std() == pytest.approx(half, rel=0.02)


def test_each_run_keeps_its_own_numbers() -> None:
    a, b, *_ = two_runs(np.random.default_rng(6), 0.7)
    table = differences(a, b).set_index("estimand")
    for column, side in (("a", a), ("b", b)):
        own = float(side.draws["tax_rms"].median())
        assert table.loc["tax_rms", column] == pytest.approx(own, rel=1e-9)
    alone = differences(a, b, paired=False).set_index("estimand")
    assert table.loc["gain", "sd"] < 0.75 * alone.loc["gain", "sd"]


def test_what_is_not_known_widens_the_intervals() -> None:
    a, b, *_ = two_runs(np.random.default_rng(7), 0.7)
    unknown = dataclasses.replace(b, scattering=None)
    wide = differences(a, unknown).query("estimand == 'gain'").iloc[0]
    sds = [float(s.draws["gain"].std(ddof=1)) for s in (a, b)]
    assert wide["dependence"] == "bounded"
    assert wide["sd"] == pytest.approx(sum(sds), rel=0.01)
    few = find_shared(*two_runs(np.random.default_rng(8), 0.7, shared=3)[:2])
    assert find_dependence(a, b, few).bound == pytest.approx(3 / 30)
    none = find_shared(*two_runs(np.random.default_rng(8), 0.7, shared=0)[:2])
    assert find_dependence(a, b, none).kind == "independent"


def test_other_targets_and_failed_fits_withhold() -> None:
    a, b, *_ = two_runs(np.random.default_rng(9), 0.7)
    power = b.draws.assign_coords(arm_target=("arm", ["power"]))
    table = differences(a, dataclasses.replace(b, draws=power)).set_index("estimand")
    assert set(table.loc[["gain", "tax_rms"], "status"]) == {"targets-differ"}
    assert np.isnan(table.loc["gain", "mean"])
    assert set(table.loc["shift", "status"]) == {"ok"}
    failed = differences(a, dataclasses.replace(b, failed=True))
    assert set(failed["status"]) == {"not-converged"}
    assert failed[["mean", "lo", "a"]].isna().all(axis=None)


def test_a_tax_over_other_values_is_another_quantity() -> None:
    a, b, *_ = two_runs(np.random.default_rng(9), 0.7)
    unasked = b.draws.copy(deep=True)
    unasked["shift"].loc[{"value": "power"}] = np.nan
    table = differences(a, dataclasses.replace(b, draws=unasked)).set_index("estimand")
    assert table.loc["tax_rms", "status"] == "values-differ"
    assert np.isnan(table.loc["tax_rms", "mean"])
    assert table.loc["gain", "status"] == "ok"
    # A target that one of them was not asked about leaves the tax as it is.
    aim = b.draws.copy(deep=True)
    aim["shift"].loc[{"value": "benevolence"}] = np.nan
    table = differences(a, dataclasses.replace(b, draws=aim)).set_index("estimand")
    assert table.loc["tax_rms", "status"] == "ok"


def test_items_with_other_texts_or_loadings_are_not_shared() -> None:
    a, b, *_ = two_runs(np.random.default_rng(10), 0.7)
    assert a.scattering is not None
    items = list(a.scattering.items)
    texts = dict.fromkeys(items, "one")
    changed = find_shared(
        dataclasses.replace(a, texts=texts),
        dataclasses.replace(b, texts=texts | {items[0]: "another"}),
    )
    assert (changed.items, changed.scenarios, changed.changed) == (29, 29, (items[0],))
    assert b.scattering is not None
    other = dict(b.scattering.items) | {items[1]: (1, (-1.0,))}
    loaded = dataclasses.replace(b, scattering=dataclasses.replace(b.scattering, items=other))
    assert find_shared(a, loaded).changed == (items[1],)
    swapped = dict(b.scattering.items) | {items[1]: (2, (1.0,))}
    grouped = dataclasses.replace(b, scattering=dataclasses.replace(b.scattering, items=swapped))
    with pytest.raises(vb.InputError, match="group the same items into different scenarios"):
        find_shared(a, grouped)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two run folders on the same eight scenarios; the second has other effects and no placebo."""
    files = RunFiles(tmp_path_factory.mktemp("runs") / "a")
    files.root.mkdir()
    study = simulate_study(1, n_scenarios=8, conditions=(TARGETED, PLACEBO))
    tree = drawn_posterior(study.judgments, draws=20, seed=1)
    found = compute_estimands(tree)
    write_table(files.estimands, found.table)
    write_dataset(files.draws, found.draws)
    write_checks(files.checks, [Check(name, "pass", 1.0, 1.0, "fine") for name in GATING])
    write_tree(tree, files.posterior)
    other = RunFiles(Path(shutil.copytree(files.root, files.root.with_name("b"))))
    moved = found.draws.sel(arm=["promote"])
    write_dataset(other.draws, moved.assign({k: moved[k] + 1 for k in ("shift", "gain")}))
    return files.root, other.root


def test_run_folders_are_compared_on_the_command_line(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = map(str, runs)
    out = tmp_path / "differences.csv"
    assert main(["compare", a, b, "--out", str(out)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "160 items (of 160 and 160) and 8 scenarios (of 8 and 8)" in text
    assert "Only in a: placebo." in text
    assert main(["compare", a, b, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["dependence"]["kind"] == "paired"
    assert {(d["condition"], d["condition_b"]) for d in told["differences"]} == {
        ("promote", "promote")
    }
    table = pd.read_csv(out)
    assert table.query("estimand != 'tax_rms'")["mean"].to_numpy() == pytest.approx(1)
    assert list(table["estimand"]) == ["gain", "tax_rms", *["shift"] * V]
    assert list(table["mean"]) == pytest.approx([d["mean"] for d in told["differences"]])


def test_a_comparison_shows_itself_and_any_pair_can_be_asked_for(runs: tuple[Path, Path]) -> None:
    found = vb.compare(*runs, pairs={"placebo": "promote"})
    assert repr(found).endswith("one pair of conditions, paired")
    out = StringIO()
    Console(file=out, width=140).print(found)
    assert "placebo and promote" in out.getvalue()
    assert "withheld: the targets differ" in found._repr_html_()
    assert found.to_dataframe().equals(found.table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairs": {"promot": "promote"}}, "no condition 'promot' with draws; did you mean"),
        ({"level": 1.0}, "the level is 1"),
        ({"b": "none"}, "none: no such run folder"),
    ],
)
def test_what_can_not_be_compared_is_told(
    runs: tuple[Path, Path], change: dict[str, object], message: str
) -> None:
    given: dict[str, object] = {"a": runs[0], "b": runs[1]} | change
    with pytest.raises(vb.InputError, match=message):
        vb.compare(**given)  # type: ignore[arg-type]
