"""How every figure looks and how it becomes SVG that follows the page's colours.

Figures are drawn once, in light colours. The file under ``figures/`` keeps them; the copy inside
the page has each colour replaced by the CSS variable of its role, so that it turns with the page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure, SubFigure

from vat_bayes.report.run import Arm

Canvas = Figure | SubFigure
"""What a figure can be drawn into."""

PAPER = "#ffffff"
INK = "#1b1d22"
SOFT = "#5c616b"
RULE = "#c9ccd3"
QUIET = "#8b9099"
POSITIVE = "#0072b3"
NEGATIVE = "#d55f00"
# Okabe and Ito's palette without its yellow, which disappears on white.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#b0578d", "#c98500", "#3a97cf")

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_JOINS = "*{stroke-linejoin:round;stroke-linecap:butt}"

_ROLES = {
    PAPER: "paper",
    INK: "ink",
    SOFT: "soft",
    RULE: "rule",
    QUIET: "quiet",
    POSITIVE: "positive",
    NEGATIVE: "negative",
    **{c: f"series-{i + 1}" for i, c in enumerate(SERIES)},
}

_RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vat-bayes",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "figure.dpi": 72.0,
    # A dollar sign in a condition's name is a dollar sign.
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.titlesize": 9.5,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
}


@dataclass(frozen=True)
class Drawing:
    """A figure ready for the page and for its own file.

    Parameters
    ----------
    name : str
        The file's name without its ending.
    alt : str
        What somebody who can't see it has to know.
    inline : str
        The SVG element for the page.
    file : str
        The SVG document for ``figures/``.
    """

    name: str
    alt: str
    inline: str
    file: str


def arm_colour(arm: Arm) -> str:
    """Return an arm's colour: more than six interventions share colours, never keys."""
    if arm.role == "intervention":
        return SERIES[_place(arm.key)]
    return SOFT if arm.role == "placebo" else INK


def _place(key: str) -> int:
    return (ord(key[0]) - ord("A")) % len(SERIES)


def series_role(key: str) -> str:
    """Return the CSS variable of an arm's key: a series, or quieter for placebo and retest."""
    if key[0] == "P":
        return "soft"
    return "ink" if key[0] == "R" else f"series-{_place(key) + 1}"


def style() -> AbstractContextManager[None]:
    """Return the context in which figures are built and written."""
    return matplotlib.rc_context(_RC)


def drawing(figure: Figure, *, name: str, alt: str) -> Drawing:
    """Write a figure as SVG: deterministic, without metadata, with ids that can share a page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure, built inside `style`.
    name : str
        A name of letters, digits and hyphens, unique in the report.
    alt : str
        The alternative text.
    """
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    svg = buffer.getvalue()
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = _with_own_ids(body, name)
    width, height = (72 * x for x in figure.get_size_inches())
    head = (
        f'<svg xmlns="{_SVG}" xmlns:xlink="{_XLINK}" viewBox="0 0 {width:g} {height:g}" '
        f'role="img" aria-label="{escape(alt)}"'
    )
    return Drawing(
        name=name,
        alt=alt,
        # CSS pixels are 3/4 of a point: the page shows the figure at the size it was drawn for.
        inline=f'{head} style="max-width:{width * 4 / 3:g}px">{_tags(_with_role, body)}',
        file=f'<?xml version="1.0" encoding="utf-8"?>\n{head} width="{width:g}pt" '
        f'height="{height:g}pt"><title>{escape(alt)}</title>\n<style>{_JOINS}</style>{body}\n',
    )


def _tags(change: Callable[[str], str], body: str) -> str:
    """Apply a change to the tags alone: texts are the user's and stay as they are."""
    return re.sub(r"<[^>]*>", lambda m: change(m[0]), body)


def _with_own_ids(body: str, name: str) -> str:
    """Keep only the ids that something refers to, and make them the figure's own."""
    used = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', body))

    def change(tag: str) -> str:
        tag = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", tag)
        return re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{name}-", tag)

    body = _tags(change, body)
    return re.sub(r"\s*\n\s*", " ", body).strip()


def _with_role(tag: str) -> str:
    tag = re.sub(
        r"#[0-9a-f]{6}\b",
        lambda m: f"var(--{_ROLES[m[0]]})" if m[0] in _ROLES else m[0],
        tag,
    )
    # The page's own fonts; matplotlib measured a wider one, so nothing grows into anything else.
    return re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans)", tag)
