"""A run in a notebook: how it shows itself, and its figures one by one."""

from __future__ import annotations

from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from vat_bayes.errors import InputError, near_miss
from vat_bayes.report import words
from vat_bayes.report.decision import decision
from vat_bayes.report.finding import alerts, findings
from vat_bayes.report.run import VERDICTS, Arm, Run, load_run
from vat_bayes.report.tables import Cell, Table, gain_tax_table
from vat_bayes.report.terminal import format_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from rich.console import Console, ConsoleOptions, RenderResult

# matplotlib's default; the page's 72 would be coarse on a screen.
_DPI = 110
_GET = "pip install 'vat-bayes[report]'"


class Shown:
    """What a run folder with a fit in it can show of itself.

    A class that mixes this in has a `folder`. What is shown is read from the folder once.
    """

    folder: Path

    @cached_property
    def _run(self) -> Run:
        return load_run(self.folder)

    def plot_gain_tax(
        self, model: str | None = None, *, figure: Figure | SubFigure | None = None
    ) -> Axes:
        """Draw gain against tax with joint regions.

        Parameters
        ----------
        model : str, optional
            Which model, where there are several.
        figure : Figure or SubFigure, optional
            An empty one to draw into; a new one of pyplot's without it.

        Returns
        -------
        matplotlib.axes.Axes
            The plane. Arms without a target stand in a strip beside it.

        Raises
        ------
        InputError
            When there is no such model, nothing to draw, or no matplotlib.
        """
        _need_matplotlib()
        from vat_bayes.report.figures.gain_tax import SIZE, draw_gain_tax

        run = self._run
        chosen = _one(model, run.models, "model")
        return _axes(figure, SIZE, lambda f: draw_gain_tax(f, run, chosen), "a gain or a tax")

    def plot_forest(
        self,
        condition: str | None = None,
        *,
        model: str | None = None,
        figure: Figure | SubFigure | None = None,
    ) -> Axes:
        """Draw the shift of every value under one condition, with its classical twin.

        Parameters
        ----------
        condition : str, optional
            Which intervention, placebo or retest; the intervention, where there is only one.
        model : str, optional
            Which model, where there are several.
        figure : Figure or SubFigure, optional
            An empty one to draw into; a new one of pyplot's without it.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InputError
            When there is no such condition or model, nothing to draw, or no matplotlib.
        """
        from vat_bayes.report.truth import true_shifts

        _need_matplotlib()
        from vat_bayes.report.figures.forest import draw_forest, forest_limits, forest_size

        run, arm = self._run, self._arm(condition, model)
        limits, truth = forest_limits(run), true_shifts(run, arm)
        return _axes(
            figure,
            forest_size(run),
            lambda f: draw_forest(f, run, arm, limits, truth),
            "a shift",
        )

    def plot_circle(
        self,
        condition: str | None = None,
        *,
        model: str | None = None,
        figure: Figure | SubFigure | None = None,
    ) -> Axes:
        """Draw the shifts of one condition around the value circle.

        Parameters
        ----------
        condition, model, figure
            As for `plot_forest`.

        Returns
        -------
        matplotlib.axes.Axes
            Polar; the radius is the shift in rating points.

        Raises
        ------
        InputError
            When there is no such condition or model, nothing to draw, or no matplotlib.
        """
        _need_matplotlib()
        from vat_bayes.report.figures.circle import SIZE, circle_limit, draw_circle

        run, arm = self._run, self._arm(condition, model)
        limit = circle_limit(run)
        return _axes(figure, SIZE, lambda f: draw_circle(f, run, arm, limit), "a shift")

    def plot_coupling(
        self,
        condition: str | None = None,
        *,
        model: str | None = None,
        figure: Figure | SubFigure | None = None,
    ) -> Axes:
        """Draw which values move together under one condition.

        Parameters
        ----------
        condition, model, figure
            As for `plot_forest`.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InputError
            When there is no such condition or model, nothing to draw, or no matplotlib.
        """
        _need_matplotlib()
        from vat_bayes.report.figures.coupling import coupling_size, draw_coupling

        run, arm = self._run, self._arm(condition, model)
        return _axes(
            figure,
            coupling_size(run),
            lambda f: draw_coupling(f, run, arm),
            "a coupling",
        )

    def plot_trajectory(
        self,
        series: str | None = None,
        *,
        model: str | None = None,
        figure: Figure | SubFigure | None = None,
    ) -> tuple[Axes, ...]:
        """Draw gain and tax over the dose.

        Parameters
        ----------
        series : str, optional
            Which series of doses, where there are several.
        model : str, optional
            Which model, where there are several.
        figure : Figure or SubFigure, optional
            An empty one to draw into; a new one of pyplot's without it.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            For gain and for tax.

        Raises
        ------
        InputError
            When there is no such series or model, nothing to draw, or no matplotlib.
        """
        from vat_bayes.report.doses import find_doses

        _need_matplotlib()
        from vat_bayes.report.figures.dose import dose_size, draw_dose

        run = self._run
        found = {s.name: s for s in find_doses(run, _one(model, run.models, "model"))}
        if not found:
            raise InputError("no two conditions of this run differ in their dose alone")
        chosen = found[_one(series, tuple(found), "series")]
        size = dose_size(run, chosen)
        return _axes(figure, size, lambda f: draw_dose(f, run, chosen) or None, "a gain or a tax")

    def _arm(self, condition: str | None, model: str | None) -> Arm:
        run = self._run
        mine = [a for a in run.arms if a.model == _one(model, run.models, "model")]
        if condition is None:
            aimed = tuple(a.condition for a in mine if a.role == "intervention")
            condition = _one(None, aimed or tuple(a.condition for a in mine), "condition")
        chosen = _one(condition, tuple(a.condition for a in mine), "condition")
        return next(a for a in mine if a.condition == chosen)

    def __repr__(self) -> str:
        """Return one line: what it is, of what, and where."""
        return f"{type(self).__name__}({str(self.folder)!r}): {self._outline}"

    @property
    def _outline(self) -> str:
        run = self._run
        parts = [words.plural(len({a.condition for a in run.role("intervention")}), "intervention")]
        if len(run.models) > 1:
            parts.append(words.plural(len(run.models), "model"))
        scenarios = run.estimates.table["n_scenarios"].dropna()
        if len(scenarios):
            parts.append(f"{int(scenarios.max()):,} scenarios")
        counts = [
            f"{n} {word}"
            for v, word in zip(VERDICTS, ("failed", "warned", "passed", "not run"), strict=True)
            if (n := sum(c.verdict == v for c in run.checks))
        ]
        return f"{', '.join(parts)}; checks: {', '.join(counts) or 'none'}"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Show the outline, gain and tax, and the decision in a terminal."""
        from rich.text import Text

        run = self._run
        yield Text(f"{run.name}: {self._outline}", style="bold")
        for alert in alerts(run):
            yield Text(alert, style="red")
        yield format_table(run.estimates.table, [vars(c) for c in run.checks])
        if (decided := decision(run)) is not None:
            yield Text(f"By the budget “{decided.facts[0][1]}”: {decided.said}.")

    def _repr_html_(self) -> str:
        """Return the finding, gain and tax as a piece of HTML; every text is escaped."""
        run = self._run
        out = [f"<h3>{escape(run.name)}</h3>", f"<p>{escape(self._outline)}</p>"]
        out += [f"<p><strong>Read first.</strong> {escape(a)}</p>" for a in alerts(run)]
        if (decided := decision(run)) is not None:
            budget = escape(decided.facts[0][1])
            out.append(f"<p>By the budget “{budget}”: {escape(decided.said)}.</p>")
        out += [f"<p>{escape(f.text)}</p>" for f in findings(run)]
        out += [_html_table(gain_tax_table(run, model)) for model in run.models]
        return "\n".join(out)


def _one(asked: str | None, there: tuple[str, ...], what: str) -> str:
    """Return the one that was asked for, or the only one."""
    if asked is None and len(there) == 1:
        return there[0]
    listed = ", ".join(there)
    if asked is None:
        raise InputError(f"there are several: say which {what}", hint=f"one of {listed}")
    if asked not in there:
        raise InputError(f"no {what} '{asked}'", hint=near_miss(asked, there) or f"have {listed}")
    return asked


def _need_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401 - only to say what to type where it is missing
    except ModuleNotFoundError:
        raise InputError("figures need matplotlib", hint=_GET) from None


def _axes[T](
    figure: Figure | SubFigure | None,
    size: tuple[float, float],
    draw: Callable[[Figure | SubFigure], T | None],
    what: str,
) -> T:
    """Draw into a figure, a new one where none is given; an empty one is closed again."""
    from matplotlib import pyplot

    from vat_bayes.report.figures.style import style

    # Loads the backend, which in a notebook turns interactive drawing on; inside the style it would
    # be turned off again, and every figure but the first would not be shown.
    pyplot.draw_if_interactive()
    with style():
        into = pyplot.figure(figsize=size, dpi=_DPI) if figure is None else figure
        drawn = draw(into)
        if drawn is None:
            if figure is None:
                pyplot.close()
            raise InputError(f"there is nothing to draw: {what} that is not withheld")
        # Ticks are made when they are first drawn, which must be in this style too.
        into.figure.get_figure(root=True).draw_without_rendering()
        return drawn


def _html_table(table: Table) -> str:
    head = "".join(
        f"<th>{escape(c.label)}{f'<br><small>{escape(c.unit)}</small>' if c.unit else ''}</th>"
        for c in table.columns
    )
    rows = "".join(
        f"<tr>{''.join(_html_cell(c, first=not i) for i, c in enumerate(row))}</tr>"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _html_cell(cell: Cell, *, first: bool) -> str:
    text = escape(cell.text)
    text = f"<b>{text}</b>" if cell.strong else text
    lines = [x for x in (cell.bounds, *cell.notes) if x]
    more = "".join(f"<br><small>{escape(x)}</small>" for x in lines)
    key = f"<b>{escape(cell.key)}</b> " if cell.key else ""
    tag = "th" if first else "td"
    return f"<{tag}>{key}{text}{more}</{tag}>"
