"""The nearest model that bambi expresses: no coupling, no extremity, one scale of varying effects.

References
----------
Capretto et al. (2022). Bambi: a simple interface for fitting Bayesian linear models in Python.
Journal of Statistical Software 103(15).
"""

from __future__ import annotations

import time

import bambi as bmb
import numpy as np

from benchmarks.peers.study import Answer, Study, from_draws, shifts_in_points
from vat_bayes.values import VALUES


def run(study: Study, draws: int, seed: int) -> Answer:
    """Fit with nutpie.

    Parameters
    ----------
    study : Study
    draws : int
        Per chain, after as many warm-up steps; two chains.
    seed : int

    Returns
    -------
    Answer
    """
    rows = study.rows.copy()
    names: dict[str, list[str]] = {"theta": [], "delta_1": [], "delta_2": []}
    for i, value in enumerate(VALUES):
        own = (rows["value"] == value) * rows["sign"]
        for key, columns in names.items():
            arm = key.rpartition("_")[2]
            column = f"{key}_v{i}"
            rows[column] = own * (rows["arm"] == int(arm)) if arm != "theta" else own
            columns.append(column)
    for arm in (1, 2):
        rows[f"arm_{arm}"] = (rows["arm"] == arm).astype(float)
        rows[f"sign_{arm}"] = rows["sign"] * rows[f"arm_{arm}"]
    rows["rating"] = rows["rating"].astype(str)
    fixed = [*names["theta"], *names["delta_1"], *names["delta_2"], "arm_1", "arm_2"]
    varying = ["(1|item)", *(f"(0 + {x}|cluster)" for x in ("sign", "sign_1", "sign_2"))]
    if rows.duplicated(["item", "arm"]).any():
        # Ratings of one item in one condition share what the condition does to that very item.
        rows["occasion"] = rows["item"] + "/" + rows["condition"]
        varying.append("(1|occasion)")
    start = time.perf_counter()
    model = bmb.Model(f"rating ~ 0 + {' + '.join(fixed + varying)}", rows, family="cumulative")
    begun = time.perf_counter()
    tree = model.fit(
        draws=draws, tune=draws, chains=2, cores=2, random_seed=seed,
        inference_method="nutpie", progressbar=False,
    )  # fmt: skip
    sampling = time.perf_counter() - begun
    drawn = {k: x.values.reshape(2 * draws, *x.shape[2:]) for k, x in tree["posterior"].items()}

    def stacked(key: str) -> np.ndarray:
        return np.stack([drawn[x] for x in names[key]], axis=-1)

    theta, delta = stacked("theta"), stacked("delta_1")
    before = np.hypot(drawn["1|item_sigma"], drawn["sign|cluster_sigma"])
    if "1|occasion_sigma" in drawn:
        before = np.hypot(before, drawn["1|occasion_sigma"])
    after = np.hypot(before, drawn["sign_1|cluster_sigma"])
    still, cutpoint = np.zeros_like(theta), drawn["threshold"]
    moved = shifts_in_points(cutpoint - drawn["arm_1"][:, None], still, theta + delta, after, after)
    shifts = moved - shifts_in_points(cutpoint, still, theta, before, before)
    return from_draws(shifts.reshape(2, draws, -1), time.perf_counter() - start, sampling)
