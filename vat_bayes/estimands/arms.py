"""What the posterior says about its own arms."""

from __future__ import annotations

import json
from dataclasses import dataclass

import xarray as xr

from vat_bayes.conditions import Condition
from vat_bayes.model.access import array, labels, merge_chains
from vat_bayes.model.structure import Floats


@dataclass(frozen=True)
class ArmInfo:
    """An arm as it is kept with the posterior.

    Parameters
    ----------
    label, model : str
    condition : Condition
    index : int or None
        Position on the ``arm`` dimension; None when the arm repeated its baseline and was not
        fitted.
    """

    label: str
    model: str
    condition: Condition
    index: int | None


def read_arms(tree: xr.DataTree) -> list[ArmInfo]:
    """Read the arms, fitted ones first.

    Parameters
    ----------
    tree : DataTree
        A posterior as `vat_bayes.model.fit` returns it.

    Returns
    -------
    list of ArmInfo
    """
    fitted = json.loads(tree.attrs["arms"])
    identical = json.loads(tree.attrs["identical_arms"])
    arms = []
    for i, entry in enumerate([*fitted, *identical]):
        condition = Condition(
            name=entry["name"],
            role=entry["role"],
            target=tuple(entry["target"]),
            direction=int(entry["direction"]),
            dose=entry["dose"],
            reference=entry["reference"],
            placebo=entry["placebo"],
        )
        arms.append(
            ArmInfo(entry["label"], entry["model"], condition, i if i < len(fitted) else None)
        )
    return arms


def find_arm(arms: list[ArmInfo], model: str, name: str | None) -> ArmInfo | None:
    """Return the arm of a model under this condition, if there is one."""
    return next((a for a in arms if a.model == model and a.condition.name == name), None)


def is_still(arms: list[ArmInfo], arm: ArmInfo) -> bool:
    """Say whether an arm that repeated its baseline is compared with something that did too."""
    reference = find_arm(arms, arm.model, arm.condition.reference)
    return arm.index is None and (reference is None or reference.index is None)


def only_role(arms: list[ArmInfo], model: str, role: str) -> ArmInfo | None:
    """Return a model's only arm of a role; None where there is none or there are several."""
    found = [a for a in arms if a.model == model and a.condition.role == role]
    return found[0] if len(found) == 1 else None


def placebo_of(arms: list[ArmInfo], arm: ArmInfo) -> ArmInfo | None:
    """Return the placebo that an arm is contrasted with: the declared one, else the only one."""
    declared = find_arm(arms, arm.model, arm.condition.placebo)
    return declared or only_role(arms, arm.model, "placebo")


def model_index(tree: xr.DataTree, arm: ArmInfo) -> int:
    """Position of the arm's model on the ``model`` dimension."""
    return labels(tree, "posterior", "model").index(arm.model)


def stacked(tree: xr.DataTree, name: str, *, group: str = "posterior") -> Floats:
    """Return the draws of one variable with the chains stacked, shape (sample, ...)."""
    return merge_chains(array(tree, group, name))
