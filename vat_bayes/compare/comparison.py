"""Two runs side by side: what they share, and what differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vat_bayes.compare.dependence import Dependence
from vat_bayes.compare.differences import as_table, difference_rows, find_dependence
from vat_bayes.compare.shared import Shared, arms_of, find_shared, match_arms
from vat_bayes.compare.side import Side, read_side
from vat_bayes.errors import InputError
from vat_bayes.report import words

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

_NAMED = 5
_STATUS = {
    "targets-differ": "the targets differ",
    "values-differ": "they were asked about other values",
    "no-items": "no items",
}


@dataclass(frozen=True, repr=False)
class Comparison:
    """What two runs share and how their effects differ.

    Parameters
    ----------
    folders : (Path, Path)
        The runs, a and b.
    table : pandas.DataFrame
        One row for each pair of arms and estimand; `a` and `b` are the posterior medians in rating
        points, and ``mean, sd, median, lo, hi, p_positive`` are about b minus a.
    shared : Shared
        Items and scenarios in common.
    dependence : Dependence
        How the errors of the two runs hang together, and why that is known.
    only : (tuple of str, tuple of str)
        Conditions of one run that were compared with nothing.
    notes : tuple of str
        What to know before reading the numbers.
    """

    folders: tuple[Path, Path]
    table: pd.DataFrame
    shared: Shared
    dependence: Dependence
    only: tuple[tuple[str, ...], tuple[str, ...]]
    notes: tuple[str, ...]

    def to_dataframe(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.table.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as nested plain values."""
        s = self.shared
        return {
            "schema_version": 1,
            "a": str(self.folders[0]),
            "b": str(self.folders[1]),
            "shared": {
                "known": s.known,
                "items": s.items,
                "items_of": list(s.items_of),
                "scenarios": s.scenarios,
                "scenarios_of": list(s.scenarios_of),
                "changed_items": list(s.changed),
                "texts_compared": s.texts_known,
            },
            "dependence": {"kind": self.dependence.kind, "why": self.dependence.why},
            "only": {"a": list(self.only[0]), "b": list(self.only[1])},
            "notes": list(self.notes),
            "differences": self.table.to_dict("records"),
        }

    def sentences(self) -> tuple[str, ...]:
        """Return what is shared and how the intervals were made, in sentences."""
        s = self.shared
        said = []
        if s.known:
            names = "" if s.texts_known else "; not both folders hold their texts, so names say it"
            said.append(
                f"Shared: {s.items:,} items (of {s.items_of[0]:,} and {s.items_of[1]:,}) and "
                f"{s.scenarios:,} scenarios (of {s.scenarios_of[0]:,} and {s.scenarios_of[1]:,})"
                f"{names}."
            )
        said.append(f"{self.dependence.why[:1].upper()}{self.dependence.why[1:]}.")
        return (*said, *self.notes)

    def __repr__(self) -> str:
        """Return one line."""
        pairs = self.table[["model", "condition", "condition_b"]].drop_duplicates()
        return (
            f"Comparison({str(self.folders[0])!r}, {str(self.folders[1])!r}): "
            f"{words.plural(len(pairs), 'pair')} of conditions, {self.dependence.kind}"
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Show what is shared, then gain, tax and the clear shifts of every pair."""
        from rich.text import Text

        yield Text(f"a = {self.folders[0]}, b = {self.folders[1]}", style="bold")
        for sentence in self.sentences():
            yield Text(sentence)
        yield self.rich_table()

    def rich_table(self) -> Table:
        """Return the differences as a table for the terminal."""
        from rich.table import Table
        from rich.text import Text

        level = words.percent(float(self.table["level"].iloc[0]))
        table = Table(
            title=f"b minus a in rating points, {level} intervals",
            title_justify="left",
            title_style="bold",
        )
        for heading, right in (
            *(("Condition", False), ("Estimate", False), ("a", True), ("b", True)),
            *(("b minus a", True), ("P(b > a)", True)),
        ):
            table.add_column(heading, justify="right" if right else "left", overflow="fold")
        before, unclear, withheld = None, 0, 0
        for row in self._records():
            name, clear = _pair_name(row), _is_clear(row)
            if row["estimand"] == "shift" and not clear:
                unclear += row["status"] == "ok"
                withheld += row["status"] != "ok"
                continue
            if before not in (None, name):
                table.add_section()
            table.add_row(
                Text(words.printable(name) if name != before else ""),
                *(Text(c) for c in _cells(row)),
                style="bold" if clear else None,
            )
            before = name
        left_out = [f"{words.plural(unclear, 'shift')} whose interval holds 0"] if unclear else []
        left_out += [words.plural(withheld, "withheld shift")] if withheld else []
        if left_out:
            table.caption = f"Left out: {words.listing(left_out)}"
            table.caption_justify = "left"
        return table

    def _records(self) -> list[dict[str, Any]]:
        return [{str(k): v for k, v in row.items()} for row in self.table.to_dict("records")]

    def _repr_html_(self) -> str:
        """Return the same as a piece of HTML; every text is escaped."""
        head = "".join(
            f"<th>{h}</th>" for h in ("Condition", "Estimate", "a", "b", "b minus a", "P(b > a)")
        )
        rows = "".join(
            "<tr>"
            + "".join(f"<td>{escape(c)}</td>" for c in (_pair_name(record), *_cells(record)))
            + "</tr>"
            for record in self._records()
        )
        said = "".join(f"<p>{escape(s)}</p>" for s in self.sentences())
        where = escape(f"a = {self.folders[0]}, b = {self.folders[1]}")
        return f"<p><b>{where}</b></p>{said}<table><tr>{head}</tr>{rows}</table>"


def compare(
    a: str | Path,
    b: str | Path,
    *,
    pairs: Mapping[str, str] | None = None,
    level: float = 0.9,
    seed: int = 0,
) -> Comparison:
    """Compare two fitted runs: gain, tax and every shift of the second minus those of the first.

    Each run keeps its own posterior. The errors of the two go together where they share scenarios;
    how much, the shared scenarios show. See ``docs/compare.md``.

    Parameters
    ----------
    a, b : path
        Fitted and checked run folders.
    pairs : mapping of str to str, optional
        Condition of `a` -> condition of `b`. Without it, conditions of the same name.
    level : float
        Probability of the equal-tailed intervals.
    seed : int
        Of the order in which independent draws are put side by side.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        When a folder is no fitted run, the scales differ, or nothing can be paired.
    """
    if not 0.5 <= level < 1:
        raise InputError(f"the level is {level:g}, expected from 0.5 to below 1")
    left, right = read_side(a), read_side(b)
    _check_scale(left, right)
    shared = find_shared(left, right)
    found = match_arms(left, right, pairs)
    dependence = find_dependence(left, right, shared)
    rows = []
    for i, arms in enumerate(found):
        rows += difference_rows(
            left, right, arms, shared, dependence, level=level, seed=seed + 1000 * i
        )
    used = [{x.condition for x in side} for side in zip(*found, strict=True)]
    only = [
        tuple(dict.fromkeys(x.condition for x in arms_of(s) if x.condition not in u))
        for s, u in zip((left, right), used, strict=True)
    ]
    return Comparison(
        folders=(left.folder, right.folder),
        table=as_table(rows),
        shared=shared,
        dependence=dependence,
        only=(only[0], only[1]),
        notes=_notes(left, right, shared, (only[0], only[1])),
    )


def _check_scale(a: Side, b: Side) -> None:
    k = [s.scattering.n_categories for s in (a, b) if s.scattering]
    if len(set(k)) > 1:
        raise InputError(
            f"the scales have {k[0]} and {k[1]} categories, so a rating point is not the same",
            where=f"{a.folder}, {b.folder}",
        )


def _notes(
    a: Side, b: Side, shared: Shared, only: tuple[tuple[str, ...], tuple[str, ...]]
) -> tuple[str, ...]:
    notes = []
    if shared.changed:
        named = words.listing([f"'{x}'" for x in shared.changed[:_NAMED]])
        notes.append(
            f"{words.plural(len(shared.changed), 'item').capitalize()} of the same name "
            f"{'has' if len(shared.changed) == 1 else 'have'} other texts or loadings, and "
            f"{'is' if len(shared.changed) == 1 else 'are'} not shared: {named}"
            f"{' and others' if len(shared.changed) > _NAMED else ''}."
        )
    if shared.known and shared.items < max(shared.items_of):
        notes.append(
            "The runs do not have the same items; where the others differ, the difference holds "
            "that too."
        )
    for name, side, conditions in (("a", a, only[0]), ("b", b, only[1])):
        if conditions:
            notes.append(f"Only in {name}: {words.listing(list(conditions))}.")
        if side.failed:
            notes.append(f"The fit of {name} failed its checks; no difference is given.")
    return tuple(notes)


def _is_clear(row: Mapping[str, Any]) -> bool:
    return bool(np.isfinite(row["lo"]) and (row["lo"] > 0 or row["hi"] < 0))


def _pair_name(row: Mapping[str, Any]) -> str:
    same = row["condition"] == row["condition_b"]
    name = row["condition"] if same else f"{row['condition']} and {row['condition_b']}"
    if row["model"] == row["model_b"]:
        return str(name)
    return f"{name} ({row['model']} and {row['model_b']})"


def _cells(row: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    what = words.estimand_label(row["estimand"])
    what = f"{what}: {words.value_label(row['value'])}" if row["value"] else what
    if row["status"] != "ok":
        why = _STATUS.get(row["status"], words.reason(row["status"]))
        return what, words.NONE, words.NONE, f"withheld: {why}", words.NONE
    places = words.decimals(row["hi"] - row["lo"])
    return (
        what,
        words.number(row["a"], places),
        words.number(row["b"], places),
        f"{words.number(row['median'], places)} {words.interval(row['lo'], row['hi'], places)}",
        words.probability(row["p_positive"]),
    )
