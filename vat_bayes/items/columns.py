"""Column names: what an item table must and may have, and how a file's own names are mapped."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from vat_bayes.errors import InputError, near_miss

CORE_COLUMNS = (
    "item",
    "scenario",
    "topic",
    "value",
    "polarity",
    "scenario_text",
    "action_text",
    "split",
)
KNOWN_COLUMNS = (*CORE_COLUMNS, "subvalue")


def map_columns(
    frame: pd.DataFrame,
    columns: Mapping[str, str] | None,
    *,
    known: Collection[str],
    where: str,
) -> pd.DataFrame:
    """Return the frame with our column names in place of the file's, and row labels from 0.

    A column that is mapped replaces a column of the file that happens to have our name. Columns
    that are neither mapped nor known stay, as facets. One column may serve under two names.

    Parameters
    ----------
    frame : pandas.DataFrame
        The file as it was read.
    columns : mapping of str to str, optional
        Our name to the file's name.
    known : collection of str
        The names that can be mapped.
    where : str
        The file, for messages.

    Raises
    ------
    InputError
        When the mapping names a column that we do not have, or that the file does not have.
    """
    mapping = dict(columns or {})
    for ours, theirs in mapping.items():
        if ours not in known:
            raise InputError(
                f"the column mapping has '{ours}', which is not a column of an item table "
                f"({', '.join(known)})",
                where=where,
                hint=near_miss(ours, known),
            )
        if theirs not in frame.columns:
            raise InputError(
                f"the column mapping takes '{ours}' from '{theirs}', which the file does not have; "
                f"its columns are {_listed(frame)}",
                where=where,
                hint=near_miss(theirs, map(str, frame.columns)),
            )
    own = {name: frame[name] for name in known if name in frame.columns}
    mapped = {ours: frame[theirs] for ours, theirs in mapping.items()}
    used = set(mapping.values())
    facets = {
        str(c): frame[c]
        for c in frame.columns
        if c not in used and c not in own and c not in mapped
    }
    return pd.DataFrame({**own, **mapped, **facets}).reset_index(drop=True)


def require_columns(
    frame: pd.DataFrame, required: Collection[str], *, where: str, raw: pd.DataFrame | None = None
) -> None:
    """Refuse a frame that lacks a required column.

    Parameters
    ----------
    frame : pandas.DataFrame
        The frame after mapping.
    required : collection of str
        The names it must have.
    where : str
        The file, for messages.
    raw : pandas.DataFrame, optional
        The file as it was read, whose columns the message lists.

    Raises
    ------
    InputError
        With the missing names, the columns found, and how to map them.
    """
    missing = [name for name in required if name not in frame.columns]
    if not missing:
        return
    found = frame if raw is None else raw
    names = ", ".join(f"'{m}'" for m in missing)
    close = near_miss(missing[0], map(str, found.columns))
    example = close.split("'")[1] if close else "its name in the file"
    raise InputError(
        f"{'column' if len(missing) == 1 else 'columns'} {names} missing; the columns found are "
        f"{_listed(found)}",
        where=where,
        hint=f'map each by columns = {{ {missing[0]} = "{example}" }}',
    )


def _listed(frame: pd.DataFrame) -> str:
    return ", ".join(f"'{c}'" for c in frame.columns)
