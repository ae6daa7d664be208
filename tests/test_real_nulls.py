"""Nulls from real answers: parts of the same ratings, reworded questions, simulated personas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

import vat_bayes as vb
from benchmarks import negative_control, release_nulls


@pytest.fixture(scope="module")
def ratings(shared_data: Path) -> release_nulls.Ratings:
    return release_nulls.read(shared_data / "valueportrait_ratings.csv.gz")


def test_every_rating_is_read_into_its_place(
    ratings: release_nulls.Ratings, shared_data: Path
) -> None:
    assert ratings.rating.shape == (27, 221, 3, 2)
    imported = vb.import_judgments(
        "valueportrait", shared_data, baseline="qwen-max", retest=True, retest_prompts="v3"
    )
    mine = imported.table
    mine = mine[(mine["wording"] == "v3") & (mine["prompt"] == "reversed")]
    row = ratings.rating[ratings.models.index("qwen-max"), :, 2, 1]
    expected = dict(zip(mine["item"], mine["rating"], strict=True))
    np.testing.assert_array_equal(row, [expected[i] for i in ratings.items])


@pytest.mark.parametrize("n_parts", [2, 3])
def test_parts_are_balanced_in_every_item(n_parts: int) -> None:
    part = release_nulls.parts(np.random.default_rng(1), 50, n_parts)
    for own in part:
        assert np.bincount(own.ravel()).tolist() == [6 // n_parts] * n_parts
        if n_parts == 2:
            assert (own.sum(axis=1) == 1).all()  # each wording once in each half
        else:
            assert (np.sort(own, axis=0) == np.arange(3)[:, None]).all()  # each order once
    assert len(np.unique(part.reshape(50, -1), axis=0)) > 5


def test_parts_of_the_same_ratings_have_no_tax(ratings: release_nulls.Ratings) -> None:
    """Shares as in the long study, as far as 81 divisions can tell."""
    found = release_nulls.split(ratings, 3, seed=2)
    n = len(found)
    # Fewer would be seen once in a thousand times if the intervals held their level.
    assert found["holds"].sum() >= binom.ppf(0.001, n, 0.9)
    assert found["shifts"].sum() >= 0.87 * 10 * n
    assert found["excess_holds"].sum() >= binom.ppf(0.001, n, 0.9)
    assert (found["p_excess"] > 0.95).sum() <= binom.ppf(0.999, n, 0.05)


def test_a_wording_moves_all_values_together(ratings: release_nulls.Ratings) -> None:
    found = release_nulls.reworded(ratings, seed=1)
    assert len(found) == 4 * 27
    excludes = (found["tax_lo"] > 0).groupby(found["change"]).sum()
    rest = (found["rest_lo"] > 0).groupby(found["change"]).sum()
    assert (excludes >= 10).all()
    assert (rest <= 5).all()
    chat = found[(found["model"] == "deepseek-chat") & (found["change"] == "v1 to v2")].iloc[0]
    assert chat["tax_lo"] > 0
    assert chat["rest"] < chat["tax"] / 2


@pytest.mark.slow
def test_a_fit_finds_no_tax_between_parts_of_the_same_ratings(
    ratings: release_nulls.Ratings,
) -> None:
    """A third of the scenarios, so that two chains take seconds."""
    model = ratings.models.index("deepseek-chat")
    part = release_nulls.parts(np.random.default_rng(3), len(ratings.items), 3)
    whole = release_nulls.judgments(ratings, model, part)
    kept = whole.of_scenarios(set(ratings.scenarios[::3]))
    spec = str(release_nulls.MODEL_FILE)
    tree = vb.fit(kept, spec=spec, draws=150, tune=100, chains=2, seed=1)
    table = vb.compute_estimands(tree).table
    table = table[(table["condition"] == "second") & (table["scale"] == "points")]
    tax = table[table["estimand"] == "tax_rms"].iloc[0]
    excess = table[table["estimand"] == "tax_excess"].iloc[0]
    shifts = table[table["estimand"] == "shift"]
    assert tax["lo"] == 0
    assert excess["lo"] <= 0 <= excess["hi"]
    assert excess["p_positive"] < 0.95
    assert ((shifts["lo"] <= 0) & (shifts["hi"] >= 0)).sum() >= 7


def test_personas_co_move_by_what_they_answered_before(shared_data: Path) -> None:
    answers = negative_control.read(shared_data / "pvq40_simulated_personas.csv.gz")
    found = negative_control.inherited(answers, n_resamples=200).set_index("condition")
    assert set(found.index) == {"caps", "free", "item", "wvs"}
    # Over the null as they are: a finding of this file, not a hope.
    assert (found["p"].drop("wvs") < 0.01).all()
    # And within it given the answers at baseline, all but one.
    given = found.drop("free")
    assert (given["p_given"] > 0.01).all()
    assert found.loc["free", "p_given"] < 0.01
    assert found.loc["free", "common_sd_given"] == pytest.approx(0.22, abs=0.02)


@pytest.mark.slow
def test_the_models_norm_of_personas_is_at_its_floor(shared_data: Path, tmp_path: Path) -> None:
    """200 personas, under the condition whose raw norm is within its null too."""
    answers = negative_control.read(shared_data / "pvq40_simulated_personas.csv.gz", 200)
    answers = answers[answers["condition"].isin([negative_control.BASELINE, "wvs"])]
    judgments = negative_control.study(answers, tmp_path)
    tree = vb.fit(judgments, draws=200, tune=200, chains=2, seed=1)
    table = vb.compute_estimands(tree).table
    norm = table[table["estimand"] == "nvat_offdiag"]
    assert len(norm) == 1
    assert (norm["status"] == "at-floor").all()
    assert (norm["lo"] == 0).all()
    assert (norm["hi"] < 0.25).all()
