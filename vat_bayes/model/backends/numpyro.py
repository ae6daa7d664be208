"""Both measurement paths in NumPyro."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array

from vat_bayes.model.backends.numpyro_effects import scaled_normals, standard_normals
from vat_bayes.model.backends.numpyro_priors import (
    coupling_factor,
    intervention_effects,
    normal,
    style,
)
from vat_bayes.model.backends.numpyro_rows import endorsed, log_likelihood, lookup
from vat_bayes.model.backends.numpyro_scales import half_normal
from vat_bayes.model.backends.numpyro_scores import (
    Scatter,
    heavy_tailed_scenarios,
    normal_scenarios,
)
from vat_bayes.model.intercepts import Siblings
from vat_bayes.model.priors import Link, ModelSpec
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Structure


def ratings_model(design: RatingsDesign, spec: ModelSpec) -> None:
    """Sample the ordinal model, its effects as scales times standard normals.

    Parameters
    ----------
    design : RatingsDesign
    spec : ModelSpec
    """
    s = design.structure
    n_models, n_arms, n_values = len(s.models), len(s.arms), len(s.values)
    n_scenarios = len(s.scenarios)
    prior = {name: p.scale for name, p in spec.ratings.items()}

    share = numpyro.sample(
        "share",
        dist.Dirichlet(jnp.full(s.n_categories, prior["cutpoint"])).expand([n_models]).to_event(1),
    )
    below = jnp.cumsum(share, -1)[:, :-1]
    if spec.link == "logistic":
        quantile = jnp.log(below) - jnp.log1p(-below)
    else:
        quantile = dist.Normal().icdf(below)
    cutpoint = numpyro.deterministic("cutpoint", quantile)
    theta = normal("theta", prior["theta"], n_models, n_values)
    beta, lambda_ = style(spec.ratings, n_arms, 1.0)
    delta = intervention_effects(s, spec.ratings, 1.0, lambda_)
    alpha_scale = half_normal("alpha_scale", prior["alpha_scale"], n_models)
    kappa_scale = half_normal("kappa_scale", prior["kappa_scale"], n_models)
    own = jnp.exp(-lambda_)
    u_scale = half_normal("u_scale", prior["u_scale"] * own[:, None], n_arms, n_values)
    factor = coupling_factor(spec.ratings["coupling_scale"], n_arms, n_values)

    arm_model = s.state_model[n_models:]
    scenario_scale = jnp.broadcast_to(alpha_scale[:, None], (n_models, n_scenarios))
    half = u_scale[:, :, None] * factor
    u_raw = standard_normals("u_raw", half, design.centring.scenario)
    u = jnp.einsum("asw,avw->asv", u_raw, half)
    df = spec.scenario_df("ratings")
    if df is not None:
        weights = dist.Gamma(df / 2, df / 2).expand([n_models, n_scenarios]).to_event(2)
        stretch = 1 / jnp.sqrt(numpyro.sample("scenario_precision", weights))
        scenario_scale, u = stretch * scenario_scale, stretch[arm_model][:, :, None] * u
    u = numpyro.deterministic("u", u)
    rows = design.rows
    by_place = _intercepts(s, rows.siblings, scenario_scale, kappa_scale)
    numpyro.deterministic("intercept", by_place[:, rows.place])

    base = jnp.broadcast_to(theta[:, None, :], (n_models, n_scenarios, n_values))
    endorsement = jnp.concatenate([base, base[arm_model] + delta[:, None, :] + u])
    state, model = rows.block_state, s.state_model[rows.block_state]
    on_values, on_items = _further_terms(design, prior, own)
    eta = endorsed(rows, lookup(endorsement, state) + on_values)
    eta += jnp.concatenate([jnp.zeros(n_models), beta])[state][:, None]
    eta += lookup(by_place, model) + on_items

    sharpness = jnp.exp(jnp.concatenate([jnp.zeros(n_models), lambda_]))[state]
    if "share_scale" in prior:
        own_cutpoint = _own_cutpoints(s, share, prior["share_scale"], spec.link)
        by_block = own_cutpoint[state, rows.block_prompt]
    else:
        by_block = cutpoint[model]
    numpyro.factor("ratings", log_likelihood(rows, eta, by_block, sharpness, spec.link))


def _own_cutpoints(s: Structure, share: Array, scale: float, link: Link) -> Any:
    """Sample the cutpoints of every state and prompt, shape (state, prompt, threshold)."""
    spread = half_normal("share_scale", scale, len(s.models))[s.state_model]
    raw = normal("share_raw", 1.0, s.n_states, len(s.prompts), s.n_categories)
    log_share = jnp.log(share)[s.state_model][:, None] + spread[:, None, None] * raw
    # Sums of logarithms from both ends: neither rare nor common ratings lose their digits.
    below = jax.lax.cumlogsumexp(log_share, axis=2)[..., :-1]
    above = jax.lax.cumlogsumexp(log_share, axis=2, reverse=True)[..., 1:]
    if link == "logistic":
        quantile = below - above
    else:
        quantile = dist.Normal().icdf(jnp.exp(below - jnp.logaddexp(below, above)))
    return numpyro.deterministic("state_cutpoint", quantile)


def _intercepts(
    s: Structure, groups: tuple[Siblings, ...], scenario_scale: Array, kappa_scale: Array
) -> Array:
    """Sample the items' intercepts, shape (model, place), given scales (model, scenario), (model,).

    See `vat_bayes.model.intercepts`.
    """
    n_models = len(s.models)
    raw = normal("item_raw", 1.0, n_models, len(s.items))
    kappa = kappa_scale[:, None, None]
    parts = []
    for g in groups:
        z = raw[:, g.item]
        axes = "nr" if len(g.axes) == 1 else "snr"
        unit = g.axes[0] if len(g.axes) == 1 else g.axes
        along = scenario_scale[:, g.scenario, None] * g.length
        more = (jnp.sqrt(kappa**2 + along**2) - kappa) * jnp.einsum(f"msn,{axes}->msr", z, unit)
        own = kappa * z + jnp.einsum(f"msr,{axes}->msn", more, unit)
        parts.append(own.reshape(n_models, -1))
    return jnp.concatenate(parts, axis=1)


def _further_terms(
    design: RatingsDesign, prior: dict[str, float], own: Array
) -> tuple[Array, Array]:
    """Sample the effects of prompts, repeats and sub-values that the design has.

    Parameters
    ----------
    design : RatingsDesign
    prior : dict of str to float
    own : Array, shape (arm,)
        The unit of a condition in logits of the baseline.

    Returns
    -------
    Array, shape (block, 1, value)
        What is added to the values; a zero where nothing is.
    Array, shape (block, place)
        What is added to the items, likewise.
    """
    s, rows = design.structure, design.rows
    n_models, n_arms, n_values = len(s.models), len(s.arms), len(s.values)
    state, prompt = rows.block_state, rows.block_prompt
    model = s.state_model[state]
    on_values, on_items = jnp.zeros(()), jnp.zeros(())
    if design.has_prompts:
        n_prompts = len(s.prompts)
        scale = half_normal("prompt_scale", prior["prompt_scale"], n_models)
        effect = scale[:, None] * normal("prompt_raw", 1.0, n_models, n_prompts)
        on_items += numpyro.deterministic("prompt", effect)[model, prompt][:, None]
        if "prompt_shift_scale" in prior:
            scale = half_normal("prompt_shift_scale", prior["prompt_shift_scale"] * own, n_arms)
            raw = normal("prompt_shift_raw", 1.0, n_arms, n_prompts, n_values)
            none = jnp.zeros((n_models, n_prompts, n_values))
            shift = jnp.concatenate([none, scale[:, None, None] * raw])
            on_values += shift[state, prompt][:, None]
    item = np.argsort(rows.place)
    if design.has_repeats:
        repeat_scale = half_normal("repeat_scale", prior["repeat_scale"], n_models)
        scale = repeat_scale[s.state_model][:, None]
        repeat = scale * scaled_normals("repeat_raw", scale, design.centring.repeat)
        on_items += lookup(lookup(repeat.T, item).T, state)
    if design.has_subvalues:
        n_subvalues = len(s.subvalues)
        slot, loading = (x[item] for x in s.subvalue_slot)
        if "subvalue_scale" in prior:
            scale = half_normal("subvalue_scale", prior["subvalue_scale"], n_models)
            raw = normal("subvalue_raw", 1.0, n_models, n_subvalues)
            effect = numpyro.deterministic("subvalue", scale[:, None] * raw)
            on_items += lookup(loading * effect[:, slot], model)
        if "subvalue_shift_scale" in prior:
            width = prior["subvalue_shift_scale"] * own
            scale = half_normal("subvalue_shift_scale", width, n_arms)
            raw = normal("subvalue_shift_raw", 1.0, n_arms, n_subvalues)
            shift = numpyro.deterministic("subvalue_shift", scale[:, None] * raw)
            none = jnp.zeros((n_models, n_subvalues))
            on_items += lookup(loading * jnp.concatenate([none, shift])[:, slot], state)
    return on_values, on_items


def scores_model(design: ScoresDesign, spec: ModelSpec) -> None:
    """Sample the model of expected scores, every random effect integrated out.

    Parameters
    ----------
    design : ScoresDesign
    spec : ModelSpec
    """
    s = design.structure
    n_models, n_arms, n_values = len(s.models), len(s.arms), len(s.values)
    prior = {name: p.scale * s.point for name, p in spec.scores.items()}

    level = normal("level", prior["level"], n_models)
    theta = normal("theta", prior["theta"], n_models, n_values)
    beta, lambda_ = style(spec.scores, n_arms, s.point)
    delta = intervention_effects(s, spec.scores, s.point, lambda_)
    alpha_scale = half_normal("alpha_scale", prior["alpha_scale"], n_models)
    kappa_scale = half_normal("kappa_scale", prior["kappa_scale"], n_models)
    noise = half_normal("noise", prior["noise"], s.n_states)
    own = jnp.exp(-lambda_)
    u_scale = half_normal("u_scale", prior["u_scale"] * own[:, None], n_arms, n_values)
    factor = coupling_factor(spec.scores["coupling_scale"], n_arms, n_values)

    arm_model = s.state_model[n_models:]
    parameters = Scatter(
        centre=jnp.concatenate([theta, theta[arm_model] + delta]),
        shift=jnp.concatenate([level, level[arm_model] + beta]),
        sharpness=jnp.exp(jnp.concatenate([jnp.zeros(n_models), lambda_])),
        half=jnp.concatenate(
            [jnp.zeros((n_models, n_values, n_values)), u_scale[:, :, None] * factor]
        ),
        alpha_scale=alpha_scale,
        kappa_scale=kappa_scale,
        noise=noise,
    )
    df = spec.scenario_df("scores")
    if df is None:
        total = normal_scenarios(design, parameters)
    else:
        total = heavy_tailed_scenarios(design, parameters, df)
    numpyro.factor("scores", total)
