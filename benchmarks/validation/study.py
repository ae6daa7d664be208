"""One simulated study: draw, fit, and ask which intervals hold the truth."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
import xarray as xr

from benchmarks.validation.settings import Setting
from vat_bayes.checks import Check, gate, gating_checks, gating_failures
from vat_bayes.estimands import Estimands, compute_estimands
from vat_bayes.judgments import load_judgments
from vat_bayes.model import fit
from vat_bayes.simulate import Simulated, simulate

DRAWS, TUNE, CHAINS = 800, 300, 2
# What a person does whose fit did not converge, as its report says: longer chains.
LONGER = 4
TWINS = ("gain", "shift", "tax_rms", "tax_excess")


def run_study(setting: Setting, seed: int) -> pd.DataFrame:
    """Simulate, fit and compare one study.

    Parameters
    ----------
    setting : Setting
    seed : int

    Returns
    -------
    DataFrame
        One row per estimand with a truth: interval, truth, whether it is inside, and whether the
        fit passed the convergence gate. A fit that does not pass is done again with `LONGER` times
        the draws and the warm-up, which is what its rows are then of; ``longer`` says so.
    """
    made = simulate(
        setting.scenarios, seed=seed, readout=setting.readout, world=setting.world(seed)
    )
    judgments = load_judgments(made.judgments, n_categories=5)
    for longer in (1, LONGER):
        tree = fit(
            judgments,
            engine=setting.engine, backend=setting.backend,
            seed=seed, draws=DRAWS * longer, tune=TUNE * longer, chains=CHAINS,
            replicate=False,
        )  # fmt: skip
        estimands = compute_estimands(tree)
        checks = gating_checks(tree, estimands.draws)
        if not gating_failures(checks):
            break
    rows = held_against_truth(
        setting, seed, made, tree=tree, estimands=gate(estimands, checks), checks=checks
    )
    return rows.assign(longer=longer > 1)


def held_against_truth(
    setting: Setting,
    seed: int,
    made: Simulated,
    *,
    tree: xr.DataTree,
    estimands: Estimands,
    checks: Sequence[Check],
) -> pd.DataFrame:
    """Ask which intervals of one fit hold the truth.

    Parameters
    ----------
    setting : Setting
    seed : int
    made : Simulated
    tree : DataTree
    estimands : Estimands
        After the gate.
    checks : sequence of Check

    Returns
    -------
    DataFrame
    """
    table = estimands.table
    twins = made.truth[made.truth["estimand"].isin(TWINS) & (made.truth["scale"] == "points")]
    twins = twins.assign(estimand=twins["estimand"] + "_classical")
    keys = ["condition", "estimand", "value", "scale"]
    both = pd.concat([made.truth, twins]).fillna({"value": ""})
    both = both.merge(table.fillna({"value": ""}), on=keys, how="inner")
    failed = [c.check for c in gating_failures(checks)]
    return both[
        [*keys, "truth", "mean", "median", "sd", "lo", "hi", "p_positive", "status"]
    ].assign(
        key=setting.key,
        setting=json.dumps(vars(setting)),
        seed=seed,
        inside=(both["lo"] <= both["truth"] + 1e-12) & (both["truth"] <= both["hi"] + 1e-12),
        failed=";".join(failed),
        longer=False,
        seconds=float(tree.attrs["seconds"]),
    )
