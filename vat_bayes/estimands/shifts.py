"""Shifts of every value, on three scales, by g-computation.

``points`` is what a reader of the ratings would see: the expected score of new items of new
scenarios under the condition minus the same at baseline, signed by the loading. ``points-adjusted``
holds response style at its baseline. ``latent`` is the parameter delta.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import roots_genlaguerre

from vat_bayes.estimands.arms import ArmInfo, find_arm, model_index, read_arms, stacked
from vat_bayes.estimands.norms import Floats
from vat_bayes.model.access import array
from vat_bayes.model.ratings import distribution_function
from vat_bayes.model.structure import Ints

# Gauss-Hermite nodes for the normal scatter of scenarios and items around the mean.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
# Gauss-Laguerre nodes for the weight of a heavy-tailed scenario: within a thousandth of a point.
_TAIL_NODES = 15


@dataclass(frozen=True)
class ItemTypes:
    """The distinct loading rows of the items and how common each is.

    Parameters
    ----------
    loading : ndarray, shape (type, value)
    share : ndarray, shape (type, value)
        Weight of each type in the shift of each value: ``n_t w_tv / sum_t n_t |w_tv|``; NaN for a
        value that no item loads on.
    frequency : ndarray, shape (type,)
    subvalue : ndarray of int, shape (type,)
        Sub-value of each type; -1 where it has none or the model knows of none.
    """

    loading: Floats
    share: Floats
    frequency: Floats
    subvalue: Ints


def item_types(tree: xr.DataTree) -> ItemTypes:
    """Group the items by their loadings, and by their sub-value where the model has them.

    The sub-values of a value are a fixed set, so a shift is an average over those of the items.

    Parameters
    ----------
    tree : DataTree

    Returns
    -------
    ItemTypes
    """
    loading = array(tree, "constant_data", "loading")
    subvalue = np.full(len(loading), -1)
    if {"subvalue", "subvalue_shift"} & set(tree["posterior"].to_dataset()):
        alone = (loading != 0).sum(1) == 1
        named = array(tree, "constant_data", "item_subvalue").astype(np.int64)
        subvalue = np.where(alone, named, -1)
    kinds, count = np.unique(np.column_stack([loading, subvalue]), axis=0, return_counts=True)
    rows = kinds[:, :-1]
    weight = rows * count[:, None]
    total = np.abs(weight).sum(0)
    # A value that no item loads on has no shift; NaN keeps it from passing for a shift of zero.
    share = np.divide(weight, total, out=np.full(weight.shape, np.nan), where=total > 0)
    return ItemTypes(rows, share, count / count.sum(), kinds[:, -1].astype(np.int64))


@dataclass(frozen=True)
class Shifts:
    """Joint draws of the shifts of every arm against its reference.

    Parameters
    ----------
    points, adjusted, latent : ndarray, shape (sample, arm, value)
    extremity : ndarray, shape (sample, arm, value)
        Part of the shift in points that goes when extremity is held at its baseline.
    yes_saying : ndarray, shape (sample, arm, value)
        Part of the shift in points that goes when acquiescence is held at its baseline: what
        remains of it where a value's supporting and violating items do not balance, or where the
        scale bends.
    acquiescence : ndarray, shape (sample, arm)
        Points by which every score is moved alike, whatever its loading.
    """

    points: Floats
    adjusted: Floats
    latent: Floats
    extremity: Floats
    yes_saying: Floats
    acquiescence: Floats


def compute_shifts(tree: xr.DataTree) -> Shifts:
    """Compute the shifts of every fitted arm.

    Parameters
    ----------
    tree : DataTree

    Returns
    -------
    Shifts
    """
    arms = [a for a in read_arms(tree) if a.index is not None]
    types = item_types(tree)
    expected = _expected_ratings if tree.attrs["readout"] == "ratings" else _expected_scores
    parts = [_one_arm(tree, arm, types, expected) for arm in arms]
    stack = {k: np.stack([p[k] for p in parts], axis=1) for k in parts[0]}
    # Of a value without items the data say nothing: its delta is the prior's.
    latent = np.where(np.isnan(stack["points"]), np.nan, stacked(tree, "delta"))
    absolute = Shifts(**stack, latent=latent)
    return _against_reference(absolute, arms)


@dataclass(frozen=True)
class _State:
    """One model at its baseline (``arm=None``) or under an arm, with response style on or off.

    ``labels``: with the arm's own use of the rating labels, where the model has it; else with the
    baseline's.
    """

    model: int
    arm: int | None = None
    beta: bool = True
    sharp: bool = True
    labels: bool = True


def _one_arm(
    tree: xr.DataTree,
    arm: ArmInfo,
    types: ItemTypes,
    expected: Callable[[xr.DataTree, ItemTypes, _State], Floats],
) -> dict[str, Floats]:
    m, a = model_index(tree, arm), arm.index
    base = expected(tree, types, _State(m))
    full = expected(tree, types, _State(m, a))
    level = expected(tree, types, _State(m, a, sharp=False))
    blunt = expected(tree, types, _State(m, a, beta=False))
    plain = expected(tree, types, _State(m, a, beta=False, sharp=False, labels=False))
    return {
        "points": (full - base) @ types.share,
        "adjusted": (plain - base) @ types.share,
        "extremity": (full - level) @ types.share,
        "yes_saying": (full - blunt) @ types.share,
        "acquiescence": (full - blunt) @ types.frequency,
    }


def _expected_scores(tree: xr.DataTree, types: ItemTypes, state: _State) -> Floats:
    """Return the expected score of each item type in one state, shape (sample, type)."""
    m, a = state.model, state.arm
    endorsement, shift = stacked(tree, "theta")[:, m], stacked(tree, "level")[:, m]
    gain = np.ones_like(shift)
    if a is not None:
        endorsement = endorsement + stacked(tree, "delta")[:, a]
        shift = shift + state.beta * stacked(tree, "beta")[:, a]
        gain = np.exp(state.sharp * stacked(tree, "lambda_")[:, a])
    return np.asarray(gain[:, None] * (endorsement @ types.loading.T + shift[:, None]))


def _expected_ratings(tree: xr.DataTree, types: ItemTypes, state: _State) -> Floats:
    """Return the expected score of each item type, new scenarios and items integrated out.

    Shape (sample, type), in points from the middle of the scale.
    """
    m, a = state.model, state.arm
    posterior = tree["posterior"].to_dataset()
    endorsement = stacked(tree, "theta")[:, m]
    square = types.loading**2
    of_scenario = stacked(tree, "alpha_scale")[:, m, None] ** 2 * square.sum(1)
    variance = stacked(tree, "kappa_scale")[:, m, None] ** 2
    if "repeat_scale" in posterior:
        variance = variance + stacked(tree, "repeat_scale")[:, m, None] ** 2
    shift, gain = np.zeros((len(endorsement), 1)), np.ones((len(endorsement), 1))
    if a is not None:
        endorsement = endorsement + stacked(tree, "delta")[:, a]
        shift = (state.beta * stacked(tree, "beta")[:, a])[:, None]
        gain = np.exp(state.sharp * stacked(tree, "lambda_")[:, a])[:, None]
        scaled = stacked(tree, "u_scale")[:, a, None, :] * types.loading
        coupling = stacked(tree, "coupling")[:, a]
        of_scenario = of_scenario + np.einsum(
            "dtv,dvw,dtw->dt", scaled, coupling, scaled, optimize=True
        )
        if "prompt_shift_scale" in posterior:
            # What a wording does to the effect itself: another wording would do something else.
            of_wording = stacked(tree, "prompt_shift_scale")[:, a, None] ** 2 * square.sum(1)
            variance = variance + of_wording
    mean = endorsement @ types.loading.T + shift + _subvalues(tree, types, state)
    prompts = stacked(tree, "prompt")[:, m] if "prompt" in posterior else np.zeros((len(mean), 1))
    cutpoint = _cutpoints(tree, state, prompts.shape[1])
    total = np.zeros_like(mean)
    link = tree.attrs.get("link", "logistic")
    for stretch, share in _tails(float(tree.attrs.get("scenario_df", 0.0))):
        spread = np.sqrt(variance + stretch * of_scenario)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            for prompt, thresholds in zip(prompts.T, cutpoint, strict=True):
                eta = mean + spread * node + prompt[:, None]
                for threshold in thresholds.T:
                    above = distribution_function((eta - threshold[:, None]) * gain, link)
                    total += share * weight / prompts.shape[1] * above
    n_categories = cutpoint[0].shape[1] + 1
    return np.asarray(total + 1.0 - (n_categories + 1) / 2)


def _cutpoints(tree: xr.DataTree, state: _State, n_prompts: int) -> list[Floats]:
    """Return the cutpoints under each prompt, each of shape (sample, threshold)."""
    posterior = tree["posterior"].to_dataset()
    if "state_cutpoint" not in posterior:
        return [stacked(tree, "cutpoint")[:, state.model]] * n_prompts
    # Baselines come first among the states.
    arm = state.arm if state.labels else None
    row = state.model if arm is None else posterior.sizes["model"] + arm
    return list(np.moveaxis(stacked(tree, "state_cutpoint")[:, row], 1, 0))


def _subvalues(tree: xr.DataTree, types: ItemTypes, state: _State) -> Floats:
    """Return what the sub-values add to the linear predictor, shape (sample, type)."""
    posterior = tree["posterior"].to_dataset()
    sign = np.where(types.subvalue >= 0, types.loading.sum(1), 0.0)
    out = np.zeros((posterior.sizes["chain"] * posterior.sizes["draw"], len(sign)))
    if "subvalue" in posterior:
        out += sign * stacked(tree, "subvalue")[:, state.model][:, types.subvalue]
    if "subvalue_shift" in posterior and state.arm is not None:
        out += sign * stacked(tree, "subvalue_shift")[:, state.arm][:, types.subvalue]
    return out


def _tails(df: float) -> list[tuple[float, float]]:
    """Return factors of the scenarios' variance and their shares; one of each when normal."""
    if df == 0:
        return [(1.0, 1.0)]
    nodes, weights = roots_genlaguerre(_TAIL_NODES, df / 2 - 1)
    pairs = zip(0.5 * df / nodes, weights / weights.sum(), strict=True)
    return [(float(stretch), float(share)) for stretch, share in pairs]


def _against_reference(shifts: Shifts, arms: list[ArmInfo]) -> Shifts:
    """Subtract the arm that a condition is compared with, where that is not the baseline."""
    fields = {name: getattr(shifts, name).copy() for name in Shifts.__dataclass_fields__}
    for i, arm in enumerate(arms):
        reference = find_arm(arms, arm.model, arm.condition.reference)
        if reference is None or reference.index is None:
            continue
        for name, values in fields.items():
            values[:, i] -= getattr(shifts, name)[:, reference.index]
    return Shifts(**fields)
