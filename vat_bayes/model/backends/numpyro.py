"""Both measurement paths in NumPyro."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array
from jax.nn import log_sigmoid
from jax.scipy.linalg import solve_triangular

from vat_bayes.model.blocks import Blocks, build_blocks
from vat_bayes.model.coupling import partial_count
from vat_bayes.model.priors import ModelSpec
from vat_bayes.model.ratings import FAR, RatingsDesign
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Structure


def _normal(name: str, scale: Any, *shape: int) -> Any:
    return numpyro.sample(name, dist.Normal(0.0, scale).expand(shape).to_event(len(shape)))


def _half_normal(name: str, scale: float, *shape: int) -> Any:
    return numpyro.sample(name, dist.HalfNormal(scale).expand(shape).to_event(len(shape)))


def _coupling_factor(scale: float, n_arms: int, n_values: int) -> Array:
    """Cholesky factor of each arm's coupling matrix, shape (arm, value, value)."""
    omega = _half_normal("coupling_scale", scale, n_arms)
    raw = _normal("partial_raw", 1.0, n_arms, partial_count(n_values))
    partials = jnp.tanh(omega[:, None] * raw)
    factor = jnp.zeros((n_arms, n_values, n_values)).at[:, 0, 0].set(1.0)
    start = 0
    for row in range(1, n_values):
        z = partials[:, start : start + row]
        start += row
        left = jnp.sqrt(jnp.cumprod(1.0 - z**2, axis=-1))
        factor = factor.at[:, row, 0].set(z[:, 0])
        factor = factor.at[:, row, 1:row].set(z[:, 1:] * left[:, :-1])
        factor = factor.at[:, row, row].set(left[:, -1])
    numpyro.deterministic("coupling", factor @ jnp.swapaxes(factor, -1, -2))
    return factor


def log_category_probability(upper: Array, lower: Array) -> Array:
    """Compute ``log(F(upper) - F(lower))`` for logistic F, stable in both tails.

    ``F(b) - F(a) = F(b) F(-a) (1 - exp(a - b))`` holds exactly, so no difference of nearly equal
    numbers is taken.

    Parameters
    ----------
    upper, lower : Array
        In logits, ``upper > lower``.

    Returns
    -------
    Array, shape of the arguments broadcast
    """
    return log_sigmoid(upper) + log_sigmoid(-lower) + jnp.log(-jnp.expm1(lower - upper))


def ratings_model(design: RatingsDesign, spec: ModelSpec) -> None:
    """Sample the reference ordinal model, random effects non-centred.

    Parameters
    ----------
    design : RatingsDesign
    spec : ModelSpec
    """
    s = design.structure
    n_models, n_arms, n_values = len(s.models), len(s.arms), len(s.values)
    n_scenarios, n_items, n_prompts = len(s.scenarios), len(s.items), len(s.prompts)
    prior = {name: p.scale for name, p in spec.ratings.items()}

    share = numpyro.sample(
        "share",
        dist.Dirichlet(jnp.full(s.n_categories, prior["cutpoint"])).expand([n_models]).to_event(1),
    )
    below = jnp.cumsum(share, -1)[:, :-1]
    cutpoint = numpyro.deterministic("cutpoint", jnp.log(below) - jnp.log1p(-below))
    theta = _normal("theta", prior["theta"], n_models, n_values)
    delta = _normal("delta", prior["delta"], n_arms, n_values)
    beta = _normal("beta", prior["beta"], n_arms)
    lambda_ = _normal("lambda_", prior["lambda"], n_arms)
    alpha_scale = _half_normal("alpha_scale", prior["alpha_scale"], n_models)
    kappa_scale = _half_normal("kappa_scale", prior["kappa_scale"], n_models)
    u_scale = _half_normal("u_scale", prior["u_scale"], n_arms, n_values)
    factor = _coupling_factor(prior["coupling_scale"], n_arms, n_values)

    alpha = alpha_scale[:, None, None] * _normal("alpha_raw", 1.0, n_models, n_scenarios, n_values)
    u_raw = _normal("u_raw", 1.0, n_arms, n_scenarios, n_values)
    effect = u_scale[:, None, :] * jnp.einsum("asw,avw->asv", u_raw, factor)
    u = numpyro.deterministic("u", effect)
    kappa = kappa_scale[:, None] * _normal("kappa_raw", 1.0, n_models, n_items)

    base = theta[:, None, :] + alpha
    arm_model = s.state_model[n_models:]
    endorsement = jnp.concatenate([base, base[arm_model] + delta[:, None, :] + u])
    index, weight = s.slots
    state, item = design.cell_state, design.cell_item
    gathered = endorsement[state[:, None], s.item_scenario[item][:, None], index[item]]
    eta = (weight[item] * gathered).sum(-1)
    eta += jnp.concatenate([jnp.zeros(n_models), beta])[state] + kappa[s.state_model[state], item]
    if design.has_prompts:
        prompt_scale = _half_normal("prompt_scale", prior["prompt_scale"], n_models)
        prompt = prompt_scale[:, None] * _normal("prompt_raw", 1.0, n_models, n_prompts)
        numpyro.deterministic("prompt", prompt)
        eta += prompt[s.state_model[state], design.cell_prompt]
    if design.has_repeats:
        repeat_scale = _half_normal("repeat_scale", prior["repeat_scale"], n_models)
        raw = _normal("repeat_raw", 1.0, s.n_states, n_items)
        eta += (repeat_scale[s.state_model][:, None] * raw)[state, item]

    sharpness = jnp.exp(jnp.concatenate([jnp.zeros(n_models), lambda_]))[state]
    ends = jnp.pad(cutpoint, ((0, 0), (1, 1)), constant_values=((0, 0), (-FAR, FAR)))
    cell, category, count = design.entries
    entry_model = s.state_model[state][cell]
    upper = (ends[entry_model, category + 1] - eta[cell]) * sharpness[cell]
    lower = (ends[entry_model, category] - eta[cell]) * sharpness[cell]
    numpyro.factor("ratings", (count * log_category_probability(upper, lower)).sum())


def scores_model(design: ScoresDesign, spec: ModelSpec) -> None:
    """Sample the reference model of expected scores, every random effect integrated out.

    Parameters
    ----------
    design : ScoresDesign
    spec : ModelSpec
    """
    s = design.structure
    n_models, n_arms, n_values = len(s.models), len(s.arms), len(s.values)
    prior = {name: p.scale * s.point for name, p in spec.scores.items()}

    level = _normal("level", prior["level"], n_models)
    theta = _normal("theta", prior["theta"], n_models, n_values)
    delta = _normal("delta", prior["delta"], n_arms, n_values)
    beta = _normal("beta", prior["beta"], n_arms)
    lambda_ = _normal("lambda_", spec.scores["lambda"].scale, n_arms)
    alpha_scale = _half_normal("alpha_scale", prior["alpha_scale"], n_models)
    kappa_scale = _half_normal("kappa_scale", prior["kappa_scale"], n_models)
    noise = _half_normal("noise", prior["noise"], s.n_states)
    u_scale = _half_normal("u_scale", prior["u_scale"], n_arms, n_values)
    factor = _coupling_factor(spec.scores["coupling_scale"].scale, n_arms, n_values)

    arm_model = s.state_model[n_models:]
    centre = jnp.concatenate([theta, theta[arm_model] + delta])
    shift = jnp.concatenate([level, level[arm_model] + beta])
    sharpness = jnp.exp(jnp.concatenate([jnp.zeros(n_models), lambda_]))
    half = jnp.concatenate(
        [jnp.zeros((n_models, n_values, n_values)), u_scale[:, :, None] * factor]
    )

    blocks = build_blocks(design)
    numpyro.factor(
        "scores",
        _blocks_log_likelihood(
            blocks,
            centre,
            shift,
            sharpness,
            half=half,
            alpha_scale=alpha_scale,
            kappa_scale=kappa_scale,
            noise=noise,
        )
        + _residual_log_likelihood(design, s, sharpness, kappa_scale, noise),
    )


def _blocks_log_likelihood(
    b: Blocks,
    centre: Array,
    shift: Array,
    sharpness: Array,
    *,
    half: Array,
    alpha_scale: Array,
    kappa_scale: Array,
    noise: Array,
) -> Array:
    gain = sharpness[b.state]
    mean = gain * ((b.loading * centre[b.state]).sum(-1) + b.one * shift[b.state])
    varying = jnp.einsum("grv,grvw->grw", b.loading, half[b.state])
    between = (alpha_scale[b.model] ** 2)[:, None, None] * (
        b.loading @ np.swapaxes(b.loading, -1, -2)
    )
    between += b.same_arm * (varying @ jnp.swapaxes(varying, -1, -2))
    between += (kappa_scale[b.model] ** 2)[:, None, None] * b.same_axis
    covariance = gain[:, :, None] * gain[:, None, :] * between
    own = jnp.where(b.real, noise[b.state] ** 2, 1.0)
    covariance += own[:, :, None] * np.eye(b.state.shape[1])
    factor = jnp.linalg.cholesky(covariance)
    about = b.mean - jnp.where(b.real, mean, 0.0)
    total = b.scatter + b.n[:, None, None] * about[:, :, None] * about[:, None, :]
    inner = solve_triangular(factor, total, lower=True)
    whitened = solve_triangular(factor, jnp.swapaxes(inner, -1, -2), lower=True)
    quadratic = jnp.trace(whitened, axis1=-2, axis2=-1)
    log_det = 2.0 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
    constant = b.real.sum(-1) * np.log(2 * np.pi)
    return -0.5 * (b.n * (log_det + constant) + quadratic).sum()


def _residual_log_likelihood(
    design: ScoresDesign, s: Structure, sharpness: Array, kappa_scale: Array, noise: Array
) -> Array:
    total = jnp.zeros(())
    for residual in design.residuals:
        gain = sharpness[residual.states]
        covariance = kappa_scale[residual.model] ** 2 * jnp.outer(gain, gain)
        covariance += jnp.diag(noise[residual.states] ** 2)
        factor = jnp.linalg.cholesky(covariance)
        scatter, degrees = residual.scatters.sum(0), residual.degrees.sum()
        inner = solve_triangular(factor, scatter, lower=True)
        quadratic = jnp.trace(solve_triangular(factor, inner.T, lower=True))
        log_det = 2.0 * jnp.log(jnp.diagonal(factor)).sum()
        constant = len(residual.states) * np.log(2 * np.pi)
        total += -0.5 * (degrees * (log_det + constant) + quadratic)
    return total
