"""Expected scores as arrays: scenarios grouped by pattern, reduced to sufficient statistics.

The model is the reference model with an identity link and normal scatter:

    y_ic = exp(lambda_c) (sum_v w_iv (theta_v + alpha_sv + delta_cv + u_csv)
                          + level + beta_c + kappa_i) + e_ic

Every random effect is normal, so a scenario's scores are jointly normal and nothing has to be
sampled but the parameters. Two reductions are exact:

* scenarios with the same items (same loadings, same conditions) enter by their number, mean and
  scatter;
* ``kappa`` and ``e`` are exchangeable over the items of a scenario, hence unchanged by a rotation.
  Rotated so that the first axes span the loadings and the constant, the remaining axes have mean
  zero and one small covariance over the conditions, and enter by their scatter alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import multivariate_normal, multivariate_t

from vat_bayes.model.structure import Floats, Ints, Structure


@dataclass(frozen=True)
class PatternGroup:
    """Scenarios of one model with the same pattern of (rotated) items and states.

    Parameters
    ----------
    model : int
    scenarios : ndarray of int, shape (n,)
        Which scenarios.
    row_state, row_axis : ndarray of int, shape (row,)
        State and (rotated) item axis of each row.
    row_loading : ndarray, shape (row, value)
    row_one : ndarray, shape (row,)
        The rotated constant.
    scores : ndarray, shape (n, row)
    """

    model: int
    scenarios: Ints
    row_state: Ints
    row_axis: Ints
    row_loading: Floats
    row_one: Floats
    scores: Floats


@dataclass(frozen=True)
class Residual:
    """Scatter of the axes without mean, pooled over the complete scenarios of one model.

    Parameters
    ----------
    model : int
    states : ndarray of int, shape (state,)
    scenarios : ndarray of int, shape (n,)
    degrees : ndarray, shape (n,)
        Number of axes of each scenario.
    scatters : ndarray, shape (n, state, state)
        Sum of cross products over the axes of each scenario.
    """

    model: int
    states: Ints
    scenarios: Ints
    degrees: Floats
    scatters: Floats


@dataclass(frozen=True)
class ScoresDesign:
    """Scores of every item under every state, and their reduction.

    Parameters
    ----------
    structure : Structure
    state, item : ndarray of int, shape (row,)
    score : ndarray, shape (row,)
        Expected rating minus (K + 1) / 2, in rating points.
    groups : tuple of PatternGroup
    residuals : tuple of Residual
        Per model, the axes that are orthogonal to every loading and to the constant.
    """

    structure: Structure
    state: Ints
    item: Ints
    score: Floats
    groups: tuple[PatternGroup, ...]
    residuals: tuple[Residual, ...]


def reduce_scores(structure: Structure, state: Ints, item: Ints, score: Floats) -> ScoresDesign:
    """Group scenarios by pattern and rotate the complete ones.

    Parameters
    ----------
    structure : Structure
    state, item : ndarray of int, shape (row,)
        At most one row per pair.
    score : ndarray, shape (row,)

    Returns
    -------
    ScoresDesign
    """
    table = np.full((structure.n_states, len(structure.items)), np.nan)
    table[state, item] = score
    scenario_items: dict[int, list[int]] = defaultdict(list)
    for index, scenario in enumerate(structure.item_scenario):
        scenario_items[int(scenario)].append(index)

    groups: dict[tuple[object, ...], list[tuple[int, Floats]]] = defaultdict(list)
    rows: dict[tuple[object, ...], tuple[Ints, Ints, Floats, Floats]] = {}
    residuals = []
    for model in range(len(structure.models)):
        states = np.flatnonzero(structure.state_model == model)
        left_over: list[tuple[int, int, Floats]] = []
        for scenario, members in sorted(scenario_items.items()):
            items = np.array(members)
            # A canonical order makes scenarios with the same loadings share one pattern.
            items = items[np.lexsort(structure.loading[items].T)]
            block = table[np.ix_(states, items)]
            items, block = items[~np.isnan(block).all(0)], block[:, ~np.isnan(block).all(0)]
            if not len(items):
                continue
            loading = structure.loading[items]
            one = np.ones(len(items))
            if not np.isnan(block).any():
                axes, rank = _mean_axes(loading, one)
                block, loading, one = block @ axes, axes.T @ loading, axes.T @ one
                extra = block[:, rank:]
                if extra.shape[1]:
                    left_over.append((scenario, extra.shape[1], extra @ extra.T))
                block, loading, one = block[:, :rank], loading[:rank], one[:rank]
            seen_state, axis = np.nonzero(~np.isnan(block))
            key = (
                model, states[seen_state].tobytes(), axis.tobytes(),
                loading.round(9).tobytes(), one.round(9).tobytes(),
            )  # fmt: skip
            rows[key] = (states[seen_state], axis, loading[axis], one[axis])
            groups[key].append((scenario, block[seen_state, axis]))
        if left_over:
            residuals.append(
                Residual(
                    model=model,
                    states=states,
                    scenarios=np.array([s for s, _, _ in left_over]),
                    degrees=np.array([float(d) for _, d, _ in left_over]),
                    scatters=np.stack([x for _, _, x in left_over]),
                )
            )
    return ScoresDesign(
        structure=structure,
        state=state,
        item=item,
        score=score,
        groups=tuple(
            PatternGroup(
                int(key[0]),  # type: ignore[call-overload]
                np.array([s for s, _ in members]),
                *rows[key],
                scores=np.stack([y for _, y in members]),
            )
            for key, members in groups.items()
        ),
        residuals=tuple(residuals),
    )


def _mean_axes(loading: Floats, one: Floats) -> tuple[Floats, int]:
    """Rotation whose first columns span the loadings and the constant; and how many they are."""
    left, singular, _ = np.linalg.svd(np.column_stack([loading, one]), full_matrices=True)
    return left, int((singular > 1e-9 * singular[0]).sum())


def log_likelihood(
    design: ScoresDesign, parameters: Mapping[str, Floats], df: float | None = None
) -> Floats:
    """Compute the log-likelihood of each scenario of each model, without any reduction.

    The reference for both backends: it builds every scenario's mean and covariance item by item and
    calls scipy, so that it shares no step with the reduction.

    Parameters
    ----------
    design : ScoresDesign
    parameters : mapping of str to ndarray
        ``level (model,)``, ``theta (model, value)``, ``delta (arm, value)``,
        ``u_scale (arm, value)``, ``coupling (arm, value, value)``, ``alpha_scale (model,)``,
        ``kappa_scale (model,)``, ``noise (state,)``, ``beta (arm,)``, ``lambda_ (arm,)``.
    df : float, optional
        Degrees of freedom where all the scores of a scenario are multivariate t.

    Returns
    -------
    ndarray, shape (model, scenario)
        Zero where a model has no score in a scenario.
    """
    s = design.structure
    n_models = len(s.models)
    result = np.zeros((n_models, len(s.scenarios)))
    for model in range(n_models):
        for scenario in range(len(s.scenarios)):
            here = np.flatnonzero(
                (s.item_scenario[design.item] == scenario) & (s.state_model[design.state] == model)
            )
            if not len(here):
                continue
            mean = np.zeros(len(here))
            covariance = np.zeros((len(here), len(here)))
            gain = np.ones(len(here))
            for a, row in enumerate(here):
                w = s.loading[design.item[row]]
                centre = w @ parameters["theta"][model] + parameters["level"][model]
                arm = design.state[row] - n_models
                if arm >= 0:
                    gain[a] = np.exp(parameters["lambda_"][arm])
                    centre += w @ parameters["delta"][arm] + parameters["beta"][arm]
                mean[a] = gain[a] * centre
                for b, other in enumerate(here):
                    w2 = s.loading[design.item[other]]
                    value = parameters["alpha_scale"][model] ** 2 * (w @ w2)
                    if arm >= 0 and design.state[other] == design.state[row]:
                        scale = parameters["u_scale"][arm]
                        value += (w * scale) @ parameters["coupling"][arm] @ (scale * w2)
                    if design.item[other] == design.item[row]:
                        value += parameters["kappa_scale"][model] ** 2
                    covariance[a, b] = value
            covariance *= np.outer(gain, gain)
            covariance += np.diag(parameters["noise"][design.state[here]] ** 2)
            block = (
                multivariate_normal(mean, covariance)
                if df is None
                else multivariate_t(mean, covariance, df=df)
            )
            result[model, scenario] = block.logpdf(design.score[here])
    return result
