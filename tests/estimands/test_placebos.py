"""Which placebo an arm is contrasted with: the draws say what the estimates say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated_studies import BASELINE, PLACEBO, TARGETED, drawn_posterior, simulate_study

from vat_bayes.conditions import Condition
from vat_bayes.estimands import compute_estimands
from vat_bayes.estimands.placebos import placebo_in
from vat_bayes.judgments import load_judgments

OTHER = Condition("other", "placebo")
FREE = Condition("promote", "intervention", ("benevolence",))
AGAINST = Condition("promote", "intervention", ("benevolence",), reference="placebo")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return simulate_study(7, n_scenarios=6, conditions=(TARGETED, PLACEBO, OTHER)).judgments.table


@pytest.mark.parametrize(
    ("intervention", "without", "still", "placebo"),
    [
        (TARGETED, [], [], "placebo"),
        (FREE, [], [], None),
        (FREE, ["other"], [], "placebo"),
        (AGAINST, ["other"], [], None),
        (FREE, ["placebo", "other"], [], None),
        (TARGETED, [], ["placebo"], None),
        (FREE, [], ["placebo"], None),
        (TARGETED, [], ["other"], "placebo"),
    ],
)
def test_placebo_of_an_arm(
    table: pd.DataFrame,
    intervention: Condition,
    without: list[str],
    still: list[str],
    placebo: str | None,
) -> None:
    kept = table[~table["condition"].isin([*without, *still])]
    base = kept[kept["condition"] == "baseline"]
    kept = pd.concat([kept, *(base.assign(condition=name) for name in still)], ignore_index=True)
    asked = set(kept["condition"])
    conditions = [c for c in (BASELINE, intervention, PLACEBO, OTHER) if c.name in asked]
    posterior = drawn_posterior(
        load_judgments(kept, conditions=tuple(conditions), n_categories=11), draws=40
    )
    found = compute_estimands(posterior)
    labels = [str(x) for x in found.draws["arm"].to_numpy()]
    arm = labels.index("promote")
    position = placebo_in(found.draws, arm)
    assert (None if position is None else labels[position]) == placebo
    if placebo is not None:
        rows = found.table[found.table["condition"] == "promote"]
        assert (rows.loc[rows["estimand"] == "tax_excess", "status"] == "ok").all()
        np.testing.assert_array_equal(np.isnan(found.draws["tax_excess"].to_numpy()[:, arm]), False)
