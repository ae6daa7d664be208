"""The fast engine: from ratings to draws of the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpyro

from vat_bayes.model.coupling import partial_count
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
from vat_bayes.model.fast.radius import draw_scales
from vat_bayes.model.fast.sampler import Sampler
from vat_bayes.model.fast.scores import Some, score_errors
from vat_bayes.model.fast.surrogate import (
    Moments,
    Slopes,
    Surrogate,
    build_surrogate,
    laplace_moments,
    style_slopes,
    tilt,
)
from vat_bayes.model.fast.work import Work
from vat_bayes.model.sampling import Settings
from vat_bayes.model.structure import Floats, Ints

# The way to the posterior is walked, and slopes and scores are taken, on a sample of scenarios of
# about so many cells.
_FEWEST, _CELLS = 48, 128_000
_EM_STEPS = 10
# Times that the last stand-in is tilted to the likelihood over its draws.
_TILTS = 2
# Draws that find the middle of a stand-in, and those that it is tilted by.
_SHORT, _LONG = 50, 100


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
        Before they were tilted to the likelihood over their draws.
    weighted : tuple of Weighted
        Exact moments of the effects near the centres.
    others : tuple of Some
        Samples of scenarios for scores at draws; where a sample is not all of the scenarios,
        another than that by which the stand-ins were tilted.
    """

    draws: dict[str, Floats]
    stats: dict[str, Floats]
    works: tuple[Work, ...]
    surrogates: tuple[Surrogate, ...]
    at_centre: tuple[Surrogate, ...]
    weighted: tuple[Weighted, ...]
    others: tuple[Some, ...]


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


def _some(data: ModelRatings, n: int, first: int = 0) -> ModelRatings:
    """Every k-th scenario of each group, about n of them, and one of each group at least.

    `first` is 0 or 1, for samples that have no scenario in common where k is not 1.
    """
    group, _ = patterns(data)
    order = np.argsort(group, kind="stable")
    every = max(1, len(order) // n)
    keep = order[first * (every // 2) :: every]
    one_each = order[np.flatnonzero(np.diff(group[order], prepend=-1))]
    # Samples of one size share what is compiled: only groups that are not there yet add to them.
    keep = np.union1d(keep, one_each[~np.isin(group[one_each], group[keep])])
    return data if len(keep) == len(group) else data.take(keep)


def _near(work: Work, centre: Centre, slopes: Slopes, n: float) -> Some:
    return Some(work, _laplace(work, centre, slopes), float(work.n.sum()) / n)


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
    sampler = Sampler(shape, settings.chains)
    seed = settings.seed
    sizes = [max(_FEWEST, _CELLS * len(d.scenarios) // d.rating.size) for d in data]
    parts = [_some(d, n) for d, n in zip(data, sizes, strict=True)]
    few = [_work(d, shape) for d in parts]
    centres = tuple(_rough(w, first_centre(d)) for w, d in zip(few, parts, strict=True))
    slopes = tuple(_slopes(w, c) for w, c in zip(few, centres, strict=True))
    surrogates = tuple(_laplace(w, c, s) for w, c, s in zip(few, centres, slopes, strict=True))
    draws, _, state = sampler(surrogates, _SHORT, seed=seed)
    centres = next_centres(shape, surrogates, draws)

    works = [
        w if d is part else _work(d, shape) for w, d, part in zip(few, data, parts, strict=True)
    ]
    slopes = tuple(_slopes(w, c) for w, c in zip(few, centres, strict=True))
    weighted = tuple(_exact(w, c, seed) for w, c in zip(works, centres, strict=True))
    missed = tuple(
        jax.tree.map(jnp.subtract, x.moments, _moments(w))
        for w, c, x in zip(works, centres, weighted, strict=True)
    )
    surrogates = tuple(
        _build(w, c, x.moments, s)
        for w, c, x, s in zip(works, centres, weighted, slopes, strict=True)
    )
    draws, _, state = sampler(surrogates, _LONG, seed=seed, state=state)

    centres = next_centres(shape, surrogates, draws)
    slopes = tuple(_slopes(w, c) for w, c in zip(few, centres, strict=True))
    some = tuple(
        _near(w, c, s, len(d.scenarios))
        for w, c, s, d in zip(few, centres, slopes, data, strict=True)
    )
    at_centre = []
    for w, c, x, s in zip(works, centres, missed, slopes, strict=True):
        w.refresh(c)
        # What the normal approximation misses changes little from one centre to the next.
        at_centre.append(_build(w, c, jax.tree.map(jnp.add, _moments(w), x), s))
    surrogates = tuple(at_centre)
    for _ in range(_TILTS):
        draws, _, state = sampler(surrogates, _LONG, seed=seed, state=state)
        _, errors = score_errors(some, tuple(at_centre), surrogates, draws, shape)
        surrogates = tuple(
            tilt(s, *(jnp.asarray(x.mean(0)) for x in e))
            for s, e in zip(surrogates, errors, strict=True)
        )
    draws, stats, _ = sampler(surrogates, settings.draws, seed=seed, state=state)
    draws["coupling_scale"] = draw_scales(
        np.abs(draws.pop("radius")),
        shape.prior["coupling_scale"],
        partial_count(shape.n_values),
        np.random.default_rng([seed, 1]),
    )
    others = list(some)
    for m, (d, n, c) in enumerate(zip(data, sizes, centres, strict=True)):
        if parts[m] is not d:
            work = _work(_some(d, n, 1), shape)
            others[m] = _near(work, c, _slopes(work, c), len(d.scenarios))
    return Fitted(draws, stats, tuple(works), surrogates, tuple(at_centre), weighted, tuple(others))


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


def _moments(work: Work) -> Moments:
    """Moments by the normal approximation where the work was last refreshed."""
    assert work.posterior is not None
    return laplace_moments(work.posterior, work.groups)


def _laplace(work: Work, centre: Centre, slopes: Slopes) -> Surrogate:
    return _build(work, centre, _moments(work), slopes)


def _exact(work: Work, centre: Centre, seed: int) -> Weighted:
    posterior = work.refresh(centre)
    cells = work.ratings.rating.size
    # At least 16 points, more where they cost little: the error falls with points and scenarios.
    points = int(2 ** np.clip(np.round(np.log2(6e6 / cells)), 4, 8))
    return exact_moments(work.ratings, posterior, centre, work.groups, n_points=points, seed=seed)


SAMPLER = f"Hamiltonian Monte Carlo on numpyro {numpyro.__version__}, effects integrated out"
