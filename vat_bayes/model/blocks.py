"""The pattern groups of a scores design, padded into equal blocks that a backend can batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vat_bayes.model.scores import PatternGroup, ScoresDesign
from vat_bayes.model.structure import Floats, Ints


@dataclass(frozen=True)
class Blocks:
    """Sufficient statistics of all pattern groups, padded to one number of rows.

    A padded row has zero mean, unit variance and no data, and adds nothing.

    Parameters
    ----------
    model : ndarray of int, shape (group,)
    n : ndarray, shape (group,)
        Number of scenarios.
    state : ndarray of int, shape (group, row)
    loading : ndarray, shape (group, row, value)
    one : ndarray, shape (group, row)
    real : ndarray of bool, shape (group, row)
        False on padding.
    same_axis, same_state : ndarray, shape (group, row, row)
        1.0 where two rows are one (rotated) item, or one state.
    same_arm : ndarray, shape (group, row, row)
        As `same_state`, but 0.0 for baseline states, which have no effect to vary.
    mean : ndarray, shape (group, row)
    scatter : ndarray, shape (group, row, row)
        Sum of cross products about the mean.
    """

    model: Ints
    n: Floats
    state: Ints
    loading: Floats
    one: Floats
    real: npt.NDArray[np.bool_]
    same_axis: Floats
    same_state: Floats
    same_arm: Floats
    mean: Floats
    scatter: Floats


def build_blocks(design: ScoresDesign) -> Blocks:
    """Pad and stack the pattern groups of a design.

    Parameters
    ----------
    design : ScoresDesign

    Returns
    -------
    Blocks
    """
    width = max(len(g.row_state) for g in design.groups)
    n_models = len(design.structure.models)

    def pad(x: Floats | Ints) -> Floats:
        return np.pad(x, [(0, width - x.shape[0])] + [(0, 0)] * (x.ndim - 1))

    def same(g: PatternGroup, x: Ints) -> Floats:
        full = np.zeros((width, width))
        full[: len(x), : len(x)] = x[:, None] == x[None, :]
        return full

    groups = design.groups
    means = [g.scores.mean(0) for g in groups]
    scatters = []
    for g, mean in zip(groups, means, strict=True):
        full = np.zeros((width, width))
        about = g.scores - mean
        full[: len(mean), : len(mean)] = about.T @ about
        scatters.append(full)
    state = np.stack([pad(g.row_state) for g in groups]).astype(np.int64)
    same_state = np.stack([same(g, g.row_state) for g in groups])
    return Blocks(
        model=np.array([g.model for g in groups]),
        n=np.array([float(len(g.scenarios)) for g in groups]),
        state=state,
        loading=np.stack([pad(g.row_loading) for g in groups]),
        one=np.stack([pad(g.row_one) for g in groups]),
        real=np.stack([np.arange(width) < len(g.row_state) for g in groups]),
        same_axis=np.stack([same(g, g.row_axis) for g in groups]),
        same_state=same_state,
        same_arm=same_state * (state >= n_models)[:, :, None],
        mean=np.stack([pad(m) for m in means]),
        scatter=np.stack(scatters),
    )


@dataclass(frozen=True)
class ScenarioRows:
    """Scores of the single scenarios in the same padded form.

    Multivariate t scenarios have no sufficient statistics, so their likelihood needs every one.

    Parameters
    ----------
    scores : ndarray, shape (group, scenario, row)
    place : ndarray of int, shape (group, scenario)
        Position ``model * n_scenarios + scenario``; one past the last on padding.
    dimension : ndarray, shape (model * n_scenarios + 1,)
        How many numbers each scenario has, those of the residual axes included; zero where a model
        has no score in a scenario.
    residual_place : tuple of ndarray of int, each of shape (n,)
        Position of the scenarios of each of the design's residuals.
    """

    scores: Floats
    place: Ints
    dimension: Floats
    residual_place: tuple[Ints, ...]


def build_scenario_rows(design: ScoresDesign) -> ScenarioRows:
    """Pad and stack the scenarios of a design.

    Parameters
    ----------
    design : ScoresDesign

    Returns
    -------
    ScenarioRows
    """
    groups, n_scenarios = design.groups, len(design.structure.scenarios)
    width = max(len(g.row_state) for g in groups)
    height = max(len(g.scenarios) for g in groups)
    total = len(design.structure.models) * n_scenarios
    scores = np.zeros((len(groups), height, width))
    place = np.full((len(groups), height), total)
    dimension = np.zeros(total + 1)
    for i, g in enumerate(groups):
        scores[i, : len(g.scenarios), : len(g.row_state)] = g.scores
        place[i, : len(g.scenarios)] = g.model * n_scenarios + g.scenarios
        dimension[place[i, : len(g.scenarios)]] += len(g.row_state)
    residual_place = tuple(r.model * n_scenarios + r.scenarios for r in design.residuals)
    for r, where in zip(design.residuals, residual_place, strict=True):
        dimension[where] += r.degrees * len(r.states)
    return ScenarioRows(scores, place, dimension, residual_place)
