"""What the priors alone say of gain and coupling, and where the posterior lies in that."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vat_bayes.checks.check import Check
from vat_bayes.checks.quantities import estimand_draws
from vat_bayes.estimands.arms import read_arms, stacked
from vat_bayes.estimands.shifts import compute_shifts
from vat_bayes.estimands.tax import gain
from vat_bayes.model.coupling import offdiagonal_norm
from vat_bayes.model.structure import Floats
from vat_bayes.values import VALUES

# Two-sided prior probability of values at least as far out as the posterior's median.
_SURPRISE = 0.01
# A gain of an eighth of the range is plain to see (half a point of five); one of half the range is
# as much as moving a middling value to the end.
_PLAIN, _HUGE = 1 / 8, 1 / 2
_LEAST_PLAIN, _MOST_HUGE = 0.05, 0.2
# The coupling norms that a prior has to leave room for.
_NONE, _STRONG, _LEAST_ROOM = 0.1, 0.4, 0.01
_LEVEL = (0.05, 0.95)


def check_prior(tree: xr.DataTree, draws: xr.Dataset) -> list[Check]:
    """Put the priors on the scale of the estimates: gain in points, and the coupling norm.

    Parameters
    ----------
    tree : DataTree
        Its group ``prior`` has draws of every parameter.
    draws : Dataset
        Joint draws of the estimands.

    Returns
    -------
    list of Check
        ``prior_gain`` warns when the prior all but excludes gains that are plain to see, favours
        impossible ones, or has the posterior in its tail, with response style held at that of the
        baseline (it moves points whatever the prior of the effects is); ``prior_coupling`` when
        the prior has no room for no coupling or for a strong one, or has the posterior in its tail.

    References
    ----------
    Gabry, Simpson, Vehtari, Betancourt, Gelman (2019). Visualization in Bayesian workflow. JRSS A
    182, 389-402. doi:10.1111/rssa.12378
    """
    found = estimand_draws(draws)
    return [_gain(tree), _coupling(tree, found["nvat_offdiag"])]


def gains(tree: xr.DataTree, group: str) -> dict[str, Floats]:
    """Compute the gain of every fitted arm with a target, response style held at the baseline's.

    Parameters
    ----------
    tree : DataTree
    group : {"posterior", "prior"}
        Which draws.

    Returns
    -------
    dict of str to ndarray, shape (draw,)
        In points, not signed by the direction.
    """
    swapped = xr.DataTree.from_dict(
        {
            "/": tree.to_dataset(),
            "/posterior": tree[group].to_dataset(),
            "/constant_data": tree["constant_data"].to_dataset(),
        }
    )
    swapped.attrs = tree.attrs
    points = compute_shifts(swapped).adjusted
    arms = [a for a in read_arms(tree) if a.index is not None]
    return {
        a.label: gain(points[:, i], a.condition.target, 1)
        for i, a in enumerate(arms)
        if a.condition.target
        and not np.isnan(points[:, i, [VALUES.index(t) for t in a.condition.target]]).any()
    }


def _gain(tree: xr.DataTree) -> Check:
    name = "prior_gain"
    if not any(a.condition.target for a in read_arms(tree) if a.index is not None):
        return Check(name, "not-run", None, None, "no condition has a target")
    needed = {str(v) for v in tree["posterior"].data_vars} - {"u"}
    if "prior" not in tree.children or not needed <= set(tree["prior"].data_vars):
        return Check(name, "not-run", None, None, "the posterior has no prior draws of everything")
    prior, posterior = gains(tree, "prior"), gains(tree, "posterior")
    if not prior:
        return Check(name, "not-run", None, None, "no item measures a target")
    label, tail = _most_surprising(prior, posterior)
    lo, hi = np.quantile(prior[label], _LEVEL)
    text = (
        f"before the data, the gain of {label} was [{lo:.2f}, {hi:.2f}] points with probability "
        f".9, and the posterior median is {np.median(posterior[label]):.2f} (response style held)"
    )
    reach = int(tree.attrs["n_categories"]) - 1
    plain = float((np.abs(prior[label]) > _PLAIN * reach).mean())
    huge = float((np.abs(prior[label]) > _HUGE * reach).mean())
    if plain < _LEAST_PLAIN:
        why = f"{text}: a gain of over {_PLAIN * reach:g} points was all but excluded"
        return Check(name, "warn", plain, _LEAST_PLAIN, why)
    if huge > _MOST_HUGE:
        why = f"{text}: much of the prior is on gains of over {_HUGE * reach:g} points"
        return Check(name, "warn", huge, _MOST_HUGE, why)
    return _surprise(name, tail, text)


def _coupling(tree: xr.DataTree, posterior: dict[str, Floats]) -> Check:
    name = "prior_coupling"
    if not posterior:
        return Check(name, "not-run", None, None, "fewer than two values are measured")
    if "prior" not in tree.children or "coupling" not in tree["prior"].data_vars:
        return Check(name, "not-run", None, None, "the posterior has no prior draws of coupling")
    norms = offdiagonal_norm(stacked(tree, "coupling", group="prior"))
    arms = [a.label for a in read_arms(tree) if a.index is not None]
    prior = {label: norms[:, i] for i, label in enumerate(arms) if label in posterior}
    if np.ptp(norms) == 0:
        return Check(name, "not-run", None, None, "the statistical model has no coupling")
    label, tail = _most_surprising(prior, posterior)
    lo, hi = np.quantile(prior[label], _LEVEL)
    share = posterior[label].std() / prior[label].std()
    text = (
        f"before the data, the coupling norm of {label} was [{lo:.2f}, {hi:.2f}] with probability "
        f".9; the posterior median is {np.median(posterior[label]):.2f}, and its sd {share:.2f} of "
        "the prior's"
    )
    for room, what in (
        (float((prior[label] < _NONE).mean()), "next to none"),
        (float((prior[label] > _STRONG).mean()), "a strong one"),
    ):
        if room < _LEAST_ROOM:
            why = f"{text}: the prior has no room for {what}"
            return Check(name, "warn", room, _LEAST_ROOM, why)
    return _surprise(name, tail, text)


def _most_surprising(prior: dict[str, Floats], posterior: dict[str, Floats]) -> tuple[str, float]:
    """Find the arm whose posterior median lies furthest out in its prior."""
    tails = {}
    for label, draws in prior.items():
        below = (draws < np.median(posterior[label])).mean()
        tails[label] = float(2 * min(below, 1 - below))
    label = min(tails, key=lambda k: tails[k])
    return label, tails[label]


def _surprise(name: str, tail: float, text: str) -> Check:
    far = tail < _SURPRISE
    why = f"{text}{': far out in the prior, which pulls against the data' if far else ''}"
    return Check(name, "warn" if far else "pass", tail, _SURPRISE, why)
