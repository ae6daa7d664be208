"""Numbers, names and reasons in words: what the report, the terminal and the summary share."""

from __future__ import annotations

import math
import re

from vat_bayes.estimands import registry
from vat_bayes.values import VALUE_BY_NAME

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

_COUNTS = "no one two three four five six seven eight nine ten eleven twelve".split()

ESTIMANDS: dict[str, str] = {name: found.label for name, found in registry().items()}

_REASONS: dict[str, str] = {
    "gain-not-resolved": "the gain is not clearly different from zero, and a ratio to it would "
    "say nothing",
    "wrong-way": "the target moved against the intended direction",
    "no-target": "no target value was declared",
    "no-placebo": "no placebo was run",
    "no-retest": "no retest was run",
    "is-reference": "the condition is compared with it already, so that the tax is the excess",
    "at-floor": "at its floor, which is what noise alone shows at this precision",
    "not-converged": "the fit failed its checks",
    "identical": "the answers are the same as the reference's, judgment by judgment",
    "not-estimated": "it was not estimated",
    "not-applicable": "it does not apply to this condition",
    "too-few-scenarios": "there are too few scenarios",
    "targets-apart": "the targets lie too far apart on the value circle for it to predict anything",
    "dose-repeated": "two conditions of the series have the same dose",
}

_SHORT: dict[str, str] = {
    "gain-not-resolved": "withheld: gain not resolved",
    "wrong-way": "wrong way",
    "no-target": "no target declared",
    "no-placebo": "no placebo run",
    "no-retest": "no retest run",
    "is-reference": "is the reference already",
    "at-floor": "at floor",
    "not-converged": "withheld: fit failed its checks",
    "identical": "same answers as the reference",
    "not-estimated": "not estimated",
}

# Units of the estimands that are not shifts, by how their names start; the first that fits.
_UNITS = {
    "nvat_paper": "norm, 1 without coupling",
    "nvat": "correlation",
    "coupling": "correlation",
    "hub": "correlation",
    "tax_ratio": "points per point of gain",
    "gnd": "points per point of gain",
    "p_": "probability",
    "pareto": "probability",
    "gini": "from 0, all alike, to 1",
}


def count(n: int) -> str:
    """Return a small number as a word, e.g. ``nine``; larger ones as digits."""
    return _COUNTS[n] if 0 <= n < len(_COUNTS) else f"{n:,}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """Return ``one scenario`` or ``48 scenarios``."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def listing(words: list[str] | tuple[str, ...]) -> str:
    """Join words as in a sentence: ``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def decimals(width: float) -> int:
    """Return how many decimals an interval of this width deserves: two, or more if it is narrow."""
    if not math.isfinite(width) or width <= 0:
        return 2
    return min(4, max(2, -math.floor(math.log10(width / 2))))


def number(x: float, places: int = 2) -> str:
    """Return a number with a true minus sign and no negative zero."""
    if not math.isfinite(x):
        return NONE
    text = f"{x:.{places}f}"
    if float(text) == 0:
        return text.lstrip("-")
    return text.replace("-", MINUS)


def interval(lo: float, hi: float, places: int = 2) -> str:
    """Return ``[lo, hi]``."""
    return f"[{number(lo, places)}, {number(hi, places)}]"


def probability(p: float) -> str:
    """Return a probability without claiming more than draws can show: ``> 0.99``, ``0.83``."""
    if not math.isfinite(p):
        return NONE
    if p > 0.99:
        return "> 0.99"
    if p < 0.01:
        return "< 0.01"
    return f"{p:.2f}"


def percent(level: float) -> str:
    """Return a level as a percentage, ``0.9`` as ``90%`` and ``0.975`` as ``97.5%``."""
    return f"{round(100 * level, 2):g}%"


def unit(estimand: str, scale: str) -> str:
    """Return the unit of an estimand in words.

    Parameters
    ----------
    estimand : str
        A name as in ``estimands.csv``.
    scale : str
        Its scale there: ``points``, ``points-adjusted``, ``latent`` or what the estimand needs.
    """
    base = re.sub(r"_(classical|bootstrap)$", "", estimand)
    for start, words in _UNITS.items():
        if base.startswith(start):
            return words
    if scale == "latent":
        return "log units of sharpness" if base == "style_extremity" else "latent units"
    return "rating points" if scale in ("points", "points-adjusted") else scale.replace("-", " ")


def estimand_label(name: str) -> str:
    """Return an estimand's name for a reader."""
    return ESTIMANDS.get(name, name.replace("_", " ").capitalize())


def value_label(name: str) -> str:
    """Return a value's label (``Self-direction``), or a name that is not one of the ten."""
    value = VALUE_BY_NAME.get(name)
    return value.label if value else name


def reason(status: str) -> str:
    """Return why a number is withheld, as the end of a sentence."""
    return _REASONS.get(status, status.replace("-", " "))


def short_reason(status: str) -> str:
    """Return why a number is withheld, for a table's cell."""
    return _SHORT.get(status, f"withheld: {reason(status)}")


def printable(text: str) -> str:
    """Drop the control characters that neither SVG nor a terminal can carry."""
    return "".join(c if c.isprintable() else " " for c in text)


def shorten(text: str, width: int) -> str:
    """Cut the middle out of a text that is too long for a figure."""
    text = printable(text)
    if len(text) <= width:
        return text
    head = (width - 1) * 2 // 3
    return f"{text[:head]}{ELLIPSIS}{text[-(width - 1 - head) :]}"
