"""The two exact reductions: counts for replicated rows, sufficient statistics for scenarios."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_studies import (
    V,
    factorial_structure,
    irregular_scores,
    irregular_structure,
    natural_parameters,
    raw_parameters,
)

from vat_bayes.model import effects, ratings, scores
from vat_bayes.model.blocks import build_blocks
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.scores import ScoresDesign, reduce_scores
from vat_bayes.model.structure import Structure


def as_draws(design: ScoresDesign, rng: np.random.Generator) -> dict[str, np.ndarray]:
    p = natural_parameters(design.structure, raw_parameters(design.structure, rng, "scores"))
    return {name: np.asarray(x)[None] for name, x in p.items()}


def test_rows_in_any_order_give_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    design = irregular_scores(rng)
    draws = as_draws(design, rng)
    order = rng.permutation(len(design.score))
    again = reduce_scores(
        design.structure, design.state[order], design.item[order], design.score[order]
    )
    np.testing.assert_array_equal(
        effects.scores_log_likelihood(design, draws), effects.scores_log_likelihood(again, draws)
    )
    first, second = build_blocks(design), build_blocks(again)
    for name in first.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_counts_weigh_as_much_as_the_rows_they_stand_for() -> None:
    rng = np.random.default_rng(1)
    s = factorial_structure(2)
    state, item = (x.ravel() for x in np.indices((s.n_states, len(s.items))))
    counts = np.stack([rng.multinomial(3, np.full(5, 0.2)) for _ in state])
    prompt = np.zeros_like(state)
    counted = RatingsDesign(s, state, item, prompt, counts)
    rows, category = np.nonzero(counts)
    rows, category = (np.repeat(x, counts[rows, category]) for x in (rows, category))
    single = RatingsDesign(s, state[rows], item[rows], prompt[rows], np.eye(5, dtype=int)[category])
    assert counted.has_repeats
    assert single.has_repeats
    parameters = natural_parameters(s, raw_parameters(s, rng, "ratings"))
    parameters["repeat"] = rng.normal(size=(s.n_states, len(s.items)))
    assert ratings.log_likelihood(counted, parameters).sum() == pytest.approx(
        ratings.log_likelihood(single, parameters).sum(), rel=1e-12
    )


def random_structure(seed: int, n_items: int, share: float) -> Structure:
    rng = np.random.default_rng(seed)
    base = factorial_structure(2)
    scenario = np.sort(rng.integers(0, 2, n_items))
    scenario[0], scenario[-1] = 0, 1
    loading = rng.normal(size=(n_items, V)) * (rng.random((n_items, V)) < share)
    return Structure(
        models=base.models,
        arms=base.arms,
        values=base.values,
        scenarios=base.scenarios,
        items=tuple(f"i{i:02d}" for i in range(n_items)),
        prompts=base.prompts,
        loading=loading,
        item_scenario=scenario,
        n_categories=5,
    )


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    n_items=st.integers(2, 16),
    share=st.floats(0.0, 0.8),
    complete=st.booleans(),
)
def test_rotation_and_grouping_leave_the_likelihood_as_it_is(
    seed: int, n_items: int, share: float, complete: bool
) -> None:
    rng = np.random.default_rng(seed)
    s = random_structure(seed, n_items, share)
    present = np.ones((s.n_states, n_items), dtype=bool)
    if not complete:
        present = rng.random(present.shape) > 0.2
        present[0, 0] = True
    state, item = np.nonzero(present)
    design = reduce_scores(s, state, item, rng.normal(size=len(state)))
    draws = as_draws(design, rng)
    found = effects.scores_log_likelihood(design, draws)[0]
    expected = scores.log_likelihood(design, {k: x[0] for k, x in draws.items()})
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_complete_scenarios_are_reduced_to_as_many_axes_as_the_mean_needs() -> None:
    rng = np.random.default_rng(2)
    s = factorial_structure(7)
    state, item = (x.ravel() for x in np.indices((s.n_states, len(s.items))))
    design = reduce_scores(s, state, item, rng.normal(size=len(state)))
    # Ten values and the constant of 20 items: 11 axes carry the mean, 9 are scatter.
    (group,) = design.groups
    assert group.scores.shape == (7, 3 * 11)
    (residual,) = design.residuals
    np.testing.assert_array_equal(residual.degrees, np.full(7, 9.0))


def test_slots_rebuild_the_loadings() -> None:
    s = irregular_structure(np.random.default_rng(5))
    index, weight = s.slots
    rebuilt = np.zeros_like(s.loading)
    for i in range(len(s.items)):
        for v, w in zip(index[i], weight[i], strict=True):
            rebuilt[i, v] += w
    np.testing.assert_array_equal(rebuilt, s.loading)
    assert index.shape[1] == (s.loading != 0).sum(1).max()
