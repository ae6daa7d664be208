"""The items that moved most: pairs, noise, and intervals that survive the picking."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import vat_bayes as vb
from vat_bayes.estimands.single_items import shrink, single_items
from vat_bayes.values import VALUES


def test_intervals_of_the_largest_changes_cover_and_raw_changes_are_too_large() -> None:
    rng = np.random.default_rng(3)
    inside, bias_raw, bias_shrunken, n = 0, [], [], 0
    for _ in range(200):
        loading = np.zeros((240, len(VALUES)))
        loading[np.arange(240), np.arange(240) % len(VALUES)] = rng.choice([-1, 1], 240)
        shift = rng.normal(0, 0.3, len(VALUES))
        true = 0.1 + loading @ shift + rng.normal(0, 0.4, 240)
        error = rng.choice([0.2, 0.4], 240) ** 2 * 2
        seen = true + rng.normal(0, np.sqrt(error))
        found = shrink(seen, error, loading)
        assert found is not None
        top = np.argsort(-np.abs(found.estimate))[:5]
        inside += int(np.sum((found.lo[top] < true[top]) & (true[top] < found.hi[top])))
        n += top.size
        sign = np.sign(seen[top])
        bias_shrunken.append(np.mean(sign * (found.estimate[top] - true[top])))
        raw = np.argsort(-np.abs(seen))[:5]
        bias_raw.append(np.mean(np.sign(seen[raw]) * (seen[raw] - true[raw])))
    assert 0.86 < inside / n < 0.94
    assert abs(np.mean(bias_shrunken)) < 0.05
    assert np.mean(bias_raw) > 0.3


def test_without_noise_nothing_is_shrunk_and_without_spread_everything_is() -> None:
    rng = np.random.default_rng(1)
    loading = np.eye(len(VALUES))[np.arange(60) % len(VALUES)]
    change = rng.normal(size=60)
    exact = shrink(change, np.zeros(60), loading)
    assert exact is not None
    np.testing.assert_allclose(exact.estimate, change)
    np.testing.assert_allclose(exact.lo, exact.hi)
    noisy = shrink(change, np.full(60, 50.0), loading)
    assert noisy is not None
    assert noisy.spread == 0
    by_value = [change[i :: len(VALUES)].mean() for i in range(len(VALUES))]
    np.testing.assert_allclose(noisy.estimate, np.tile(by_value, 6))
    assert shrink(change[:12], np.zeros(12), loading[:12]) is None


def _table(prompts: tuple[str, ...], repeats: int = 1, *, retest: bool = False) -> pd.DataFrame:
    """Forty items; one is rated 5 instead of 1 under every prompt, the others hardly move."""
    rng = np.random.default_rng(0)
    rows = []
    for condition in ("before", "after", *(["again"] if retest else [])):
        for i in range(40):
            for prompt in prompts:
                for r in range(repeats):
                    rating = int(rng.integers(2, 4))
                    if i == 7 and condition != "again":
                        rating = 5 if condition == "after" else 1
                    role = {"before": "baseline", "after": "intervention", "again": "retest"}
                    rows.append(
                        {
                            "model": "m",
                            "condition": condition,
                            "role": role[condition],
                            "item": f"i{i:02d}",
                            "scenario": f"s{i // 4}",
                            "value": VALUES[i % 4],
                            "polarity": 1 if i % 8 < 4 else -1,
                            "rating": rating,
                            "prompt": prompt,
                            "replicate": r + 1,
                        }
                    )
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("prompts", "repeats", "retest", "noise"),
    [
        (("a", "b"), 1, False, "prompts"),
        (("a",), 3, False, "repeats"),
        (("a",), 1, True, "retest"),
        (("a",), 1, False, ""),
    ],
)
def test_the_noise_is_taken_from_what_was_asked_more_than_once(
    prompts: tuple[str, ...], repeats: int, retest: bool, noise: str
) -> None:
    judgments = vb.load_judgments(_table(prompts, repeats, retest=retest), n_categories=5)
    found = single_items(judgments, most=4)
    mine = found[found["condition"] == "after"]
    first = mine.iloc[0]
    assert list(mine["rank"]) == [1, 2, 3, 4]
    assert (first["item"], first["before"], first["after"]) == ("i07", 1, 5)
    assert first["change"] == 4
    assert first["values"] == f"-{VALUES[3]}"
    assert first["judged"] == len(prompts)
    assert set(mine["noise"]) == {noise}
    if noise:
        assert 0 < first["lo"] < first["shrunken"] < 4
    else:
        assert mine[["shrunken", "lo", "hi"]].isna().all(axis=None)
    if retest:  # its own noise is not known from itself
        assert set(found.loc[found["condition"] == "again", "noise"]) == {""}


def test_the_change_pairs_prompts_that_both_conditions_have() -> None:
    table = _table(("a", "b"))
    # A prompt that moves every rating by the same is no noise of an item, and a refusal no pair.
    table["rating"] = table["rating"] + (table["prompt"] == "b")
    table.loc[(table["item"] == "i07") & (table["prompt"] == "b"), "rating"] = None
    found = single_items(vb.load_judgments(table, n_categories=6), most=40)
    seven = found[found["item"] == "i07"].iloc[0]
    assert (seven["judged"], seven["change"], seven["after"]) == (1, 4, 5)
    raw = table.pivot_table(index=["item", "prompt"], columns="condition", values="rating")
    expected = (raw["after"] - raw["before"]).groupby("item").mean()
    np.testing.assert_allclose(found.set_index("item")["change"].sort_index(), expected)
