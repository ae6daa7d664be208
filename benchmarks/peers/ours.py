"""The engines of this project."""

from __future__ import annotations

import time
from typing import Literal

from benchmarks.peers.study import Answer, Study, from_draws
from vat_bayes.estimands.arms import read_arms
from vat_bayes.estimands.shifts import compute_shifts
from vat_bayes.judgments import load_judgments
from vat_bayes.model import fit


def run(study: Study, draws: int, seed: int, engine: Literal["nuts", "fast"]) -> Answer:
    """Fit the default model.

    Parameters
    ----------
    study : Study
    draws : int
        Per chain, after as many warm-up steps; two chains.
    seed : int
    engine : {"nuts", "fast"}

    Returns
    -------
    Answer
    """
    table = study.rows.drop(columns=["arm", "cluster", "score"])
    start = time.perf_counter()
    tree = fit(
        load_judgments(table.rename(columns={"sign": "polarity"}), n_categories=5),
        engine=engine, draws=draws, tune=draws, chains=2, seed=seed,
    )  # fmt: skip
    arm = [a.condition.name for a in read_arms(tree)].index("promote")
    shifts = compute_shifts(tree).points[:, arm]
    seconds = time.perf_counter() - start
    return from_draws(shifts.reshape(2, -1, shifts.shape[-1]), seconds, tree.attrs["seconds"])
