"""Checks of the study itself: nulls, effect of the interventions, refusals, position, agreement."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import xarray as xr

from vat_bayes.checks.check import Check, graded


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
    interval = f"[{worst['lo']:.2f}, {worst['hi']:.2f}]"
    what = f"{worst['condition']} moved the values by {worst['mean']:.2f} {interval} points"
    why = (
        f"{what}; read the interventions by their excess over it"
        if moved
        else f"{what}: not told from nothing"
    )
    return Check(name, "warn" if moved else "pass", float(worst["lo"]), 0.0, why)


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
        Fails for an arm that repeated its baseline; warns under 2.8 standard deviations.
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
    base = description[description["role"] == "baseline"].set_index("model")["refused_share"]
    difference = (description["refused_share"] - description["model"].map(base).to_numpy()).abs()
    condition = description["condition"].to_numpy()
    worst = condition[int(difference.to_numpy().argmax())]
    checks.append(
        graded(
            "differential_refusal",
            float(difference.max()),
            warn=0.02,
            fail=0.2,
            why=f"largest difference of the refused share from the baseline's ({worst})",
        )  # fmt: skip
    )
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
