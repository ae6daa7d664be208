"""Column names: what an item table must and may have, and how a file's own names are mapped."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vat_bayes.errors import InputError, near_miss
from vat_bayes.items.raw import RawTable

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
    table: RawTable, columns: Mapping[str, str] | None, *, known: Collection[str]
) -> RawTable:
    """Return the table with our column names in place of the file's.

    A column that is mapped replaces a column of the file that happens to have our name. Columns
    that are neither mapped nor known stay, as facets. One column may serve under two names.

    Parameters
    ----------
    table : RawTable
        The file as it was read.
    columns : mapping of str to str, optional
        Our name to the file's name.
    known : collection of str
        The names that can be mapped.

    Raises
    ------
    InputError
        When the mapping names a column that we do not have, or that the file does not have.
    """
    mapping, found = dict(columns or {}), table.columns
    for ours, theirs in mapping.items():
        if ours not in known:
            raise InputError(
                f"the column mapping has '{ours}', which is not a column of an item table "
                f"({', '.join(known)})",
                where=table.where,
                hint=near_miss(ours, known),
            )
        if theirs not in found:
            raise InputError(
                f"the column mapping takes '{ours}' from '{theirs}', which the file does not have; "
                f"its columns are {_listed(table)}",
                where=table.where,
                hint=near_miss(theirs, found),
            )
    own = {name: found[name] for name in known if name in found}
    mapped = {ours: found[theirs] for ours, theirs in mapping.items()}
    used = set(mapping.values())
    facets = {
        name: cells
        for name, cells in found.items()
        if name not in used and name not in own and name not in mapped
    }
    return table.having({**own, **mapped, **facets})


def require_columns(
    table: RawTable, required: Collection[str], *, raw: RawTable | None = None
) -> None:
    """Refuse a table that lacks a required column.

    Parameters
    ----------
    table : RawTable
        The table after mapping.
    required : collection of str
        The names it must have.
    raw : RawTable, optional
        The file as it was read, whose columns the message lists.

    Raises
    ------
    InputError
        With the missing names, the columns found, and how to map them.
    """
    missing = [name for name in required if name not in table]
    if not missing:
        return
    found = table if raw is None else raw
    names = ", ".join(f"'{m}'" for m in missing)
    close = near_miss(missing[0], found.columns)
    example = close.split("'")[1] if close else "its name in the file"
    raise InputError(
        f"{'column' if len(missing) == 1 else 'columns'} {names} missing; the columns found are "
        f"{_listed(found)}",
        where=table.where,
        hint=f'map each by columns = {{ {missing[0]} = "{example}" }}',
    )


def _listed(table: RawTable) -> str:
    return ", ".join(f"'{c}'" for c in table.columns)
