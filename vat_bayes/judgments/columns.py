"""The columns of a raw table: renamed by the user's mapping, and all there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.contract import CONDITION_COLUMNS, ITEM_COLUMNS, REQUIRED
from vat_bayes.judgments.words import counted, listed

_OPTIONAL = ("replicate", "prompt", "subvalue", "p_valid")
_KNOWN = (*REQUIRED, *ITEM_COLUMNS, *CONDITION_COLUMNS, *_OPTIONAL)


def is_known(column: str) -> bool:
    """Say whether a column is one that is read, and not only kept."""
    return column in _KNOWN or re.fullmatch(r"p[1-9]\d?", column) is not None


def rename_columns(
    frame: pd.DataFrame, columns: Mapping[str, str], source: str
) -> tuple[pd.DataFrame, list[str]]:
    """Give the columns of a foreign table the names of the judgments contract.

    Parameters
    ----------
    frame : DataFrame
        The table as it was read.
    columns : mapping
        The contract's name -> the table's name.
    source : str
        The place, for errors.

    Returns
    -------
    frame : DataFrame
        The table with the columns renamed; two names may share one column of the table.
    notes : list of str
        The columns that a mapped one pushed out.

    Raises
    ------
    InputError
        When a name on the left is not in the contract, or one on the right not in the table.
    """
    known = [*_KNOWN, *(f"p{k}" for k in range(1, 12))]
    for ours, theirs in columns.items():
        if ours not in known:
            raise InputError(
                f"the column mapping names '{ours}', which is not a column of judgments",
                where=source,
                hint=near_miss(ours, known),
            )
        if theirs not in frame.columns:
            raise InputError(
                f"the column mapping takes '{ours}' from '{theirs}', which is not in the table "
                f"(it has {listed(list(frame.columns), limit=12)})",
                where=source,
                hint=near_miss(theirs, frame.columns),
            )
    taken = set(columns.values())
    pushed_out = [c for c in columns if c in frame.columns and c not in taken]
    mapped = {ours: frame[theirs] for ours, theirs in columns.items()}
    rest = frame.drop(columns=[*taken, *pushed_out])
    notes = [f"column '{c}' is not used: '{columns[c]}' is mapped to it" for c in pushed_out]
    return pd.DataFrame(mapped | {c: rest[c] for c in rest.columns}), notes


def require_columns(columns: Sequence[str], source: str, *, items_have_loadings: bool) -> None:
    """Check that the columns are there which every judgments table must have.

    Raises
    ------
    InputError
        For the first missing column, with the near miss among those that are there.
    """
    neither = not set(ITEM_COLUMNS) & set(columns)
    needed = (
        REQUIRED
        if items_have_loadings and neither
        else (*REQUIRED[:-1], *ITEM_COLUMNS, REQUIRED[-1])
    )
    missing = [c for c in needed if c not in columns]
    if not missing:
        return
    spare = [c for c in columns if c not in _KNOWN]
    if set(ITEM_COLUMNS) <= set(missing):
        hint = near_miss("value", spare) or (
            "items that load on several values need a loadings file beside the table "
            "('loadings.csv' with item, value, weight)"
        )
        raise InputError("missing columns 'value' and 'polarity'", where=source, hint=hint)
    others = f" (and {counted(len(missing) - 1, 'more column')})" if len(missing) > 1 else ""
    raise InputError(
        f"missing column '{missing[0]}'{others}; the table has {listed(list(columns), limit=12)}",
        where=source,
        hint=near_miss(missing[0], spare),
    )
