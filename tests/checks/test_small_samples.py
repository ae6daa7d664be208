"""Estimates that few scenarios cannot carry."""

from __future__ import annotations

import pandas as pd
import pytest
from simulated_studies import drawn_posterior, simulate_study

from vat_bayes.checks import withhold_small
from vat_bayes.estimands import compute_estimands


def rows(readout: str, scenarios: int) -> pd.DataFrame:
    study = simulate_study(3, readout=readout, n_scenarios=scenarios)
    tree = drawn_posterior(study.judgments, draws=10)
    return withhold_small(compute_estimands(tree), tree).table.set_index("estimand")


def test_extremity_of_ratings_from_few_scenarios_is_withheld() -> None:
    table = rows("ratings", 6)
    few = table.loc[["style_extremity"]]
    assert (few["status"] == "too-few-scenarios").all()
    assert few["lo"].isna().all()
    assert set(few["scale"]) == {"latent", "points"}
    assert table.loc[["style_acquiescence", "shift"], "lo"].notna().all()


@pytest.mark.parametrize(("readout", "scenarios"), [("ratings", 48), ("scores", 6)])
def test_extremity_of_scores_or_many_scenarios_is_told(readout: str, scenarios: int) -> None:
    told = rows(readout, scenarios).loc[["style_extremity"]]
    assert (told["status"] == "ok").all()
    assert told["lo"].notna().all()
