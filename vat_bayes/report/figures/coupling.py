"""The coupling heat map: which values move together under one arm, from scenario to scenario."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vat_bayes.report import words
from vat_bayes.report.estimates import Estimate
from vat_bayes.report.figures.style import (
    INK,
    NEGATIVE,
    POSITIVE,
    RULE,
    SOFT,
    Canvas,
    Drawing,
    drawing,
    style,
)
from vat_bayes.report.run import Arm, Run

_WIDTH, _CELL, _LEFT, _BOTTOM, _TOP = 4.5, 0.345, 1.12, 0.86, 0.06


def coupling_size(run: Run) -> tuple[float, float]:
    """Return width and height of a coupling matrix in inches."""
    return _WIDTH, _TOP + _BOTTOM + _CELL * (len(run.values) - 1)


def draw_coupling(figure: Canvas, run: Run, arm: Arm) -> Axes | None:
    """Draw one arm's couplings as the lower triangle of a matrix, inside `style`.

    Parameters
    ----------
    figure : Figure or SubFigure
        Empty, of `coupling_size`.
    run : Run
        The run.
    arm : Arm
        The arm.

    Returns
    -------
    Axes or None
        None when no coupling has a number.
    """
    found = run.couplings(arm)
    if not any(e.known for e in found.values()):
        return None
    n = len(run.values)
    height = coupling_size(run)[1]
    ax = figure.add_axes(
        (_LEFT / _WIDTH, _BOTTOM / height, _CELL * (n - 1) / _WIDTH, _CELL * (n - 1) / height)
    )
    ax.set_xlim(-0.5, n - 1.5)
    ax.set_ylim(n - 0.5, 0.5)
    for side in ax.spines.values():
        side.set_visible(False)
    labels = [words.shorten(words.value_label(v), 16) for v in run.values]
    ax.set_yticks(range(1, n), labels[1:])
    ax.set_xticks(range(n - 1), labels[:-1], rotation=45, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0, labelcolor=INK, pad=3)
    for (u, w), e in found.items():
        x, y = run.values.index(u), run.values.index(w)
        # The strength is the colour's opacity over the paper, so it works on dark paper too.
        colour = POSITIVE if e.known and e.centre > 0 else NEGATIVE
        ax.add_patch(
            Rectangle(
                (x - 0.46, y - 0.46),
                0.92,
                0.92,
                facecolor=colour if e.known else "none",
                alpha=_strength(e.centre) if e.known else 1.0,
                linewidth=0,
            )
        )
        ax.add_patch(
            Rectangle(
                (x - 0.46, y - 0.46),
                0.92,
                0.92,
                facecolor="none",
                edgecolor=RULE,
                linewidth=0.6,
            )
        )
        if e.sign:
            # The sign is written, so that it does not hang on the colour alone.
            mark = "+" if e.sign > 0 else words.MINUS
            ax.text(x, y, mark, ha="center", va="center_baseline", weight="bold", size=12)
    _key(figure, height)
    return ax


def coupling(run: Run, arm: Arm, *, name: str) -> Drawing | None:
    """Draw one arm's couplings for the page; see `draw_coupling`."""
    with style():
        figure = Figure(figsize=coupling_size(run))
        if draw_coupling(figure, run, arm) is None:
            return None
        return drawing(figure, name=name, alt=_alt(arm, run.couplings(arm)))


def _strength(r: float) -> float:
    """Return the opacity of a correlation; the power lets the usual small ones be told apart."""
    return min(1.0, math.pow(abs(r), 0.75))


def _key(figure: Canvas, height: float) -> None:
    """Put the colour key into the empty upper triangle."""
    ax = figure.add_axes((0.62, (height - 1.0) / height, 0.34, 0.2 / height))
    ax.set_xlim(-1, 1)
    ax.set_ylim(0, 1)
    steps = 20
    for i in range(steps):
        low = -1 + 2 * i / steps
        middle = low + 1 / steps
        ax.add_patch(
            Rectangle(
                (low, 0),
                2 / steps,
                1,
                facecolor=POSITIVE if middle > 0 else NEGATIVE,
                alpha=_strength(middle),
                linewidth=0,
            )
        )
    ax.set_xticks([-1, 0, 1], [f"{words.MINUS}1", "0", "1"])
    ax.set_yticks([])
    ax.tick_params(length=2, labelsize=9)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_title("correlation, median", size=9, color=SOFT, pad=4)


def _alt(arm: Arm, found: dict[tuple[str, str], Estimate]) -> str:
    clear = [f"{u} with {w} {e.text}" for (u, w), e in found.items() if e.sign]
    said = "; ".join(clear) if clear else "none"
    return (
        f"Couplings between values under {words.shorten(arm.condition, 60)}. "
        f"Intervals that exclude zero: {said}."
    )
