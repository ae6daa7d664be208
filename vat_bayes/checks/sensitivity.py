"""How much the estimates move when the priors are made a little stronger or weaker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from vat_bayes.checks.check import Check
from vat_bayes.checks.quantities import COUPLING, EFFECTS, estimand_draws
from vat_bayes.model.structure import Floats

# The priors of the model file by what they are about, in the names of the draws.
PRIOR_GROUPS = {
    "the effects": ("delta",),
    "the baseline": ("theta", "level", "share"),
    "the scales of scenarios, items and noise": (
        *("alpha_scale", "u_scale", "kappa_scale", "noise", "prompt_scale", "repeat_scale"),
        *("prompt_shift_scale", "subvalue_scale", "subvalue_shift_scale", "share_scale"),
    ),
    "the coupling": ("coupling_scale",),
    "the response style": ("beta", "lambda_"),
}
_NAMES = {"prior_sensitivity": EFFECTS, "prior_sensitivity_coupling": COUPLING}
_FEWEST_DRAWS = 100
_WARN = 0.05
_WORDS = {
    "tax_rms": "the plain norm behind tax_rms",
    "tax_excess": "the plain mean squares behind tax_excess",
}


def check_sensitivity(tree: xr.DataTree, draws: xr.Dataset) -> list[Check]:
    """Power-scale each group of priors, and see how far the estimates move.

    Prior densities are raised to powers near one, by importance weights on the draws. The figure is
    the rate at which the distribution of an estimate moves, as a cumulative Jensen-Shannon
    distance. The debiased norms are not functions of a draw, so the plain ones behind them are
    scaled.

    Parameters
    ----------
    tree : DataTree
    draws : Dataset
        Joint draws of the estimands, chains one after the other.

    Returns
    -------
    list of Check
        One for the effects (gain, shifts, tax and excess) and one for the coupling norm; warn over
        0.05.

    References
    ----------
    Kallioinen, Paananen, Buerkner, Vehtari (2024). Detecting and diagnosing prior and likelihood
    sensitivity with power-scaling. Statistics and Computing 34, 57. doi:10.1007/s11222-023-10366-5
    """
    if "log_prior" not in tree.children:
        why = str(tree.attrs.get("no_log_prior", "the posterior has no log_prior group: fit again"))
        return [Check(name, "not-run", None, None, why) for name in _NAMES]
    found = estimand_draws(draws)
    log_prior = tree["log_prior"].to_dataset()
    chains = log_prior.sizes["chain"]
    if (n_draws := chains * log_prior.sizes["draw"]) < _FEWEST_DRAWS:
        why = f"{n_draws} draws are too few to weigh, expected {_FEWEST_DRAWS} or more"
        return [Check(name, "not-run", None, None, why) for name in _NAMES]
    known = {n: p for n, p in _present(log_prior).items() if p}
    checks = []
    for name, wanted in _NAMES.items():
        scalars = {
            f"{_WORDS.get(kind, kind)} ({label})": x.reshape(chains, -1)
            for kind in wanted
            for label, x in found[kind].items()
            # What a model file fixes does not move.
            if np.ptp(x) > 0
        }
        checks.append(_verdict(name, scalars, tree, log_prior, known))
    return checks


def _present(log_prior: xr.Dataset) -> dict[str, list[str]]:
    """Densities by group; one that no group names is a group of its own."""
    names = [str(n) for n in log_prior.data_vars]
    named = {n for group in PRIOR_GROUPS.values() for n in group}
    grouped = {g: [n for n in members if n in names] for g, members in PRIOR_GROUPS.items()}
    return grouped | {n: [n] for n in names if n not in named}


def _verdict(
    name: str,
    scalars: Mapping[str, Floats],
    tree: xr.DataTree,
    log_prior: xr.Dataset,
    groups: Mapping[str, list[str]],
) -> Check:
    if not scalars:
        return Check(name, "not-run", None, None, "there is no estimate that could move")
    for group, members in groups.items():
        # Weights that are no numbers would compare as small ones.
        if not all(np.isfinite(log_prior[n].values).all() for n in members):
            why = f"the prior of {group} has no finite density at some draw"
            return Check(name, "warn", None, _WARN, why)
    rates = {
        group: power_scaling(scalars, {n: log_prior[n].values for n in members})
        for group, members in groups.items()
    }
    group = max(rates, key=lambda g: max(rates[g].values()))
    estimate = max(rates[group], key=lambda e: rates[group][e])
    figure = rates[group][estimate]
    why = (
        f"{estimate} moves most when a prior is power-scaled, and the prior is that of {group}"
        f"{_against_the_data(tree, scalars[estimate]) if figure > _WARN else ''}"
    )
    return Check(name, "warn" if figure > _WARN else "pass", figure, _WARN, why)


def power_scaling(scalars: Mapping[str, Floats], densities: Mapping[str, Any]) -> dict[str, float]:
    """Return how fast each scalar's distribution moves when densities are power-scaled.

    Parameters
    ----------
    scalars : mapping of str to ndarray, shape (chain, draw)
    densities : mapping of str to ndarray, shape (chain, draw, ...)
        Log-densities; their sum is scaled.

    Returns
    -------
    dict of str to float
    """
    import arviz as az

    stack = np.stack(list(scalars.values()), axis=-1)
    total = sum(np.asarray(d).reshape(*d.shape[:2], -1).sum(-1) for d in densities.values())
    data = az.from_dict({"posterior": {"estimate": stack}, "log_prior": {"total": total}})
    rate = az.psense(data, group="prior")["estimate"].values
    return dict(zip(scalars, rate.astype(float).tolist(), strict=True))


def _against_the_data(tree: xr.DataTree, scalar: Floats) -> str:
    """Say whether the data matter too; by the draws that have a likelihood."""
    group = tree["log_likelihood"].to_dataset()
    every = int(tree.attrs["thinned_every"])
    if "judgments" not in group:
        return ""
    density = {"judgments": group["judgments"].values}
    rate = power_scaling({"x": scalar[:, every - 1 :: every]}, density)["x"]
    if rate > _WARN:
        return f"; the data move it too ({rate:.2f}), so the two may pull apart"
    return f"; the data move it little ({rate:.2f}), so what is reported is partly the prior"
