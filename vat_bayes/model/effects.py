"""Posterior draws put back into the model: linear predictors and likelihoods."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import expit

from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Floats

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
    alpha = draws["alpha_scale"][:, :, None, None] * draws["alpha_raw"]
    base = draws["theta"][:, :, None, :] + alpha
    arm_base = base[:, s.state_model[n_models:]]
    endorsement = np.concatenate([base, arm_base + draws["delta"][:, :, None, :] + draws["u"]], 1)
    index, weight = s.slots
    gathered = endorsement[:, state[:, None], s.item_scenario[item][:, None], index[item]]
    eta = (weight[item] * gathered).sum(-1)
    none = np.zeros((len(eta), n_models))
    eta += np.concatenate([none, draws["beta"]], 1)[:, state]
    eta += (draws["kappa_scale"][:, :, None] * draws["kappa_raw"])[:, model, item]
    if design.has_prompts:
        eta += draws["prompt"][:, model, design.cell_prompt]
    if design.has_repeats:
        scale = draws["repeat_scale"][:, s.state_model]
        eta += (scale[:, :, None] * draws["repeat_raw"])[:, state, item]
    return np.asarray(eta)


def category_probabilities(design: RatingsDesign, draws: Draws) -> Floats:
    """Compute the probability of each rating in each cell.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray

    Returns
    -------
    ndarray, shape (draw, cell, K)
    """
    s = design.structure
    none = np.zeros((len(draws["beta"]), len(s.models)))
    sharpness = np.exp(np.concatenate([none, draws["lambda_"]], 1))[:, design.cell_state]
    cutpoint = draws["cutpoint"][:, s.state_model[design.cell_state]]
    eta = linear_predictor(design, draws)
    cumulative = expit((cutpoint - eta[:, :, None]) * sharpness[:, :, None])
    ends = np.zeros((*eta.shape, 1))
    return np.diff(np.concatenate([ends, cumulative, ends + 1.0], axis=2), axis=2)


def ratings_log_likelihood(design: RatingsDesign, draws: Draws) -> Floats:
    """Compute the log-likelihood of each scenario of each model, given its effects.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray
        Parameters and raw effects with a leading draw dimension.

    Returns
    -------
    ndarray, shape (draw, model, scenario)
    """
    s = design.structure
    probability = category_probabilities(design, draws)
    tiny = np.finfo(float).tiny
    cell = (design.counts * np.log(np.maximum(probability, tiny))).sum(-1)
    out = np.zeros((len(cell), len(s.models), len(s.scenarios)))
    place = (s.state_model[design.cell_state], s.item_scenario[design.cell_item])
    for draw, row in zip(out, cell, strict=True):
        np.add.at(draw, place, row)
    return out


def scores_log_likelihood(design: ScoresDesign, draws: Draws) -> Floats:
    """Compute the log-likelihood of each scenario of each model, its effects integrated out.

    Leaving out one scenario is leaving out one of these terms.

    Parameters
    ----------
    design : ScoresDesign
    draws : mapping of str to ndarray
        Parameters with a leading draw dimension.

    Returns
    -------
    ndarray, shape (draw, model, scenario)
    """
    s = design.structure
    n_models, n_draws = len(s.models), len(draws["theta"])
    out = np.zeros((n_draws, n_models, len(s.scenarios)))
    for d in range(n_draws):
        p = {name: x[d] for name, x in draws.items()}
        arm_model = s.state_model[n_models:]
        centre = np.concatenate([p["theta"], p["theta"][arm_model] + p["delta"]])
        shift = np.concatenate([p["level"], p["level"][arm_model] + p["beta"]])
        sharpness = np.exp(np.concatenate([np.zeros(n_models), p["lambda_"]]))
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
            out[d, g.model, g.scenarios] += _normal_rows(covariance, g.scores - mean)
        for r in design.residuals:
            gain = sharpness[r.states]
            covariance = p["kappa_scale"][r.model] ** 2 * np.outer(gain, gain)
            covariance += np.diag(p["noise"][r.states] ** 2)
            precision = np.linalg.inv(covariance)
            log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
            quadratic = np.einsum("nij,ji->n", r.scatters, precision)
            out[d, r.model, r.scenarios] -= 0.5 * (r.degrees * log_det + quadratic)
    return out


def _normal_rows(covariance: Floats, rows: Floats) -> Floats:
    factor = np.linalg.cholesky(covariance)
    whitened = solve_triangular(factor, rows.T, lower=True)
    log_det = 2 * np.log(np.diag(factor)).sum() + len(factor) * np.log(2 * np.pi)
    return np.asarray(-0.5 * ((whitened**2).sum(0) + log_det))
