"""Checks of the study itself: nulls, effect of the interventions, refusals, position, agreement."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import norm, t

from vat_bayes.checks.check import Check, graded
from vat_bayes.estimands.arms import find_arm, placebo_of, read_arms

_REFUSALS = 0.02
_Z90 = float(norm.ppf(0.95))


def check_classical(table: pd.DataFrame) -> Check:
    """Compare every shift with its classical twin, in posterior standard deviations.

    Parameters
    ----------
    table : DataFrame
        The tidy table of estimands.

    Returns
    -------
    Check
        Warns over 1 sd.
    """
    keys = ["model", "condition", "value"]
    ours = table[(table["estimand"] == "shift") & (table["scale"] == "points")].set_index(keys)
    twin = table[table["estimand"] == "shift_classical"].set_index(keys)["mean"]
    both = ours.join(twin.rename("mean_twin"), how="inner").dropna(subset=["mean", "mean_twin"])
    both = both[both["sd"] > 0]
    if both.empty:
        return Check("classical_agreement", "not-run", None, None, "no shift has a classical twin")
    distance = ((both["mean"] - both["mean_twin"]).abs() / both["sd"]).astype(float)
    _, condition, value = distance.index[int(distance.to_numpy().argmax())]
    return graded(
        "classical_agreement",
        float(distance.max()),
        warn=1.0,
        fail=None,
        why="largest distance between a posterior shift and its paired classical twin, in "
        f"posterior sd ({condition}, {value})",
    )


def check_bootstrap(table: pd.DataFrame, scenarios: int) -> Check:
    """Compare the width of the intervals of gain and tax with that of a scenario bootstrap.

    Percentile intervals of few clusters are too narrow by a known factor, that of the normal
    interval with the plug-in variance to the t interval (Hesterberg 2015); it is taken out.

    Parameters
    ----------
    table : DataFrame
        The tidy table of estimands.
    scenarios : int
        How many were drawn with replacement.

    Returns
    -------
    Check
        Its figure is the ratio of widths that is furthest from one, as a factor over one; warns
        over 1.5.

    References
    ----------
    Hesterberg (2015). What teachers should know about the bootstrap. The American Statistician 69,
    371-386.
    """
    name = "bootstrap_width"
    if scenarios < 3:
        return Check(name, "not-run", None, None, "a bootstrap needs three scenarios")
    plugin = np.sqrt((scenarios - 1) / scenarios) * _Z90 / t.ppf(0.95, scenarios - 1)
    keys = ["model", "condition", "estimand"]
    points = table[table["scale"] == "points"]
    ours = points[points["estimand"].isin(["gain", "tax_rms"])]
    twin = points[points["estimand"].isin(["gain_bootstrap", "tax_rms_bootstrap"])].assign(
        estimand=lambda x: x["estimand"].str.removesuffix("_bootstrap")
    )
    both = ours.merge(twin, on=keys, suffixes=("", "_twin")).set_index(keys)
    width = (both["hi"] - both["lo"]).astype(float)
    other = (both["hi_twin"] - both["lo_twin"]).astype(float) / plugin
    # A tax that may be nothing has a lump at zero in place of a lower end, and no width to compare.
    clear = (both["lo"] > 0) & (both["lo_twin"] > 0)
    is_tax = both.index.get_level_values("estimand") == "tax_rms"
    ratio = (width / other)[(width > 0) & (other > 0) & (clear | ~is_tax)]
    if ratio.empty:
        return Check(name, "not-run", None, None, "there is no gain, and no tax above zero")
    factor = np.maximum(ratio.to_numpy(), 1 / ratio.to_numpy())
    _, condition, estimand = ratio.index[int(factor.argmax())]
    worst = float(ratio.iloc[int(factor.argmax())])
    return graded(
        name,
        float(factor.max()),
        warn=1.5,
        fail=None,
        why=f"largest factor between the widths of a posterior interval and of its scenario "
        f"bootstrap ({condition}, {estimand}: {worst:.2f} times as wide)",
    )


def check_null(table: pd.DataFrame, draws: xr.Dataset, tree: xr.DataTree, role: str) -> Check:
    """Check whether a placebo or retest moved the values although it should not.

    Parameters
    ----------
    table : DataFrame
        The tidy table of estimands.
    draws : Dataset
        Their joint draws.
    tree : DataTree
    role : {"placebo", "retest"}

    Returns
    -------
    Check
        Its figure is the lower end of the interval of `tax_rms`, in points; warns over zero.
    """
    name = f"{role}_null"
    same = [a["label"] for a in json.loads(tree.attrs["identical_arms"]) if a["role"] == role]
    arms = draws["arm_condition"].values[draws["arm_role"].values == role]
    if not len(arms):
        if same:
            why = f"{', '.join(same)}: every judgment equals the baseline's, there is no noise"
            return Check(name, "pass", 0.0, None, why)
        return Check(name, "not-run", None, None, f"the study has no {role} condition")
    rows = table[(table["estimand"] == "tax_rms") & table["condition"].isin(arms)]
    rows = rows[rows["lo"].notna()]
    if rows.empty:
        return Check(name, "not-run", None, None, f"no {role} condition has a tax")
    worst = rows.iloc[int(rows["lo"].to_numpy().argmax())]
    moved = bool(worst["lo"] > 0)
    # In digits that count: the tax of a retest may be a thousandth of a point.
    mean, lo, hi = (f"{worst[x]:.2g}" for x in ("mean", "lo", "hi"))
    what = f"{worst['condition']} moved the values by {mean} [{lo}, {hi}] points"
    why = (
        f"{what}; read the interventions by their excess over it"
        if moved
        else f"{what}: not told from nothing"
    )
    return Check(name, "warn" if moved else "pass", float(worst["lo"]), 0.0, why)


def check_placebo_asked(tree: xr.DataTree) -> Check:
    """Check whether every intervention's own placebo was asked of its model.

    Where it was not, the excess is over the model's only other placebo, or is not there at all.

    Parameters
    ----------
    tree : DataTree

    Returns
    -------
    Check
        Its figure is the number of interventions without it; warns over zero. Not run where no
        intervention has a placebo of its own.
    """
    name = "placebo_asked"
    arms = read_arms(tree)
    mine = [a for a in arms if a.condition.role == "intervention" and a.condition.placebo]
    if not mine:
        return Check(name, "not-run", None, None, "no intervention has a placebo of its own")
    missing = [a for a in mine if find_arm(arms, a.model, a.condition.placebo) is None]
    if not missing:
        return Check(name, "pass", 0.0, 0.0, "every intervention's placebo was asked of its model")
    told = []
    for arm in missing:
        other = placebo_of(arms, arm)
        excess = f"its excess is over {other.condition.name}" if other else "it has no excess"
        told.append(
            f"{arm.label}: {arm.condition.placebo}, its placebo, was not asked, so {excess}"
        )
    return Check(name, "warn", float(len(missing)), 0.0, "; ".join(told))


def check_effect(tree: xr.DataTree, draws: xr.Dataset) -> Check:
    """Check whether every intervention can be told from its baseline at all.

    Parameters
    ----------
    tree : DataTree
    draws : Dataset
        Joint draws of the estimands.

    Returns
    -------
    Check
        Fails for an arm that repeated its baseline; warns under 2.8 standard deviations. Not run
        where the draws of an intervention never moved.
    """
    same = [
        a["label"] for a in json.loads(tree.attrs["identical_arms"]) if a["role"] == "intervention"
    ]
    if same:
        why = (
            f"{', '.join(same)}: every judgment equals the baseline's; it was probably not applied"
        )
        return Check("took_effect", "fail", 0.0, None, why)
    arms = np.flatnonzero(draws["arm_role"].values == "intervention")
    if not len(arms):
        return Check("took_effect", "not-run", None, None, "the study has no intervention")
    shift = np.asarray(draws["shift"].transpose("arm", "sample", "value").values)
    # Not by their sd, which rounding keeps from zero.
    still = (np.ptp(shift[arms], axis=1) == 0).any(1)
    if still.any():
        # A chain that is stuck would make the least shift infinitely sure.
        stuck = ", ".join(str(x) for x in draws["arm"].values[arms[still]])
        why = f"the draws of {stuck} never moved, so nothing can be told from them"
        return Check("took_effect", "not-run", None, None, why)
    # The largest standardised shift of ten, against the .95 quantile of the largest of ten normals.
    z = np.nanmax(np.abs(shift[arms].mean(1) / shift[arms].std(1, ddof=1)), axis=1)
    weakest = int(np.argmin(z))
    label = str(draws["arm"].values[arms[weakest]])
    return graded(
        "took_effect",
        float(z[weakest]),
        warn=2.8,
        fail=None,
        low_is_good=False,
        why=f"largest standardised shift of the least effective intervention ({label}); below 2.8 "
        "it is not distinguishable from baseline",
    )


def check_answers(description: pd.DataFrame | None) -> list[Check]:
    """Check refusals, the probability mass on the rating tokens and position bias.

    Parameters
    ----------
    description : DataFrame or None
        What `vat_bayes.judgments.describe` returns.

    Returns
    -------
    list of Check
    """
    if description is None:
        why = "the judgments were not at hand"
        names = ("differential_refusal", "answer_mass", "position_bias")
        return [Check(name, "not-run", None, None, why) for name in names]
    checks = []
    checks.append(_differential_refusal(description))
    condition = description["condition"].to_numpy()
    mass = description["p_valid"].astype(float) if "p_valid" in description else None
    if mass is None or mass.isna().all():
        why = "the judgments carry no p_valid"
        checks.append(Check("answer_mass", "not-run", None, None, why))
    else:
        checks.append(
            graded(
                "answer_mass",
                float(mass.min()),
                warn=0.9,
                fail=0.5,
                low_is_good=False,
                why="smallest mean probability that fell on the rating tokens "
                f"({condition[int(np.nanargmin(mass.to_numpy()))]})",
            )  # fmt: skip
        )
    bias = description["position_bias"].astype(float)
    if bias.isna().all():
        why = "every item was asked with one prompt only"
        checks.append(Check("position_bias", "not-run", None, None, why))
    else:
        worst = condition[int(np.nanargmax(bias.abs().to_numpy()))]
        checks.append(
            graded(
                "position_bias",
                float(bias.abs().max()),
                warn=0.5,
                fail=None,
                why="largest mean difference of scores between prompts, in points "
                f"({worst}); it is averaged out",
            )  # fmt: skip
        )
    return checks


def _differential_refusal(description: pd.DataFrame) -> Check:
    """Difference between each condition's share of refused or unparsed answers and the baseline's.

    The interval takes answers as independent; where a model refuses whole scenarios it is too
    narrow.
    """
    name = "differential_refusal"
    base = description[description["role"] == "baseline"].set_index("model")
    others = description[description["role"] != "baseline"]
    if others.empty:
        return Check(name, "not-run", None, None, "there is nothing to compare the baseline with")
    before = base.loc[others["model"]]
    p1, n1 = (others[c].to_numpy(dtype=float) for c in ("refused_share", "rows"))
    p0, n0 = (before[c].to_numpy(dtype=float) for c in ("refused_share", "rows"))
    difference = p1 - p0
    worst = int(np.abs(difference).argmax())
    lo, hi = share_difference(p1[worst], n1[worst], p0[worst], n0[worst])
    apart = [
        f"{c} {d:+.3f}"
        for c, d in zip(others["condition"], difference, strict=True)
        if abs(d) > _REFUSALS
    ]
    return graded(
        name,
        float(abs(difference[worst])),
        warn=_REFUSALS,
        fail=0.2,
        why=f"largest difference of the refused share from the baseline's, "
        f"{difference[worst]:+.3f} [{lo:+.3f}, {hi:+.3f}] ({others['condition'].iloc[worst]})"
        f"{'; over the threshold: ' + ', '.join(apart) if len(apart) > 1 else ''}",
    )


def share_difference(
    p1: float, n1: float, p0: float, n0: float, *, z: float = _Z90
) -> tuple[float, float]:
    """Return an interval of the difference of two shares that holds for shares of zero and one.

    Parameters
    ----------
    p1, n1, p0, n0 : float
        The shares and what they are shares of.
    z : float
        Normal quantile of the level; 90% by default.

    Returns
    -------
    tuple of float

    References
    ----------
    Newcombe (1998). Interval estimation for the difference between independent proportions:
    comparison of eleven methods. Statistics in Medicine 17, 873-890 (method 10).
    """
    (lo1, hi1), (lo0, hi0) = _wilson(p1, n1, z), _wilson(p0, n0, z)
    below, above = np.hypot(p1 - lo1, hi0 - p0), np.hypot(hi1 - p1, p0 - lo0)
    return float(p1 - p0 - below), float(p1 - p0 + above)


def _wilson(share: float, n: float, z: float) -> tuple[float, float]:
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return float(centre - half), float(centre + half)
