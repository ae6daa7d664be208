"""The likelihood of ratings that lie in rows; see `vat_bayes.model.rating_rows`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vat_bayes.model.backends.numpyro_likelihoods import (
    log_between_and_slopes,
    log_gap,
    log_normal_probability,
)
from vat_bayes.model.priors import Link
from vat_bayes.model.rating_rows import RatingRows
from vat_bayes.model.ratings import FAR
from vat_bayes.model.structure import Ints

# Longer rows are done one after the other: what is computed on the way stays in cache.
_LONG = 4_000


def lookup(table: Any, index: Ints) -> Any:
    """Look rows of a table up, or leave it as it is where that comes to the same.

    A table of one row is left to be broadcast.
    """
    if len(table) == 1 or np.array_equal(index, np.arange(len(table))):
        return table
    return table[index]


def endorsed(rows: RatingRows, endorsement: Array) -> Array:
    """Add up what the values do to the items.

    Parameters
    ----------
    rows : RatingRows
    endorsement : Array, shape (block, scenario, value)

    Returns
    -------
    Array, shape (block, place)
    """
    scenarios, parts = np.arange(endorsement.shape[1]), []
    for g in rows.siblings:
        here = endorsement
        if not np.array_equal(g.scenario, scenarios):
            here = endorsement[:, g.scenario]
        if len(g.loading) == 1:
            part = jnp.einsum("bsv,nv->bsn", here, g.loading[0])
        else:
            part = jnp.einsum("bsv,snv->bsn", here, g.loading)
        parts.append(part.reshape(len(endorsement), -1))
    return jnp.concatenate(parts, axis=1)


def log_likelihood(
    rows: RatingRows, eta: Array, cutpoint: Array, sharpness: Array, link: Link
) -> Any:
    """Compute the log-likelihood of all ratings.

    Parameters
    ----------
    rows : RatingRows
    eta : Array, shape (block, place)
    cutpoint : Array, shape (block, threshold)
    sharpness : Array, shape (block,)
    link : {"logistic", "probit"}

    Returns
    -------
    Array, shape ()
    """
    width = (len(rows.row_block), cutpoint.shape[1] + 2)
    scale = jnp.broadcast_to(lookup(sharpness, rows.row_block), width[:1])
    ends = jnp.pad(cutpoint, ((0, 0), (1, 1)), constant_values=((0, 0), (-FAR, FAR)))
    ends = jnp.broadcast_to(lookup(ends, rows.row_block), width) * scale[:, None]
    centre = eta if rows.item is None else eta[rows.row_block[:, None], rows.item]
    category, count = jnp.asarray(rows.category, jnp.int32), jnp.asarray(rows.count)
    if link != "logistic":
        upper, lower = _bounds(centre * scale[:, None], ends, category)
        log_p = log_normal_probability(upper, lower)
        return jnp.where(count > 0, count * log_p, 0.0).sum()
    # A category that nobody chose may have no width left.
    chosen = rows.total > 0
    above, below = jnp.where(chosen, ends[:, 1:], 1.0), jnp.where(chosen, ends[:, :-1], 0.0)
    between = _between(centre, scale, ends, category, count)
    return between + (rows.total * log_gap(above, below)).sum()


def _bounds(centre: Array, ends: Array, category: Array) -> tuple[Array, Array]:
    """Return upper and lower bound of each rating, less its centre, shape (..., entry).

    By comparison: a lookup has a gradient that goes through the ratings one by one.
    """
    upper, lower = ends[..., 1:2], ends[..., :1]
    for k in range(1, ends.shape[-1] - 1):
        upper = jnp.where(category == k, ends[..., k + 1 : k + 2], upper)
        lower = jnp.where(category == k, ends[..., k : k + 1], lower)
    return upper - centre, lower - centre


def _between_and_slopes(*rows: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    """Sum ``log(F(upper) F(-lower))`` over ratings; with its slopes in the first three arguments.

    Both in one: what JAX would make of the sum goes through all ratings three times as often.
    """
    if rows[0].shape[-1] > _LONG:
        value, slopes = jax.lax.map(lambda row: _of_rows(*row), rows)
    else:
        value, slopes = _of_rows(*rows)
    return value.sum(), slopes


def _of_rows(
    centre: Array, scale: Array, ends: Array, category: Array, count: Array
) -> tuple[Array, tuple[Array, Array, Array]]:
    """Do so for rows, or a single one, shapes (..., entry), (...), (..., end), (..., entry)."""
    upper, lower = _bounds(centre * scale[..., None], ends, category)
    value, rising, falling = log_between_and_slopes(upper, lower)
    rising, falling = count * rising, count * falling
    at_ends = [
        jnp.where(category == k, -falling, jnp.where(category == k - 1, rising, 0.0)).sum(-1)
        for k in range(ends.shape[-1])
    ]
    at_centre = falling - rising
    # Where there is no rating the value may be infinite.
    return jnp.where(count > 0, count * value, 0.0).sum(-1), (
        at_centre * scale[..., None],
        (at_centre * centre).sum(-1),
        jnp.stack(at_ends, axis=-1),
    )


_between: Any = jax.custom_vjp(lambda *rows: _between_and_slopes(*rows)[0])


def _backward(slopes: tuple[Array, ...], out: Array) -> tuple[Any, ...]:
    return (*(out * x for x in slopes), None, None)


_between.defvjp(_between_and_slopes, _backward)
