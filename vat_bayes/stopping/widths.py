"""The widths that a rule asks for, from the joint draws of a fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from vat_bayes.errors import InputError, near_miss
from vat_bayes.stopping.rule import Width


@dataclass(frozen=True)
class Found:
    """The widest interval of a clause.

    Parameters
    ----------
    clause : str
        As it is written.
    width : float
        In rating points.
    bound : float
        What the rule asks for.
    model, condition, value : str
        Whose it is; the value only of a shift.
    """

    clause: str
    width: float
    bound: float
    model: str
    condition: str
    value: str

    @property
    def holds(self) -> bool:
        """Whether it is narrow enough."""
        return self.width < self.bound


def widths(draws: xr.Dataset, clause: Width, *, level: float = 0.9) -> Found:
    """Return the widest interval that a clause is about.

    Parameters
    ----------
    draws : Dataset
        The `draws` of `vat_bayes.estimands.compute_estimands`.
    clause : Width
    level : float
        Probability of the equal-tailed interval.

    Returns
    -------
    Found

    Raises
    ------
    InputError
        When no condition has what the clause names.
    """
    tails = ((1 - level) / 2, (1 + level) / 2)
    found = []
    for label, model, condition in _arms(draws, clause):
        of_arm = draws[clause.estimand].sel(arm=label)
        columns = {"": of_arm}
        if clause.estimand == "shift":
            named = [clause.value] if clause.value else list(map(str, draws["value"].to_numpy()))
            columns = {v: of_arm.sel(value=v) for v in named}
        for value, column in columns.items():
            x = column.to_numpy()
            if not np.isnan(x).any():
                lo, hi = np.quantile(x, tails)
                found.append(
                    Found(str(clause), float(hi - lo), clause.bound, model, condition, value)
                )
    if not found:
        lacking = {"gain": "a target", "tax_excess": "a placebo beside its reference"}.get(
            clause.estimand, "items"
        )
        raise InputError(f"nothing has the width of '{clause}': no condition has {lacking} for it")
    return max(found, key=lambda f: f.width)


def _arms(draws: xr.Dataset, clause: Width) -> Iterator[tuple[str, str, str]]:
    known = []
    for label, model, condition, role in zip(
        *(draws[k].to_numpy() for k in ("arm", "arm_model", "arm_condition", "arm_role")),
        strict=True,
    ):
        known.append(str(condition))
        if clause.condition == str(condition) or (
            not clause.condition and str(role) == "intervention"
        ):
            yield str(label), str(model), str(condition)
    if clause.condition and clause.condition not in known:
        raise InputError(
            f"the rule names the condition '{clause.condition}', and no fitted condition is "
            "called that",
            hint=near_miss(clause.condition, known) or f"there are: {', '.join(sorted(known))}",
        )
