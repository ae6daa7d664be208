"""Both measurement paths in PyMC."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor.linalg import cholesky, solve_triangular

from vat_bayes.model.blocks import build_blocks
from vat_bayes.model.coupling import partial_count
from vat_bayes.model.priors import ModelSpec
from vat_bayes.model.ratings import FAR, RatingsDesign
from vat_bayes.model.scores import ScoresDesign


def _log_sigmoid(x: Any) -> Any:
    return -pt.softplus(-x)


def _coupling_factor(scale: float, n_arms: int, n_values: int) -> Any:
    """Cholesky factor of each arm's coupling matrix, shape (arm, value, value)."""
    omega = pm.HalfNormal("coupling_scale", scale, shape=n_arms)
    raw = pm.Normal("partial_raw", shape=(n_arms, partial_count(n_values)))
    partials = pt.tanh(omega[:, None] * raw)
    rows = [pt.concatenate([pt.ones((n_arms, 1)), pt.zeros((n_arms, n_values - 1))], axis=1)]
    start = 0
    for row in range(1, n_values):
        z = partials[:, start : start + row]
        start += row
        left = pt.sqrt(pt.cumprod(1.0 - z**2, axis=1))
        parts = [z[:, :1], z[:, 1:] * left[:, :-1], left[:, -1:]]
        rows.append(pt.concatenate([*parts, pt.zeros((n_arms, n_values - row - 1))], axis=1))
    factor = pt.stack(rows, axis=1)
    pm.Deterministic("coupling", pt.matmul(factor, factor.mT))
    return factor


def ratings_model(design: RatingsDesign, spec: ModelSpec) -> pm.Model:
    """Build the reference ordinal model, random effects sampled non-centred.

    Parameters
    ----------
    design : RatingsDesign
    spec : ModelSpec

    Returns
    -------
    pymc.Model
    """
    s = design.structure
    n_models, n_arms, n_values = len(s.models), len(s.arms), len(s.values)
    n_scenarios, n_items, n_prompts = len(s.scenarios), len(s.items), len(s.prompts)
    prior = {name: p.scale for name, p in spec.ratings.items()}
    with pm.Model() as model:
        concentration = np.full((n_models, s.n_categories), prior["cutpoint"])
        share = pm.Dirichlet("share", concentration)
        below = pt.cumsum(share, axis=1)[:, :-1]
        cutpoint = pm.Deterministic("cutpoint", pt.log(below) - pt.log1p(-below))
        theta = pm.Normal("theta", 0, prior["theta"], shape=(n_models, n_values))
        delta = pm.Normal("delta", 0, prior["delta"], shape=(n_arms, n_values))
        beta = pm.Normal("beta", 0, prior["beta"], shape=n_arms)
        lambda_ = pm.Normal("lambda_", 0, prior["lambda"], shape=n_arms)
        alpha_scale = pm.HalfNormal("alpha_scale", prior["alpha_scale"], shape=n_models)
        kappa_scale = pm.HalfNormal("kappa_scale", prior["kappa_scale"], shape=n_models)
        u_scale = pm.HalfNormal("u_scale", prior["u_scale"], shape=(n_arms, n_values))
        factor = _coupling_factor(prior["coupling_scale"], n_arms, n_values)

        alpha_raw = pm.Normal("alpha_raw", shape=(n_models, n_scenarios, n_values))
        u_raw = pm.Normal("u_raw", shape=(n_arms, n_scenarios, n_values))
        u = pm.Deterministic("u", u_scale[:, None, :] * pt.matmul(u_raw, factor.mT))
        kappa_raw = pm.Normal("kappa_raw", shape=(n_models, n_items))
        kappa = kappa_scale[:, None] * kappa_raw

        base = theta[:, None, :] + alpha_scale[:, None, None] * alpha_raw
        arm_model = s.state_model[n_models:]
        endorsement = pt.concatenate([base, base[arm_model] + delta[:, None, :] + u])
        index, weight = s.slots
        state, item = design.cell_state, design.cell_item
        gathered = endorsement[state[:, None], s.item_scenario[item][:, None], index[item]]
        eta = (weight[item] * gathered).sum(-1)
        eta += pt.concatenate([pt.zeros(n_models), beta])[state]
        eta += kappa[s.state_model[state], item]
        if design.has_prompts:
            prompt_scale = pm.HalfNormal("prompt_scale", prior["prompt_scale"], shape=n_models)
            prompt_raw = pm.Normal("prompt_raw", shape=(n_models, n_prompts))
            prompt = pm.Deterministic("prompt", prompt_scale[:, None] * prompt_raw)
            eta += prompt[s.state_model[state], design.cell_prompt]
        if design.has_repeats:
            repeat_scale = pm.HalfNormal("repeat_scale", prior["repeat_scale"], shape=n_models)
            repeat_raw = pm.Normal("repeat_raw", shape=(s.n_states, n_items))
            eta += (repeat_scale[s.state_model][:, None] * repeat_raw)[state, item]

        sharpness = pt.exp(pt.concatenate([pt.zeros(n_models), lambda_]))[state]
        far = pt.full((n_models, 1), FAR)
        ends = pt.concatenate([-far, cutpoint, far], axis=1)
        cell, category, count = design.entries
        entry_model = s.state_model[state][cell]
        upper = (ends[entry_model, category + 1] - eta[cell]) * sharpness[cell]
        lower = (ends[entry_model, category] - eta[cell]) * sharpness[cell]
        log_p = _log_sigmoid(upper) + _log_sigmoid(-lower) + pt.log(-pt.expm1(lower - upper))
        pm.Potential("ratings", (count * log_p).sum())
    return model


def scores_model(design: ScoresDesign, spec: ModelSpec) -> pm.Model:
    """Build the reference model of expected scores, every random effect integrated out.

    Parameters
    ----------
    design : ScoresDesign
    spec : ModelSpec

    Returns
    -------
    pymc.Model
    """
    s = design.structure
    n_models, n_arms, n_values = len(s.models), len(s.arms), len(s.values)
    prior = {name: p.scale * s.point for name, p in spec.scores.items()}
    b = build_blocks(design)
    with pm.Model() as model:
        level = pm.Normal("level", 0, prior["level"], shape=n_models)
        theta = pm.Normal("theta", 0, prior["theta"], shape=(n_models, n_values))
        delta = pm.Normal("delta", 0, prior["delta"], shape=(n_arms, n_values))
        beta = pm.Normal("beta", 0, prior["beta"], shape=n_arms)
        lambda_ = pm.Normal("lambda_", 0, spec.scores["lambda"].scale, shape=n_arms)
        alpha_scale = pm.HalfNormal("alpha_scale", prior["alpha_scale"], shape=n_models)
        kappa_scale = pm.HalfNormal("kappa_scale", prior["kappa_scale"], shape=n_models)
        noise = pm.HalfNormal("noise", prior["noise"], shape=s.n_states)
        u_scale = pm.HalfNormal("u_scale", prior["u_scale"], shape=(n_arms, n_values))
        factor = _coupling_factor(spec.scores["coupling_scale"].scale, n_arms, n_values)

        arm_model = s.state_model[n_models:]
        centre = pt.concatenate([theta, theta[arm_model] + delta])
        shift = pt.concatenate([level, level[arm_model] + beta])
        sharpness = pt.exp(pt.concatenate([pt.zeros(n_models), lambda_]))
        none = pt.zeros((n_models, n_values, n_values))
        half = pt.concatenate([none, u_scale[:, :, None] * factor])

        gain = sharpness[b.state]
        mean = gain * ((b.loading * centre[b.state]).sum(-1) + b.one * shift[b.state])
        varying = (b.loading[..., None] * half[b.state]).sum(-2)
        between = (alpha_scale[b.model] ** 2)[:, None, None] * (
            b.loading @ np.swapaxes(b.loading, -1, -2)
        )
        between += b.same_arm * pt.matmul(varying, varying.mT)
        between += (kappa_scale[b.model] ** 2)[:, None, None] * b.same_axis
        covariance = gain[:, :, None] * gain[:, None, :] * between
        own = pt.where(b.real, noise[b.state] ** 2, 1.0)
        covariance += own[:, :, None] * np.eye(b.state.shape[1])
        about = b.mean - pt.where(b.real, mean, 0.0)
        total = b.scatter + b.n[:, None, None] * about[:, :, None] * about[:, None, :]
        constant = b.real.sum(-1) * np.log(2 * np.pi)
        pm.Potential("scores", _normal_log_likelihood(covariance, total, b.n, constant).sum())

        for residual in design.residuals:
            stretch = sharpness[residual.states]
            covariance = kappa_scale[residual.model] ** 2 * pt.outer(stretch, stretch)
            covariance += pt.diag(noise[residual.states] ** 2)
            constant = len(residual.states) * np.log(2 * np.pi)
            pm.Potential(
                f"residual_{residual.model}",
                _normal_log_likelihood(
                    covariance, residual.scatters.sum(0), residual.degrees.sum(), constant
                ),
            )
    return model


def _normal_log_likelihood(covariance: Any, scatter: Any, n: Any, constant: Any) -> Any:
    """Log-density of n normal vectors with this sum of cross products about their mean."""
    factor = cholesky(covariance)
    inner = solve_triangular(factor, scatter, lower=True)
    whitened = solve_triangular(factor, inner.mT, lower=True)
    quadratic = pt.diagonal(whitened, axis1=-2, axis2=-1).sum(-1)
    log_det = 2.0 * pt.log(pt.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
    return -0.5 * (n * (log_det + constant) + quadratic)
