"""Is there more than there would be if nothing were there: effects and coupling."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from vat_bayes.checks.check import Check, graded
from vat_bayes.estimands.arms import ArmInfo, find_arm, only_role, read_arms
from vat_bayes.model.access import array, labels
from vat_bayes.model.kinds import item_kinds
from vat_bayes.model.structure import Floats, Ints

_RESAMPLES = 200
_CLEAR = 2.0
_ALPHA = 0.05


def check_over_retest(tree: xr.DataTree, *, seed: int = 0) -> Check:
    """Compare how far each intervention and the retest move the ratings from their reference.

    The distance is the Wasserstein distance between the distributions of the scores of one value's
    supporting (or violating) actions, as the root mean square over them. It sees values, spread
    and response style alike. Both distances are inflated by the same noise, so their difference is
    fair.

    Parameters
    ----------
    tree : DataTree
    seed : int
        Seed of the scenario bootstrap.

    Returns
    -------
    Check
        Its figure is the smallest difference in bootstrap standard errors; warns under 2.
    """
    name = "effect_over_retest"
    arms = read_arms(tree)
    pairs = []
    for arm in arms:
        retest = only_role(arms, arm.model, "retest")
        if arm.condition.role == "intervention" and arm.index is not None and retest is not None:
            pairs.append((arm, retest))
    if not pairs:
        has = any(a.condition.role == "retest" for a in arms)
        why = "no intervention has one retest to compare with" if has else "there is no retest"
        return Check(name, "not-run", None, None, why)
    found = {arm.label: _excess(tree, arms, arm, retest, seed=seed) for arm, retest in pairs}
    weakest = min(found, key=lambda k: found[k][2])
    moved, again, z = found[weakest]
    return graded(
        name,
        z,
        warn=_CLEAR,
        fail=None,
        low_is_good=False,
        why=f"by how many standard errors the least effective intervention ({weakest}) moves the "
        f"ratings further than asking again does ({moved:.2f} against {again:.2f} points)",
    )


def _excess(
    tree: xr.DataTree, arms: list[ArmInfo], arm: ArmInfo, retest: ArmInfo, *, seed: int
) -> tuple[float, float, float]:
    """Distances of an arm and of the retest from the reference, and their difference in errors."""
    score = array(tree, "observed_data", "score")
    states = labels(tree, "observed_data", "state")
    model = labels(tree, "posterior", "model").index(arm.model)

    def row(other: ArmInfo | None) -> Floats:
        # What repeated the baseline was not fitted, and has its scores.
        fitted = other is not None and other.index is not None
        state = states.index(other.label) if other is not None and fitted else model
        return np.asarray(score[state])

    moved, again = row(arm), row(retest)
    base = row(find_arm(arms, arm.model, arm.condition.reference))
    base_again = row(find_arm(arms, arm.model, retest.condition.reference))
    used = np.flatnonzero(~np.isnan(moved + again + base + base_again))
    kind = item_kinds(array(tree, "constant_data", "loading"))[used]
    scenario = array(tree, "constant_data", "item_scenario").astype(int)[used]
    groups = [np.flatnonzero(kind == k) for k in np.unique(kind)]
    columns = (moved[used], base[used], again[used], base_again[used])

    def distances(count: Ints) -> tuple[float, float]:
        each = []
        for group in groups:
            index = np.repeat(group, count[scenario[group]])
            if len(index):
                a, b, c, d = (np.sort(x[index]) for x in columns)
                each.append((np.abs(a - b).mean(), np.abs(c - d).mean()))
        # Squared, so that one value that moves is not lost among nine that don't.
        first, second = np.sqrt(np.square(each).mean(0))
        return float(first), float(second)

    rng = np.random.default_rng(seed)
    present = np.unique(scenario)
    chance = np.zeros(int(scenario.max()) + 1)
    chance[present] = 1 / len(present)
    boot = [distances(c) for c in rng.multinomial(len(present), chance, size=_RESAMPLES)]
    first, second = distances((chance > 0).astype(np.int64))
    error = float(np.std([a - b for a, b in boot], ddof=1))
    difference = first - second
    if error > 0:
        return first, second, difference / error
    return first, second, float("inf") if difference > 0 else 0.0


def check_coupling_null(table: pd.DataFrame, draws: xr.Dataset) -> Check:
    """Hold the raw coupling norm of each intervention against its sign-flip null.

    Parameters
    ----------
    table : DataFrame
        The tidy table of estimands.
    draws : Dataset
        Their joint draws, which say what the roles are.

    Returns
    -------
    Check
        Its figure is the largest permutation p-value; warns over .05.

    References
    ----------
    Phipson, Smyth (2010). Permutation p-values should never be zero. Statistical Applications in
    Genetics and Molecular Biology 9(1). doi:10.2202/1544-6115.1585
    """
    name = "coupling_null"
    is_intervention = draws["arm_role"].values == "intervention"
    models, conditions = draws["arm_model"].values, draws["arm_condition"].values
    mine = set(zip(models[is_intervention], conditions[is_intervention], strict=True))
    if not mine:
        return Check(name, "not-run", None, None, "the study has no intervention")
    keys = pd.Series(list(zip(table["model"], table["condition"], strict=True)), table.index)
    rows = table[keys.isin(mine)]
    null = rows[rows["estimand"] == "nvat_paper_raw_null"]
    null = null[null["p_positive"].notna()]
    if null.empty:
        return Check(name, "not-run", None, None, "too few scenarios have every value")
    weakest = null.iloc[int(null["p_positive"].to_numpy().argmax())]
    own = rows[
        (rows["estimand"] == "nvat_paper_raw")
        & (rows["model"] == weakest["model"])
        & (rows["condition"] == weakest["condition"])
    ].iloc[0]
    p = float(weakest["p_positive"])
    text = (
        f"p-value of the raw coupling norm of {weakest['condition']} ({own['mean']:.3f}) among "
        f"random sign flips ({weakest['mean']:.3f} on average)"
    )
    if p > _ALPHA:
        return Check(name, "warn", p, _ALPHA, f"{text}; it is not told from no coupling")
    return Check(name, "pass", p, _ALPHA, text)
