"""Schwartz's theory of basic values as data: ten values on a circle, and the survey items below.

Sources
-------
Schwartz, S. H. (1992). Universals in the content and structure of values. *Advances in Experimental
Social Psychology*, 25, 1-65. https://doi.org/10.1016/S0065-2601(08)60281-6
Schwartz, S. H. (1994). Are there universal aspects in the structure and contents of human values?
*Journal of Social Issues*, 50(4), 19-45. https://doi.org/10.1111/j.1540-4560.1994.tb01196.x
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from vat_bayes.errors import InputError, near_miss

_STEP = 36.0


@dataclass(frozen=True)
class Value:
    """One of the ten basic values.

    Parameters
    ----------
    name : str
        The name in kebab case, as in every file of this package.
    label : str
        The name for figures and reports.
    goal : str
        What somebody who holds the value is after, in one phrase.
    angle : float
        The place on the circle in degrees, counted from self-direction. The theory fixes the order
        of the values and not their distances, so they are equally spaced here, 36 degrees apart.
        Schwartz (1992) draws conformity and tradition in one wedge, tradition further out; here
        they are neighbours with a wedge each, conformity next to security and tradition next to
        benevolence. Only differences of angles mean anything.
    groups : tuple of str
        The higher-order groups. Hedonism belongs to two, as in Schwartz (1992); every other value
        belongs to one.
    """

    name: str
    label: str
    goal: str
    angle: float
    groups: tuple[str, ...]


_OPEN, _ENHANCE, _CONSERVE, _TRANSCEND = (
    "openness-to-change",
    "self-enhancement",
    "conservation",
    "self-transcendence",
)

_TEN = (
    ("self-direction", "to think, choose and explore for oneself", (_OPEN,)),
    ("stimulation", "novelty, variety and challenge", (_OPEN,)),
    ("hedonism", "pleasure and the enjoyment of life", (_OPEN, _ENHANCE)),
    ("achievement", "success that others recognise as competence", (_ENHANCE,)),
    ("power", "standing, and control over people and resources", (_ENHANCE,)),
    ("security", "safety, order and stability for oneself and one's society", (_CONSERVE,)),
    ("conformity", "restraint of what would upset others or break a norm", (_CONSERVE,)),
    (
        "tradition",
        "respect for the customs of one's culture or religion",
        (_CONSERVE,),
    ),
    ("benevolence", "the welfare of the people one is close to", (_TRANSCEND,)),
    ("universalism", "the welfare of all people and of nature", (_TRANSCEND,)),
)

VALUE_TABLE: tuple[Value, ...] = tuple(
    Value(name, name.capitalize(), goal, i * _STEP, groups)
    for i, (name, goal, groups) in enumerate(_TEN)
)
VALUES: tuple[str, ...] = tuple(v.name for v in VALUE_TABLE)
VALUE_BY_NAME: Mapping[str, Value] = MappingProxyType({v.name: v for v in VALUE_TABLE})
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        group: tuple(v.name for v in VALUE_TABLE if group in v.groups)
        for group in (_OPEN, _ENHANCE, _CONSERVE, _TRANSCEND)
    }
)


def _squash(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


_BY_SQUASHED = {_squash(name): name for name in VALUES}


def parse_value(text: str) -> str:
    """Return the kebab-case name of a value that is written in any usual way.

    Parameters
    ----------
    text : str
        For example ``"Self Direction"``, ``"self_direction"`` or ``" SELF-DIRECTION"``.

    Returns
    -------
    str
        One of `VALUES`.

    Raises
    ------
    InputError
        When the text names none of the ten values.
    """
    name = _BY_SQUASHED.get(_squash(text))
    if name is None:
        raise InputError(
            f"'{text}' is not one of the ten values ({', '.join(VALUES)})",
            hint=near_miss(text, VALUES),
        )
    return name


def angle(value: str) -> float:
    """Return a value's place on the circle (see `Value`).

    Parameters
    ----------
    value : str
        A value in any usual spelling.

    Returns
    -------
    float
        Degrees, 0 to 324.

    Raises
    ------
    InputError
        When the text names none of the ten values.
    """
    return VALUE_BY_NAME[parse_value(value)].angle


def cosine(value: str, other: str) -> float:
    """Return the cosine of the angle between two values.

    Parameters
    ----------
    value, other : str
        Values in any usual spelling.

    Returns
    -------
    float
        From -1 (opposite) to 1 (the same).

    Raises
    ------
    InputError
        When a text names none of the ten values.
    """
    return math.cos(math.radians(angle(value) - angle(other)))


def adjacent(value: str) -> tuple[str, str]:
    """Return the two neighbours of a value.

    Parameters
    ----------
    value : str
        A value in any usual spelling.

    Returns
    -------
    tuple of str
        The one before it and the one after it on the circle.

    Raises
    ------
    InputError
        When the text names none of the ten values.
    """
    i = VALUES.index(parse_value(value))
    return VALUES[i - 1], VALUES[(i + 1) % len(VALUES)]


def opposed(value: str) -> tuple[str, str, str]:
    """Return the values opposite to a value: the one across the circle and its two neighbours.

    The theory opposes regions and not single values, and a mean over three is steadier than one.

    Parameters
    ----------
    value : str
        A value in any usual spelling.

    Returns
    -------
    tuple of str
        The values at 144, 180 and 216 degrees from it, so that the one across is in the middle.

    Raises
    ------
    InputError
        When the text names none of the ten values.
    """
    i = VALUES.index(parse_value(value))
    n = len(VALUES)
    return VALUES[(i + 4) % n], VALUES[(i + 5) % n], VALUES[(i + 6) % n]


@dataclass(frozen=True)
class SurveyItem:
    """One item of the Schwartz Value Survey, which finer data sets call a sub-value.

    Parameters
    ----------
    name : str
        A short name in kebab case, without an article.
    number : int
        The number in the survey.
    index : str or None
        The value whose standard index uses the item (46 items do); None for the others.
    theory : str or None
        The value that Schwartz (1992, 1994) expected the item to express, whether or not it was
        stable enough across countries for the index.
    """

    name: str
    number: int
    index: str | None
    theory: str | None


# The items of the standard indexes, by their number in the survey.
_INDEXED: dict[str, dict[int, str]] = {
    "self-direction": {
        5: "freedom",
        16: "creativity",
        31: "independent",
        41: "choosing-own-goals",
        53: "curious",
    },
    "stimulation": {9: "exciting-life", 25: "varied-life", 37: "daring"},
    "hedonism": {4: "pleasure", 50: "enjoying-life", 57: "self-indulgent"},
    "achievement": {34: "ambitious", 39: "influential", 43: "capable", 55: "successful"},
    "power": {
        3: "social-power",
        12: "wealth",
        27: "authority",
        46: "preserving-public-image",
    },
    "security": {
        8: "social-order",
        13: "national-security",
        15: "reciprocation-of-favors",
        22: "family-security",
        56: "clean",
    },
    "conformity": {
        11: "politeness",
        20: "self-discipline",
        40: "honoring-parents-and-elders",
        47: "obedient",
    },
    "tradition": {
        18: "respect-for-tradition",
        32: "moderate",
        36: "humble",
        44: "accepting-portion-in-life",
        51: "devout",
    },
    "benevolence": {33: "loyal", 45: "honest", 49: "helpful", 52: "responsible", 54: "forgiving"},
    "universalism": {
        1: "equality",
        17: "world-at-peace",
        24: "unity-with-nature",
        26: "wisdom",
        29: "world-of-beauty",
        30: "social-justice",
        35: "broad-minded",
        38: "protecting-the-environment",
    },
}

# Items outside the standard indexes, with the value that the theory expected. Self-respect was
# expected of achievement and of self-direction; it stands with achievement here, as in the data
# sets of 56 sub-values. Privacy took the number of detachment in the later form of the survey.
_OTHERS: tuple[tuple[int, str, str | None], ...] = (
    (2, "inner-harmony", "universalism"),
    (6, "spiritual-life", "benevolence"),
    (7, "sense-of-belonging", "security"),
    (10, "meaning-in-life", "benevolence"),
    (14, "self-respect", "achievement"),
    (19, "mature-love", "benevolence"),
    (21, "privacy", None),
    (21, "detachment", "tradition"),
    (23, "social-recognition", "power"),
    (28, "true-friendship", "benevolence"),
    (42, "healthy", "security"),
    (48, "intelligent", "achievement"),
)

SURVEY_ITEMS: tuple[SurveyItem, ...] = tuple(
    sorted(
        [
            SurveyItem(name, number, value, value)
            for value, members in _INDEXED.items()
            for number, name in members.items()
        ]
        + [SurveyItem(name, number, None, theory) for number, name, theory in _OTHERS],
        key=lambda s: (s.number, s.name),
    )
)
"""The survey's 57 items in its later form, and detachment, which only the 1992 form of 56 has."""

_ITEM_BY_NAME = {s.name: s for s in SURVEY_ITEMS}

SUBVALUES: Mapping[str, str | None] = MappingProxyType({s.name: s.index for s in SURVEY_ITEMS})
"""Sub-value to value by the standard indexes; None where no index uses the item."""

_FILLER = frozenset({"a", "an", "the", "my", "of", "own"})
_AMERICAN = {
    "honouring": "honoring",
    "honour": "honoring",
    "honor": "honoring",
    "favours": "favors",
}


def _subvalue_key(text: str) -> str:
    words = re.findall(r"[^\W_]+", text.casefold())
    return "".join(_AMERICAN.get(w, w) for w in words if w not in _FILLER)


_SUBVALUE_BY_KEY = {_subvalue_key(name): name for name in SUBVALUES}


def parse_subvalue(text: str) -> str:
    """Return the short name of a survey item, whatever its case, articles and separators.

    Parameters
    ----------
    text : str
        For example ``"A World at Peace"``, ``"Preserving my public image"`` or ``"broadminded"``.

    Returns
    -------
    str
        A key of `SUBVALUES`.

    Raises
    ------
    InputError
        When the text names no item of the survey.
    """
    name = _SUBVALUE_BY_KEY.get(_subvalue_key(text))
    if name is None:
        raise InputError(
            f"'{text}' is not an item of the Schwartz Value Survey (58 names are known)",
            hint=near_miss(text.replace(" ", "-"), SUBVALUES),
        )
    return name


def value_of_subvalue(text: str, *, rule: Literal["theory", "index"] = "theory") -> str | None:
    """Return the value that a sub-value belongs to.

    Parameters
    ----------
    text : str
        A sub-value in any spelling that `parse_subvalue` takes.
    rule : {"theory", "index"}
        ``"theory"`` places every sub-value but privacy; ``"index"`` only those of the standard
        indexes.

    Returns
    -------
    str or None
        One of `VALUES`, or None where the rule places it nowhere.

    Raises
    ------
    InputError
        When the text names no item of the survey.
    """
    item = _ITEM_BY_NAME[parse_subvalue(text)]
    return item.theory if rule == "theory" else item.index
