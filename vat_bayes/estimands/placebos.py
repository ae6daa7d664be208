"""Which placebo an arm is contrasted with, read off the joint draws."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr


def placebo_in(draws: xr.Dataset, arm: int) -> int | None:
    """Find the placebo of an arm: the declared one, else the only one of the arm's model.

    Parameters
    ----------
    draws : Dataset
        Joint draws of the estimands, with the coordinates of their arms.
    arm : int
        Position on the ``arm`` dimension.

    Returns
    -------
    int or None
        Its position; None where there is none or several and none of them is declared, where it
        repeated the baseline and has no draws, or where the arm is compared with it already.
    """
    model, condition = draws["arm_model"].to_numpy(), draws["arm_condition"].to_numpy()
    here = model == model[arm]
    declared = str(draws["arm_placebo"].to_numpy()[arm])
    # An arm that repeated the baseline is named with the draws and is none of them.
    still = [a for a in json.loads(draws.attrs.get("identical_arms", "[]"))
             if a["model"] == str(model[arm])]  # fmt: skip
    if any(a["name"] == declared for a in still):
        return None
    found = np.flatnonzero(here & (condition == declared))
    if not len(found):
        found = np.flatnonzero(here & (draws["arm_role"].to_numpy() == "placebo"))
        if len(found) + sum(a["role"] == "placebo" for a in still) != 1:
            return None
    if not len(found):
        return None
    if "arm_reference" in draws.coords:
        reference = draws["arm_reference"].to_numpy()[arm]
        if condition[found[0]] == reference:
            return None
    return int(found[0])
