"""Draws of the parameters from their priors alone, in plain numpy.

Kept beside every posterior, and put through the estimands to show what the priors say in rating
points. Effects of single scenarios, items and repeats are left out: they have no prior but their
scale.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from vat_bayes.model.build import Design
from vat_bayes.model.coupling import cholesky_from_partials, partial_count
from vat_bayes.model.pooling import effects, pool
from vat_bayes.model.priors import ModelSpec, Prior
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.structure import Floats, Structure

# Scales that are not in quarters of the rating range.
_UNITLESS = {"lambda", "coupling_scale"}


def draw_prior(design: Design, spec: ModelSpec, n: int, *, seed: int) -> dict[str, Floats]:
    """Draw the parameters of a fit from their prior.

    Parameters
    ----------
    design : RatingsDesign or ScoresDesign
    spec : ModelSpec
    n : int
        Number of draws.
    seed : int

    Returns
    -------
    dict of str to ndarray, shape (draw, ...)
        By the names and with the dimensions of the posterior (`vat_bayes.model.tree.DIMS`).
    """
    ratings = isinstance(design, RatingsDesign)
    priors = spec.ratings if ratings else spec.scores
    draw = _Draw(np.random.default_rng(seed), priors, design.structure, n, ratings=ratings)
    s = design.structure
    m, a, v = len(s.models), len(s.arms), len(s.values)
    extremity = draw.one("lambda", a)
    own = np.exp(-extremity)
    out = {
        "theta": draw.one("theta", m, v),
        "beta": own * draw.one("beta", a),
        "lambda_": extremity,
        "alpha_scale": draw.one("alpha_scale", m),
        "kappa_scale": draw.one("kappa_scale", m),
        "u_scale": own[..., None] * draw.one("u_scale", a, v),
        "coupling_scale": draw.one("coupling_scale", a),
    }
    raw = draw.rng.normal(size=(n, a, partial_count(v)))
    factor = cholesky_from_partials(np.tanh(out["coupling_scale"][..., None] * raw), v)
    out["coupling"] = factor @ np.swapaxes(factor, -1, -2)
    out |= draw.delta()
    out["delta"] *= own[..., None]
    if not isinstance(design, RatingsDesign):
        return out | {"level": draw.one("level", m), "noise": draw.one("noise", s.n_states)}
    share = draw.rng.dirichlet(np.full(s.n_categories, priors["cutpoint"].scale), (n, m))
    below = np.cumsum(share, -1)[..., :-1]
    logistic = spec.link == "logistic"
    out["cutpoint"] = np.log(below) - np.log1p(-below) if logistic else ndtri(below)
    if "share_scale" in priors:
        out["share_scale"] = draw.one("share_scale", m)
        raw = draw.rng.normal(size=(n, s.n_states, len(s.prompts), s.n_categories))
        spread = out["share_scale"][:, s.state_model, None, None]
        weight = share[:, s.state_model, None] * np.exp(spread * raw)
        below = weight.cumsum(-1)[..., :-1] / weight.sum(-1, keepdims=True)
        above = weight[..., ::-1].cumsum(-1)[..., -2::-1] / weight.sum(-1, keepdims=True)
        out["state_cutpoint"] = np.log(below) - np.log(above) if logistic else ndtri(below)
    if design.has_prompts:
        out |= draw.scaled("prompt", m, len(s.prompts))
        if "prompt_shift_scale" in priors:
            out["prompt_shift_scale"] = own * draw.one("prompt_shift_scale", a)
    if design.has_repeats:
        out["repeat_scale"] = draw.one("repeat_scale", m)
    if design.has_subvalues and "subvalue_scale" in priors:
        out |= draw.scaled("subvalue", m, len(s.subvalues))
    if design.has_subvalues and "subvalue_shift_scale" in priors:
        out |= draw.scaled("subvalue_shift", a, len(s.subvalues))
        out["subvalue_shift_scale"] *= own
        out["subvalue_shift"] *= own[..., None]
    return out


class _Draw:
    """Draws by the name of a parameter in the model file."""

    def __init__(
        self,
        rng: np.random.Generator,
        priors: dict[str, Prior],
        structure: Structure,
        n: int,
        *,
        ratings: bool,
    ) -> None:
        self.rng, self.priors, self.structure, self.n = rng, priors, structure, n
        self.unit = 1.0 if ratings else structure.point

    def one(self, name: str, *shape: int) -> Floats:
        prior = self.priors[name]
        unit = 1.0 if name in _UNITLESS else self.unit
        x = prior.scale * unit * self.rng.normal(size=(self.n, *shape))
        return np.abs(x) if prior.family == "half_normal" else x

    def scaled(self, name: str, size: int, n: int) -> dict[str, Floats]:
        scale = self.one(f"{name}_scale", size)
        effect = scale[..., None] * self.rng.normal(size=(self.n, size, n))
        return {f"{name}_scale": scale, name: effect}

    def delta(self) -> dict[str, Floats]:
        prior, s, n = self.priors["delta"], self.structure, self.n
        pooling = pool(s, over_models="model_scale" in self.priors)
        n_effects, n_values = len(pooling.names), len(s.values)
        out: dict[str, Floats] = {}
        tau, slope = np.zeros((n, n_effects)), np.zeros((n, len(pooling.aimed)))
        if prior.family != "normal":
            out["delta_scale"] = np.abs(self.rng.normal(0, prior.scale * self.unit, tau.shape))
            tau = out["delta_scale"]
        if prior.family == "circle" and len(pooling.aimed):
            slope = self.rng.normal(0, prior.slope or 0.0, slope.shape)
            out["circle_slope"] = slope
        raw = self.rng.normal(size=(n, n_effects, n_values))
        common = np.stack(
            [
                effects(pooling, prior, z, t, r, unit=self.unit)
                for z, t, r in zip(raw, tau, slope, strict=True)
            ]
        )
        out["delta"] = common[:, pooling.effect]
        if len(pooling.shared):
            out["delta_common"] = common[:, pooling.shared]
            spread = np.abs(
                self.rng.normal(
                    0, self.priors["model_scale"].scale * self.unit, (n, len(pooling.shared))
                )
            )
            out["model_scale"] = spread
            z = self.rng.normal(size=(n, len(pooling.pooled_arms), n_values))
            out["delta"][:, pooling.pooled_arms] += spread[:, pooling.pooled_position, None] * z
        return out
