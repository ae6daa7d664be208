"""Gain and tax over the dose: what more of the same intervention gains and costs."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from vat_bayes.report import words
from vat_bayes.report.doses import Dosed
from vat_bayes.report.estimates import Estimate
from vat_bayes.report.figures.style import (
    INK,
    QUIET,
    RULE,
    Canvas,
    Drawing,
    arm_colour,
    drawing,
    style,
)
from vat_bayes.report.run import Run

_WIDTH, _HEIGHT = 5.0, 4.4
_ROWS = (("gain", "Gain"), ("tax_rms", "Tax (RMS)"))
# Doses that span more than this are set on a logarithmic axis.
_SPAN = 6.0
# The least distance between two labelled doses, as a share of the axis.
_APART = 0.09


def dose_size(run: Run, series: Dosed) -> tuple[float, float]:
    """Return width and height in inches: less where only one of the two rows has a number."""
    return _WIDTH, _HEIGHT if len(_rows(run, series)) > 1 else 0.56 * _HEIGHT


def draw_dose(figure: Canvas, run: Run, series: Dosed) -> tuple[Axes, ...]:
    """Draw gain and tax of one series over its doses, with intervals, inside `style`.

    Parameters
    ----------
    figure : Figure or SubFigure
        Empty, of `dose_size`.
    run : Run
        The run.
    series : Dosed
        The series.

    Returns
    -------
    tuple of Axes
        For gain and for tax; without what has no number.
    """
    rows = _rows(run, series)
    if not rows:
        return ()
    axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (title, found, p) in zip(axes, rows, strict=True):
        _row(ax, series, title, found, p)
    _scale(axes[-1], series.doses)
    axes[-1].set_xlabel("Dose")
    figure.subplots_adjust(
        left=0.13, right=0.97, top=0.93, bottom=0.12 if len(rows) > 1 else 0.2, hspace=0.3
    )
    return tuple(axes)


def dose(run: Run, series: Dosed, *, name: str) -> Drawing | None:
    """Draw one series for the page; see `draw_dose`."""
    with style():
        figure = Figure(figsize=dose_size(run, series))
        if not draw_dose(figure, run, series):
            return None
        return drawing(figure, name=name, alt=_alt(series, _rows(run, series)))


def _rows(run: Run, series: Dosed) -> list[tuple[str, list[Estimate], Estimate]]:
    rows = [
        (title, [run.get(a, n, scale="points") for a in series.arms], p)
        for (n, title), p in zip(_ROWS, series.rises, strict=True)
    ]
    return [r for r in rows if any(e.known for e in r[1])]


def _row(ax: Axes, series: Dosed, title: str, found: list[Estimate], p: Estimate) -> None:
    known = [x for x in zip(series.doses, series.arms, found, strict=True) if x[2].known]
    ax.plot([d for d, _, _ in known], [e.centre for *_, e in known], color=QUIET, linewidth=0.9)
    for d, arm, e in known:
        ax.plot([d, d], [e.lo, e.hi], color=arm_colour(arm), linewidth=2, zorder=3)
        ax.plot(d, e.centre, "o", color=arm_colour(arm), markersize=5.5, zorder=4)
    ax.axhline(0, color=RULE, linewidth=0.9, zorder=0.5)
    ax.set_ylabel("rating points")
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.set_title(title, loc="left", fontweight="bold", pad=7)
    said = f"P(monotone) {words.probability(p.centre)}" if p.known else ""
    ax.set_title(said, loc="right", color=INK, pad=7)


def _scale(ax: Axes, doses: tuple[float, ...]) -> None:
    """Set the dose axis: logarithmic where the doses span a lot, with labels that stay apart."""
    wide = doses[0] > 0 and doses[-1] / doses[0] > _SPAN
    if wide:
        ax.set_xscale("log")
        room = (doses[-1] / doses[0]) ** 0.06
        ax.set_xlim(doses[0] / room, doses[-1] * room)
    else:
        room = 0.06 * (doses[-1] - doses[0])
        ax.set_xlim(doses[0] - room, doses[-1] + room)
    ax.xaxis.set_major_locator(FixedLocator(list(doses)))
    ax.xaxis.set_minor_locator(NullLocator())
    at = [ax.transAxes.inverted().transform(ax.transData.transform((d, 0)))[0] for d in doses]
    labels, last = [], -1.0
    for d, x in zip(doses, at, strict=True):
        apart = x - last >= _APART
        labels.append(f"{d:g}".replace("-", words.MINUS) if apart else "")
        last = x if apart else last
    ax.set_xticklabels(labels)


def _alt(series: Dosed, rows: list[tuple[str, list[Estimate], Estimate]]) -> str:
    said = []
    for title, found, p in rows:
        steps = "; ".join(f"dose {d:g} {e.text}" for d, e in zip(series.doses, found, strict=True))
        rises = f"; probability that it falls at no step {p.text}" if p.known else ""
        said.append(f"{title}: {steps}{rises}")
    return f"Over the dose of {words.shorten(series.name, 60)}, rating points. {'. '.join(said)}."
