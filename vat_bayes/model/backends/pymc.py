"""Both measurement paths in PyMC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor.linalg import cholesky, solve_triangular

from vat_bayes.model.backends.pymc_priors import coupling_factor, intervention_effects, style
from vat_bayes.model.blocks import Blocks, build_blocks, build_scenario_rows
from vat_bayes.model.intercepts import intercept_order, siblings
from vat_bayes.model.priors import Link, ModelSpec
from vat_bayes.model.ratings import FAR, SMALL_GAP, RatingsDesign
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Structure


def _log_sigmoid(x: Any) -> Any:
    return -pt.softplus(-x)


def _log_ndtr(x: Any) -> Any:
    """Log of the normal distribution function, by the scaled complementary error function below."""
    low = pt.minimum(x, -1.0)
    tail = pt.log(pt.erfcx(-low / np.sqrt(2)) / 2) - low**2 / 2
    return pt.where(x < -1.0, tail, pt.log1p(-pt.erfc(pt.maximum(x, -1.0) / np.sqrt(2)) / 2))


def log_category_probability(upper: Any, lower: Any, link: Link = "logistic") -> Any:
    """Build ``log(F(upper) - F(lower))``; see the function of this name for NumPyro.

    Parameters
    ----------
    upper, lower : TensorVariable
    link : {"logistic", "probit"}

    Returns
    -------
    TensorVariable
    """
    if link == "logistic":
        return _log_sigmoid(upper) + _log_sigmoid(-lower) + pt.log(-pt.expm1(lower - upper))
    flip = upper + lower > 0
    b, a = pt.where(flip, -lower, upper), pt.where(flip, -upper, lower)
    gap = b - a
    small = gap < SMALL_GAP
    top = _log_ndtr(b)
    apart = pt.where(small, -1.0, _log_ndtr(pt.where(small, b - 1.0, a)) - top)
    density = -0.5 * (0.5 * (a + b)) ** 2 - 0.5 * np.log(2 * np.pi)
    narrow = density + pt.log(pt.where(small, gap, 1.0))
    return pt.where(small, narrow, top + pt.log(-pt.expm1(apart)))


def ratings_model(design: RatingsDesign, spec: ModelSpec) -> pm.Model:
    """Build the ordinal model, random effects sampled non-centred.

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
    prior = {name: p.scale for name, p in spec.ratings.items()}
    with pm.Model() as model:
        concentration = np.full((n_models, s.n_categories), prior["cutpoint"])
        share = pm.Dirichlet("share", concentration)
        below = pt.cumsum(share, axis=1)[:, :-1]
        if spec.link == "logistic":
            quantile = pt.log(below) - pt.log1p(-below)
        else:
            quantile = -np.sqrt(2) * pt.erfcinv(2 * below)
        cutpoint = pm.Deterministic("cutpoint", quantile)
        theta = pm.Normal("theta", 0, prior["theta"], shape=(n_models, n_values))
        beta, lambda_ = style(spec.ratings, n_arms, 1.0)
        delta = intervention_effects(s, spec.ratings, 1.0, lambda_)
        alpha_scale = pm.HalfNormal("alpha_scale", prior["alpha_scale"], shape=n_models)
        kappa_scale = pm.HalfNormal("kappa_scale", prior["kappa_scale"], shape=n_models)
        own = pt.exp(-lambda_)
        width = prior["u_scale"] * own[:, None]
        u_scale = pm.HalfNormal("u_scale", width, shape=(n_arms, n_values))
        factor = coupling_factor(spec.ratings["coupling_scale"], n_arms, n_values)

        arm_model = s.state_model[n_models:]
        scenario_scale, u = _scenario_effects(design, spec, alpha_scale, u_scale, factor)
        intercept = pm.Deterministic("intercept", _intercepts(s, scenario_scale, kappa_scale))

        base = theta[:, None, :] + pt.zeros((n_models, len(s.scenarios), n_values))
        endorsement = pt.concatenate([base, base[arm_model] + delta[:, None, :] + u])
        index, weight = s.slots
        state, item = design.cell_state, design.cell_item
        gathered = endorsement[state[:, None], s.item_scenario[item][:, None], index[item]]
        eta = (weight[item] * gathered).sum(-1)
        eta += pt.concatenate([pt.zeros(n_models), beta])[state]
        eta += intercept[s.state_model[state], item]
        eta += _further_terms(design, prior, own)

        sharpness = pt.exp(pt.concatenate([pt.zeros(n_models), lambda_]))[state]
        cell, category, count = design.entries
        whose: tuple[Any, ...] = (s.state_model[state][cell],)
        if "share_scale" in prior:
            cutpoint = _own_cutpoints(s, share, prior["share_scale"], spec.link)
            whose = (state[cell], design.cell_prompt[cell])
        far = pt.full_like(cutpoint[..., :1], FAR)
        ends = pt.concatenate([-far, cutpoint, far], axis=-1)
        upper = (ends[(*whose, category + 1)] - eta[cell]) * sharpness[cell]
        lower = (ends[(*whose, category)] - eta[cell]) * sharpness[cell]
        log_p = log_category_probability(upper, lower, spec.link)
        pm.Potential("ratings", (count * log_p).sum())
    return model


def _own_cutpoints(s: Structure, share: Any, scale: float, link: Link) -> Any:
    """Add the cutpoints of every state and prompt, shape (state, prompt, threshold)."""
    spread = pm.HalfNormal("share_scale", scale, shape=len(s.models))[s.state_model]
    raw = pm.Normal("share_raw", shape=(s.n_states, len(s.prompts), s.n_categories))
    log_share = pt.log(share)[s.state_model][:, None] + spread[:, None, None] * raw
    parts = range(1, s.n_categories)
    below = pt.stack([pt.logsumexp(log_share[..., :k], axis=-1) for k in parts], axis=-1)
    above = pt.stack([pt.logsumexp(log_share[..., k:], axis=-1) for k in parts], axis=-1)
    if link == "logistic":
        quantile = below - above
    else:
        quantile = -np.sqrt(2) * pt.erfcinv(2 * pt.sigmoid(below - above))
    return pm.Deterministic("state_cutpoint", quantile)


def _scenario_effects(
    design: RatingsDesign, spec: ModelSpec, alpha_scale: Any, u_scale: Any, factor: Any
) -> tuple[Any, Any]:
    """Add ``u`` (arm, scenario, value); return the scales of ``alpha`` (model, scenario) and it."""
    s = design.structure
    n_models, n_arms, n_values = len(s.models), len(s.arms), len(s.values)
    n_scenarios = len(s.scenarios)
    scenario_scale = alpha_scale[:, None] * np.ones(n_scenarios)
    u_raw = pm.Normal("u_raw", shape=(n_arms, n_scenarios, n_values))
    u = u_scale[:, None, :] * pt.matmul(u_raw, factor.mT)
    df = spec.scenario_df("ratings")
    if df is not None:
        weight = pm.Gamma("scenario_precision", df / 2, df / 2, shape=(n_models, n_scenarios))
        stretch = 1 / pt.sqrt(weight)
        scenario_scale = stretch * scenario_scale
        u = stretch[s.state_model[n_models:]][:, :, None] * u
    return scenario_scale, pm.Deterministic("u", u)


def _intercepts(s: Structure, scenario_scale: Any, kappa_scale: Any) -> Any:
    """Add the items' intercepts (model, item), given scales (model, scenario) and (model,).

    See `vat_bayes.model.intercepts`.
    """
    n_models, groups = len(s.models), siblings(s)
    raw = pm.Normal("item_raw", shape=(n_models, len(s.items)))
    kappa = kappa_scale[:, None, None]
    parts = []
    for g in groups:
        z = raw[:, g.item]
        along = scenario_scale[:, g.scenario, None] * g.length
        turned = (z[..., None] * g.axes).sum(-2)
        more = (pt.sqrt(kappa**2 + along**2) - kappa) * turned
        own = kappa * z + (more[:, :, None, :] * g.axes).sum(-1)
        parts.append(own.reshape((n_models, -1)))
    return pt.concatenate(parts, axis=1)[:, intercept_order(groups)]


def _further_terms(design: RatingsDesign, prior: dict[str, float], own: Any) -> Any:
    """Add the effects of prompts, repeats and sub-values that the design has, shape (cell,).

    The unit of a condition in logits of the baseline, `own`, has shape (arm,).
    """
    s = design.structure
    n_models, n_arms, n_values = len(s.models), len(s.arms), len(s.values)
    state, item = design.cell_state, design.cell_item
    model = s.state_model[state]
    eta: Any = pt.zeros(len(state))
    if design.has_prompts:
        n_prompts = len(s.prompts)
        prompt_scale = pm.HalfNormal("prompt_scale", prior["prompt_scale"], shape=n_models)
        prompt_raw = pm.Normal("prompt_raw", shape=(n_models, n_prompts))
        prompt = pm.Deterministic("prompt", prompt_scale[:, None] * prompt_raw)
        eta += prompt[model, design.cell_prompt]
        if "prompt_shift_scale" in prior:
            wide = prior["prompt_shift_scale"] * own
            scale = pm.HalfNormal("prompt_shift_scale", wide, shape=n_arms)
            raw = pm.Normal("prompt_shift_raw", shape=(n_arms, n_prompts, n_values))
            index, weight = s.slots
            none = pt.zeros((n_models, n_prompts, n_values))
            shift = pt.concatenate([none, scale[:, None, None] * raw])
            shift = shift[state[:, None], design.cell_prompt[:, None], index[item]]
            eta += (weight[item] * shift).sum(-1)
    if design.has_repeats:
        repeat_scale = pm.HalfNormal("repeat_scale", prior["repeat_scale"], shape=n_models)
        repeat_raw = pm.Normal("repeat_raw", shape=(s.n_states, len(s.items)))
        eta += (repeat_scale[s.state_model][:, None] * repeat_raw)[state, item]
    if design.has_subvalues:
        n_subvalues = len(s.subvalues)
        slot, loading = (x[item] for x in s.subvalue_slot)
        if "subvalue_scale" in prior:
            scale = pm.HalfNormal("subvalue_scale", prior["subvalue_scale"], shape=n_models)
            raw = pm.Normal("subvalue_raw", shape=(n_models, n_subvalues))
            subvalue = pm.Deterministic("subvalue", scale[:, None] * raw)
            eta += loading * subvalue[model, slot]
        if "subvalue_shift_scale" in prior:
            wide = prior["subvalue_shift_scale"] * own
            scale = pm.HalfNormal("subvalue_shift_scale", wide, shape=n_arms)
            raw = pm.Normal("subvalue_shift_raw", shape=(n_arms, n_subvalues))
            shift = pm.Deterministic("subvalue_shift", scale[:, None] * raw)
            none = pt.zeros((n_models, n_subvalues))
            eta += loading * pt.concatenate([none, shift])[state, slot]
    return eta


@dataclass(frozen=True)
class _Scatter:
    """Parameters of the scores' mean and covariance, by state."""

    centre: Any
    shift: Any
    sharpness: Any
    half: Any
    alpha_scale: Any
    kappa_scale: Any
    noise: Any


def scores_model(design: ScoresDesign, spec: ModelSpec) -> pm.Model:
    """Build the model of expected scores, every random effect integrated out.

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
    with pm.Model() as model:
        level = pm.Normal("level", 0, prior["level"], shape=n_models)
        theta = pm.Normal("theta", 0, prior["theta"], shape=(n_models, n_values))
        beta, lambda_ = style(spec.scores, n_arms, s.point)
        delta = intervention_effects(s, spec.scores, s.point, lambda_)
        alpha_scale = pm.HalfNormal("alpha_scale", prior["alpha_scale"], shape=n_models)
        kappa_scale = pm.HalfNormal("kappa_scale", prior["kappa_scale"], shape=n_models)
        noise = pm.HalfNormal("noise", prior["noise"], shape=s.n_states)
        own = pt.exp(-lambda_)
        width = prior["u_scale"] * own[:, None]
        u_scale = pm.HalfNormal("u_scale", width, shape=(n_arms, n_values))
        factor = coupling_factor(spec.scores["coupling_scale"], n_arms, n_values)

        arm_model = s.state_model[n_models:]
        none = pt.zeros((n_models, n_values, n_values))
        parameters = _Scatter(
            centre=pt.concatenate([theta, theta[arm_model] + delta]),
            shift=pt.concatenate([level, level[arm_model] + beta]),
            sharpness=pt.exp(pt.concatenate([pt.zeros(n_models), lambda_])),
            half=pt.concatenate([none, u_scale[:, :, None] * factor]),
            alpha_scale=alpha_scale,
            kappa_scale=kappa_scale,
            noise=noise,
        )
        df = spec.scenario_df("scores")
        if df is None:
            total = _normal_scenarios(design, parameters)
        else:
            total = _heavy_tailed_scenarios(design, parameters, df)
        pm.Potential("scores", total)
    return model


def _normal_scenarios(design: ScoresDesign, p: _Scatter) -> Any:
    b = build_blocks(design)
    mean, factor = _block_moments(b, p)
    about = b.mean - mean
    total = b.scatter + b.n[:, None, None] * about[:, :, None] * about[:, None, :]
    constant = b.real.sum(-1) * np.log(2 * np.pi)
    out = -0.5 * (b.n * (_log_det(factor) + constant) + _quadratic(factor, total)).sum()
    for i, residual in enumerate(design.residuals):
        factor = _residual_factor(design, i, p)
        scatter, degrees = residual.scatters.sum(0), residual.degrees.sum()
        constant = len(residual.states) * np.log(2 * np.pi)
        out += -0.5 * (degrees * (_log_det(factor) + constant) + _quadratic(factor, scatter))
    return out


def _heavy_tailed_scenarios(design: ScoresDesign, p: _Scatter, df: float) -> Any:
    """Log-likelihood of multivariate t scenarios: one weight for all the scores of each."""
    b, rows = build_blocks(design), build_scenario_rows(design)
    mean, factor = _block_moments(b, p)
    about = pt.where(b.real[:, None, :], rows.scores - mean[:, None, :], 0.0)
    whitened = solve_triangular(factor, about.mT, lower=True)
    height = rows.scores.shape[1]
    zero = pt.zeros(len(rows.dimension))
    square = pt.inc_subtensor(zero[rows.place.ravel()], (whitened**2).sum(1).ravel())
    spread = pt.repeat(_log_det(factor), height)
    log_det = pt.inc_subtensor(zero[rows.place.ravel()], spread)
    for i, residual in enumerate(design.residuals):
        factor, place = _residual_factor(design, i, p), rows.residual_place[i]
        inner = solve_triangular(factor, pt.eye(len(residual.states)), lower=True)
        precision = pt.matmul(inner.mT, inner)
        square = pt.inc_subtensor(square[place], (residual.scatters * precision).sum((1, 2)))
        log_det = pt.inc_subtensor(log_det[place], residual.degrees * _log_det(factor))
    d = rows.dimension
    each = pt.gammaln((df + d) / 2) - pt.gammaln(df / 2) - 0.5 * d * np.log(df * np.pi)
    each += -0.5 * log_det - 0.5 * (df + d) * pt.log1p(square / df)
    return pt.where((d > 0) & (np.arange(len(d)) < len(d) - 1), each, 0.0).sum()


def _block_moments(b: Blocks, p: _Scatter) -> tuple[Any, Any]:
    """Mean and Cholesky factor of the covariance of each pattern, (group, row) and (.., row)."""
    gain = p.sharpness[b.state]
    mean = gain * ((b.loading * p.centre[b.state]).sum(-1) + b.one * p.shift[b.state])
    varying = (b.loading[..., None] * p.half[b.state]).sum(-2)
    between = (p.alpha_scale[b.model] ** 2)[:, None, None] * (
        b.loading @ np.swapaxes(b.loading, -1, -2)
    )
    between += b.same_arm * pt.matmul(varying, varying.mT)
    between += (p.kappa_scale[b.model] ** 2)[:, None, None] * b.same_axis
    covariance = gain[:, :, None] * gain[:, None, :] * between
    own = pt.where(b.real, p.noise[b.state] ** 2, 1.0)
    covariance += own[:, :, None] * np.eye(b.state.shape[1])
    return pt.where(b.real, mean, 0.0), cholesky(covariance)


def _residual_factor(design: ScoresDesign, index: int, p: _Scatter) -> Any:
    residual = design.residuals[index]
    gain = p.sharpness[residual.states]
    covariance = p.kappa_scale[residual.model] ** 2 * pt.outer(gain, gain)
    return cholesky(covariance + pt.diag(p.noise[residual.states] ** 2))


def _log_det(factor: Any) -> Any:
    return 2.0 * pt.log(pt.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)


def _quadratic(factor: Any, scatter: Any) -> Any:
    """Trace of the precision times a sum of cross products."""
    inner = solve_triangular(factor, scatter, lower=True)
    whitened = solve_triangular(factor, inner.mT, lower=True)
    return pt.diagonal(whitened, axis1=-2, axis2=-1).sum(-1)
