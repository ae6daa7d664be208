"""Small valid tables of judgments for the tests to use and to spoil."""

from __future__ import annotations

import numpy as np
import pandas as pd

CONDITIONS = {
    "plain": ("baseline", None),
    "kind": ("intervention", "benevolence"),
    "filler": ("placebo", None),
}
ITEMS = [
    (f"s{s}-{value[:3]}{sign:+d}", f"s{s}", value, sign)
    for s in (1, 2, 3)
    for value in ("benevolence", "power")
    for sign in (1, -1)
]


def valid_table() -> pd.DataFrame:
    """Return 12 items in 3 scenarios under 3 conditions and 2 prompts: 72 rows on a scale of 5."""
    rows = [
        {
            "model": "m",
            "condition": condition,
            "item": item,
            "scenario": scenario,
            "value": value,
            "polarity": polarity,
            "rating": 1 + (7 * i + 3 * j + k) % 5,
            "prompt": prompt,
            "role": role,
            "target": target,
        }
        for i, (condition, (role, target)) in enumerate(CONDITIONS.items())
        for j, (item, scenario, value, polarity) in enumerate(ITEMS)
        for k, prompt in enumerate(("forward", "reversed"))
    ]
    return pd.DataFrame(rows)


def with_probabilities(table: pd.DataFrame, k: int = 5) -> pd.DataFrame:
    """Return the table with p1..pK and p_valid, peaked at the rating."""
    p = np.full((len(table), k), 0.1)
    p[np.arange(len(table)), table["rating"].to_numpy(dtype=int) - 1] = 1 - 0.1 * (k - 1)
    columns = {f"p{j + 1}": p[:, j] for j in range(k)}
    return table.assign(**columns, p_valid=0.98)


def with_loadings(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table without value and polarity, and the loadings that say the same."""
    loadings = table[["item", "value", "polarity"]].drop_duplicates(ignore_index=True)
    loadings = loadings.rename(columns={"polarity": "weight"})
    return table.drop(columns=["value", "polarity"]), loadings
