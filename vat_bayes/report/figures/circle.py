"""The value circle: the shift of every value at its place, and what the circle would predict."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vat_bayes.estimands.circle import circle_pattern
from vat_bayes.report import words
from vat_bayes.report.estimates import Estimate
from vat_bayes.report.figures.style import (
    INK,
    PAPER,
    QUIET,
    RULE,
    SOFT,
    Canvas,
    Drawing,
    arm_colour,
    drawing,
    style,
)
from vat_bayes.report.run import Arm, Run
from vat_bayes.values import VALUES, angle

SIZE = (4.9, 3.9)
"""Width and height in inches."""

# Where the centre lies: so many half-widths of the band below its lower edge.
_HOLE = 0.2
_STEPS = 181
# The angle at which the rings are labelled, between two values.
_BETWEEN = 18


def circle_limit(run: Run) -> float:
    """Return the half-width of the band that every circle of a run shares, in rating points."""
    ends = [
        abs(end)
        for arm in run.role("intervention")
        for v in VALUES
        if (e := run.get(arm, "shift", v, "points")).known
        for end in (e.lo, e.hi)
    ]
    return 1.08 * max([*ends, 0.02])


def draw_circle(figure: Canvas, run: Run, arm: Arm, limit: float) -> Axes | None:
    """Draw the shifts of one arm around the value circle, inside `style`.

    Parameters
    ----------
    figure : Figure or SubFigure
        Empty, of `SIZE`.
    run : Run
        The run.
    arm : Arm
        The arm.
    limit : float
        From `circle_limit`.

    Returns
    -------
    Axes or None
        Polar: the angle is a value's place in radians, clockwise from the top, and the radius its
        shift in rating points. None when no shift has a number.
    """
    shifts = _shifts(run, arm)
    if not any(e.known for e in shifts.values()):
        return None
    colour = arm_colour(arm)
    ax: Any = figure.add_axes((0.19, 0.11, 0.62, 0.78), projection="polar")
    ax.set_theta_zero_location("N")
    ax.set_theta_direction(-1)
    ax.set_rlim(-limit, limit)
    ax.set_rorigin(-limit * (1 + 2 * _HOLE))
    for side in ax.spines.values():
        side.set_visible(False)
    ax.patch.set_visible(False)
    around = np.linspace(0, 2 * np.pi, _STEPS)
    ax.grid(False)
    for at in MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(-limit, limit):
        if abs(at) > limit:
            continue
        zero = math.isclose(at, 0, abs_tol=1e-9)
        ax.plot(
            around, np.full(_STEPS, at), color=QUIET if zero else RULE,
            linewidth=1.0 if zero else 0.5, zorder=0.5,
        )  # fmt: skip
        # Between two values, so that no interval runs through it.
        ax.text(
            math.radians(_BETWEEN), at, words.number(at, words.decimals(2 * limit) - 1),
            ha="center", va="center", size=7.5, color=SOFT, zorder=0.6,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    ax.set_yticks([])
    ax.set_xticks([math.radians(angle(v)) for v in VALUES], [""] * len(VALUES))
    for v in VALUES:
        _label(ax, v, limit, colour if v in arm.target else INK, aimed=v in arm.target)
    if (predicted := _prediction(run, arm, around)) is not None:
        ax.plot(around, predicted, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for v, e in shifts.items():
        if e.known:
            at = math.radians(angle(v))
            ax.plot([at, at], [e.lo, e.hi], color=colour, linewidth=1.8, zorder=3)
            ax.plot(at, e.centre, "o", color=colour, markersize=4.2, zorder=4)
    drawn: Axes = ax
    return drawn


def circle(run: Run, arm: Arm, limit: float, *, name: str) -> Drawing | None:
    """Draw one arm's circle for the page; see `draw_circle`."""
    with style():
        figure = Figure(figsize=SIZE)
        if draw_circle(figure, run, arm, limit) is None:
            return None
        return drawing(figure, name=name, alt=_alt(run, arm))


def _shifts(run: Run, arm: Arm) -> dict[str, Estimate]:
    return {v: run.get(arm, "shift", v, "points") for v in VALUES}


def _label(ax: Axes, value: str, limit: float, colour: str, *, aimed: bool) -> None:
    degrees = angle(value)
    side = math.sin(math.radians(degrees))
    ax.text(
        math.radians(degrees),
        limit * 1.06,
        words.value_label(value),
        ha="center" if abs(side) < 0.2 else "left" if side > 0 else "right",
        va="bottom" if degrees == 0 else "top" if degrees == 180 else "center",
        color=colour,
        weight="bold" if aimed else "normal",
        size=8.5,
    )


def _prediction(run: Run, arm: Arm, around: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the shift that the circle predicts from the gain, all around; None without a gain."""
    gain = run.get(arm, "gain", scale="points")
    if not gain.known or any(t not in VALUES for t in arm.target):
        return None
    pattern = circle_pattern(arm.target)
    if pattern is None:
        return None
    places = np.radians([angle(v) for v in VALUES])
    # The pattern is one wave, so its two parts say what it is between the values too.
    along, across = (2 * (pattern * f(places)).mean() for f in (np.cos, np.sin))
    wave = along * np.cos(around) + across * np.sin(around)
    return np.asarray(arm.direction * gain.centre * wave)


def _alt(run: Run, arm: Arm) -> str:
    said = "; ".join(f"{v} {e.text}" for v, e in _shifts(run, arm).items())
    return (
        f"Shifts in rating points around the value circle under "
        f"{words.shorten(arm.condition, 60)}: {said}."
    )
