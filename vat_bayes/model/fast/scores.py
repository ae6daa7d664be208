"""The likelihood's score at draws of the parameters, against the stand-in's.

A score has as many numbers as there are parameters, so a few draws say in which direction and by
how much draws of the stand-in are off; values of the likelihood would take many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vat_bayes.model.fast.compiled import compiled
from vat_bayes.model.fast.cores import on_cores
from vat_bayes.model.fast.density import Shape
from vat_bayes.model.fast.items import Ratings
from vat_bayes.model.fast.posterior import Centre, Posterior
from vat_bayes.model.fast.ratios import parameters_at, points
from vat_bayes.model.fast.surrogate import (
    Surrogate,
    diagonal_blocks,
    from_blocks,
    laplace_moments,
    log_likelihood,
    unflatten,
)
from vat_bayes.model.fast.work import Work
from vat_bayes.model.structure import Floats

Point = tuple[Floats, ...]
# Draws at which scores are computed: as many as so many ratings allow, since the mean over them is
# what stand-ins are tilted by, and it is noisy where the posterior is wide.
_RATINGS, _FEWEST, _MOST = 1_000_000, 16, 128


class Scores(NamedTuple):
    """Scores of one model, or differences of them, at draws.

    Shapes: ``mean (point, D)``, ``blocks (point, state, V, V)`` of the covariance, ``style (point,
    style)``.
    """

    mean: Floats
    blocks: Floats
    style: Floats


class Some(NamedTuple):
    """Some of one model's scenarios, their stand-in with the centre of the whole, their share."""

    work: Work
    surrogate: Surrogate
    share: float


@compiled
def _laplace_score(
    ratings: Ratings, posterior: Posterior, groups: Array, n: Array
) -> tuple[Array, Array, Array]:
    moments = laplace_moments(posterior, groups)
    square = 0.5 * jnp.einsum("g,gij->ij", n, moments.square)
    return n @ moments.gradient, diagonal_blocks(square, ratings.rating.shape[1]), moments.style


@compiled
def _stand_in_score(
    surrogate: Surrogate, mean: Array, blocks: Array, style: Array
) -> tuple[Array, Array, Array]:
    slope = jax.grad(log_likelihood, argnums=(1, 2, 3))
    found: tuple[Array, Array, Array] = slope(surrogate, mean, blocks, style)
    return found


def score_errors(
    some: tuple[Some, ...],
    at_centre: tuple[Surrogate, ...],
    surrogates: tuple[Surrogate, ...],
    draws: Mapping[str, Floats],
    shape: Shape,
) -> tuple[dict[str, Array], list[Scores]]:
    """Compute the score of the likelihood less that of the stand-in, at draws.

    The likelihood's is that of a sample of scenarios, against the stand-in of this sample. Both
    agree at the centre, so what scenarios differ in is small and a sample will do. What the normal
    approximation of the effects misses is taken to be the same at a draw as at the centre.

    Parameters
    ----------
    some : tuple of Some
        Of every model.
    at_centre : tuple of Surrogate
        The stand-ins of all scenarios with the likelihood's score at their centres.
    surrogates : tuple of Surrogate
        The stand-ins that were sampled.
    draws : mapping of str to ndarray, shape (chain, draw, ...)
    shape : Shape

    Returns
    -------
    dict of str to Array, shape (point, ...)
        The draws that were taken, spread over the chains.
    list of Scores
        The differences, for every model.
    """
    n = draws["theta"].shape[0] * draws["theta"].shape[1]
    ratings = sum(part.work.ratings.rating.size for part in some)
    n_points = int(np.clip(_RATINGS // ratings, _FEWEST, min(_MOST, n)))
    there = parameters_at(draws, np.linspace(0, n - 1, n_points).astype(int))
    out = []
    for m, (part, before, now) in enumerate(zip(some, at_centre, surrogates, strict=True)):
        found = on_cores(
            partial(_error, part=part, before=before, now=now), points(shape, there, m)
        )
        out.append(Scores(*(np.stack(x) for x in zip(*found, strict=True))))
    return there, out


def _error(at: Point, part: Some, before: Surrogate, now: Surrogate) -> list[Floats]:
    """Compute the difference of the scores at one point."""
    n_arms = part.work.ratings.rating.shape[1] - 1
    centre = Centre(jnp.asarray(at[0]), from_blocks(at[1]), unflatten(jnp.asarray(at[2]), n_arms))
    # A copy, which leaves the original at its centre.
    work = replace(part.work)
    exact = _laplace_score(work.ratings, work.refresh(centre), work.groups, work.n)
    near, then, here = (_stand_in_score(s, *at) for s in (part.surrogate, before, now))
    return [
        (np.asarray(e) - np.asarray(x)) / part.share + np.asarray(b) - np.asarray(f)
        for e, x, b, f in zip(exact, near, then, here, strict=True)
    ]
