"""A condition of a study: what role it plays and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["baseline", "intervention", "placebo", "retest"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Condition:
    """One condition, as every stage after collection knows it.

    Parameters
    ----------
    name : str
        The condition's name in the judgments table.
    role : {"baseline", "intervention", "placebo", "retest"}
        Its part in the design.
    target : tuple of str
        The values it aims at (kebab case); empty when none is declared.
    direction : {1, -1}
        1 when the target is to be promoted, -1 when it is to be suppressed.
    dose : float, optional
        Shots, adapter scale, steering strength or training step.
    reference : str, optional
        The condition it is compared with; the model's baseline when None.
    placebo : str, optional
        The placebo that an intervention is contrasted with; chosen by `resolve_placebo` when None.
    """

    name: str
    role: Role
    target: tuple[str, ...] = ()
    direction: int = 1
    dose: float | None = None
    reference: str | None = None
    placebo: str | None = None
