"""Small versions of the calibration studies: the real samplers, and the truth known.

A few studies catch a sign, a scale or a prior that is wrong, and not a coverage of .86; the studies
that can are those of ``make validate``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from benchmarks.validation.sbc import RANKS, run_sbc
from benchmarks.validation.settings import Setting
from benchmarks.validation.study import held_against_truth
from vat_bayes.estimands import compute_estimands
from vat_bayes.judgments import load_judgments
from vat_bayes.model import fit
from vat_bayes.simulate import simulate

SETTINGS = (
    Setting("small", "ratings", 16),
    Setting("small", "distribution", 8),
    Setting("small", "distribution", 8, twist="null"),
    Setting("small", "distribution", 8, scatter="skewed-items"),
)


@pytest.mark.slow
@pytest.mark.parametrize("readout", ["distribution", "ratings"])
def test_ranks_of_the_truth_are_uniform(readout: str) -> None:
    n = 8
    rows = pd.concat([run_sbc(readout, "numpyro", s, scenarios=5, length=100) for s in range(n)])
    assert set(rows["parameter"]) >= {"theta", "delta", "beta", "lambda_", "u_scale", "coupling"}
    rows["place"] = (rows["rank"] + 0.5) / (RANKS + 1)
    rows["far"] = (rows["place"] - 0.5).abs() > 0.45
    # Studies are the units: scalars of one study are not independent.
    each = rows.groupby(["parameter", "seed"])[["place", "far"]].mean().groupby("parameter").mean()
    # A uniform rank has the sd 1 / sqrt(12), and a mean over several of one study at most that.
    assert (abs(each["place"] - 0.5) < 4 / np.sqrt(12 * n)).all(), each
    # Too narrow a posterior leaves truths beyond most of its draws.
    assert (each["far"] < 0.1 + 4 * np.sqrt(0.1 * 0.9 / n)).all(), each


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: f"{s.readout}, {s.label}")
def test_intervals_hold_the_truth(setting: Setting) -> None:
    n = 4
    rows = pd.concat([study(setting, seed) for seed in range(1, 1 + n)])
    promoted = rows[(rows["condition"] == "promote") & (rows["scale"] == "points")]
    inside = promoted.groupby("estimand")["inside"].agg(["mean", "size"])
    least = binom.ppf(0.001, n, 0.9) / n
    for name in ("gain", "tax_rms", "tax_excess"):
        assert inside.loc[name, "size"] == n
        assert inside.loc[name, "mean"] >= least, inside
    assert inside.loc["shift", "mean"] > 0.75, inside
    if setting.twist == "null":
        excess = promoted[promoted["estimand"] == "tax_excess"]
        assert (excess["p_positive"] > 0.95).sum() <= binom.ppf(0.999, n, 0.05)


def study(setting: Setting, seed: int) -> pd.DataFrame:
    """One study of a setting with chains too short for a report and long enough for a count."""
    world = setting.world(seed)
    made = simulate(setting.scenarios, seed=seed, readout=setting.readout, world=world)
    judgments = load_judgments(made.judgments, n_categories=5)
    tree = fit(judgments, draws=150, tune=250, chains=2, seed=seed)
    estimands = compute_estimands(tree)
    return held_against_truth(setting, seed, made, tree=tree, estimands=estimands, checks=())
