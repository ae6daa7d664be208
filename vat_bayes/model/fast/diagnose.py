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

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from arviz_stats.base import array as array_stats
from jax import Array

from vat_bayes.model.fast.centre import next_centres
from vat_bayes.model.fast.density import Shape
from vat_bayes.model.fast.engine import Fitted
from vat_bayes.model.fast.posterior import Centre
from vat_bayes.model.fast.ratings import MOST_CELLS
from vat_bayes.model.fast.ratios import PARAMETERS, log_ratios, parameters_at, point
from vat_bayes.model.fast.surrogate import (
    Moments,
    Surrogate,
    flatten,
    laplace_moments,
    log_likelihood,
)
from vat_bayes.model.fast.work import Work
from vat_bayes.model.structure import Floats

# Vehtari et al. (2024): above .7 importance sampling is of no use at any affordable size.
LARGEST_K = 0.7
# In posterior sds; means are wanted within a tenth.
LARGEST_SHIFT = 0.25
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
        """Whether all of the figures speak for the fit."""
        # A figure that was not computed vouches for nothing: NaN is not below any limit.
        return bool(
            self.effects_k <= LARGEST_K
            and self.pareto_k <= LARGEST_K
            and self.shift <= LARGEST_SHIFT
        )

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
    k = np.nan
    if cells <= MOST_CELLS:
        # Other points than those that the stand-ins were adjusted at.
        ratio, _ = log_ratios(fitted.works, fitted.surrogates, fitted.draws, shape, seed=seed + 9)
        k = _pareto_k(ratio)
    return Diagnosis(effects_k, shift, shifted, k)


def _pareto_k(log_weight: Floats) -> float:
    if not np.isfinite(log_weight).all():
        return np.inf
    smooth: Any = array_stats.BaseArray()
    return float(smooth.psislw(log_weight)[1])


def _shift(fitted: Fitted, shape: Shape) -> tuple[float, str]:
    """Largest change of a parameter's mean that the stand-in's error in the score would cause."""
    n = fitted.draws["theta"].shape[0] * fitted.draws["theta"].shape[1]
    thin = parameters_at(fitted.draws, np.arange(0, n, max(1, n // 1000)))
    middles = next_centres(shape, fitted.surrogates, fitted.draws)
    total = np.zeros(len(thin["theta"]))
    for m, (work, surrogate, middle, weighted) in enumerate(
        zip(fitted.works, fitted.at_centre, middles, fitted.weighted, strict=True)
    ):
        error = _score_error(work, surrogate, middle, weighted.moments)

        def along(draw: dict[str, Array], m: int = m, error: _Score = error) -> Array:
            mean, covariance, style = point(shape, draw, m)
            return error[0] @ mean + (error[1] * covariance).sum() + error[2] @ style

        total += np.asarray(jax.lax.map(along, thin))
    total -= total.mean()
    worst, where = 0.0, ""
    for name in PARAMETERS:
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
