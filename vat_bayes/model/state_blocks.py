"""The pattern groups of a scores design laid out by state and axis.

States of one model share nothing but what scenarios and items are under all of them. Given that,
each state has a small covariance of its own, so that the large one over all states is never built:

    S = D + G R R' G',   D = blockdiag(D_c),   G = stack(exp(lambda_c) I)
    S^-1 = D^-1 - F K^-1 F',   log det S = sum_c log det D_c + log det K
    with F = D^-1 G R and K = I + R G' D^-1 G R

(Woodbury's identity). ``R`` is the symmetric root of ``alpha_scale^2 W W' + kappa_scale^2 I``, in
closed form from the singular values of the loadings ``W``, as in `vat_bayes.model.intercepts`.
Twelve states of eleven axes take twelve factorisations of eleven rows and one more, not one of 132.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vat_bayes.model.scores import PatternGroup, ScoresDesign
from vat_bayes.model.structure import Floats, Ints


@dataclass(frozen=True)
class StateBlocks:
    """Sufficient statistics of all pattern groups, padded to equal numbers of states and axes.

    Parameters
    ----------
    model : ndarray of int, shape (group,)
    n : ndarray, shape (group,)
        Number of scenarios.
    state : ndarray of int, shape (group, state)
    observed : ndarray, shape (group, state, axis)
        1.0 where the scenarios of the group have a score, 0.0 elsewhere and on padding.
    loading : ndarray, shape (group, axis, value)
    one : ndarray, shape (group, axis)
        The (rotated) constant.
    direction : ndarray, shape (group, axis, r)
    length : ndarray, shape (group, r)
        Left singular vectors and singular values of the loadings.
    mean : ndarray, shape (group, state, axis)
    scatter : ndarray, shape (group, state * axis, state * axis)
        Sum of cross products about the mean.
    """

    model: Ints
    n: Floats
    state: Ints
    observed: Floats
    loading: Floats
    one: Floats
    direction: Floats
    length: Floats
    mean: Floats
    scatter: Floats


def build_state_blocks(design: ScoresDesign) -> StateBlocks:
    """Lay out the pattern groups of a design.

    Parameters
    ----------
    design : ScoresDesign

    Returns
    -------
    StateBlocks
    """
    groups, s = design.groups, design.structure
    states = [np.unique(g.row_state) for g in groups]
    n_states = max(len(x) for x in states)
    n_axes = max(int(g.row_axis.max()) + 1 for g in groups)
    shape = (len(groups), n_states, n_axes)
    state = np.zeros(shape[:2], np.int64)
    observed, mean = np.zeros(shape), np.zeros(shape)
    loading = np.zeros((len(groups), n_axes, len(s.values)))
    one = np.zeros((len(groups), n_axes))
    scatter = np.zeros((len(groups), n_states * n_axes, n_states * n_axes))
    for i, (g, known) in enumerate(zip(groups, states, strict=True)):
        row = np.searchsorted(known, g.row_state)
        state[i, : len(known)] = known
        observed[i, row, g.row_axis] = 1.0
        loading[i, g.row_axis], one[i, g.row_axis] = g.row_loading, g.row_one
        mean[i, row, g.row_axis], place = g.scores.mean(0), row * n_axes + g.row_axis
        scatter[i][np.ix_(place, place)] = _cross_products(g)
    direction, length, _ = np.linalg.svd(loading, full_matrices=False)
    return StateBlocks(
        model=np.array([g.model for g in groups]),
        n=np.array([float(len(g.scenarios)) for g in groups]),
        state=state,
        observed=observed,
        loading=loading,
        one=one,
        direction=direction,
        length=length,
        mean=mean,
        scatter=scatter,
    )


def _cross_products(g: PatternGroup) -> Floats:
    about = g.scores - g.scores.mean(0)
    return np.asarray(about.T @ about)
