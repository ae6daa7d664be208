"""Distances between conditions: against other programs' numbers, and what is made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from vat_bayes.collect import Reading
from vat_bayes.collect.effects import effects
from vat_bayes.collect.journal import Key
from vat_bayes.study import Study


def readings(study: Study, rng: np.random.Generator, moved: dict[str, float]) -> dict[Key, Reading]:
    """Return readings whose logits move by noise of a given size under each condition."""
    made = {}
    for item in sorted(study.load_items().judged().table["item"]):
        for prompt in study.prompts:
            base = rng.normal(0, 1, 5)
            for c in study.conditions:
                x = np.exp(base + moved.get(c.name, 0.0) * rng.normal(0, 1, 5))
                key = Key("tiny", c.name, item, prompt)
                made[key] = Reading(tuple(map(float, x / x.sum())), 0.9)
    return made


def test_the_distances_are_what_scipy_says(study: Study) -> None:
    made = readings(study, np.random.default_rng(0), {"promote": 0.5, "retest": 0.1})
    told = {e["condition"]: e for e in effects(study, study.load_items(), made)}
    assert list(told) == ["promote", "shots-2", "placebo", "retest"]
    keys = [k for k in made if k.condition == "baseline"]
    pairs = [
        (made[k].probabilities, made[replace(k, condition="promote")].probabilities) for k in keys
    ]
    tv = [np.abs(np.subtract(a, b)).sum() / 2 for a, b in pairs]
    js = [jensenshannon(a, b, base=2) ** 2 for a, b in pairs]
    assert told["promote"]["mean_total_variation"] == pytest.approx(np.mean(tv))
    assert told["promote"]["max_total_variation"] == pytest.approx(np.max(tv))
    assert told["promote"]["mean_jensen_shannon"] == pytest.approx(np.mean(js))
    moved = [np.abs(np.dot(np.arange(1, 6), np.subtract(b, a))) for a, b in pairs]
    assert told["promote"]["mean_absolute_rating_change"] == pytest.approx(np.mean(moved))
    assert told["promote"]["p_valid_change"] == 0
    assert told["placebo"]["verdict"] == "identical"
    assert told["placebo"]["identical_share"] == 1
    assert told["promote"]["verdict"] == "distinguishable from baseline"


def test_what_moves_no_more_than_a_retest_is_not_told_from_it(study: Study) -> None:
    verdicts = []
    for seed in range(12):
        noise = {c: 0.3 for c in ("promote", "shots-2", "placebo", "retest")}
        made = readings(study, np.random.default_rng(seed), noise)
        told = effects(study, study.load_items(), made)
        verdicts += [e["verdict"] for e in told if e["condition"] != "retest"]
    wrong = verdicts.count("distinguishable from baseline")
    # 5% in theory; four scenarios are few for a normal quantile.
    assert wrong < 0.2 * len(verdicts)
    assert wrong + verdicts.count("not distinguishable from baseline") == len(verdicts)


def test_without_a_retest_there_is_nothing_to_compare_with(study_data: dict[str, Any]) -> None:
    study_data["conditions"] = study_data["conditions"][:2]
    study = Study.from_dict(study_data)
    made = readings(study, np.random.default_rng(1), {"promote": 0.5})
    (told,) = effects(study, study.load_items(), made)
    assert told["verdict"] == "differs; no retest to compare with"
    assert told["retest_mean_total_variation"] is told["z_over_retest"] is None


def test_a_change_of_the_valid_mass_alone_is_not_identical(study: Study) -> None:
    made = readings(study, np.random.default_rng(2), {})
    made = {k: replace(r, p_valid=0.5) if k.condition == "promote" else r for k, r in made.items()}
    told = {e["condition"]: e for e in effects(study, study.load_items(), made)}
    assert told["promote"]["identical_share"] == 0
    assert told["promote"]["p_valid_change"] == pytest.approx(-0.4)
    assert told["promote"]["verdict"] == "not distinguishable from baseline"
    assert told["shots-2"]["verdict"] == "identical"


def test_written_answers_are_compared_by_their_shares(study_data: dict[str, Any]) -> None:
    study_data["readout"] = {"mode": "generate", "replicates": 4}
    study_data["conditions"] = [study_data["conditions"][0], study_data["conditions"][1]]
    study = Study.from_dict(study_data)
    given = {"baseline": (1, 1, 2, None), "promote": (2, None, None, 1)}
    made = {
        Key("tiny", c, item, prompt, r): Reading((), None, rating, "end")
        for item in study.load_items().judged().table["item"]
        for prompt in study.prompts
        for c, ratings in given.items()
        for r, rating in enumerate(ratings, start=1)
    }
    (told,) = effects(study, study.load_items(), made)
    assert told["mean_total_variation"] == pytest.approx(2 / 3 - 1 / 2)
    assert told["p_valid_change"] == pytest.approx(-0.25)
    nothing = {k: replace(r, rating=None) for k, r in made.items()}
    (told,) = effects(study, study.load_items(), nothing)
    assert told["mean_total_variation"] is None
