"""The fast engine: from ratings to draws of the parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import numpyro

from vat_bayes.model.fast.centre import (
    em_step,
    first_centre,
    next_centres,
    style_curvature,
)
from vat_bayes.model.fast.data import ModelRatings
from vat_bayes.model.fast.density import Shape, normal_scales
from vat_bayes.model.fast.importance import Weighted, exact_moments
from vat_bayes.model.fast.items import to_device
from vat_bayes.model.fast.posterior import Centre
from vat_bayes.model.fast.ratings import MOST_CELLS
from vat_bayes.model.fast.ratios import log_ratios
from vat_bayes.model.fast.sampler import Sampler
from vat_bayes.model.fast.surrogate import (
    Moments,
    Slopes,
    Surrogate,
    build_surrogate,
    laplace_moments,
    style_slopes,
)
from vat_bayes.model.fast.work import Work
from vat_bayes.model.sampling import Settings
from vat_bayes.model.structure import Floats, Ints

# Scenarios on which the way to the posterior is walked, and on which slopes are taken.
_FEW, _SOME = 48, 128
_EM_STEPS = 10
# Times that the stand-in is adjusted to the likelihood over its draws.
_ADJUSTMENTS = 2
# Draws that find the middle of a stand-in.
_SHORT = 200


@dataclass(frozen=True)
class Fitted:
    """Draws from the stand-in and what the diagnostics need.

    Parameters
    ----------
    draws, stats : dict of str to ndarray, shape (chain, draw, ...)
    works : tuple of Work
        Posterior of every scenario at the centres.
    surrogates : tuple of Surrogate
        As they were sampled.
    at_centre : tuple of Surrogate
        Before they were adjusted to the likelihood over their draws.
    weighted : tuple of Weighted
        Exact moments of the effects at the centres.
    """

    draws: dict[str, Floats]
    stats: dict[str, Floats]
    works: tuple[Work, ...]
    surrogates: tuple[Surrogate, ...]
    at_centre: tuple[Surrogate, ...]
    weighted: tuple[Weighted, ...]


def patterns(data: ModelRatings) -> tuple[Ints, Floats]:
    """Group scenarios by the states and values that they have ratings on.

    Parameters
    ----------
    data : ModelRatings

    Returns
    -------
    ndarray of int, shape (scenario,)
        The group of each scenario.
    ndarray of bool, shape (group, D)
        Which effects the scenarios of a group have ratings on: a value at all for the baseline, a
        value in a state that has any for an arm.
    """
    n, v, c = len(data.scenarios), data.n_values, data.n_states
    state = np.zeros((n, c), bool)
    np.logical_or.at(state, data.item_scenario, data.rating >= 0)
    value = np.zeros((n, v), bool)
    for index, weight in zip(data.index.T, data.weight.T, strict=True):
        used = weight != 0
        value[data.item_scenario[used], index[used]] = True
    state[:, 0] = True
    rows, group = np.unique(np.concatenate([state, value], 1), axis=0, return_inverse=True)
    observed = rows[:, :c, None] & rows[:, None, c:]
    return group.ravel(), observed.reshape(len(rows), c * v)


def _work(data: ModelRatings, shape: Shape) -> Work:
    group, observed = patterns(data)
    member = group == np.arange(len(observed))[:, None]
    return Work(
        to_device(data),
        jnp.asarray(member / member.sum(1, keepdims=True)),
        jnp.asarray(member.sum(1).astype(float)),
        jnp.asarray(observed),
        jnp.asarray(normal_scales(shape, data.n_states - 1)),
    )


def _some(data: ModelRatings, n: int) -> ModelRatings:
    """Every k-th scenario of each group, about n of them, and one of each group at least."""
    group, _ = patterns(data)
    order = np.argsort(group, kind="stable")
    every = max(1, len(order) // n)
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    keep = np.union1d(order[::every], order[first])
    return data.take(keep)


def fit_fast(data: list[ModelRatings], shape: Shape, settings: Settings) -> Fitted:
    """Sample the parameters with every random effect integrated out.

    Parameters
    ----------
    data : list of ModelRatings
        Of every model.
    shape : Shape
    settings : Settings

    Returns
    -------
    Fitted
    """
    sampler = Sampler(shape, settings.chains, settings.target_accept)

    def find(surrogates: tuple[Surrogate, ...]) -> dict[str, Floats]:
        return sampler(surrogates, _SHORT, seed=settings.seed)[0]

    few = [_work(_some(d, _FEW), shape) for d in data]
    centres = tuple(_rough(w, first_centre(d)) for w, d in zip(few, data, strict=True))
    for _ in range(2):
        centres = next_centres(shape, *_middle(few, centres, find))
    some = [_work(_some(d, _SOME), shape) for d in data]
    slopes = tuple(_slopes(w, c) for w, c in zip(some, centres, strict=True))
    works = [_work(d, shape) for d in data]
    surrogates = tuple(_laplace(w, c, s) for w, c, s in zip(works, centres, slopes, strict=True))
    centres = next_centres(shape, surrogates, find(surrogates))
    weighted = tuple(_exact(w, c, settings.seed) for w, c in zip(works, centres, strict=True))
    surrogates = tuple(
        _build(w, c, x.moments, s)
        for w, c, x, s in zip(works, centres, weighted, slopes, strict=True)
    )
    centres = next_centres(shape, surrogates, find(surrogates))
    slopes = tuple(_slopes(w, c) for w, c in zip(some, centres, strict=True))
    weighted = tuple(_exact(w, c, settings.seed + 1) for w, c in zip(works, centres, strict=True))
    surrogates = tuple(
        _build(w, c, x.moments, s)
        for w, c, x, s in zip(works, centres, weighted, slopes, strict=True)
    )
    at_centre = surrogates
    if sum(w.ratings.rating.size for w in works) <= MOST_CELLS:
        for seed in range(_ADJUSTMENTS):
            surrogates = _adjust(tuple(works), surrogates, sampler, shape, settings.seed + 1 + seed)
    draws, stats = sampler(surrogates, settings.draws, seed=settings.seed)
    return Fitted(draws, stats, tuple(works), surrogates, at_centre, weighted)


def _adjust(
    works: tuple[Work, ...],
    surrogates: tuple[Surrogate, ...],
    sampler: Sampler,
    shape: Shape,
    seed: int,
) -> tuple[Surrogate, ...]:
    """Tilt the stand-ins along the style to the likelihood's mean slope over their draws.

    Built at one point, they have the slope of that point; where scales are uncertain, the slope
    averaged over the posterior is another.
    """
    draws, _ = sampler(surrogates, 5 * _SHORT, seed=seed)
    ratio, styles = log_ratios(works, surrogates, draws, shape, seed=seed)
    columns = np.concatenate(styles, 1)
    slope = np.linalg.lstsq(columns - columns.mean(0), ratio, rcond=None)[0]
    ends = np.cumsum([x.shape[1] for x in styles])[:-1]
    return tuple(
        s._replace(linear=s.linear + jnp.asarray(b))
        for s, b in zip(surrogates, np.split(slope, ends), strict=True)
    )


def _rough(work: Work, centre: Centre) -> Centre:
    for step in range(_EM_STEPS):
        posterior = work.refresh(centre)
        if step % 3 == 0:
            curvature = style_curvature(work.ratings, posterior, centre.style)
        centre = em_step(posterior, centre, curvature, work.prior_scales)
    return centre


def _build(work: Work, centre: Centre, moments: Moments, slopes: Slopes) -> Surrogate:
    share = work.n.sum() / slopes.n
    scaled = slopes._replace(style=slopes.style * share)
    precision = work.prior_scales**-2.0
    return build_surrogate(
        centre, moments, scaled, n=work.n, prior_precision=precision, observed=work.observed
    )


def _slopes(work: Work, centre: Centre) -> Slopes:
    # First: it moves the quadrature, and differences must be taken on one.
    posterior = work.refresh(centre)
    return style_slopes(work.ratings, centre, posterior, work.groups)


def _laplace(work: Work, centre: Centre, slopes: Slopes) -> Surrogate:
    moments = laplace_moments(work.refresh(centre), centre, work.groups)
    return _build(work, centre, moments, slopes)


def _exact(work: Work, centre: Centre, seed: int) -> Weighted:
    posterior = work.refresh(centre)
    cells = work.ratings.rating.size
    # At least 16 points, more where they cost little: the error falls with points and scenarios.
    points = int(2 ** np.clip(np.round(np.log2(1.5e7 / cells)), 4, 8))
    return exact_moments(work.ratings, posterior, centre, work.groups, n_points=points, seed=seed)


def _middle(
    works: list[Work],
    centres: tuple[Centre, ...],
    find: Callable[[tuple[Surrogate, ...]], dict[str, Floats]],
) -> tuple[tuple[Surrogate, ...], dict[str, Floats]]:
    surrogates = tuple(_laplace(w, c, _slopes(w, c)) for w, c in zip(works, centres, strict=True))
    return surrogates, find(surrogates)


SAMPLER = f"numpyro {numpyro.__version__} NUTS, effects integrated out"
