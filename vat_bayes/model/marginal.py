"""Likelihood of the ratings of a scenario with its random effects integrated out.

Another scenario has other effects, so what a posterior says about it is the likelihood without
them. Given the effects of the very scenario that is left out, importance weights have no variance
to speak of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from vat_bayes.model.effects import Draws, cell_cutpoints, linear_predictor
from vat_bayes.model.ratings import FAR, RatingsDesign
from vat_bayes.model.structure import Floats, Ints

_STEPS = 30
_HALVINGS = 6
_CLOSE = 1e-8
# Multiplications that are worth it: some ten seconds of one core.
WORK_LIMIT = 5e10


def integration_work(design: RatingsDesign, n_draws: int) -> float:
    """Estimate the multiplications that `integrated_log_likelihood` takes.

    Parameters
    ----------
    design : RatingsDesign
    n_draws : int

    Returns
    -------
    float
        Eight Newton steps, each a dense solve per draw and scenario.
    """
    s = design.structure
    pair = np.unique(design.cell_state * len(s.items) + design.cell_item)
    model = s.state_model[pair // len(s.items)]
    scenario = s.item_scenario[pair % len(s.items)]
    size = np.bincount(model * len(s.scenarios) + scenario).astype(float)
    return float(8 * n_draws * (size**3).sum())


def integrated_log_likelihood(design: RatingsDesign, draws: Draws) -> Floats:
    """Compute the log-likelihood of each scenario of each model, its effects integrated out.

    The linear predictors of a scenario's items under all states are jointly normal given the
    parameters, and the likelihood of the ratings is log-concave in them. Their integral is taken by
    Laplace's method about the mode.

    Parameters
    ----------
    design : RatingsDesign
    draws : mapping of str to ndarray
        Parameters with a leading draw dimension, and effects of prompts and sub-values, which every
        scenario shares; those of scenarios and items are not used.

    Returns
    -------
    ndarray, shape (draw, model, scenario)
        Multinomial coefficients are left out; zero where a model has no rating in a scenario.

    References
    ----------
    Rasmussen, Williams (2006). Gaussian Processes for Machine Learning, algorithm 3.1.
    """
    s = design.structure
    out = np.zeros((len(draws["theta"]), len(s.models), len(s.scenarios)))
    fixed = _without_effects(design, draws)
    cell_model = s.state_model[design.cell_state]
    cell_scenario = s.item_scenario[design.cell_item]
    for model in range(len(s.models)):
        for scenario in np.unique(cell_scenario[cell_model == model]):
            cells = np.flatnonzero((cell_model == model) & (cell_scenario == scenario))
            out[:, model, scenario] = _integrate(_problem(design, draws, fixed, model, cells))
    return out


@dataclass(frozen=True)
class _Problem:
    """One scenario of one model.

    Parameters
    ----------
    covariance : ndarray, shape (draw, latent, latent)
        Of the part of the linear predictor that scenarios and items make, one number for each item
        under each state; its mean is zero.
    latent : ndarray of int, shape (cell,)
        Which of these numbers a cell has.
    counts : ndarray, shape (cell, K)
    ends : ndarray, shape (draw, cell, K + 1)
        Cutpoints less the rest of the linear predictor, the outermost far away.
    sharpness : ndarray, shape (draw, cell)
    """

    covariance: Floats
    latent: Ints
    counts: Floats
    ends: Floats
    sharpness: Floats


def _problem(
    design: RatingsDesign, draws: Draws, fixed: Floats, model: int, cells: Ints
) -> _Problem:
    s = design.structure
    n_models, n_draws = len(s.models), len(draws["theta"])
    state, item = design.cell_state[cells], design.cell_item[cells]
    pair, latent = np.unique(state * len(s.items) + item, return_inverse=True)
    f_state, f_item = pair // len(s.items), pair % len(s.items)
    loading = s.loading[f_item]
    covariance = draws["alpha_scale"][:, model, None, None] ** 2 * (loading @ loading.T)
    covariance = covariance + draws["kappa_scale"][:, model, None, None] ** 2 * (
        f_item[:, None] == f_item
    )
    if design.has_repeats:
        own = np.eye(len(pair))
        covariance += draws["repeat_scale"][:, model, None, None] ** 2 * own
    for arm in np.unique(f_state[f_state >= n_models] - n_models):
        here = np.flatnonzero(f_state == n_models + arm)
        scaled = loading[here] * draws["u_scale"][:, arm, None, :]
        block = scaled @ draws["coupling"][:, arm] @ np.swapaxes(scaled, -1, -2)
        covariance[np.ix_(np.arange(n_draws), here, here)] += block
    sharpness = np.exp(np.concatenate([np.zeros((n_draws, n_models)), draws["lambda_"]], axis=1))
    cutpoint = cell_cutpoints(design, draws, cells)
    far = np.full((*cutpoint.shape[:2], 1), FAR)
    ends = np.concatenate([-far, cutpoint, far], axis=2)
    return _Problem(
        covariance=covariance,
        latent=latent,
        counts=design.counts[cells].astype(float),
        ends=ends - fixed[:, cells, None],
        sharpness=sharpness[:, state],
    )


def _without_effects(design: RatingsDesign, draws: Draws) -> Floats:
    """Linear predictor of every cell where scenarios and items are average; (draw, cell)."""
    s = design.structure
    n_draws, n_scenarios, n_items = len(draws["theta"]), len(s.scenarios), len(s.items)
    average = {
        "u": np.zeros((n_draws, len(s.arms), n_scenarios, len(s.values))),
        "intercept": np.zeros((n_draws, len(s.models), n_items)),
        "repeat_raw": np.zeros((n_draws, s.n_states, n_items)),
    }
    return linear_predictor(design, {**draws, **average})


def _ratings(p: _Problem, f: Floats) -> tuple[Floats, Floats, Floats]:
    """Log-likelihood (draw,), its gradient and minus its curvature in f, both (draw, latent)."""
    z = (p.ends - f[:, p.latent, None]) * p.sharpness[:, :, None]
    below = expit(z)
    upper, lower = z[..., 1:], z[..., :-1]
    log_p = -np.logaddexp(0.0, -upper) - np.logaddexp(0.0, lower)
    log_p += np.log(-np.expm1(lower - upper))
    # For the logistic F: (F'(b) - F'(a)) / (F(b) - F(a)) = 1 - F(a) - F(b), whence both derivatives
    # without a division.
    slope = p.sharpness * (p.counts * (below[..., 1:] + below[..., :-1] - 1.0)).sum(-1)
    density = below * expit(-z)
    bend = p.sharpness**2 * (p.counts * (density[..., 1:] + density[..., :-1])).sum(-1)
    into = np.eye(f.shape[1])[p.latent]
    return (p.counts * log_p).sum((-1, -2)), slope @ into, bend @ into


def _integrate(p: _Problem) -> Floats:
    n_draws, size = p.covariance.shape[:2]
    dual, f = np.zeros((n_draws, size)), np.zeros((n_draws, size))
    value, slope, bend = _ratings(p, f)
    best = value.copy()
    own = np.eye(size)
    for _ in range(_STEPS):
        root = np.sqrt(bend)
        inner = own + root[:, :, None] * p.covariance * root[:, None, :]
        wanted = bend * f + slope
        spread = root * np.einsum("dij,dj->di", p.covariance, wanted)
        step = wanted - root * np.linalg.solve(inner, spread[..., None])[..., 0] - dual
        # Far from the mode a full step can overshoot; half of it, or half of that, does not.
        length = np.ones((n_draws, 1))
        for _ in range(_HALVINGS):
            trial = dual + length * step
            f = np.einsum("dij,dj->di", p.covariance, trial)
            value, slope, bend = _ratings(p, f)
            now = value - 0.5 * (trial * f).sum(-1)
            worse = now < best - 1e-9 * np.abs(best)
            if not worse.any():
                break
            length[worse] /= 2
        gain, dual, best = np.abs(now - best).max(), trial, now
        if gain < _CLOSE * (1.0 + np.abs(best).max()):
            break
    root = np.sqrt(bend)
    inner = own + root[:, :, None] * p.covariance * root[:, None, :]
    return np.asarray(best - 0.5 * np.linalg.slogdet(inner)[1])
