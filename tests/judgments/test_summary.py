"""The summary per model and condition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from judgment_tables import valid_table, with_probabilities

from vat_bayes.judgments import describe, load_judgments


def test_summary_by_hand() -> None:
    table = valid_table()
    table["rating"] = np.where(table["prompt"] == "forward", 2, 4)
    table = with_probabilities(table)
    table["rating"] = table["rating"].astype(float)
    table.loc[(table["condition"] == "kind") & (table["scenario"] == "s1"), "rating"] = np.nan
    table.loc[table["condition"] == "kind", "p_valid"] = 0.9
    again = table[(table["condition"] == "plain") & (table["item"] == "s1-ben+1")]
    table = pd.concat([table.assign(replicate=1), again.assign(replicate=2)])
    summary = describe(load_judgments(table))
    assert list(summary.columns) == [
        "model",
        "condition",
        "role",
        "rows",
        "items",
        "scenarios",
        "prompts",
        "repeats",
        "refused",
        "refused_share",
        "mean_rating",
        "p_valid",
        "position_bias",
    ]
    by_condition = summary.set_index("condition")
    assert by_condition.index.tolist() == ["plain", "kind", "filler"]
    kind = by_condition.loc["kind"]
    assert (kind["role"], kind["rows"], kind["items"], kind["scenarios"]) == (
        "intervention",
        24,
        12,
        3,
    )
    assert (kind["refused"], kind["refused_share"]) == (8, pytest.approx(1 / 3))
    assert kind["p_valid"] == pytest.approx(0.9)
    assert by_condition.loc["plain", "repeats"] == 2
    # The reversed prompt, which comes after "forward", has p4 at .6 and p2 at .1 instead of
    # p2 at .6 and p4 at .1.
    assert by_condition["position_bias"].tolist() == pytest.approx([1, 1, 1])
    assert by_condition.loc["filler", "mean_rating"] == 3


def test_position_bias_is_over_items_with_every_prompt() -> None:
    table = valid_table()
    table["rating"] = np.where(table["prompt"] == "forward", 5, 3)
    unpaired = table["item"].str.startswith("s2") & (table["prompt"] == "reversed")
    summary = describe(load_judgments(table[~unpaired].assign(rating=lambda t: t["rating"])))
    assert summary["position_bias"].tolist() == [-2, -2, -2]
    single = describe(load_judgments(table[table["prompt"] == "forward"], n_categories=5))
    assert single["position_bias"].isna().all()
    assert single["p_valid"].isna().all()
