"""When the fast engine cannot be trusted.

Four figures, each about one step that is not exact.

* *Effects.* The exact posterior of each scenario's effects against its normal approximation: the
  Pareto k of their importance weights. Small samples per cell, floor and ceiling raise it.
* *Shift.* The stand-in against the likelihood at draws, and on scenarios where they are many,
  that it was not tilted by: the mean difference of their scores, turned into the change of each
  parameter's mean that it would cause, in sds.
* *Width.* The same differences against how far each draw is from the mean: how much too narrow or
  too wide the draws are, as a share of their sd, on average over the parameters of one kind.
* *Parameters.* The stand-in against the likelihood over draws: the Pareto k of the draws'
  importance ratios, where the data are small enough for the likelihood to be computed at many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from arviz_stats.base import array as array_stats
from jax import Array

from vat_bayes.model.fast.density import Shape
from vat_bayes.model.fast.engine import Fitted
from vat_bayes.model.fast.ratings import MOST_CELLS
from vat_bayes.model.fast.ratios import (
    N_DRAWS,
    PARAMETERS,
    log_ratios,
    parameters_at,
    point,
    points,
)
from vat_bayes.model.fast.scores import Scores, score_errors
from vat_bayes.model.structure import Floats

# Vehtari et al. (2024): above .7 importance sampling is of no use at any affordable size, and with
# n ratios already above 1 - 1 / log10(n), which for a hundred is .5.
LARGEST_K = 0.7
LARGEST_RATIOS_K = min(LARGEST_K, 1.0 - 1.0 / math.log10(N_DRAWS))
# In posterior sds; means are wanted within a tenth.
LARGEST_SHIFT = 0.25
# As a share of the posterior sd; sds are wanted within a twentieth.
LARGEST_WIDTH = 0.1


@dataclass(frozen=True)
class Diagnosis:
    """The figures; NaN where one was not computed.

    Parameters
    ----------
    effects_k : float
    shift : float
    shifted : str
        The parameter with the largest shift.
    width : float
    widened : str
        The kind of parameters with the largest error of the width.
    pareto_k : float
    """

    effects_k: float
    shift: float
    shifted: str
    width: float
    widened: str
    pareto_k: float

    @property
    def trusted(self) -> bool:
        """Whether all of the figures speak for the fit."""
        # A figure that was not computed vouches for nothing: NaN is not below any limit.
        return bool(
            self.effects_k <= LARGEST_K
            and self.pareto_k <= LARGEST_RATIOS_K
            and self.shift <= LARGEST_SHIFT
            and self.width <= LARGEST_WIDTH
        )

    def attributes(self) -> dict[str, object]:
        """Return the figures as attributes of the posterior."""
        return {
            "fast_effects_k": self.effects_k,
            "fast_shift": self.shift,
            "fast_shifted": self.shifted,
            "fast_width": self.width,
            "fast_widened": self.widened,
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
    there, errors = score_errors(
        fitted.others, fitted.at_centre, fitted.surrogates, fitted.draws, shape
    )
    shift, shifted = _shift(fitted.draws, errors, shape)
    width, widened = _width(there, errors, fitted.draws, shape)
    cells = sum(w.ratings.rating.size for w in fitted.works)
    k = np.nan
    if cells <= MOST_CELLS:
        # Other points than those that the stand-ins were adjusted at.
        ratio, _ = log_ratios(fitted.works, fitted.surrogates, fitted.draws, shape, seed=seed + 9)
        k = _pareto_k(ratio)
    return Diagnosis(effects_k, shift, shifted, width, widened, k)


def _pareto_k(log_weight: Floats) -> float:
    if not np.isfinite(log_weight).all():
        return np.inf
    smooth: Any = array_stats.BaseArray()
    try:
        k = float(smooth.psislw(log_weight)[1])
    except ValueError:
        k = np.nan
    # Where the tail is one value many times: chains that hardly moved, which vouch for nothing.
    return np.inf if np.isnan(k) else k


def _shift(draws: dict[str, Floats], errors: list[Scores], shape: Shape) -> tuple[float, str]:
    """Largest change of a parameter's mean that the stand-in's error in the score would cause."""
    n = draws["theta"].shape[0] * draws["theta"].shape[1]
    thin = parameters_at(draws, np.arange(0, n, max(1, n // 1000)))
    total = np.zeros(len(thin["theta"]))
    for m, error in enumerate(errors):
        slope = [jnp.asarray(x.mean(0)) for x in error]

        def along(draw: dict[str, Array], m: int = m, slope: list[Array] = slope) -> Array:
            mean, blocks, style = point(shape, draw, m)
            return slope[0] @ mean + (slope[1] * blocks).sum() + slope[2] @ style

        total += np.asarray(jax.jit(partial(jax.lax.map, along))(thin))
    total -= total.mean()
    worst, where = 0.0, ""
    for name in PARAMETERS:
        x = np.asarray(thin[name]).reshape(len(total), -1)
        x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-12)
        moved = float(np.abs(total @ x / len(total)).max())
        if not moved <= worst:
            worst, where = moved, name
    return worst, where


def _width(
    there: dict[str, Array], errors: list[Scores], draws: dict[str, Floats], shape: Shape
) -> tuple[float, str]:
    """Largest relative error of the sds of one kind of parameters, on average over them.

    If the stand-in has the precision ``P`` and the likelihood ``P + E``, the score's error at a
    draw is ``-E`` times the draw's distance from the mean, and the mean of the product of both is
    ``-tr(E P^-1)``, the sum of the relative errors of the variances.
    """
    n = draws["theta"].shape[0] * draws["theta"].shape[1]
    every = parameters_at(draws, np.arange(0, n, max(1, n // 500)))
    v = shape.n_values
    worst, where = 0.0, ""
    for m, error in enumerate(errors):
        arms = len(shape.model_arms[m])
        means = jax.jit(
            lambda d, m=m: [x.mean(0) for x in jax.lax.map(partial(point, shape, m=m), d)]
        )
        at = [np.stack(x) for x in zip(*points(shape, there, m), strict=True)]
        products = [
            (e * (x - np.asarray(c))).reshape(len(e), -1).sum(1).mean()
            for e, x, c in zip(error, at, means(every), strict=True)
        ]
        # Free parameters: means; scales and correlations with the baseline's scale; style.
        sizes = (v * (1 + arms), 1 + arms * v * (v + 1) // 2, error.style.shape[1])
        for name, product, size in zip(("means", "covariances", "style"), products, sizes,
                                       strict=True):  # fmt: skip
            share = abs(float(product)) / (2 * size)
            if not share <= worst:
                worst, where = share, name
    return worst, where
