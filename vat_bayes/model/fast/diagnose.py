"""When the fast engine cannot be trusted.

Three figures, each about one step that is not exact.

* *Effects.* The exact posterior of each scenario's effects against its normal approximation: the
  Pareto k of their importance weights. Small samples per cell, floor and ceiling raise it.
* *Shift.* The stand-in against the likelihood at the middle of its own draws: the difference of
  their scores, turned into the change of each parameter's mean that it would cause, in sds.
* *Parameters.* The stand-in against the likelihood over draws: the Pareto k of the draws'
  importance ratios, where the data are small enough for the likelihood to be computed at many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from arviz_stats.base import array as array_stats
from jax import Array

from vat_bayes.model.fast.centre import next_centres
from vat_bayes.model.fast.density import Shape
from vat_bayes.model.fast.engine import Fitted, Work
from vat_bayes.model.fast.importance import exact_moments
from vat_bayes.model.fast.posterior import Centre
from vat_bayes.model.fast.surrogate import (
    Moments,
    Surrogate,
    effect_covariance,
    effect_mean,
    flatten,
    laplace_moments,
    log_likelihood,
    unflatten,
)
from vat_bayes.model.structure import Floats, Ints

# Vehtari et al. (2024): above .7 importance sampling is of no use at any affordable size.
LARGEST_K = 0.7
# In posterior sds; means are wanted within a tenth.
LARGEST_SHIFT = 0.25
# Draws for the third figure, and cells up to which it is computed.
_N_DRAWS = 100
_MOST_CELLS = 60_000
_POINTS = 16
_REPORTED = (
    "theta", "delta", "beta", "lambda_", "cutpoint", "alpha_scale", "kappa_scale", "u_scale",
)  # fmt: skip
# Derivatives with respect to mean, covariance and style.
_Score = tuple[Array, Array, Array]


@dataclass(frozen=True)
class Diagnosis:
    """The three figures; NaN where one was not computed.

    Parameters
    ----------
    effects_k : float
    shift : float
    shifted : str
        The parameter with the largest shift.
    pareto_k : float
    """

    effects_k: float
    shift: float
    shifted: str
    pareto_k: float

    @property
    def trusted(self) -> bool:
        """Whether none of the figures speaks against the fit."""
        ks = [self.effects_k] + ([] if np.isnan(self.pareto_k) else [self.pareto_k])
        return bool(all(k <= LARGEST_K for k in ks) and self.shift <= LARGEST_SHIFT)

    def attributes(self) -> dict[str, object]:
        """Return the figures as attributes of the posterior."""
        return {
            "fast_effects_k": self.effects_k,
            "fast_shift": self.shift,
            "fast_shifted": self.shifted,
            "fast_pareto_k": self.pareto_k,
        }


def diagnose(fitted: Fitted, shape: Shape, *, seed: int) -> Diagnosis:
    """Hold the stand-ins against what they stand for.

    Parameters
    ----------
    fitted : Fitted
    shape : Shape
    seed : int

    Returns
    -------
    Diagnosis

    References
    ----------
    Vehtari, Simpson, Gelman, Yao, Gabry (2024). Pareto smoothed importance sampling. JMLR 25(72).
    """
    logs = np.concatenate(
        [(w.log_weight - w.log_evidence[:, None]).ravel() for w in fitted.weighted]
    )
    effects_k = _pareto_k(logs)
    shift, shifted = _shift(fitted, shape)
    cells = sum(w.ratings.rating.size for w in fitted.works)
    k = _pareto_k(_log_ratios(fitted, shape, seed)) if cells <= _MOST_CELLS else np.nan
    return Diagnosis(effects_k, shift, shifted, k)


def _pareto_k(log_weight: Floats) -> float:
    if not np.isfinite(log_weight).all():
        return np.inf
    smooth: Any = array_stats.BaseArray()
    return float(smooth.psislw(log_weight)[1])


def _point(shape: Shape, draw: Mapping[str, Array], m: int) -> tuple[Array, Array, Array]:
    """Mean, covariance and style of one model at one draw."""
    rows = np.array(shape.model_arms[m])
    scale = draw["u_scale"][rows]
    spread = scale[:, :, None] * draw["coupling"][rows] * scale[:, None, :]
    log_kappa = jnp.log(draw["kappa_scale"][m])[None]
    style = [draw["beta"][rows], draw["lambda_"][rows], draw["cutpoint"][m], log_kappa]
    return (
        effect_mean(draw["theta"][m], draw["delta"][rows]),
        effect_covariance(draw["alpha_scale"][m], spread),
        jnp.concatenate(style),
    )


def _needed(draws: dict[str, Floats], rows: Ints) -> dict[str, Array]:
    """Take the parameters that make a point at some of the draws, chains stacked."""
    flat = {k: draws[k].reshape(-1, *draws[k].shape[2:])[rows] for k in (*_REPORTED, "coupling")}
    return {k: jnp.asarray(x) for k, x in flat.items()}


def _shift(fitted: Fitted, shape: Shape) -> tuple[float, str]:
    """Largest change of a parameter's mean that the stand-in's error in the score would cause."""
    n = fitted.draws["theta"].shape[0] * fitted.draws["theta"].shape[1]
    thin = _needed(fitted.draws, np.arange(0, n, max(1, n // 1000)))
    middles = next_centres(shape, fitted.surrogates, fitted.draws)
    total = np.zeros(len(thin["theta"]))
    for m, (work, surrogate, middle, weighted) in enumerate(
        zip(fitted.works, fitted.surrogates, middles, fitted.weighted, strict=True)
    ):
        error = _score_error(work, surrogate, middle, weighted.moments)

        def along(draw: dict[str, Array], m: int = m, error: _Score = error) -> Array:
            mean, covariance, style = _point(shape, draw, m)
            return error[0] @ mean + (error[1] * covariance).sum() + error[2] @ style

        total += np.asarray(jax.lax.map(along, thin))
    total -= total.mean()
    worst, where = 0.0, ""
    for name in _REPORTED:
        x = np.asarray(thin[name]).reshape(len(total), -1)
        x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-12)
        moved = float(np.abs(total @ x / len(total)).max())
        if not moved <= worst:
            worst, where = moved, name
    return worst, where


def _score_error(work: Work, surrogate: Surrogate, middle: Centre, exact: Moments) -> _Score:
    """Score of the likelihood less that of the stand-in at a point; mean, covariance, style."""
    old = surrogate.centre
    assert work.posterior is not None
    before = laplace_moments(work.posterior, old, work.groups)
    there = replace(work)
    now = laplace_moments(there.refresh(middle), middle, work.groups)
    # What the normal approximation misses is taken to be the same here as at the centre.
    gradient, square, style = (
        getattr(now, k) + getattr(exact, k) - getattr(before, k)
        for k in ("gradient", "square", "style")
    )
    score = (
        work.n @ gradient,
        0.5 * jnp.einsum("g,gij->ij", work.n, square),
        style,
    )
    stand_in = jax.grad(log_likelihood, argnums=(1, 2, 3))(
        surrogate, middle.mean, middle.covariance, flatten(middle.style)
    )
    return score[0] - stand_in[0], score[1] - stand_in[1], score[2] - stand_in[2]


def _log_ratios(fitted: Fitted, shape: Shape, seed: int) -> Floats:
    """Log of likelihood over stand-in at draws."""
    n = fitted.draws["theta"].shape[0] * fitted.draws["theta"].shape[1]
    draws = _needed(fitted.draws, np.linspace(0, n - 1, _N_DRAWS).astype(int))
    out = np.zeros(_N_DRAWS)
    stand_in = jax.jit(log_likelihood)
    for j in range(_N_DRAWS):
        for m, (work, surrogate) in enumerate(zip(fitted.works, fitted.surrogates, strict=True)):
            mean, covariance, style = _point(shape, {k: x[j] for k, x in draws.items()}, m)
            centre = Centre(mean, covariance, unflatten(style, len(shape.model_arms[m])))
            out[j] += _log_evidence(replace(work), centre, seed)
            out[j] -= float(stand_in(surrogate, mean, covariance, style))
    return out - out.mean()


def _log_evidence(work: Work, centre: Centre, seed: int) -> float:
    """Log marginal likelihood: Laplace's method, corrected by importance sampling.

    The points are the same at every draw, so most of their error cancels between draws.
    """
    posterior = work.refresh(centre)
    prior = jnp.linalg.inv(centre.covariance)
    about = posterior.mode - centre.mean
    log_det = 2.0 * jnp.log(jnp.diagonal(posterior.factor, axis1=1, axis2=2)).sum(1)
    laplace = posterior.log_likelihood - 0.5 * (about @ prior * about).sum(1) - 0.5 * log_det
    n = len(posterior.mode)
    constant = -0.5 * n * jnp.linalg.slogdet(centre.covariance)[1]
    extra = exact_moments(
        work.ratings, posterior, centre, work.groups, n_points=_POINTS, seed=seed
    ).log_evidence
    return float(laplace.sum() + constant + extra.sum())
