"""The same model in PyMC as it is usually written: one term of the likelihood for each row."""

from __future__ import annotations

import time

import numpy as np
import nutpie
import pandas as pd
import pymc as pm

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
    rows, v = study.rows, len(VALUES)
    value = rows["value"].map(list(VALUES).index).to_numpy()
    scenario, scenarios = pd.factorize(rows["scenario"])
    item, items = pd.factorize(rows["item"])
    sign, arm = rows["sign"].to_numpy(), rows["arm"].to_numpy()
    start = time.perf_counter()
    with pm.Model() as model:
        cutpoint = pm.Normal(
            "cutpoint", 0, 3, shape=study.n_categories - 1,
            initval=np.linspace(-2, 2, study.n_categories - 1),
            transform=pm.distributions.transforms.ordered,
        )  # fmt: skip
        theta = pm.Normal("theta", 0, 1.5, shape=v)
        delta = pm.Normal("delta", 0, 1.5, shape=(2, v))
        beta = pm.Normal("beta", 0, 1, shape=2)
        lambda_ = pm.Normal("lambda", 0, 0.5, shape=2)
        alpha_scale = pm.HalfNormal("alpha_scale", 1)
        kappa_scale = pm.HalfNormal("kappa_scale", 1)
        alpha = alpha_scale * pm.Normal("alpha_raw", 0, 1, shape=(len(scenarios), v))
        kappa = kappa_scale * pm.Normal("kappa_raw", 0, 1, shape=len(items))
        effects = []
        for a in range(2):
            factor, _, _ = pm.LKJCholeskyCov(
                f"u_factor_{a}", n=v, eta=2, sd_dist=pm.HalfNormal.dist(1), compute_corr=True
            )
            raw = pm.Normal(f"u_raw_{a}", 0, 1, shape=(len(scenarios), v))
            effects.append(delta[a] + raw @ factor.T)
        shifted = pm.math.stack([pm.math.zeros_like(effects[0]), *effects])
        endorsed = theta[value] + alpha[scenario, value] + shifted[arm, scenario, value]
        style = pm.math.concatenate([[0.0], beta])[arm]
        sharp = pm.math.exp(pm.math.concatenate([[0.0], lambda_])[arm])
        eta = sign * endorsed + style + kappa[item]
        pm.OrderedLogistic(
            "rating", eta=eta * sharp, cutpoints=cutpoint * sharp[:, None],
            observed=rows["rating"].to_numpy() - 1, compute_p=False,
        )  # fmt: skip
    compiled = nutpie.compile_pymc_model(model)
    begun = time.perf_counter()
    tree = nutpie.sample(
        compiled, draws=draws, tune=draws, chains=2, cores=2, seed=seed, progress_bar=False
    )
    sampling = time.perf_counter() - begun
    drawn = {k: x.values.reshape(2 * draws, *x.shape[2:]) for k, x in tree["posterior"].items()}
    u_scale = drawn["u_factor_0_stds"]
    before = np.hypot(drawn["alpha_scale"], drawn["kappa_scale"])
    sharp_after = np.exp(drawn["lambda"][:, 0])
    shifts = _points(drawn, before, np.hypot(before[:, None], u_scale), sharp_after)
    return from_draws(shifts.reshape(2, draws, v), time.perf_counter() - start, sampling)


def _points(drawn, before, after, sharp):  # type: ignore[no-untyped-def]
    """Shifts in points, with style included as in the default estimand."""
    still = np.zeros_like(drawn["theta"])
    nothing = shifts_in_points(drawn["cutpoint"], still, drawn["theta"], before, before)
    moved = shifts_in_points(
        drawn["cutpoint"] * sharp[:, None] - (sharp * drawn["beta"][:, 0])[:, None],
        still,
        (drawn["theta"] + drawn["delta"][:, 0]) * sharp[:, None],
        after * sharp[:, None],
        after * sharp[:, None],
    )
    return moved - nothing
