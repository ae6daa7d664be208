"""Which values a condition was asked about at all.

A value whose items an arm never answered has a posterior all the same: its effect is the prior's.
Published, it would pass for a measurement, and in a tax it would count as noise and deflate it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from vat_bayes.estimands.arms import ArmInfo, find_arm
from vat_bayes.estimands.shifts import Shifts
from vat_bayes.model.access import array, labels

BY_VALUE = ("points", "adjusted", "latent", "extremity", "yes_saying")


def answered(tree: xr.DataTree, arms: list[ArmInfo]) -> npt.NDArray[np.bool_]:
    """Say for which values both an arm and its reference have answers.

    Parameters
    ----------
    tree : DataTree
    arms : list of ArmInfo

    Returns
    -------
    ndarray of bool, shape (fitted arm, value)
    """
    seen = ~np.isnan(array(tree, "observed_data", "score"))
    loads = array(tree, "constant_data", "loading") != 0
    # Shape (state, value).
    any_answer = (seen[:, :, None] & loads).any(1)
    states = labels(tree, "observed_data", "state")
    models = labels(tree, "posterior", "model")
    out = []
    for arm in arms:
        if arm.index is None:
            continue
        reference = find_arm(arms, arm.model, arm.condition.reference)
        if reference is None or reference.index is None:
            against = any_answer[models.index(arm.model)]
        else:
            against = any_answer[states.index(reference.label)]
        out.append(any_answer[states.index(arm.label)] & against)
    return np.array(out)


def only_answered(shifts: Shifts, mask: npt.NDArray[np.bool_]) -> Shifts:
    """Mark the values that were not asked about as missing.

    Parameters
    ----------
    shifts : Shifts
    mask : ndarray of bool, shape (arm, value)

    Returns
    -------
    Shifts
    """
    return replace(shifts, **{k: np.where(mask, getattr(shifts, k), np.nan) for k in BY_VALUE})
