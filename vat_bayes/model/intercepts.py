"""Intercepts of items: what a model thinks of an item under all of its conditions alike.

``alpha`` of the item's scenario and ``kappa`` of the item enter the ratings by their sum alone,
``sum_v w_iv alpha_sv + kappa_i``. Over the items of a scenario with loadings ``W`` these sums are
normal with covariance ``alpha_scale^2 W W' + kappa_scale^2 I``. Sampled in their place, there is no
direction left in which ``alpha`` and ``kappa`` exchange what the data say of their sum, which is
where chains that sample both are slow.

With ``W W' = U diag(length^2) U'`` the symmetric root of that covariance is
``kappa_scale I + U diag(sqrt(kappa_scale^2 + alpha_scale^2 length^2) - kappa_scale) U'``: no
factorisation at each step, and smooth down to ``alpha_scale`` of zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vat_bayes.model.structure import Floats, Ints, Structure


@dataclass(frozen=True)
class Siblings:
    """Scenarios with one number of items.

    Parameters
    ----------
    scenario : ndarray of int, shape (scenario,)
    item : ndarray of int, shape (scenario, n)
        Their items.
    loading : ndarray, shape (scenario, n, value)
        The items' loadings; (1, n, value) where they are the same in all.
    axes : ndarray, shape (scenario, n, r)
        Directions ``U`` that the scenario's effects move the items in; (1, n, r) where they are the
        same for all.
    length : ndarray, shape (scenario, r)
        How far a unit of effect moves them; (1, r) likewise.
    """

    scenario: Ints
    item: Ints
    loading: Floats
    axes: Floats
    length: Floats


def siblings(s: Structure) -> tuple[Siblings, ...]:
    """Group the scenarios by their number of items.

    Parameters
    ----------
    s : Structure

    Returns
    -------
    tuple of Siblings
        Every item is in one of them.
    """
    as_they_come = np.argsort(s.item_scenario, kind="stable")
    # In the order of their loadings scenarios that are equal are seen to be equal.
    by_loading = np.lexsort((*s.loading.T, s.item_scenario))
    scenario, first, n = np.unique(
        s.item_scenario[as_they_come], return_index=True, return_counts=True
    )
    found = []
    for size in np.unique(n):
        place = first[n == size][:, None] + np.arange(size)
        for order in (as_they_come, by_loading):
            item = order[place]
            loading = s.loading[item]
            if (loading == loading[:1]).all():
                loading = loading[:1]
                break
        axes, length, _ = np.linalg.svd(loading, full_matrices=False)
        found.append(Siblings(scenario[n == size], item, loading, axes, length))
    return tuple(found)


def intercept_order(groups: tuple[Siblings, ...]) -> Ints:
    """Say where each item is when the items of all groups stand one after the other.

    Parameters
    ----------
    groups : tuple of Siblings

    Returns
    -------
    ndarray of int, shape (item,)
    """
    return np.argsort(np.concatenate([g.item.ravel() for g in groups]))


def intercepts(s: Structure, alpha: Floats, kappa: Floats) -> Floats:
    """Add the effects up.

    Parameters
    ----------
    s : Structure
    alpha : ndarray, shape (..., model, scenario, value)
    kappa : ndarray, shape (..., model, item)

    Returns
    -------
    ndarray, shape (..., model, item)
    """
    index, weight = s.slots
    return np.asarray((alpha[..., s.item_scenario[:, None], index] * weight).sum(-1) + kappa)
