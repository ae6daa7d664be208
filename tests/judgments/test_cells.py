"""Cells and scores by hand, on real data against a plain group-by, and in any row order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judgment_tables import ITEMS, valid_table, with_probabilities

from vat_bayes.errors import InputError
from vat_bayes.judgments import Cells, import_judgments, load_judgments, to_cells
from vat_bayes.values import VALUES


def score_of(cells: Cells, condition: str, item: str) -> float:
    mine = (cells.score_condition == cells.conditions.index(condition)) & (
        cells.score_item == cells.items.index(item)
    )
    return float(cells.score[mine][0])


def ratings(*rows: tuple[str, str, str, int | None]) -> pd.DataFrame:
    """Return a table of (condition, item, prompt, rating); an item is in the scenario it names."""
    table = pd.DataFrame(rows, columns=["condition", "item", "prompt", "rating"])
    return table.assign(
        model="m",
        scenario=table["item"].str[:2],
        value="power",
        polarity=1,
        replicate=table.groupby(["condition", "item", "prompt"]).cumcount(),
    )


def test_counts_and_refusals_by_hand() -> None:
    cells = to_cells(
        load_judgments(
            ratings(
                ("baseline", "s1", "f", 3),
                ("baseline", "s1", "f", 3),
                ("baseline", "s1", "f", 1),
                ("baseline", "s1", "r", None),
                ("baseline", "s2", "f", 2),
                ("x", "s1", "f", None),
                ("x", "s2", "f", 3),
            )
        )
    )
    assert (cells.models, cells.conditions) == (("m",), ("baseline", "x"))
    assert cells.items == cells.scenarios == ("s1", "s2")
    assert cells.item_scenario.tolist() == [0, 1]
    assert cells.cell_condition.tolist() == [0, 0, 0, 1, 1]
    assert cells.cell_item.tolist() == [0, 0, 1, 0, 1]
    assert cells.cell_prompt.tolist() == [0, 1, 0, 0, 0]
    assert cells.counts.tolist() == [[1, 0, 2], [0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert cells.refused.tolist() == [0, 1, 0, 1, 0]
    np.testing.assert_allclose(cells.cell_score, [1 / 3, np.nan, 0, np.nan, 1])
    # The refusal of x leaves its s1 without a score.
    assert list(zip(cells.score_condition, cells.score_item, strict=True)) == [
        (0, 0),
        (0, 1),
        (1, 1),
    ]
    np.testing.assert_allclose(cells.score, [7 / 3 - 2, 0, 1])


def test_prompts_count_equally_however_often_they_were_repeated() -> None:
    cells = to_cells(
        load_judgments(
            ratings(
                *[("baseline", "s1", "f", 5)] * 9,
                ("baseline", "s1", "r", 1),
                ("x", "s1", "f", 3),
                ("x", "s1", "r", 3),
                ("baseline", "s2", "f", 3),
                ("x", "s2", "f", 3),
            )
        )
    )
    assert score_of(cells, "baseline", "s1") == 0
    assert cells.score_prompts.tolist() == [2, 1, 2, 1]


def test_only_prompts_that_every_condition_has_enter_the_scores() -> None:
    cells = to_cells(
        load_judgments(
            ratings(
                ("baseline", "s1", "f", 5),
                ("baseline", "s1", "r", 1),
                ("x", "s1", "f", 4),
                ("x", "s1", "r", None),
                ("baseline", "s2", "f", 2),
                ("x", "s2", "f", 3),
            )
        )
    )
    assert score_of(cells, "baseline", "s1") == 2
    assert cells.notes == (
        "model 'm': 1 mean of one prompt left out of the scores of 1 item, because not every "
        "condition of the item has the prompt",
    )


def test_conditions_without_a_common_prompt_keep_their_own() -> None:
    cells = to_cells(
        load_judgments(
            ratings(
                ("baseline", "s1", "f", 5),
                ("baseline", "s1", "r", None),
                ("x", "s1", "f", None),
                ("x", "s1", "r", 4),
                ("baseline", "s2", "f", 2),
                ("x", "s2", "f", 3),
            )
        )
    )
    assert score_of(cells, "baseline", "s1") == 2
    assert score_of(cells, "x", "s1") == 1
    assert cells.notes == (
        "model 'm': 1 item without a prompt that every condition of the item has, so that its "
        "conditions are compared over different prompts",
    )


def test_a_reworded_retest_leaves_the_other_conditions_their_prompts() -> None:
    rows = [
        (condition, item, prompt, rating)
        for condition, prompts in (
            ("baseline", ("f", "r")),
            ("x", ("f", "r")),
            ("retest", ("other f", "other r")),
        )
        for item in ("s1", "s2")
        for prompt, rating in zip(prompts, (2, 5), strict=True)
    ]
    cells = to_cells(load_judgments(ratings(*rows)))
    assert set(cells.score_prompts) == {2}
    assert cells.notes == ()


def test_expected_scores_are_of_renormalised_probabilities() -> None:
    table = with_probabilities(valid_table())
    p = [f"p{k}" for k in range(1, 6)]
    table[p] = [0.2, 0.2, 0.2, 0.2, 0.19]
    cells = to_cells(load_judgments(table))
    assert cells.readout == "distribution"
    expected = (0.2 * (1 + 2 + 3 + 4) + 0.19 * 5) / 0.99 - 3
    np.testing.assert_allclose(cells.score, expected, rtol=1e-14)


def test_readouts_are_chosen() -> None:
    table = with_probabilities(valid_table())
    by_ratings = to_cells(load_judgments(table), "ratings")
    assert by_ratings.readout == "ratings"
    np.testing.assert_array_equal(by_ratings.score, to_cells(load_judgments(valid_table())).score)
    table.loc[3, [f"p{k}" for k in range(1, 6)]] = np.nan
    judgments = load_judgments(table)
    assert to_cells(judgments).readout == "ratings"
    partly = to_cells(judgments, "distribution")
    assert partly.readout == "distribution"
    assert partly.notes[0] == "1 judgment without p1 to p5 left out of the scores"


def test_a_refusal_has_no_score_even_with_probabilities() -> None:
    table = with_probabilities(valid_table())
    table["rating"] = table["rating"].astype("Int64")
    table.loc[table["item"] == "s2-pow+1", "rating"] = pd.NA
    cells = to_cells(load_judgments(table))
    assert cells.readout == "distribution"
    assert cells.items.index("s2-pow+1") not in cells.score_item
    assert cells.refused.sum() == 6


@pytest.mark.parametrize(
    ("spoil", "readout", "sentence"),
    [
        (
            lambda t: t,
            "distributions",
            "unknown read-out 'distributions', expected one of auto, distribution, ratings; "
            "did you mean 'distribution'?",
        ),
        (
            lambda t: t.drop(columns=[f"p{k}" for k in range(1, 6)]),
            "distribution",
            "data frame: a distribution was asked for and there is no p1 to p5",
        ),
        (
            lambda t: t.assign(
                **{f"p{k}": t[f"p{k}"].where(t["condition"] != "kind") for k in range(1, 6)}
            ),
            "distribution",
            "data frame: model 'm' has no probabilities under condition 'kind', "
            "expected some to read a distribution",
        ),
    ],
)
def test_impossible_readouts_are_refused(
    spoil: Callable[[pd.DataFrame], pd.DataFrame], readout: str, sentence: str
) -> None:
    judgments = load_judgments(spoil(with_probabilities(valid_table())), n_categories=5)
    with pytest.raises(InputError) as told:
        to_cells(judgments, readout)  # type: ignore[arg-type]
    assert str(told.value) == sentence


def test_loading_has_the_polarity_at_the_value() -> None:
    cells = to_cells(load_judgments(valid_table()))
    assert cells.values == VALUES
    for item, scenario, value, polarity in ITEMS:
        i = cells.items.index(item)
        assert cells.loading[i, VALUES.index(value)] == polarity
        assert np.abs(cells.loading[i]).sum() == 1
        assert cells.scenarios[cells.item_scenario[i]] == scenario


def arrays_of(cells: Cells) -> dict[str, bytes]:
    fields = {f.name: getattr(cells, f.name) for f in dataclasses.fields(cells)}
    return {
        name: content.tobytes() if isinstance(content, np.ndarray) else repr(content).encode()
        for name, content in fields.items()
    }


def random_table() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    table = pd.concat([valid_table().assign(replicate=r) for r in (1, 2, 3)], ignore_index=True)
    table = pd.concat([table, table.assign(model="n")], ignore_index=True)
    p = rng.dirichlet(np.full(5, 0.4), len(table))
    table = table.assign(**{f"p{k + 1}": p[:, k] for k in range(5)})
    table["rating"] = (p.argmax(axis=1) + 1).astype(float)
    table.loc[rng.choice(len(table), 40, replace=False), "rating"] = np.nan
    return table


RANDOM = random_table()
IN_ORDER = {r: arrays_of(to_cells(load_judgments(RANDOM), r)) for r in ("ratings", "distribution")}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), readout=st.sampled_from(["ratings", "distribution"]))
def test_row_order_does_not_change_a_bit(seed: int, readout: str) -> None:
    shuffled = RANDOM.sample(frac=1, random_state=seed)
    assert arrays_of(to_cells(load_judgments(shuffled), readout)) == IN_ORDER[readout]  # type: ignore[arg-type]


def test_arrays_are_read_only() -> None:
    cells = to_cells(load_judgments(valid_table()))
    with pytest.raises(ValueError, match="read-only"):
        cells.score[0] = 0


def test_real_data_agree_with_a_plain_group_by(shared_data: Path) -> None:
    imported = import_judgments(
        "valueportrait",
        shared_data,
        baseline="claude-3-5-haiku-20241022",
        interventions="claude-3-5-sonnet-20241022",
        retest=True,
    )
    cells = to_cells(imported.judgments())
    table = imported.table
    assert cells.counts.sum() == table["rating"].notna().sum()
    assert cells.refused.sum() == table["rating"].isna().sum() > 0
    both = table.pivot_table(index=["condition", "item"], columns="prompt", values="rating")
    complete = both.dropna().groupby("item").filter(lambda g: len(g) == 3)
    expected = complete.mean(axis=1) - 3.5
    for condition, item in complete.index[::7]:
        assert score_of(cells, condition, item) == pytest.approx(expected[condition, item])
