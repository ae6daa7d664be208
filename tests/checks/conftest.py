"""Fits that the checks are tested on, made once: two that suit their data and two that don't."""

from __future__ import annotations

import numpy as np
import pytest
from check_fits import Fitted, fitted, with_effects
from simulated_studies import PLACEBO, RETEST, TARGETED, Simulated, simulate_study

from vat_bayes.judgments import load_judgments


@pytest.fixture(scope="session")
def scores_study() -> Simulated:
    return simulate_study(11, n_scenarios=16, conditions=(TARGETED, PLACEBO, RETEST))


@pytest.fixture(scope="session")
def fitted_scores(scores_study: Simulated) -> Fitted:
    return fitted(scores_study.judgments)


@pytest.fixture(scope="session")
def tight_scores(scores_study: Simulated) -> Fitted:
    """The same data under a prior that all but excludes effects."""
    return fitted(scores_study.judgments, with_effects(0.01), chains=1)


@pytest.fixture(scope="session")
def ratings_study() -> Simulated:
    return simulate_study(12, readout="ratings", n_scenarios=16, conditions=(RETEST,))


@pytest.fixture(scope="session")
def fitted_ratings(ratings_study: Simulated) -> Fitted:
    return fitted(ratings_study.judgments)


@pytest.fixture(scope="session")
def heaped_ratings(ratings_study: Simulated) -> Fitted:
    """Ratings that no shared set of cutpoints makes: two values are always rated 3 or 1 and 5."""
    judgments = ratings_study.judgments
    rows = judgments.table.copy()
    rng = np.random.default_rng(1)
    middle, ends = rows["value"].isin(["power", "security"]), rows["value"] == "hedonism"
    rows.loc[middle, "rating"] = 3
    rows.loc[ends, "rating"] = rng.choice([1, 5], size=int(ends.sum()))
    heaped = load_judgments(rows, conditions=judgments.conditions, n_categories=5)
    return fitted(heaped)
