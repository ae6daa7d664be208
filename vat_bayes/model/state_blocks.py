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
    about : ndarray, shape (group, row, state * axis)
        Scores less their mean, a scenario in a row, or fewer rows with the same cross products.
    within : ndarray, shape (group, state, axis, axis)
        Sum of cross products about the mean within each state.
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
    about: Floats
    within: Floats


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
    roots = [_root(g) for g in groups]
    n_rows = max(len(x) for x in roots)
    about = np.zeros((len(groups), n_rows, *shape[1:]))
    for i, (g, known) in enumerate(zip(groups, states, strict=True)):
        row = np.searchsorted(known, g.row_state)
        state[i, : len(known)] = known
        observed[i, row, g.row_axis] = 1.0
        loading[i, g.row_axis], one[i, g.row_axis] = g.row_loading, g.row_one
        mean[i, row, g.row_axis] = g.scores.mean(0)
        about[i, : len(roots[i]), row, g.row_axis] = roots[i].T
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
        about=about.reshape(len(groups), n_rows, n_states * n_axes),
        within=np.einsum("gnca,gncb->gcab", about, about),
    )


def _root(g: PatternGroup) -> Floats:
    """As few rows as there may be with the cross products of the scores about their mean."""
    about = g.scores - g.scores.mean(0)
    if len(about) == 1:
        # A scenario that no other is like: its mean is all that it has, and a table of cross
        # products for each of many such would be the largest thing in memory.
        return about[:0]
    return np.asarray(np.linalg.qr(about, mode="r") if len(about) > about.shape[1] else about)
