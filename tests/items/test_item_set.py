"""Parts of an item set, and its hash."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vat_bayes.errors import InputError
from vat_bayes.items import ItemSet, load_items


@cache
def _core() -> ItemSet:
    return load_items("core")


@pytest.fixture
def core() -> ItemSet:
    return _core()


def test_judged_and_shots_divide_the_set(core: ItemSet) -> None:
    judged, shots = core.judged(), core.shots()
    assert len(judged) + len(shots) == len(core)
    assert len(judged.scenarios()) == 48
    assert len(shots.scenarios()) == 12
    assert not set(judged.scenarios()) & set(shots.scenarios())
    assert judged.table.index.tolist() == list(range(len(judged)))


@given(n=st.integers(1, 48), seed=st.integers(0, 2**32))
def test_taken_scenarios_are_whole_and_balanced_and_keep_the_shots(n: int, seed: int) -> None:
    core = _core()
    part = core.take_scenarios(n, seed=seed)
    judged = part.judged().table
    per_topic = judged.drop_duplicates("scenario").groupby("topic").size()
    assert per_topic.sum() == n
    assert n < 12 or per_topic.max() - per_topic.min() <= 1
    assert judged.groupby("scenario").size().eq(20).all()
    assert len(part.shots()) == 240


@given(seed=st.integers(0, 2**32))
def test_a_smaller_part_lies_inside_a_larger_one_whatever_the_row_order(seed: int) -> None:
    core = _core()
    mixed = ItemSet(core.table.sample(frac=1, random_state=seed % 1000), None, "core")
    small = set(core.take_scenarios(10, seed=seed).judged().scenarios())
    large = set(mixed.take_scenarios(25, seed=seed).judged().scenarios())
    assert small < large


def test_different_seeds_take_different_scenarios(core: ItemSet) -> None:
    drawn = {tuple(core.take_scenarios(12, seed=s).judged().scenarios()) for s in range(5)}
    assert len(drawn) == 5


@pytest.mark.parametrize("n", [0, -1, 49])
def test_more_scenarios_than_there_are_is_refused(core: ItemSet, n: int) -> None:
    with pytest.raises(InputError, match="the item set has 48 judged scenarios"):
        core.take_scenarios(n, seed=0)


def test_unequal_topics_are_used_up_and_the_rest_shared() -> None:
    rows = [
        (f"{t}{i}/{sign}", f"{t}{i}", t, "power", p, "Scene.", f"Act {t}{i}{p}.")
        for t, size in (("a", 1), ("b", 5), ("c", 5))
        for i in range(size)
        for sign, p in (("+", 1), ("-", -1))
    ]
    names = ["item", "scenario", "topic", "value", "polarity", "scenario_text", "action_text"]
    items = load_items("table", pd.DataFrame(rows, columns=names))
    taken = items.take_scenarios(9, seed=3).table.drop_duplicates("scenario")
    assert taken.groupby("topic").size().to_dict() == {"a": 1, "b": 4, "c": 4}


def test_the_hash_ignores_order_and_file_format_and_nothing_else(
    core: ItemSet, tmp_path: Path
) -> None:
    mixed = core.table.sample(frac=1, random_state=1)[sorted(core.table.columns)]
    assert ItemSet(mixed, None, "core").sha256() == core.sha256()
    core.table.to_parquet(tmp_path / "items.parquet")
    core.table.to_json(tmp_path / "items.jsonl", orient="records", lines=True)
    for name in ("items.parquet", "items.jsonl"):
        assert load_items("table", tmp_path / name).sha256() == core.sha256()
    changed = core.table.copy()
    changed.loc[7, "action_text"] += " "
    assert ItemSet(changed, None, "core").sha256() != core.sha256()
    flipped = core.table.copy()
    flipped.loc[7, "polarity"] *= -1
    assert ItemSet(flipped, None, "core").sha256() != core.sha256()


def test_the_hash_covers_the_loadings(core: ItemSet) -> None:
    loadings = pd.DataFrame({"item": ["a"], "value": ["power"], "weight": [0.5]})
    with_loadings = ItemSet(core.table, loadings, "core").sha256()
    other = ItemSet(core.table, loadings.assign(weight=0.25), "core").sha256()
    assert len({core.sha256(), with_loadings, other}) == 3
