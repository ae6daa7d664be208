"""The gain-tax plot: what an intervention gained and what it cost, with their joint uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vat_bayes.report import words
from vat_bayes.report.estimates import Estimate
from vat_bayes.report.figures.density import regions
from vat_bayes.report.figures.style import (
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

SIZE = (4.7, 4.0)
"""Width and height in inches."""

_OFFSETS = ((9, 8), (-9, 8), (9, -9), (-9, -9), (0, 13), (0, -14), (15, 0), (-15, 0))
_MARKERS = {"intervention": "o", "placebo": "D", "retest": "s"}


def draw_gain_tax(figure: Canvas, run: Run, model: str) -> Axes | None:
    """Draw the gain-tax plot of one model, inside `style`.

    Parameters
    ----------
    figure : Figure or SubFigure
        Empty, of `SIZE`.
    run : Run
        The run; arms whose gain and tax are withheld are left out.
    model : str
        The model.

    Returns
    -------
    Axes or None
        The plane; the strip of the arms without a target where there is no plane, and None when
        there is nothing to draw.
    """
    both, tax_only = _drawn(run)
    mine = [a for a in both if a.model == model]
    beside = [a for a in tax_only if a.model == model]
    if not mine and not beside:
        return None
    xlim, ylim = _limits(run, both, tax_only)
    bottom, height, left, right = 0.13, 0.83, 0.145, 0.975
    strip = min(0.3, 0.045 + 0.065 * len(beside)) if beside else 0.0
    main = side = None
    if mine:
        main = figure.add_axes((left, bottom, right - left - strip - 0.02, height))
        _frame(main, xlim, ylim)
        _bands(run, main, beside)
        _interventions(run, main, mine)
    if beside:
        x0 = right - strip if mine else left
        side = figure.add_axes((x0, bottom, right - x0, height))
        _beside(run, side, beside, ylim, alone=not mine)
    return main or side


def gain_tax(run: Run, model: str, *, name: str) -> Drawing | None:
    """Draw the gain-tax plot of one model for the page; see `draw_gain_tax`."""
    with style():
        figure = Figure(figsize=SIZE)
        if draw_gain_tax(figure, run, model) is None:
            return None
        both, tax_only = ([a for a in arms if a.model == model] for arms in _drawn(run))
        return drawing(figure, name=name, alt=_alt(run, both, tax_only))


def _drawn(run: Run) -> tuple[list[Arm], list[Arm]]:
    """Return the arms that have gain and tax, and those that have a tax alone."""
    both = [a for a in run.arms if _has_both(run, a)]
    return both, [a for a in run.arms if not _has_both(run, a) and _tax(run, a).known]


def left_out(run: Run, model: str) -> tuple[Arm, ...]:
    """Return the arms of a model that have no tax to draw."""
    return tuple(a for a in run.arms if a.model == model and not _tax(run, a).known)


def _tax(run: Run, arm: Arm) -> Estimate:
    return run.get(arm, "tax_rms", scale="points")


def _has_both(run: Run, arm: Arm) -> bool:
    return run.get(arm, "gain", scale="points").known and _tax(run, arm).known


def _draws(run: Run, arm: Arm) -> tuple[NDArray[Any], NDArray[Any]]:
    if arm.label not in run.draws["arm"].to_numpy():
        return np.empty(0), np.empty(0)
    one = run.draws.sel(arm=arm.label)
    return one["gain"].to_numpy(), one["tax_rms"].to_numpy()


def _limits(
    run: Run, both: list[Arm], tax_only: list[Arm]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Share the axes between models, so that their panels can be compared."""
    xs, ys = [0.0], [0.0]
    for arm in both:
        gain, tax = run.get(arm, "gain", scale="points"), _tax(run, arm)
        xs += [gain.lo, gain.hi]
        ys += [tax.lo, tax.hi]
        gains, taxes = _draws(run, arm)
        if np.isfinite(gains).any() and np.isfinite(taxes).any():
            xs += np.nanquantile(gains, [0.003, 0.997]).tolist()
            ys += np.nanquantile(taxes, [0.003, 0.997]).tolist()
    for arm in tax_only:
        ys += [_tax(run, arm).lo, _tax(run, arm).hi]
    width = max(max(xs) - min(xs), 1e-6)
    x = (min(xs) - 0.06 * width, max(xs) + 0.08 * width)
    y = (min(ys), max(1.1 * max(ys), 1e-6))
    return x, y


def _frame(ax: Axes, xlim: tuple[float, float], ylim: tuple[float, float]) -> None:
    ax.set_xlim(*xlim)
    ax.set_ylim(*ylim)
    ax.set_xlabel("Gain of the target, rating points")
    ax.set_ylabel("Tax on the others (RMS), rating points")
    ax.axvline(0, color=QUIET, linewidth=0.9)
    end = max(abs(xlim[0]), xlim[1], ylim[1])
    ax.plot([0, end], [0, end], color=RULE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0.5)
    if xlim[0] < -0.12 * (xlim[1] - xlim[0]):
        ax.text(
            0.01,
            0.985,
            "wrong way",
            transform=ax.transAxes,
            ha="left",
            va="top",
            color=SOFT,
            size=9,
        )


def _bands(run: Run, ax: Axes, beside: list[Arm]) -> None:
    """Carry a single placebo's interval across the plot: the tax that any prompt would show."""
    placebos = [a for a in beside if a.role == "placebo"]
    if len(placebos) == 1:
        tax = _tax(run, placebos[0])
        ax.axhspan(tax.lo, tax.hi, color=QUIET, alpha=0.16, linewidth=0, zorder=0.2)


def _interventions(run: Run, ax: Axes, arms: list[Arm]) -> None:
    for arm in arms:
        colour = arm_colour(arm)
        gain, tax = run.get(arm, "gain", scale="points"), _tax(run, arm)
        found = regions(*_draws(run, arm))
        if found is None:
            ax.plot([gain.lo, gain.hi], [tax.centre] * 2, color=colour, linewidth=1.2)
            ax.plot([gain.centre] * 2, [tax.lo, tax.hi], color=colour, linewidth=1.2)
        else:
            top = found.density.max() * 2
            for height, alpha in zip(found.heights, (0.13, 0.24), strict=True):
                ax.contourf(
                    found.x,
                    found.y,
                    found.density,
                    levels=[height, top],
                    colors=[colour],
                    alpha=alpha,
                )
                ax.contour(
                    found.x,
                    found.y,
                    found.density,
                    levels=[height],
                    colors=[colour],
                    linewidths=0.8,
                )
    placed: list[tuple[float, float]] = []
    spots = [(run.get(a, "gain", scale="points").centre, _tax(run, a).centre, a) for a in arms]
    marks = [tuple(ax.transData.transform((x, y))) for x, y, _ in spots]
    for (x, y, arm), here in zip(spots, marks, strict=True):
        ax.plot(
            x,
            y,
            _MARKERS[arm.role],
            color=arm_colour(arm),
            markersize=4.6,
            markeredgecolor=PAPER,
            markeredgewidth=0.7,
            zorder=4,
        )
        dx, dy = _free_offset(here, [m for m in marks if m != here] + placed)
        placed.append((here[0] + dx, here[1] + dy))
        ax.annotate(
            arm.key,
            (x, y),
            xytext=(dx, dy),
            textcoords="offset points",
            ha="center",
            va="center",
            color=arm_colour(arm),
            weight="bold",
            size=9.5,
            zorder=5,
        )


def _free_offset(here: tuple[float, ...], taken: list[tuple[float, ...]]) -> tuple[int, int]:
    """Return the offset of a label that keeps it furthest from what is there, the first if free."""

    def room(offset: tuple[int, int]) -> float:
        at = (here[0] + offset[0], here[1] + offset[1])
        gaps = [np.hypot(at[0] - t[0], at[1] - t[1]) for t in taken]
        return float(min([*gaps, 12.0]))

    return max(_OFFSETS, key=room)


def _beside(run: Run, ax: Axes, arms: list[Arm], ylim: tuple[float, float], *, alone: bool) -> None:
    """Draw the arms that have a tax and no gain: placebo, retest, and no declared target."""
    ax.set_ylim(*ylim)
    ax.set_xlim(-0.7, len(arms) - 0.3)
    ax.set_xticks(range(len(arms)), [a.key for a in arms])
    ax.set_xlabel("no target")
    for tick, arm in zip(ax.get_xticklabels(), arms, strict=True):
        tick.set_color(arm_colour(arm))
        tick.set_fontweight("bold")
    if alone:
        ax.set_ylabel("Tax (RMS of all shifts), rating points")
    else:
        ax.spines["left"].set_visible(False)
        ax.tick_params(left=False, labelleft=False)
    for i, arm in enumerate(arms):
        tax = _tax(run, arm)
        ax.plot([i, i], [tax.lo, tax.hi], color=arm_colour(arm), linewidth=1.4, zorder=2)
        draws = _draws(run, arm)[1]
        if np.isfinite(draws).any():
            ax.plot(
                [i, i], np.nanquantile(draws, [0.25, 0.75]), color=arm_colour(arm), linewidth=3.6
            )
        ax.plot(
            i,
            tax.centre,
            _MARKERS[arm.role],
            color=arm_colour(arm),
            markersize=4.6,
            markeredgecolor=PAPER,
            markeredgewidth=0.7,
            zorder=4,
        )


def _alt(run: Run, mine: list[Arm], beside: list[Arm]) -> str:
    said = [
        f"{a.key}, {words.shorten(a.condition, 60)}: gain "
        f"{run.get(a, 'gain', scale='points').text}, tax {_tax(run, a).text}"
        for a in mine
    ]
    said += [
        f"{a.key}, {words.shorten(a.condition, 60)}, no target: tax {_tax(run, a).text}"
        for a in beside
    ]
    return f"Gain against tax in rating points. {'; '.join(said)}."
