"""Real data: intervals from a third of the scenarios against the estimate from all of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

import vat_bayes as vb

FILES = ("valueportrait_ratings.csv.gz", "valueportrait_items.csv")
PAIRS = (
    ("deepseek-chat", "deepseek-r1"),
    ("qwen-turbo", "qwen-plus"),
    ("mistral-small", "mistral-small-24b-instruct-2501"),
)
DRAWS, TUNE, CHAINS = 500, 500, 2


def data_folder() -> Path | None:
    """Return where the ValuePortrait files are, or None."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    folder = Path(os.environ.get("VAT_BAYES_SHARED") or beside) / "data"
    return folder if all((folder / name).is_file() for name in FILES) else None


def run_subset(pair: int, seed: int) -> pd.DataFrame:
    """Fit a release change on a random third of its scenarios, or on all of them.

    Parameters
    ----------
    pair : int
        Which of `PAIRS`.
    seed : int
        Draws the third; -1 for all scenarios.

    Returns
    -------
    DataFrame
        The shifts and the tax with their intervals.
    """
    before, after = PAIRS[pair]
    imported = vb.import_judgments(
        "valueportrait", data_folder(), baseline=before, interventions=after, retest=True
    )
    judgments = imported.judgments()
    if seed >= 0:
        scenarios = judgments.tally.scenarios
        rng = np.random.default_rng([seed, pair])
        kept = rng.choice(scenarios, size=len(scenarios) // 3, replace=False)
        judgments = judgments.of_scenarios(set(kept))
    tree = vb.fit(judgments, draws=DRAWS, tune=TUNE, chains=CHAINS, seed=max(seed, 0))
    table = vb.compute_estimands(tree).table
    kept_rows = table["estimand"].isin(("shift", "tax_rms")) & (table["scale"] == "points")
    return table[kept_rows].assign(pair=f"{before} -> {after}", seed=seed, key="subset")
