"""Components from the posterior of a pilot run."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vat_bayes.errors import InputError, near_miss
from vat_bayes.estimands.arms import (
    ArmInfo,
    find_arm,
    model_index,
    placebo_of,
    read_arms,
    stacked,
)
from vat_bayes.model.access import array
from vat_bayes.plan.components import Components, Floats
from vat_bayes.plan.ordinal import ordinal_components
from vat_bayes.values import VALUES


def pilot_components(tree: xr.DataTree, condition: str | None = None) -> tuple[Components, float]:
    """Read the variance components of one condition off a posterior.

    Parameters
    ----------
    tree : DataTree
    condition : str, optional
        Its name or label; when absent the first intervention that is compared with the baseline.

    Returns
    -------
    components : Components
        Scores: posterior means of the components, whose uncertainty they therefore do not show.
        Ratings: those of the ordinal model at the posterior means of its parameters.
    items : float
        Items of each value in a scenario.

    Raises
    ------
    InputError
        When there is no such condition, or it is not compared with its model's baseline.
    """
    arm = _arm(tree, condition)
    if not _against_baseline(tree, arm):
        # Its components would be those of its distance from the baseline, of which nobody asks.
        raise InputError(
            f"'{arm.label}' is compared with '{arm.condition.reference}', and a plan can be made "
            "only for a condition that is compared with the baseline",
            hint="name another one with --condition",
        )
    loading = np.abs(array(tree, "constant_data", "loading"))
    scenario = array(tree, "constant_data", "item_scenario").astype(int)
    with_items = loading.sum(0) > 0
    there = np.zeros((scenario.max() + 1, loading.shape[1]))
    np.add.at(there, scenario, loading > 0)
    items = float(
        np.mean([there[:, v][there[:, v] > 0].mean() for v in np.flatnonzero(with_items)])
    )
    found = _ratings(tree, arm) if tree.attrs["readout"] == "ratings" else _scores(tree, arm)
    unknown = ~with_items
    for matrix in (found.effect, found.item, found.rating, found.wording):
        matrix[unknown] = np.nan
        if matrix.ndim == 2:
            matrix[:, unknown] = np.nan
    return found, items


def pilot_placebo(tree: xr.DataTree, condition: str | None = None) -> Components | None:
    """Read the components of the placebo of a pilot's condition off its posterior.

    Parameters
    ----------
    tree : DataTree
    condition : str, optional
        As for `pilot_components`.

    Returns
    -------
    Components or None
        None where the pilot has no placebo for it.
    """
    arms = read_arms(tree)
    placebo = placebo_of(arms, _arm(tree, condition))
    if placebo is None or placebo.index is None or not _against_baseline(tree, placebo):
        return None
    return pilot_components(tree, placebo.label)[0]


def _against_baseline(tree: xr.DataTree, arm: ArmInfo) -> bool:
    return find_arm(read_arms(tree), arm.model, arm.condition.reference) is None


def _arm(tree: xr.DataTree, condition: str | None) -> ArmInfo:
    arms = [a for a in read_arms(tree) if a.index is not None]
    if condition is None:
        found = [a for a in arms if a.condition.role == "intervention"]
        if not found:
            raise InputError("the pilot has no intervention to plan for")
        plain = [a for a in found if _against_baseline(tree, a)]
        return plain[0] if plain else found[0]
    named = {a.condition.name: a for a in reversed(arms)} | {a.label: a for a in arms}
    if condition not in named:
        raise InputError(
            f"the pilot has no condition '{condition}'",
            hint=near_miss(condition, named) or f"there are: {', '.join(sorted(named))}",
        )
    return named[condition]


def _scores(tree: xr.DataTree, arm: ArmInfo) -> Components:
    m, a, v = model_index(tree, arm), arm.index, len(VALUES)
    sharp = np.exp(stacked(tree, "lambda_")[:, a])
    scale = sharp[:, None] * stacked(tree, "u_scale")[:, a]
    effect = np.einsum("dv,dvw,dw->vw", scale, stacked(tree, "coupling")[:, a], scale) / len(scale)
    # Answers that get sharper move scenarios and items apart too.
    stretch = (sharp - 1) ** 2
    effect += np.eye(v) * (stretch * stacked(tree, "alpha_scale")[:, m] ** 2).mean()
    noise = stacked(tree, "noise")
    states = [str(s) for s in tree["posterior"]["state"].to_numpy()]
    # The baselines come first among the states, in the order of the models.
    item = noise[:, m] ** 2 + noise[:, states.index(arm.label)] ** 2
    item = item + stretch * stacked(tree, "kappa_scale")[:, m] ** 2
    return Components(
        effect=effect,
        item=np.full(v, item.mean()),
        rating=np.zeros(v),
        wording=np.zeros(v),
        target=_target(arm),
        source=f"the pilot's posterior, condition '{arm.condition.name}'",
        n_categories=int(tree.attrs["n_categories"]),
    )


def _ratings(tree: xr.DataTree, arm: ArmInfo) -> Components:
    m, a = model_index(tree, arm), arm.index
    posterior = tree["posterior"].to_dataset()

    def scale(name: str, index: int | None) -> float:
        if name not in posterior:
            return 0.0
        return float(np.sqrt((stacked(tree, name)[:, index] ** 2).mean()))

    return ordinal_components(
        cutpoint=stacked(tree, "cutpoint")[:, m].mean(0),
        theta=stacked(tree, "theta")[:, m].mean(0),
        delta=stacked(tree, "delta")[:, a].mean(0),
        alpha_scale=scale("alpha_scale", m),
        kappa_scale=scale("kappa_scale", m),
        u_scale=_root_mean_square(stacked(tree, "u_scale")[:, a]),
        coupling=stacked(tree, "coupling")[:, a].mean(0),
        beta=float(stacked(tree, "beta")[:, a].mean()),
        lambda_=float(stacked(tree, "lambda_")[:, a].mean()),
        noise_scale=scale("repeat_scale", m),
        wording_scale=scale("prompt_shift_scale", a),
        link="probit" if tree.attrs.get("link") == "probit" else "logistic",
        target=_target(arm),
        source=f"the pilot's posterior, condition '{arm.condition.name}'",
    )


def _root_mean_square(draws: Floats) -> Floats:
    return np.asarray(np.sqrt((draws**2).mean(0)))


def _target(arm: ArmInfo) -> tuple[int, ...]:
    return tuple(VALUES.index(t) for t in arm.condition.target)
