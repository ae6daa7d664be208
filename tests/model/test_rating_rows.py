"""Ratings in rows: nothing lost in the layout, and the likelihood that of ratings one by one."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erfc
from simulated_studies import (
    factorial_structure,
    irregular_ratings,
    irregular_structure,
    shuffled_items,
    unlike_scenarios,
)

from vat_bayes.model.backends import numpyro_rows
from vat_bayes.model.rating_rows import RatingRows, rating_rows
from vat_bayes.model.ratings import FAR, RatingsDesign

KINDS = ["complete", "gaps", "repeated", "two-prompts", "one-state-more", "unlike", "shuffled"]


def make(kind: str) -> RatingsDesign:
    rng = np.random.default_rng(3)
    if kind == "gaps":
        return irregular_ratings(rng, rich=False)
    if kind == "two-prompts":
        return irregular_ratings(rng, rich=True)
    if kind == "complete":
        s = factorial_structure(4)
    elif kind == "unlike":
        s = unlike_scenarios(rng)
    elif kind == "shuffled":
        s = shuffled_items(rng, 4)
    else:
        s = irregular_structure(rng)
    state, item = (x.ravel() for x in np.indices((s.n_states, len(s.items))))
    n = np.full(len(state), 2 if kind == "repeated" else 1)
    if kind == "one-state-more":
        # One baseline is asked far more often than all the rest, of which a few items are rated.
        keep = (state == 0) | (item < 6)
        state, item = state[keep], item[keep]
        n = np.where(state == 0, 40, 1)
    counts = np.stack([rng.multinomial(k, rng.dirichlet(np.ones(5))) for k in n])
    shuffled = rng.permutation(len(state))
    prompt = np.zeros(len(state), dtype=int)
    return RatingsDesign(s, state[shuffled], item[shuffled], prompt, counts[shuffled])


@pytest.mark.parametrize("kind", KINDS)
def test_every_rating_is_in_its_row(kind: str) -> None:
    design = make(kind)
    s, rows = design.structure, rating_rows(design)
    found: dict[tuple[int, ...], float] = {}
    at_place = np.argsort(rows.place)
    for row, entry in zip(*np.nonzero(rows.count), strict=True):
        block = rows.row_block[row]
        place = entry if rows.item is None else rows.item[row, entry]
        key = (
            rows.block_state[block],
            at_place[place],
            rows.block_prompt[block],
            rows.category[row, entry],
        )
        assert key not in found
        found[key] = rows.count[row, entry]
    expected = {
        (state, item, prompt, k): n
        for state, item, prompt, counts in zip(
            design.cell_state, design.cell_item, design.cell_prompt, design.counts, strict=True
        )
        for k, n in enumerate(counts)
        if n
    }
    assert found == expected
    for row, total in enumerate(rows.total):
        np.testing.assert_array_equal(
            total, np.bincount(rows.category[row], rows.count[row], minlength=5)
        )
    # Items lie scenario by scenario.
    lying = np.concatenate([g.item.ravel() for g in rows.siblings])
    np.testing.assert_array_equal(lying[rows.place], np.arange(len(s.items)))
    for g in rows.siblings:
        np.testing.assert_array_equal(
            np.broadcast_to(g.loading, (*g.item.shape, len(s.values))), s.loading[g.item]
        )


def test_rows_take_little_more_room_than_ratings() -> None:
    assert rating_rows(make("complete")).item is None
    rows = rating_rows(make("one-state-more"))
    assert rows.item is not None
    assert len(rows.row_block) > len(rows.block_state)
    assert rows.count.size < 2 * np.count_nonzero(rows.count)


@pytest.mark.parametrize("kind", KINDS)
def test_values_do_to_items_what_the_loadings_say(kind: str) -> None:
    design = make(kind)
    s, rows = design.structure, rating_rows(design)
    rng = np.random.default_rng(5)
    endorsement = rng.normal(size=(len(rows.block_state), len(s.scenarios), len(s.values)))
    expected = (s.loading * endorsement[:, s.item_scenario]).sum(-1)
    with jax.enable_x64(True):
        found = np.asarray(numpyro_rows.endorsed(rows, endorsement))
    np.testing.assert_allclose(found[:, rows.place], expected, rtol=1e-12, atol=1e-12)


def one_by_one(design: RatingsDesign, link: Any) -> Any:
    """Return the log-likelihood as a function of what the rows take, by lookups."""
    rows = rating_rows(design)
    pairs = zip(rows.block_state, rows.block_prompt, strict=True)
    block = {pair: i for i, pair in enumerate(pairs)}
    cell, category, count = design.entries
    of_cell = np.array(
        [block[pair] for pair in zip(design.cell_state, design.cell_prompt, strict=True)]
    )[cell]
    place = rows.place[design.cell_item[cell]]

    def total(eta: Any, cutpoint: Any, sharpness: Any) -> Any:
        ends = jnp.pad(cutpoint, ((0, 0), (1, 1)), constant_values=((0, 0), (-FAR, FAR)))
        upper, lower = (
            (ends[of_cell, category + i] - eta[of_cell, place]) * sharpness[of_cell] for i in (1, 0)
        )
        # In the lower tail, where a distribution function keeps its digits.
        flip = upper + lower > 0
        upper, lower = jnp.where(flip, -lower, upper), jnp.where(flip, -upper, lower)
        below = {
            "logistic": jax.nn.sigmoid, "probit": lambda x: 0.5 * erfc(-x * np.sqrt(0.5)),
        }[link]  # fmt: skip
        return (count * jnp.log(below(upper) - below(lower))).sum()

    return total


@pytest.mark.parametrize("long", [0, 10**9])
@pytest.mark.parametrize("link", ["logistic", "probit"])
@pytest.mark.parametrize("kind", KINDS)
def test_likelihood_and_slopes_are_those_of_ratings_one_by_one(
    kind: str, link: Any, long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numpyro_rows, "_LONG", long)
    rng = np.random.default_rng(4)
    design = make(kind)
    rows: RatingRows = rating_rows(design)
    blocks = len(rows.block_state)
    at = (
        rng.normal(0, 2, (blocks, len(design.structure.items))),
        np.sort(rng.normal(0, 2, (blocks, 4)), axis=1),
        np.exp(rng.normal(0, 0.5, blocks)),
    )

    def ours(*at: Any) -> Any:
        return numpyro_rows.log_likelihood(rows, *at, link)

    with jax.enable_x64(True):
        found = jax.jit(jax.value_and_grad(ours, argnums=(0, 1, 2)))(*at)
        expected = jax.jit(jax.value_and_grad(one_by_one(design, link), argnums=(0, 1, 2)))(*at)
    assert float(found[0]) == pytest.approx(float(expected[0]), rel=1e-11)
    for x, y in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-9)


def test_a_category_without_width_that_nobody_chose_does_no_harm() -> None:
    design = make("complete")
    counts = design.counts.copy()
    counts[counts[:, 2] > 0] = [0, 1, 0, 0, 0]
    design = RatingsDesign(
        design.structure, design.cell_state, design.cell_item, design.cell_prompt, counts
    )
    rows = rating_rows(design)
    blocks = len(rows.block_state)
    cutpoint = np.tile([-1.0, 0.3, 0.3, 1.5], (blocks, 1))
    with jax.enable_x64(True):
        both = jax.value_and_grad(
            lambda at: numpyro_rows.log_likelihood(
                rows, jnp.zeros((blocks, len(design.structure.items))), at, jnp.ones(blocks),
                "logistic",
            )
        )  # fmt: skip
        value, slope = jax.jit(both)(cutpoint)
    assert np.isfinite(float(value))
    assert np.isfinite(np.asarray(slope)).all()
