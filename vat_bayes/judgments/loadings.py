"""Loadings: the items that speak about several values, with a weight for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.coerce import Text, names, numbers, recode
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.read import read_table, table_file, tidy_columns
from vat_bayes.judgments.words import counted, shown
from vat_bayes.values import parse_value

_COLUMNS = ("item", "value", "weight")


def loadings_file(judgments: Path) -> Path | None:
    """Return the loadings file beside a judgments file, or None.

    ``<stem>.loadings.csv`` comes before ``loadings.csv`` and ``loadings.parquet``.
    """
    stem = judgments.name.split(".", maxsplit=1)[0]
    for name in (f"{stem}.loadings.csv", "loadings.csv", "loadings.parquet"):
        path = judgments.with_name(name)
        if path.is_file() and path != judgments:
            return path
    return None


def known_values(text: Text, place: Place, column: str) -> Text:
    """Bring value names into kebab case; an empty cell stays empty.

    Raises
    ------
    InputError
        For the first row whose value is none of the ten, with the near miss.
    """
    parsed: list[str] = []
    unknown: dict[int, InputError] = {}
    for code, name in enumerate(text.names):
        try:
            parsed.append(parse_value(name))
        except InputError as error:
            unknown[code] = error
            parsed.append(name)
    place.fail(
        np.isin(text.codes, list(unknown)),
        column,
        lambda row: unknown[int(text.codes[row])].message,
        lambda row: unknown[int(text.codes[row])].hint,
    )
    return recode(text, parsed)


def read_loadings(given: str | Path | pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Read and check a loadings table.

    Parameters
    ----------
    given : path or DataFrame
        Columns ``item, value, weight``.

    Returns
    -------
    table : DataFrame
        ``item, value`` (text) and ``weight`` (float), in the order found.
    source : str
        The place, for errors.

    Raises
    ------
    InputError
        When it is unusable.
    """
    if isinstance(given, pd.DataFrame):
        source = "loadings"
        raw = tidy_columns(given, source)
    else:
        source = str(given)
        raw = read_table(table_file(Path(given)))
    for column in _COLUMNS:
        if column not in raw.columns:
            spare = [c for c in raw.columns if c not in _COLUMNS]
            raise InputError(
                f"missing column '{column}'; expected item, value, weight",
                where=source,
                hint=near_miss(column, spare),
            )
    place = Place(source)
    item = names(raw, "item", place)
    value = known_values(names(raw, "value", place), place, "value")
    weight = numbers(raw, "weight", place, expected="a number")
    place.fail(
        ~np.isfinite(weight),
        "weight",
        lambda row: f"item {shown(item.at(row))} has no finite weight, expected a number",
    )
    table = pd.DataFrame({"item": item.column(), "value": value.column(), "weight": weight})
    place.fail(
        table.duplicated(["item", "value"]).to_numpy(dtype=bool),
        None,
        lambda row: f"item {shown(item.at(row))} has value '{value.at(row)}' twice",
    )
    silent = np.bincount(item.codes, weights=weight != 0, minlength=len(item.names)) == 0
    place.fail(
        silent[item.codes],
        "weight",
        lambda row: f"item {shown(item.at(row))} loads on no value: every weight is 0",
    )
    return table, source


def match_loadings(
    loadings: pd.DataFrame, item: Text, value: Text, place: Place, loadings_source: str
) -> tuple[pd.DataFrame | None, list[str]]:
    """Check that every judged item has either its value and polarity or loadings.

    Parameters
    ----------
    loadings : DataFrame
        As `read_loadings` returns it.
    item, value : Text
        The columns of the judgments; a missing value stands for "see the loadings".
    place : Place
        Where they come from.
    loadings_source : str
        Where the loadings come from.

    Returns
    -------
    loadings : DataFrame or None
        The rows that are used; None when there are none.
    notes : list of str
        How many items of the loadings were not.

    Raises
    ------
    InputError
        When an item has both, or neither.
    """
    judged = set(item.names)
    loaded = list(dict.fromkeys(loadings["item"]))
    needy = {item.names[i] for i in np.unique(item.codes[value.codes < 0])}
    without = sorted(needy - set(loaded))
    extra = [i for i in loaded if i not in judged]
    if without and extra:
        hint = near_miss(extra[0], without)
        Place(loadings_source).fail(
            (loadings["item"] == extra[0]).to_numpy(dtype=bool),
            "item",
            lambda _: (
                f"item {shown(extra[0])} is not in the judgments, and the judged item "
                f"{shown(without[0])} is not in the loadings"
            ),
            hint,
        )
    if without:
        row = int(np.flatnonzero(item.codes == item.names.index(without[0]))[0])
        raise InputError(
            f"item {shown(without[0])} has no loadings"
            + (f" (and {counted(len(without) - 1, 'more item')})" if len(without) > 1 else "")
            + f", expected a row in {loadings_source}",
            where=place.at(row, "item"),
        )
    valued = {item.names[i] for i in np.unique(item.codes[value.codes >= 0])}
    both = valued & set(loaded)
    place.fail(
        np.isin(item.codes, [code for code, name in enumerate(item.names) if name in both]),
        "value",
        lambda row: (
            f"item {shown(item.at(row))} has a value here and loadings in "
            f"{loadings_source}, expected one of them"
        ),
    )
    notes = []
    if extra:
        notes.append(f"{counted(len(extra), 'item')} of {loadings_source} without judgments")
    kept = loadings[loadings["item"].isin(needy)].reset_index(drop=True)
    return (kept if len(kept) else None), notes
