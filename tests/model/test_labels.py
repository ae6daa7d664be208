"""Conditions and wordings that use the rating labels unequally, and the model that has them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit

from vat_bayes.checks.predictive import check_predictive
from vat_bayes.conditions import Condition
from vat_bayes.estimands import compute_estimands
from vat_bayes.judgments import Judgments, load_judgments
from vat_bayes.model import fit
from vat_bayes.values import VALUES

V, SCENARIOS, COPIES = len(VALUES), 12, 100_000
CONDITIONS = (Condition("baseline", "baseline"), Condition("promote", "intervention", ("power",)))
# The label 4 is hardly written under the second wording, and by the intervention neither is 2.
CUTPOINTS = {
    ("baseline", "forward"): [-2.0, -0.7, 0.7, 2.0],
    ("baseline", "reversed"): [-2.0, -0.7, 1.0, 1.05],
    ("promote", "forward"): [-1.5, -1.45, 1.0, 1.05],
    ("promote", "reversed"): [-1.2, -1.15, 0.8, 0.85],
}
DELTA = {"baseline": np.zeros(V), "promote": np.where(np.array(VALUES) == "power", 1.5, 0.1)}


def below(eta: np.ndarray, condition: str, wording: str) -> np.ndarray:
    return np.asarray(expit(np.array(CUTPOINTS[condition, wording]) - eta[..., None]))


@pytest.fixture(scope="module")
def judgments() -> Judgments:
    rng = np.random.default_rng(3)
    sign = np.tile([1, -1], V)
    value = np.repeat(np.arange(V), 2)
    alpha = rng.normal(0, 0.5, (SCENARIOS, V))
    kappa = rng.normal(0, 0.7, (SCENARIOS, 2 * V))
    parts = []
    for condition, wording in CUTPOINTS:
        effect = alpha + DELTA[condition]
        eta = effect[:, value] * sign + kappa
        rating = 1 + (rng.random((*eta.shape, 1)) > below(eta, condition, wording)).sum(-1)
        scenario = [f"s{s:02d}" for s in range(SCENARIOS) for _ in value]
        part = {
            "model": "simulated",
            "condition": condition,
            "prompt": wording,
            "item": [f"{s}/{i}" for s, i in zip(scenario, np.tile(np.arange(2 * V), SCENARIOS),
                                                strict=True)],
            "scenario": scenario,
            "value": np.tile(np.array(VALUES)[value], SCENARIOS),
            "polarity": np.tile(sign, SCENARIOS),
            "rating": rating.ravel(),
        }  # fmt: skip
        parts.append(pd.DataFrame(part))
    return load_judgments(pd.concat(parts), conditions=CONDITIONS, n_categories=5)


def true_shift() -> np.ndarray:
    """Mean change of a new item's rating, half for the supporting and half for the violating."""
    rng = np.random.default_rng(4)
    still = 0.5 * rng.normal(size=(COPIES, 1)) + 0.7 * rng.normal(size=(COPIES, 2))
    found = np.zeros(V)
    for (condition, wording), _ in CUTPOINTS.items():
        side = 1.0 if condition == "promote" else -1.0
        for v in range(V):
            eta = still + DELTA[condition][v] * np.array([1.0, -1.0])
            score = (1.0 - below(eta, condition, wording)).sum(-1)
            found[v] += side * (score @ [0.5, -0.5]).mean() / 2
    return found


def fitted(judgments: Judgments, spec: str, draws: int) -> xr.DataTree:
    return fit(judgments, spec=spec, engine="nuts", draws=draws, tune=150, chains=2, seed=1)


def test_labels_of_their_own_fit_where_common_ones_fail(judgments: Judgments) -> None:
    common, own = fitted(judgments, "default", 50), fitted(judgments, "labels", 150)
    checks = [
        next(c for c in check_predictive(tree) if c.check == "ppc_ratings")
        for tree in (common, own)
    ]
    assert [c.verdict for c in checks] == ["fail", "pass"]
    assert "`labels`" in checks[0].why
    assert "`labels`" not in checks[1].why
    # Labels that are hardly used have cutpoints that hardly differ.
    cut = own["posterior"]["state_cutpoint"].sel(state="baseline")
    gap = cut.sel(wording="reversed", threshold=4) - cut.sel(wording="reversed", threshold=3)
    other = cut.sel(wording="forward", threshold=4) - cut.sel(wording="forward", threshold=3)
    assert float((gap < other).mean()) > 0.99
    table = compute_estimands(own).table
    rows = table[(table["estimand"] == "shift") & (table["scale"] == "points")].set_index("value")
    truth = pd.Series(true_shift(), index=list(VALUES))
    inside = (rows["lo"] <= truth[rows.index]) & (truth[rows.index] <= rows["hi"])
    assert inside.sum() >= 7
    assert abs(rows["mean"] - truth[rows.index]).max() < 4 * rows["sd"].max()
