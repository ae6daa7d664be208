"""Estimates against known truth: which intervals hold the true effect."""

from __future__ import annotations

import pandas as pd

from vat_bayes.errors import InputError


def against_truth(
    table: pd.DataFrame, truth: pd.DataFrame, *, estimand: str = "shift", scale: str = "points"
) -> pd.DataFrame:
    """Put the true effects beside their intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        Estimates, with the columns of ``estimands.csv``.
    truth : pandas.DataFrame
        Columns ``condition, estimand, value, truth``, and ``scale`` where it is not rating points.
    estimand, scale : str
        Which of them.

    Returns
    -------
    pandas.DataFrame
        ``model, condition, value, mean, lo, hi, truth, inside``, one row for each estimate with a
        number and a known truth, in the order of the estimates.

    Raises
    ------
    InputError
        When the truth lacks a column.
    """
    missing = [c for c in ("condition", "estimand", "value", "truth") if c not in truth.columns]
    if missing:
        raise InputError(f"missing column '{missing[0]}'", where="the table of true effects")
    known = truth[truth["estimand"] == estimand].fillna({"value": ""})
    if "scale" in known.columns:
        known = known[known["scale"].fillna("points") == scale]
    mine = table[(table["estimand"] == estimand) & (table["scale"] == scale)].fillna({"value": ""})
    mine = mine[mine["mean"].notna()]
    both = mine.merge(
        known[["condition", "value", "truth"]], on=["condition", "value"], validate="m:1"
    )
    both["inside"] = (both["lo"] <= both["truth"]) & (both["truth"] <= both["hi"])
    return both[["model", "condition", "value", "mean", "lo", "hi", "truth", "inside"]]
