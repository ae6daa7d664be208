"""What two runs share: items, scenarios and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vat_bayes.compare.side import Scattering, Side
from vat_bayes.errors import InputError, near_miss
from vat_bayes.model.structure import Ints


@dataclass(frozen=True)
class Shared:
    """What two runs share.

    Parameters
    ----------
    known : bool
        Whether both folders hold the posterior, which names the items and scenarios.
    items, scenarios : int
        How many they share.
    items_of, scenarios_of : tuple of int
        How many each has.
    changed : tuple of str
        Items of the same name with other texts or loadings; they are not the same items.
    texts_known : bool
        Whether the texts were compared, or the names had to do.
    pairs : ndarray of int, shape (scenarios, 2)
        Positions of the shared scenarios in each run.
    """

    known: bool
    items: int
    scenarios: int
    items_of: tuple[int, int]
    scenarios_of: tuple[int, int]
    changed: tuple[str, ...]
    texts_known: bool
    pairs: Ints


def find_shared(a: Side, b: Side) -> Shared:
    """Align the items and scenarios of two runs.

    Items are the same when their names, loadings and, where both folders hold them, texts are.
    Scenarios are when they have an item in common, or the same name and no item that was changed.

    Parameters
    ----------
    a, b : Side

    Raises
    ------
    InputError
        When the same items are grouped into other scenarios.
    """
    if a.scattering is None or b.scattering is None:
        none = np.empty((0, 2), int)
        return Shared(False, 0, 0, (0, 0), (0, 0), (), False, none)
    mine, theirs = a.scattering, b.scattering
    same: list[str] = []
    changed: list[str] = []
    for item in mine.items.keys() & theirs.items.keys():
        alike = np.allclose(mine.items[item][1], theirs.items[item][1])
        alike &= a.texts.get(item) == b.texts.get(item) or not (a.texts and b.texts)
        (same if alike else changed).append(item)
    pairs = {(mine.items[i][0], theirs.items[i][0]) for i in same}
    altered = {(mine.items[i][0], theirs.items[i][0]) for i in changed}
    pairs |= _by_name(mine, theirs) - altered
    left, right = [p[0] for p in pairs], [p[1] for p in pairs]
    if len(set(left)) < len(left) or len(set(right)) < len(right):
        raise InputError(
            "the two runs group the same items into different scenarios",
            where=f"{a.folder}, {b.folder}",
            hint="scenarios are what the intervals are about, and must be the same",
        )
    return Shared(
        known=True,
        items=len(same),
        scenarios=len(pairs),
        items_of=(len(mine.items), len(theirs.items)),
        scenarios_of=(_count(mine), _count(theirs)),
        changed=tuple(sorted(changed)),
        texts_known=bool(a.texts and b.texts),
        pairs=np.array(sorted(pairs), int).reshape(-1, 2),
    )


def _by_name(mine: Scattering, theirs: Scattering) -> set[tuple[int, int]]:
    if mine.names is None or theirs.names is None:
        return set()
    there = {name: i for i, name in enumerate(theirs.names)}
    return {(i, there[name]) for i, name in enumerate(mine.names) if name in there}


def _count(found: Scattering) -> int:
    return 1 + max(s for s, _ in found.items.values())


@dataclass(frozen=True)
class Arm:
    """One model under one condition of one run.

    Parameters
    ----------
    label : str
        In the draws.
    model, condition, role : str
    target : tuple of str
    direction : int
    """

    label: str
    model: str
    condition: str
    role: str
    target: tuple[str, ...]
    direction: int


def arms_of(side: Side) -> list[Arm]:
    """Return the arms of a run that have draws."""
    d = side.draws
    names = ("arm", "arm_model", "arm_condition", "arm_role", "arm_target", "arm_direction")
    missing = [n for n in names if n not in d.variables]
    if missing:
        raise InputError(
            f"the draws lack {', '.join(missing)}",
            where=str(side.folder),
            hint=f"written by an older version; run: vat-bayes check {side.folder}",
        )
    return [
        Arm(str(x[0]), str(x[1]), str(x[2]), str(x[3]), _split(str(x[4])), int(x[5]))
        for x in zip(*(d[n].to_numpy() for n in names), strict=True)
    ]


def _split(text: str) -> tuple[str, ...]:
    return tuple(t for t in text.split(",") if t)


def match_arms(a: Side, b: Side, pairs: Mapping[str, str] | None) -> list[tuple[Arm, Arm]]:
    """Pair the arms of two runs.

    Parameters
    ----------
    a, b : Side
    pairs : mapping of str to str, optional
        Condition of the first run -> condition of the second. Without it, those of the same name.

    Returns
    -------
    list of (Arm, Arm)
        Of the same model; where each run has one model, these are paired whatever their names.

    Raises
    ------
    InputError
        When a condition that was named is not there, or nothing can be paired.
    """
    mine, theirs = arms_of(a), arms_of(b)
    for side, arms, asked in (
        (a, mine, list(pairs or {})),
        (b, theirs, list((pairs or {}).values())),
    ):
        known = sorted({x.condition for x in arms})
        for name in asked:
            if name not in known:
                raise InputError(
                    f"no condition '{name}' with draws",
                    where=str(side.folder),
                    hint=near_miss(name, known) or f"there are: {', '.join(known)}",
                )
    single = len({x.model for x in mine}) == len({x.model for x in theirs}) == 1
    found = [
        (x, y)
        for x in mine
        for y in theirs
        if (single or x.model == y.model)
        and (pairs.get(x.condition) == y.condition if pairs else x.condition == y.condition)
    ]
    if not found:
        raise InputError(
            "the two runs have no model and condition in common",
            where=f"{a.folder}, {b.folder}",
            hint="say which to compare: --pair CONDITION=CONDITION",
        )
    return found
