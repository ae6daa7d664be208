"""The pattern groups of a scores design laid out by state and axis.

States of one model share nothing but what scenarios and items are under all of them. Given that,
each state has a small covariance ``D_c`` of its own, so that the large one over all states is never
built:

    S = D + G B G',   D = blockdiag(D_c),   G = stack(exp(lambda_c) I)
    log det S = sum_c log det D_c + log det (I + R G' D^-1 G R)
    y' S^-1 y = min over x of (y - G R x)' D^-1 (y - G R x) + x' x

with ``R`` the symmetric root of ``B = alpha_scale^2 W W' + kappa_scale^2 I``, in closed form from
the singular values of the loadings ``W``, as in `vat_bayes.model.intercepts`. Twelve states of
eleven axes take twelve factorisations of eleven rows and one more, not one of 132. The minimum is a
sum of squares, and what is wrong with ``x`` enters its value squared; Woodbury's identity gives the
same number as a difference, which loses every digit where a state has hardly any noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vat_bayes.model.scores import PatternGroup, ScoresDesign
from vat_bayes.model.structure import Floats, Ints


@dataclass(frozen=True)
class StateBlocks:
    """Pattern groups, padded to equal numbers of states, axes and rows.

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
        Of the scores over the scenarios of the group.
    about : ndarray, shape (group, row, state, axis)
        Scores less their mean. Either a scenario in a row, or fewer rows with the same cross
        products.
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


def build_state_blocks(design: ScoresDesign, *, scenarios: bool = False) -> StateBlocks:
    """Lay out the pattern groups of a design.

    Parameters
    ----------
    design : ScoresDesign
    scenarios : bool
        Keep a row for every scenario, where the likelihood is no function of cross products.

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
    rows = [g.scores - g.scores.mean(0) if scenarios else _root(g) for g in groups]
    about = np.zeros((len(groups), max(len(x) for x in rows), *shape[1:]))
    for i, (g, known) in enumerate(zip(groups, states, strict=True)):
        place = np.searchsorted(known, g.row_state)
        state[i, : len(known)] = known
        observed[i, place, g.row_axis] = 1.0
        loading[i, g.row_axis], one[i, g.row_axis] = g.row_loading, g.row_one
        mean[i, place, g.row_axis] = g.scores.mean(0)
        about[i, : len(rows[i]), place, g.row_axis] = rows[i].T
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
        about=about,
    )


def _root(g: PatternGroup) -> Floats:
    """As few rows as there may be with the cross products of the scores about their mean."""
    about = g.scores - g.scores.mean(0)
    if len(about) == 1:
        # A scenario that no other is like: its mean is all that it has, and a table of cross
        # products for each of many such would be the largest thing in memory.
        return about[:0]
    return np.asarray(np.linalg.qr(about, mode="r") if len(about) > about.shape[1] else about)
