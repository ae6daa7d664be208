"""The items that each condition moved most, as the run folder has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vat_bayes.errors import InputError

_NEEDED = (
    *("model", "condition", "item", "scenario", "values"),
    *("before", "after", "change", "shrunken", "lo", "hi", "level", "judged", "noise"),
)
_TEXTS = ("scenario_text", "action_text")


@dataclass(frozen=True)
class ExampleItem:
    """One item that a condition moved.

    Parameters
    ----------
    model, condition, item, scenario, values : str
        As in ``example_items.csv``.
    before, after : float
        Mean rating.
    change : float
        Their difference, rating points.
    shrunken, lo, hi, level : float
        The change without its noise; NaN where the noise is not known.
    judged : int
        Pairs of judgments behind the change.
    noise : str
        What the noise was taken from; empty where it is not known.
    scenario_text, action_text : str or None
        The texts; None where the run folder has none.
    """

    model: str
    condition: str
    item: str
    scenario: str
    values: str
    before: float
    after: float
    change: float
    shrunken: float
    lo: float
    hi: float
    level: float
    judged: int
    noise: str
    scenario_text: str | None
    action_text: str | None

    @property
    def has_text(self) -> bool:
        """Whether there is a text to show."""
        return bool(self.scenario_text or self.action_text)


def read_example_items(folder: Path) -> tuple[ExampleItem, ...]:
    """Read ``example_items.csv`` of a run folder, with the texts of ``items.parquet``.

    Parameters
    ----------
    folder : Path
        The run folder.

    Returns
    -------
    tuple of ExampleItem
        In the order of the file; empty when there is none.

    Raises
    ------
    InputError
        When a file can't be read or lacks a column.
    """
    file = folder / "example_items.csv"
    if not file.is_file():
        return ()
    names = dict.fromkeys(("model", "condition", "item", "scenario", "values", "noise"), str)
    table = pd.read_csv(file, dtype=names, keep_default_na=False)
    missing = [c for c in _NEEDED if c not in table.columns]
    if missing:
        raise InputError(f"there is no column {', '.join(missing)}", where=file.name)
    for column in ("before", "after", "change", "shrunken", "lo", "hi", "level", "judged"):
        table[column] = pd.to_numeric(table[column], errors="coerce")
    texts = _texts(folder / "items.parquet", set(table["item"]))
    found = []
    for row in table[list(_NEEDED)].to_dict("records"):
        scenario, action = texts.get(row["item"], (None, None))
        row["judged"] = int(row["judged"])
        known: dict[str, Any] = {str(k): v for k, v in row.items()}
        found.append(ExampleItem(**known, scenario_text=scenario, action_text=action))
    return tuple(found)


def _texts(file: Path, wanted: set[str]) -> dict[str, tuple[str | None, str | None]]:
    if not file.is_file():
        return {}
    try:
        table = pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise InputError(f"not a Parquet file ({type(error).__name__})", where=file.name) from None
    if "item" not in table.columns:
        return {}
    table = table[table["item"].isin(wanted)]
    known: dict[str, list[str | None]] = {
        c: [None if pd.isna(x) else str(x) for x in table[c]] for c in _TEXTS if c in table.columns
    }
    none: list[str | None] = [None] * len(table)
    scenario, action = (known.get(c, none) for c in _TEXTS)
    return dict(zip(table["item"], zip(scenario, action, strict=True), strict=True))
