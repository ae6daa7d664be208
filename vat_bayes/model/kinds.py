"""Observed and replicated data by kind of item: a value, and whether the action supports it."""

from __future__ import annotations

import numpy as np

from vat_bayes.model.coupling import coupling_root
from vat_bayes.model.effects import Draws, category_probabilities
from vat_bayes.model.intercepts import intercepts
from vat_bayes.model.priors import Link
from vat_bayes.model.ratings import RatingsDesign, draw_counts
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Floats, Ints, Structure

KIND_STATISTICS = ("mean", "sd")


def kind_labels(structure: Structure) -> tuple[str, ...]:
    """Name the kinds of items: each value, once supported (``+``) and once violated (``-``)."""
    return tuple(f"{value} {sign}" for value in structure.values for sign in "+-")


def item_kinds(loading: Floats) -> Ints:
    """Group the items by the value that they load on most, and by the sign of that loading.

    Parameters
    ----------
    loading : ndarray, shape (item, value)

    Returns
    -------
    ndarray of int, shape (item,)
        Position in `kind_labels`.
    """
    largest = np.abs(loading).argmax(1)
    signed = np.take_along_axis(loading, largest[:, None], axis=1)[:, 0]
    return np.asarray(2 * largest + (signed < 0), dtype=np.int64)


def observed_kind_counts(design: RatingsDesign) -> Floats:
    """Count ratings by state, kind of item and category.

    Parameters
    ----------
    design : RatingsDesign

    Returns
    -------
    ndarray, shape (state, kind, K)
    """
    return _count(design, design.counts)


def replicated_kind_counts(
    design: RatingsDesign,
    draws: Draws,
    *,
    seed: int,
    link: Link = "logistic",
    df: float | None = None,
) -> Floats:
    """Draw ratings of new scenarios and items, and count them by state, kind and category.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray
        Parameters with a leading draw dimension; effects of scenarios and items are drawn anew.
    seed : int
    link : {"logistic", "probit"}
    df : float, optional
        Degrees of freedom where the scenarios are multivariate t.

    Returns
    -------
    ndarray, shape (draw, state, kind, K)
    """
    rng = np.random.default_rng(seed)
    n = design.counts.sum(1)
    out = []
    for d in range(len(draws["theta"])):
        one = {name: x[d : d + 1] for name, x in draws.items()}
        out.append(_count(design, new_ratings(design, one, n, rng, link=link, df=df)[0]))
    return np.stack(out)


def new_ratings(
    design: RatingsDesign,
    draws: Draws,
    n: Ints,
    rng: np.random.Generator,
    *,
    link: Link = "logistic",
    df: float | None = None,
) -> Ints:
    """Draw ratings for the cells of a design, as if its scenarios and items were new ones.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray
        Parameters with a leading draw dimension.
    n : ndarray of int, shape (cell,)
        Ratings in each cell.
    rng : Generator
    link : {"logistic", "probit"}
    df : float, optional
        Degrees of freedom where the scenarios are multivariate t.

    Returns
    -------
    ndarray of int, shape (draw, cell, K)
        Effects of wordings on the conditions are drawn anew where the draws have only their scale.
    """
    s = design.structure
    n_draws, n_models, n_values = len(draws["theta"]), len(s.models), len(s.values)
    factor = coupling_root(draws["coupling"])
    raw = rng.normal(size=(n_draws, len(s.arms), len(s.scenarios), n_values))
    alpha = rng.normal(size=(n_draws, n_models, len(s.scenarios), n_values))
    alpha *= draws["alpha_scale"][:, :, None, None]
    kappa = rng.normal(size=(n_draws, n_models, len(s.items))) * draws["kappa_scale"][:, :, None]
    new = {
        "u": draws["u_scale"][:, :, None, :] * np.einsum("dasw,davw->dasv", raw, factor),
    }
    if df is not None:
        # Scenarios that stray do so with all their effects.
        shape = (n_draws, n_models, len(s.scenarios))
        stretch = 1 / np.sqrt(rng.gamma(df / 2, 2 / df, size=shape))[..., None]
        alpha *= stretch
        new["u"] = new["u"] * stretch[:, s.state_model[n_models:]]
    new["intercept"] = intercepts(s, alpha, kappa)
    if "prompt_shift_scale" in draws and "prompt_shift_raw" not in draws:
        wordings = (n_draws, len(s.arms), len(s.prompts), n_values)
        new["prompt_shift_raw"] = rng.normal(size=wordings)
    if design.has_repeats:
        new["repeat_raw"] = rng.normal(size=(n_draws, s.n_states, len(s.items)))
    probability = category_probabilities(design, {**draws, **new}, link)
    return draw_counts(rng, n, probability)


def _count(design: RatingsDesign, counts: Ints) -> Floats:
    s = design.structure
    shape = (s.n_states, len(kind_labels(s)))
    place = design.cell_state * shape[1] + item_kinds(s.loading)[design.cell_item]
    size = shape[0] * shape[1]
    columns = [np.bincount(place, weights=x, minlength=size) for x in counts.T]
    return np.stack(columns, axis=1).reshape(*shape, -1)


def score_kinds(design: ScoresDesign, score: Floats) -> Floats:
    """Compute mean and sd of the scores by state and kind of item.

    Parameters
    ----------
    design : ScoresDesign
    score : ndarray, shape (row,)
        Observed or replicated scores of the design's rows.

    Returns
    -------
    ndarray, shape (state, kind, 2)
        In the order of `KIND_STATISTICS`; NaN without items.
    """
    s = design.structure
    n_kinds = len(kind_labels(s))
    place = design.state * n_kinds + item_kinds(s.loading)[design.item]
    size = s.n_states * n_kinds
    n = np.bincount(place, minlength=size).astype(float)
    n[n == 0] = np.nan
    mean = np.bincount(place, weights=score, minlength=size) / n
    square = np.bincount(place, weights=(score - mean[place]) ** 2, minlength=size) / n
    return np.stack([mean, np.sqrt(square)], axis=-1).reshape(s.n_states, n_kinds, 2)
