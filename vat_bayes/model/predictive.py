"""Replicated data: what the fitted model says the observed statistics should have been."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vat_bayes.model.coupling import coupling_root
from vat_bayes.model.effects import (
    Draws,
    category_probabilities,
    chunks_of_draws,
    scores_by_state,
)
from vat_bayes.model.priors import Link
from vat_bayes.model.ratings import RatingsDesign, draw_counts
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Floats, Ints

SCORE_STATISTICS = ("mean", "sd", "shift_sd", "shift_kurtosis")


def observed_rating_counts(design: RatingsDesign) -> Floats:
    """Count ratings by state and category.

    Parameters
    ----------
    design : RatingsDesign

    Returns
    -------
    ndarray, shape (state, K)
    """
    return np.asarray(_by_state(design, design.counts[None])[0])


def replicated_rating_counts(
    design: RatingsDesign, draws: Draws, *, seed: int, link: Link = "logistic"
) -> Floats:
    """Draw new ratings for every cell and count them by state and category.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray
    seed : int
    link : {"logistic", "probit"}

    Returns
    -------
    ndarray, shape (draw, state, K)
    """
    rng = np.random.default_rng(seed)
    n, counts = design.counts.sum(1), []
    for chunk in chunks_of_draws(design, draws):
        probability = category_probabilities(design, chunk, link)
        counts.append(_by_state(design, draw_counts(rng, n, probability)))
    return np.concatenate(counts)


def _by_state(design: RatingsDesign, counts: Ints) -> Floats:
    size = design.structure.n_states
    return np.stack(
        [
            np.stack([np.bincount(design.cell_state, weights=x, minlength=size) for x in one.T], 1)
            for one in counts
        ]
    )


def score_statistics(design: ScoresDesign, score: Floats) -> Floats:
    """Compute mean and sd of each state's scores, sd and kurtosis of its paired differences.

    Parameters
    ----------
    design : ScoresDesign
    score : ndarray, shape (row,)
        Observed or replicated scores of the design's rows.

    Returns
    -------
    ndarray, shape (state, statistic)
        In the order of `SCORE_STATISTICS`; the last two are NaN for baselines.
    """
    s = design.structure
    table = np.full((s.n_states, len(s.items)), np.nan)
    table[design.state, design.item] = score
    out = np.full((s.n_states, len(SCORE_STATISTICS)), np.nan)
    out[:, 0], out[:, 1] = np.nanmean(table, 1), np.nanstd(table, 1)
    for state in range(len(s.models), s.n_states):
        difference = table[state] - table[s.state_model[state]]
        difference = difference[~np.isnan(difference)]
        if len(difference):
            square = (difference - difference.mean()) ** 2
            spread = square.mean()
            out[state, 2] = np.sqrt(spread)
            # Squared again: a fourth power takes forty times as long.
            out[state, 3] = (square**2).mean() / spread**2 if spread > 0 else np.nan
    return out


def replicated_scores(
    design: ScoresDesign, draws: Draws, *, seed: int, df: float | None = None
) -> Iterator[Floats]:
    """Draw the scores of new scenarios and items from the model, one set for each draw.

    Parameters
    ----------
    design : ScoresDesign
    draws : mapping of str to ndarray
    seed : int
    df : float, optional
        Degrees of freedom where the scenarios are multivariate t.

    Yields
    ------
    ndarray, shape (row,)
        In the order of the design's rows.
    """
    s = design.structure
    rng = np.random.default_rng(seed)
    n_models, n_scenarios, n_values = len(s.models), len(s.scenarios), len(s.values)
    state, item, arm_model = design.state, design.item, s.state_model[n_models:]
    model, scenario = s.state_model[state], s.item_scenario[item]
    # Looked up in flat tables, value by value that an item loads on: rows are many.
    index, slot_weight = s.slots
    value, weight = index[item], slot_weight[item]
    of_state = state[:, None] * n_values + value
    of_scenario = (state * n_scenarios + scenario)[:, None] * n_values + value
    of_item = model * len(s.items) + item
    for d in range(len(draws["theta"])):
        p = {name: x[d] for name, x in draws.items()}
        shape = (n_scenarios, n_values)
        alpha = p["alpha_scale"][:, None, None] * rng.normal(size=(n_models, *shape))
        raw = rng.normal(size=(len(s.arms), *shape))
        factor = coupling_root(p["coupling"])
        u = p["u_scale"][:, None, :] * np.einsum("asw,avw->asv", raw, factor)
        kappa = p["kappa_scale"][:, None] * rng.normal(size=(n_models, len(s.items)))
        around = np.concatenate([alpha, alpha[arm_model] + u])
        centre, shift, sharpness = scores_by_state(s, p)
        gain = sharpness[state]
        scatter = gain * ((weight * around.take(of_scenario)).sum(-1) + kappa.take(of_item))
        scatter += p["noise"][state] * rng.normal(size=len(item))
        if df is not None:
            stray = rng.chisquare(df, size=(n_models, n_scenarios)) / df
            scatter /= np.sqrt(stray)[model, scenario]
        yield gain * ((weight * centre.take(of_state)).sum(-1) + shift[state]) + scatter
