"""The forest: the shift of every value under one arm, in circle order."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vat_bayes.report import words
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

_WIDTH = 4.5
_ROW, _ABOVE, _BELOW = 0.3, 0.08, 0.5


def forest_limits(run: Run) -> tuple[float, float]:
    """Return the axis that every forest of a run shares."""
    ends = [0.0]
    for arm in run.arms:
        for v in run.values:
            for name in ("shift", "shift_classical"):
                e = run.get(arm, name, v, "points")
                ends += [e.lo, e.hi] if e.known else []
    width = max(max(ends) - min(ends), 0.02)
    return min(ends) - 0.05 * width, max(ends) + 0.05 * width


def forest_size(run: Run) -> tuple[float, float]:
    """Return width and height of a forest in inches."""
    return _WIDTH, _ABOVE + _BELOW + _ROW * len(run.values)


def draw_forest(
    figure: Canvas, run: Run, arm: Arm, limits: tuple[float, float], truth: Mapping[str, float]
) -> Axes | None:
    """Draw the shifts of one arm into a figure of `forest_size`, inside `style`.

    Parameters
    ----------
    figure : Figure or SubFigure
        Empty.
    run : Run
        The run.
    arm : Arm
        The arm.
    limits : tuple of float
        From `forest_limits`.
    truth : mapping of str to float
        True shifts by value, where they are known.

    Returns
    -------
    Axes or None
        None when neither the posterior nor the classical shifts have a number.
    """
    rows = [(v, run.get(arm, "shift", v, "points")) for v in run.values]
    twins = [run.get(arm, "shift_classical", v, "points") for v in run.values]
    if not any(e.known for _, e in rows) and not any(t.known for t in twins):
        return None
    placebo = run.placebo_of(arm)
    n = len(rows)
    height = forest_size(run)[1]
    colour = arm_colour(arm)
    ax = figure.add_axes((0.265, _BELOW / height, 0.715, _ROW * n / height))
    ax.set_xlim(*limits)
    ax.set_ylim(n - 0.5, -0.5)
    ax.set_xlabel("Shift, rating points")
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.set_yticks(range(n), [words.shorten(words.value_label(v), 16) for v, _ in rows])
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.spines["left"].set_visible(False)
    for i in range(n):
        ax.axhline(i, color=RULE, linewidth=0.5, zorder=0.4, alpha=0.6)
    ax.axvline(0, color=QUIET, linewidth=0.9, zorder=0.6)
    for i, ((v, e), twin) in enumerate(zip(rows, twins, strict=True)):
        if placebo is not None:
            band = run.get(placebo, "shift", v, "points")
            if band.known:
                ax.fill_between(
                    [band.lo, band.hi],
                    i - 0.34,
                    i + 0.34,
                    color=QUIET,
                    alpha=0.22,
                    linewidth=0,
                    zorder=0.5,
                )
        if e.known:
            ax.plot([e.lo, e.hi], [i - 0.1] * 2, color=colour, linewidth=2, zorder=3)
            ax.plot(e.centre, i - 0.1, "o", color=colour, markersize=5, zorder=4)
        if twin.known:
            ax.plot([twin.lo, twin.hi], [i + 0.17] * 2, color=SOFT, linewidth=0.9, zorder=2)
            ax.plot(
                twin.centre,
                i + 0.17,
                "s",
                markerfacecolor=PAPER,
                markeredgecolor=SOFT,
                markeredgewidth=0.9,
                markersize=3.4,
                zorder=3,
            )
        if v in truth:
            ax.plot([truth[v]] * 2, [i - 0.38, i + 0.34], color=INK, linewidth=1.1, zorder=5)
    for tick, (v, _) in zip(ax.get_yticklabels(), rows, strict=True):
        if v in arm.target:
            tick.set_fontweight("bold")
            tick.set_color(colour)
    return ax


def forest(
    run: Run, arm: Arm, limits: tuple[float, float], truth: Mapping[str, float], *, name: str
) -> Drawing | None:
    """Draw the shifts of one arm for the page; see `draw_forest`."""
    with style():
        figure = Figure(figsize=forest_size(run))
        if draw_forest(figure, run, arm, limits, truth) is None:
            return None
        return drawing(figure, name=name, alt=_alt(run, arm))


def _alt(run: Run, arm: Arm) -> str:
    said = "; ".join(f"{v} {run.get(arm, 'shift', v, 'points').text}" for v in run.values)
    return f"Shifts in rating points under {words.shorten(arm.condition, 60)}: {said}."
