"""Where the random effects of ratings are, by a glance at the data.

Effects are sampled as scales times independent normals. Given the ratings those normals are neither
centred at zero nor of unit variance, and where they are depends on the scales, so chains that move
the two apart mix slowly. A guess of what the ratings say about each effect by itself is enough to
move them together: it changes the coordinates, not the posterior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vat_bayes.model.structure import Floats, Ints

if TYPE_CHECKING:
    from vat_bayes.model.ratings import RatingsDesign


@dataclass(frozen=True)
class Centring:
    """What the ratings say about effects, each by itself, to second order about zero.

    Parameters
    ----------
    score : ndarray
        Slope of the log-likelihood in each effect, the other effects integrated out as well as they
        are known.
    information : ndarray, shape of `score`
        Minus its curvature. It is that of logistic ratings; under a probit link it is too small.
    """

    score: Floats
    information: Floats


@dataclass(frozen=True)
class Centrings:
    """Those of one design.

    Parameters
    ----------
    scenario : Centring, shape (arm, scenario, value)
        Of what an arm does to a scenario's values.
    repeat : Centring, shape (state, item)
        Of what all ratings of an item in one state share.
    """

    scenario: Centring
    repeat: Centring


class _Rated(NamedTuple):
    """The ratings of one model's items, shape (state, item), scores summed over ratings."""

    score: Floats
    n: Floats


def guess_centring(design: RatingsDesign) -> Centrings:
    """Guess slope and curvature of the log-likelihood in every effect of scenario and repeat.

    A rating's score is that of the ordered logistic model without effects, whose cutpoints are the
    model's own shares of ratings: ``F(k) + F(k - 1) - 1``, Bross's ridit twice less one. The means
    of states, prompts and values are taken out, those of items for and against a value apart. From
    there on the scores are treated as those of a linear model: repeated ratings of an item count
    for less by what they share, and what all states of a model have in common is taken out as the
    best linear predictor of an intercept, both with variances from the products of pairs of
    ratings.

    Parameters
    ----------
    design : RatingsDesign

    Returns
    -------
    Centrings
        A guess that is far off makes chains slow, never wrong.

    References
    ----------
    Bross (1958). How to use ridit analysis. Biometrics 14, 18-38.
    McCullagh (1980). Regression models for ordinal data. JRSS B 42, 109-142.
    """
    s = design.structure
    n_models = len(s.models)
    score = np.zeros((s.n_states, len(s.scenarios), len(s.values)))
    known = np.zeros_like(score)
    repeat_score = np.zeros((s.n_states, len(s.items)))
    repeat_known = np.zeros_like(repeat_score)
    for model in range(n_models):
        own = np.flatnonzero(s.state_model == model)
        rated, squares, information = _rated(design, own)
        repeat_known[own] = information * rated.n
        shared = max(_shared_by_repeats(design, rated, squares) / information**2, 0.0)
        discount = 1 + shared * repeat_known[own]
        distinct = _Rated(*(x / discount for x in rated))
        intercept = _in_common(distinct.score, information * distinct.n)
        repeat_score[own] = rated.score - repeat_known[own] * intercept
        slope, ratings = _by_value(design, distinct)
        known[own] = information * ratings
        score[own] = slope - known[own] * _in_common(slope, known[own])
    return Centrings(
        Centring(score[n_models:], known[n_models:]), Centring(repeat_score, repeat_known)
    )


def _rated(design: RatingsDesign, states: Ints) -> tuple[_Rated, Floats, float]:
    """Return the centred scores of one model's ratings, their squares, one rating's information."""
    s = design.structure
    cells = np.flatnonzero(np.isin(design.cell_state, states))
    counts = design.counts[cells].astype(float)
    # Half a rating more of each category: none has a probability of zero.
    share = counts.sum(0) + 0.5
    share /= share.sum()
    of_category = 2 * np.cumsum(share) - share - 1
    state, item = design.cell_state[cells], design.cell_item[cells]
    index, weight = s.slots
    # A condition that moves a value moves the items for it and those against it apart.
    sort = 2 * index[item, 0] + (weight[item, 0] < 0)
    group = (state * len(s.prompts) + design.cell_prompt[cells]) * 2 * len(s.values) + sort
    n = counts.sum(1)
    total, many = np.bincount(group, counts @ of_category), np.bincount(group, n)
    centred = of_category - (total / np.maximum(many, 1))[group][:, None]

    def summed(x: Floats) -> Floats:
        place = np.searchsorted(states, state) * len(s.items) + item
        every = np.bincount(place, x, len(states) * len(s.items))
        return np.asarray(every.reshape(len(states), -1))

    rated = _Rated(summed((counts * centred).sum(1)), summed(n))
    return rated, summed((counts * centred**2).sum(1)), float(share @ of_category**2)


def _shared_by_repeats(design: RatingsDesign, rated: _Rated, squares: Floats) -> float:
    """Estimate what two ratings of one item in one state share beyond all else, as a product.

    Of four kinds of pairs of ratings, of the same or of different items with one value, in the same
    or in different states, each shares more than the next: variances are differences.
    """
    if not (rated.n > 1).any():
        return 0.0
    s = design.structure
    index, weight = s.slots
    square, fourth = (weight**2).sum(1), (weight**4).sum(1)

    def other_items(rated: _Rated) -> tuple[float, float]:
        """Sum the products of two items' ratings that load on one value, and count the pairs."""
        slope, ratings = _by_value(design, rated)
        own = (square * rated.score**2).sum(), (fourth * rated.n**2).sum()
        return float((slope**2).sum() - own[0]), float((ratings**2).sum() - own[1])

    every = _Rated(*(x.sum(0, keepdims=True) for x in rated))
    repeated = _mean_product(rated.score**2 - squares, rated.n**2 - rated.n)
    across = _mean_product(
        every.score**2 - (rated.score**2).sum(0), every.n**2 - (rated.n**2).sum(0)
    )
    loaded = (s.item_scenario[:, None] * len(s.values) + index)[weight != 0]
    if np.bincount(loaded).max() == 1:
        # One item for each scenario and value: what its repeats share is half its own, say.
        return (repeated - across) / 2
    same_state, anywhere = other_items(rated), other_items(every)
    elsewhere = [a - b for a, b in zip(anywhere, same_state, strict=True)]
    return repeated - across - _mean_product(*same_state) + _mean_product(*elsewhere)


def _mean_product(products: Floats | float, pairs: Floats | float) -> float:
    there = np.sum(pairs)
    return float(np.sum(products) / there) if there > 0 else 0.0


def _by_value(design: RatingsDesign, rated: _Rated) -> tuple[Floats, Floats]:
    """Sum scores and numbers of ratings by what they load on, shape (state, scenario, value)."""
    s = design.structure
    index, weight = s.slots
    shape = (len(rated.n), len(s.scenarios), len(s.values))
    slope, ratings = np.zeros(shape), np.zeros(shape)
    for state, (score, n) in enumerate(zip(rated.score, rated.n, strict=True)):
        for j in range(index.shape[1]):
            place = (s.item_scenario, index[:, j])
            np.add.at(slope[state], place, weight[:, j] * score)
            np.add.at(ratings[state], place, weight[:, j] ** 2 * n)
    return slope, ratings


def _in_common(slope: Floats, information: Floats) -> Floats:
    """Predict an intercept from the slopes of all states, both of shape (state, ...)."""
    together, known = slope.sum(0), information.sum(0)
    # Its variance, from how the states vary together.
    products = together**2 - (slope**2).sum(0)
    variance = max(_mean_product(products, known**2 - (information**2).sum(0)), 0.0)
    return np.asarray(variance * together / (1 + variance * known))
