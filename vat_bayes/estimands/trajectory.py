"""Gain and tax over dose: which conditions are one series, and whether they rise with the dose."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from vat_bayes.estimands.arms import ArmInfo
from vat_bayes.estimands.norms import Floats

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LAST_WORD = re.compile(r"[\s_\-.:=@/]+[^\s_\-.:=@/]+$")


@dataclass(frozen=True)
class Series:
    """Conditions that differ in dose alone.

    Parameters
    ----------
    name : str
        The stem that their names share.
    arms : tuple of ArmInfo
        At least two, by increasing dose.
    """

    name: str
    arms: tuple[ArmInfo, ...]

    @property
    def repeats(self) -> bool:
        """Whether a dose occurs twice, so that the series is not a function of the dose."""
        return len({a.condition.dose for a in self.arms}) < len(self.arms)


def stem(name: str, dose: float) -> str:
    """Return what a condition's name shares with its siblings of other doses.

    Parameters
    ----------
    name : str
    dose : float

    Returns
    -------
    str
        The name without its dose where it ends in that (``steer--0.5``: ``steer``), as a study's
        series are named; else with every number as ``#`` (``4 shots``: ``# shots``); and a name
        without a number loses its last word (``steer-weak``: ``steer``).
    """
    if name.endswith(ending := f"-{dose:g}"):
        return name.removesuffix(ending)
    blank = _NUMBER.sub("#", name)
    return blank if blank != name else _LAST_WORD.sub("", name)


def find_series(arms: list[ArmInfo]) -> list[Series]:
    """Find the dose series among the arms.

    A series is two or more interventions on one model, each with a declared dose, that share
    target, direction, reference and the stem of their names.

    Parameters
    ----------
    arms : list of ArmInfo

    Returns
    -------
    list of Series
    """
    groups: dict[tuple[object, ...], list[ArmInfo]] = {}
    for arm in arms:
        c = arm.condition
        if c.role == "intervention" and c.dose is not None:
            key = (arm.model, c.target, c.direction, c.reference, stem(c.name, c.dose))
            groups.setdefault(key, []).append(arm)
    return [
        Series(str(key[-1]), tuple(sorted(group, key=lambda a: a.condition.dose or 0.0)))
        for key, group in groups.items()
        if len(group) > 1
    ]


def monotone_probability(steps: Floats) -> float:
    """Probability that a quantity nowhere falls as the dose rises.

    Parameters
    ----------
    steps : ndarray, shape (sample, step)
        Joint draws of the differences from each dose to the next.

    Returns
    -------
    float
        A step of exactly zero, as between two doses that gave the baseline's judgments, counts
        half. If nothing changed with the dose it would be about ``1 / k!`` for ``k`` doses.
    """
    return float(np.where(steps > 0, 1.0, np.where(steps == 0, 0.5, 0.0)).prod(1).mean())
