"""Counts and their binomial bounds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from scipy.stats import binomtest, chisquare, kstest

from benchmarks.validation.sbc import RANKS
from benchmarks.validation.settings import Setting

REPORTED = (
    "gain", "shift", "tax_rms", "tax_excess", "tax_displacement", "nvat_offdiag", "coupling",
    "style_acquiescence", "style_extremity", "gain_classical", "shift_classical",
    "tax_rms_classical", "tax_excess_classical",
)  # fmt: skip
BINS = 8


def bounds(inside: int, n: int) -> str:
    """95 % Clopper-Pearson bounds of a proportion, as text."""
    interval = binomtest(inside, n).proportion_ci(0.95)
    return f"{interval.low:.2f}-{interval.high:.2f}"


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Count coverage by setting, estimand and scale.

    Studies are the units of the bounds: ten shifts of one study are not ten independent trials.
    """
    out = []
    usable = rows[rows["estimand"].isin(REPORTED)].dropna(subset=["lo", "truth"])
    for (key, estimand, scale), group in usable.groupby(["key", "estimand", "scale"], sort=False):
        setting = Setting(**json.loads(group["setting"].iloc[0]))
        studies, share = group["seed"].nunique(), group["inside"].mean()
        out.append(
            {
                "key": key,
                "studies drawn as": setting.label,
                "read-out": setting.readout,
                "backend": setting.backend + (", fast" if setting.engine == "fast" else ""),
                "S": setting.scenarios,
                "true coupling": "drawn" if setting.coupling is None else setting.coupling,
                "estimand": estimand,
                "scale": scale,
                "studies": studies,
                "coverage": f"{share:.3f}",
                "bounds": bounds(round(share * studies), studies),
                "truth below": f"{(group['truth'] < group['lo'] - 1e-12).mean():.3f}",
                "truth above": f"{(group['truth'] > group['hi'] + 1e-12).mean():.3f}",
                "mean error": f"{(group['mean'] - group['truth']).mean():+.3f}",
                "rms error": f"{np.sqrt(((group['mean'] - group['truth']) ** 2).mean()):.3f}",
                "mean width": f"{(group['hi'] - group['lo']).mean():.3f}",
            }
        )
    return pd.DataFrame(out)


def false_alarms(rows: pd.DataFrame) -> pd.DataFrame:
    """How often a study whose intervention is a placebo has P(tax_excess > 0) above .95."""
    out = []
    null = rows[rows["key"].str.startswith("null-")]
    null = null[null["estimand"].isin(("tax_excess", "tax_excess_classical"))]
    for (_, estimand), group in null.dropna(subset=["p_positive"]).groupby(["key", "estimand"]):
        setting = Setting(**json.loads(group["setting"].iloc[0]))
        alarms, n = int((group["p_positive"] > 0.95).sum()), len(group)
        out.append(
            {
                "read-out": setting.readout,
                "S": setting.scenarios,
                "estimand": estimand,
                "studies": n,
                "P > .95": f"{alarms / n:.3f}",
                "bounds": bounds(alarms, n),
                "p of uniformity (KS)": f"{kstest(group['p_positive'], 'uniform').pvalue:.2f}",
            }
        )
    return pd.DataFrame(out)


def uniformity(rows: pd.DataFrame) -> pd.DataFrame:
    """Chi-squared tests of the ranks of every group of parameters.

    The scalars of one study are not independent, so a group's smallest p is held against the number
    of its scalars (Bonferroni).
    """
    out = []
    for (readout, backend, name), group in rows.groupby(["readout", "backend", "parameter"]):
        tested = []
        for _, one in group.groupby("value"):
            counts = np.bincount(one["rank"].to_numpy() * BINS // (RANKS + 1), minlength=BINS)
            tested.append(float(chisquare(counts).pvalue))
        ranks = (group["rank"] + 0.5) / (RANKS + 1)
        out.append(
            {
                "read-out": readout,
                "backend": backend,
                "parameter": name,
                "scalars": len(tested),
                "studies": group["seed"].nunique(),
                "mean rank": f"{ranks.mean():.3f}",
                "in the middle 80 %": f"{((ranks > 0.1) & (ranks < 0.9)).mean():.3f}",
                "smallest p": f"{min(tested):.3f}",
                "p, all scalars": f"{min(1.0, min(tested) * len(tested)):.2f}",
            }
        )
    return pd.DataFrame(out)


def subsets(rows: pd.DataFrame) -> pd.DataFrame:
    """How often intervals from a third of the scenarios hold the estimate from all of them."""
    keys = ["pair", "condition", "estimand", "value"]
    rows = rows.fillna({"value": ""})
    whole = rows[rows["seed"] < 0].set_index(keys)["mean"].rename("whole")
    both = rows[rows["seed"] >= 0].join(whole, on=keys).dropna(subset=["lo", "whole"])
    both["inside"] = (both["lo"] <= both["whole"]) & (both["whole"] <= both["hi"])
    out = []
    for (pair, estimand), group in both.groupby(["pair", "estimand"]):
        share = group["inside"].mean()
        out.append(
            {
                "release change": pair,
                "estimand": estimand,
                "thirds": group["seed"].nunique(),
                "intervals": len(group),
                "hold the estimate": f"{share:.3f}",
            }
        )
    return pd.DataFrame(out)


def markdown(table: pd.DataFrame) -> str:
    """Write a table as Markdown."""
    if table.empty:
        return "not-run"
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)
