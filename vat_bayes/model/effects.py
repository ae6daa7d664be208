"""Posterior draws put back into the model: linear predictors and likelihoods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import gammaln

from vat_bayes.model.priors import Link
from vat_bayes.model.ratings import RatingsDesign, distribution_function
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Floats, Ints, Structure

Draws = Mapping[str, Floats]


def linear_predictor(design: RatingsDesign, draws: Draws) -> Floats:
    """Compute ``eta`` of every cell.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray
        Parameters and raw effects with a leading draw dimension, as the backends sample them.

    Returns
    -------
    ndarray, shape (draw, cell)
    """
    s = design.structure
    n_models = len(s.models)
    state, item = design.cell_state, design.cell_item
    model = s.state_model[state]
    theta = draws["theta"][:, :, None, :]
    base = np.broadcast_to(theta, (len(theta), n_models, *draws["u"].shape[2:]))
    arm_base = theta[:, s.state_model[n_models:]] + draws["delta"][:, :, None, :]
    endorsement = np.concatenate([base, arm_base + draws["u"]], 1)
    index, weight = s.slots
    gathered = endorsement[:, state[:, None], s.item_scenario[item][:, None], index[item]]
    eta = (weight[item] * gathered).sum(-1)
    none = np.zeros((len(eta), n_models))
    eta += np.concatenate([none, draws["beta"]], 1)[:, state]
    eta += draws["intercept"][:, model, item]
    if design.has_prompts:
        eta += draws["prompt"][:, model, design.cell_prompt]
    if "prompt_shift_raw" in draws:
        none = np.zeros((len(eta), n_models, *draws["prompt_shift_raw"].shape[2:]))
        shift = draws["prompt_shift_scale"][:, :, None, None] * draws["prompt_shift_raw"]
        here = (state[:, None], design.cell_prompt[:, None], index[item])
        eta += (weight[item] * np.concatenate([none, shift], 1)[:, *here]).sum(-1)
    if design.has_repeats:
        scale = draws["repeat_scale"][:, s.state_model]
        eta += (scale[:, :, None] * draws["repeat_raw"])[:, state, item]
    slot, loading = (x[item] for x in s.subvalue_slot)
    if "subvalue" in draws:
        eta += loading * draws["subvalue"][:, model, slot]
    if "subvalue_shift" in draws:
        none = np.zeros((len(eta), n_models, len(s.subvalues)))
        eta += loading * np.concatenate([none, draws["subvalue_shift"]], 1)[:, state, slot]
    return np.asarray(eta)


def chunks_of_draws(design: RatingsDesign, draws: Draws) -> Iterator[dict[str, Floats]]:
    """Split draws so that what is computed for every cell fits in memory.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray
        With a leading draw dimension.

    Yields
    ------
    dict of str to ndarray
        Some of the draws, in their order; about 400,000 cells in all.
    """
    step = max(1, 400_000 // max(1, len(design.cell_state)))
    for first in range(0, len(draws["theta"]), step):
        yield {name: x[first : first + step] for name, x in draws.items()}


def cell_cutpoints(design: RatingsDesign, draws: Draws, cells: Ints) -> Floats:
    """Return the cutpoints of some cells.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray
        With a leading draw dimension.
    cells : ndarray of int, shape (cell,)

    Returns
    -------
    ndarray, shape (draw, cell, threshold)
        Those of the cell's state and prompt where the model has such, else those of its model.
    """
    state = design.cell_state[cells]
    if "state_cutpoint" in draws:
        return draws["state_cutpoint"][:, state, design.cell_prompt[cells]]
    return draws["cutpoint"][:, design.structure.state_model[state]]


def category_probabilities(design: RatingsDesign, draws: Draws, link: Link = "logistic") -> Floats:
    """Compute the probability of each rating in each cell.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray
    link : {"logistic", "probit"}

    Returns
    -------
    ndarray, shape (draw, cell, K)
    """
    s = design.structure
    none = np.zeros((len(draws["beta"]), len(s.models)))
    sharpness = np.exp(np.concatenate([none, draws["lambda_"]], 1))[:, design.cell_state]
    eta = linear_predictor(design, draws)
    every = np.arange(len(design.cell_state))
    z = cell_cutpoints(design, draws, every) - eta[:, :, None]
    z *= sharpness[:, :, None]
    below = distribution_function(z, link)
    probability = np.empty((*eta.shape, below.shape[2] + 1))
    probability[:, :, :-1], probability[:, :, -1] = below, 1.0
    probability[:, :, 1:] -= below
    return probability


def ratings_log_likelihood(design: RatingsDesign, draws: Draws, link: Link = "logistic") -> Floats:
    """Compute the log-likelihood of each scenario of each model, given its effects.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray
        Parameters and raw effects with a leading draw dimension.
    link : {"logistic", "probit"}

    Returns
    -------
    ndarray, shape (draw, model, scenario)
    """
    s = design.structure
    tiny = np.finfo(float).tiny
    out = []
    shape = (len(s.models), len(s.scenarios))
    place = s.state_model[design.cell_state] * shape[1] + s.item_scenario[design.cell_item]
    for chunk in chunks_of_draws(design, draws):
        probability = category_probabilities(design, chunk, link)
        cell = (design.counts * np.log(np.maximum(probability, tiny))).sum(-1)
        for row in cell:
            total = np.bincount(place, weights=row, minlength=shape[0] * shape[1])
            out.append(total.reshape(shape))
    return np.stack(out)


def scores_by_state(s: Structure, p: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats]:
    """Bring what the scores' means are made of into one row for each state.

    Parameters
    ----------
    s : Structure
    p : mapping of str to ndarray
        One draw of the parameters.

    Returns
    -------
    centre : ndarray, shape (state, value)
    shift, sharpness : ndarray, shape (state,)
    """
    n_models = len(s.models)
    arm_model = s.state_model[n_models:]
    centre = np.concatenate([p["theta"], p["theta"][arm_model] + p["delta"]])
    shift = np.concatenate([p["level"], p["level"][arm_model] + p["beta"]])
    return centre, shift, np.exp(np.concatenate([np.zeros(n_models), p["lambda_"]]))


def scores_log_likelihood(design: ScoresDesign, draws: Draws, df: float | None = None) -> Floats:
    """Compute the log-likelihood of each scenario of each model, its effects integrated out.

    Leaving out one scenario is leaving out one of these terms.

    Parameters
    ----------
    design : ScoresDesign
    draws : mapping of str to ndarray
        Parameters with a leading draw dimension.
    df : float, optional
        Degrees of freedom where the scenarios are multivariate t.

    Returns
    -------
    ndarray, shape (draw, model, scenario)
    """
    s = design.structure
    n_models, n_draws = len(s.models), len(draws["theta"])
    # Of each scenario: how many numbers, their log determinant and their squared distance.
    size, log_dets, squares = (np.zeros((n_draws, n_models, len(s.scenarios))) for _ in range(3))
    for d in range(n_draws):
        p = {name: x[d] for name, x in draws.items()}
        centre, shift, sharpness = scores_by_state(s, p)
        spread = p["u_scale"][:, :, None] * p["coupling"] * p["u_scale"][:, None, :]
        for g in design.groups:
            gain = sharpness[g.row_state]
            mean = gain * (
                (g.row_loading * centre[g.row_state]).sum(-1) + g.row_one * shift[g.row_state]
            )
            between = p["alpha_scale"][g.model] ** 2 * (g.row_loading @ g.row_loading.T)
            between += p["kappa_scale"][g.model] ** 2 * (g.row_axis[:, None] == g.row_axis)
            for state in np.unique(g.row_state[g.row_state >= n_models]):
                here = np.flatnonzero(g.row_state == state)
                w = g.row_loading[here]
                between[np.ix_(here, here)] += w @ spread[state - n_models] @ w.T
            covariance = np.outer(gain, gain) * between + np.diag(p["noise"][g.row_state] ** 2)
            factor = np.linalg.cholesky(covariance)
            whitened = solve_triangular(factor, (g.scores - mean).T, lower=True)
            size[d, g.model, g.scenarios] += len(factor)
            log_dets[d, g.model, g.scenarios] += 2 * np.log(np.diag(factor)).sum()
            squares[d, g.model, g.scenarios] += (whitened**2).sum(0)
        for r in design.residuals:
            gain = sharpness[r.states]
            covariance = p["kappa_scale"][r.model] ** 2 * np.outer(gain, gain)
            covariance += np.diag(p["noise"][r.states] ** 2)
            precision = np.linalg.inv(covariance)
            size[d, r.model, r.scenarios] += r.degrees * len(r.states)
            log_dets[d, r.model, r.scenarios] += r.degrees * np.linalg.slogdet(covariance)[1]
            squares[d, r.model, r.scenarios] += np.einsum("nij,ji->n", r.scatters, precision)
    if df is None:
        return np.asarray(-0.5 * (size * np.log(2 * np.pi) + log_dets + squares))
    constant = gammaln((df + size) / 2) - gammaln(df / 2) - 0.5 * size * np.log(df * np.pi)
    each = constant - 0.5 * log_dets - 0.5 * (df + size) * np.log1p(squares / df)
    return np.where(size > 0, each, 0.0)
