"""Did the chains agree and mix: the checks that gate everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import xarray as xr

from vat_bayes.checks.check import Check, graded
from vat_bayes.checks.quantities import estimand_draws
from vat_bayes.errors import InputError
from vat_bayes.model.structure import Floats

# Effects of single scenarios are nuisances by the hundred; what is reported is diagnosed below.
_NUISANCE = {"u"}
# An approximation that can't be trusted is no better than chains that do not agree.
GATING = ("r_hat", "ess_bulk", "ess_tail", "divergences", "bfmi", "fast_engine")


class Verdicted(Protocol):
    """What has the name and the verdict of a check, whatever else it shows."""

    @property
    def check(self) -> str:
        """Its name."""

    @property
    def verdict(self) -> str:
        """What was found."""


def gating_failures[C: Verdicted](checks: Sequence[C]) -> tuple[C, ...]:
    """Return the failed checks that are about the sampler: no number of such a fit stands.

    Parameters
    ----------
    checks : sequence of Check

    Returns
    -------
    tuple of Check
    """
    return tuple(c for c in checks if c.verdict == "fail" and c.check in GATING)


def has_converged(checks: Sequence[Check], *, where: str) -> bool:
    """Say whether the checks that gate a report let it through.

    Parameters
    ----------
    checks : sequence of Check
    where : str
        The file that they were read from, for messages.

    Returns
    -------
    bool

    Raises
    ------
    InputError
        When one of them is missing: a check that did not run vouches for nothing.
    """
    ran = {c.check for c in checks}
    missing = [name for name in GATING if name not in ran]
    if missing:
        raise InputError(
            f"the check {missing[0]} is not among them, and without it nobody knows whether the "
            "fit converged",
            where=where,
            hint="run the checks again: vat-bayes check RUN",
        )
    return not gating_failures(checks)


def check_convergence(tree: xr.DataTree, draws: xr.Dataset) -> list[Check]:
    """Rank-normalised R-hat, effective sample sizes, divergences, E-BFMI and tree depth.

    R-hat and the sample sizes are those of the worst of all parameters and of the estimates
    themselves: shifts, gains, the size of the tax and the coupling norm.

    Parameters
    ----------
    tree : DataTree
    draws : Dataset
        Joint draws of the estimands, chains one after the other.

    Returns
    -------
    list of Check

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Buerkner (2021). Rank-normalization, folding, and
    localization: an improved R-hat. Bayesian Analysis 16(2). doi:10.1214/20-BA1221
    Betancourt (2016). Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo.
    arXiv:1604.00695
    """
    import arviz as az

    data = _quantities(tree, draws)
    stats = tree["sample_stats"]
    r_hat, ess_bulk, ess_tail = (
        _extreme(az.rhat(data), np.max),
        _extreme(az.ess(data, method="bulk"), np.min),
        _extreme(az.ess(data, method="tail"), np.min),
    )
    n_draws = stats["diverging"].size
    divergent = float(stats["diverging"].sum())
    energy = np.asarray(stats["energy"].values, dtype=float)
    bfmi = float(np.min((np.diff(energy, axis=1) ** 2).mean(1) / energy.var(1)))
    deep = float((stats["tree_depth"] >= 10).mean())
    agree = graded(
        "r_hat", r_hat[0], warn=1.01, fail=1.05,
        why=f"largest rank-normalised R-hat, at {r_hat[1]}; chains that agree are below 1.01",
    )  # fmt: skip
    if tree["posterior"].sizes["chain"] < 2:
        why = "one chain cannot show that chains agree: fit with at least two"
        agree = Check("r_hat", "fail", None, 1.01, why)
    return [
        agree,
        graded(
            "ess_bulk", ess_bulk[0], warn=400, fail=100, low_is_good=False,
            why=f"smallest bulk effective sample size, at {ess_bulk[1]}; 400 are wanted",
        ),
        graded(
            "ess_tail", ess_tail[0], warn=400, fail=100, low_is_good=False,
            why=f"smallest tail effective sample size, at {ess_tail[1]}; intervals want 400",
        ),
        graded(
            "divergences", divergent, warn=0, fail=0.01 * n_draws,
            why=f"divergent transitions among {n_draws}; over 1 % the sampler missed a region",
        ),
        graded(
            "bfmi", bfmi, warn=0.3, fail=0.2, low_is_good=False,
            why="smallest energy fraction (E-BFMI) over chains; low means slow tails",
        ),
        graded(
            "tree_depth", deep, warn=0.01, fail=None,
            why="share of transitions that used the full tree depth of 10",
        ),
    ]  # fmt: skip


def _quantities(tree: xr.DataTree, draws: xr.Dataset) -> xr.Dataset:
    """Every scalar to be diagnosed, as (chain, draw, index) per variable."""
    posterior = tree["posterior"].to_dataset()
    chains = posterior.sizes["chain"]
    kept = {}
    for name, variable in posterior.data_vars.items():
        if name in _NUISANCE:
            continue
        values = np.asarray(variable.values, dtype=float)
        if name == "coupling":
            rows, columns = np.tril_indices(values.shape[-1], -1)
            values = values[..., rows, columns]
        kept[str(name)] = _sampled(values.reshape(*values.shape[:2], -1))
    # A value without items has no shift; it is not among the estimands' draws either.
    for name, by_label in estimand_draws(draws).items():
        if by_label:
            stack = np.stack(list(by_label.values()), axis=-1)
            kept[name] = _sampled(stack.reshape(chains, len(stack) // chains, -1))
    return xr.Dataset({k: (("chain", "draw", f"{k}_index"), v) for k, v in kept.items()})


def _sampled(values: Floats) -> Floats:
    """Drop what a model file fixes at zero, and mark as NaN what is stuck anywhere else.

    What rounding makes of the R-hat of a constant is a matter of luck.
    """
    values = values[..., (values != 0).any((0, 1))]
    return np.where(np.ptp(values, axis=(0, 1)) > 0, values, np.nan)


def _extreme(result: xr.Dataset, which: Callable[..., float]) -> tuple[float, str]:
    """Find the worst figure over all variables and where it is; NaN anywhere is the worst."""
    worst = {str(k): float(which(v.values)) for k, v in result.data_vars.items() if v.size}
    for name, figure in worst.items():
        if np.isnan(figure):
            return figure, name
    name = (
        max(worst, key=lambda k: worst[k])
        if which is np.max
        else min(worst, key=lambda k: worst[k])
    )
    return worst[name], name
