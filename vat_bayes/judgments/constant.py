"""Columns that must say the same in every row of a group, such as the scenario of an item."""

from __future__ import annotations

from collections.abc import Callable

from vat_bayes.judgments.coerce import Ints, Text, first_rows
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.words import shown


def require_constant(
    column: str,
    codes: Ints,
    cell: Callable[[int], str | None],
    *,
    group: Text,
    noun: str,
    place: Place,
) -> None:
    """Check that all rows of a group agree.

    Parameters
    ----------
    column : str
        The column that must not change.
    codes : int array (row,)
        Its cells as codes; equal codes mean equal cells.
    cell : callable
        Row -> its cell, None where it is empty.
    group : Text
        The group of each row.
    noun : str
        What a group is, for the sentence: "item" or "condition".
    place : Place
        Where the rows come from.

    Raises
    ------
    InputError
        For the first row that differs from the first row of its group.
    """
    first = first_rows(group.codes, len(group.names))[group.codes]

    def found(row: int) -> str:
        text = cell(row)
        return "nothing" if text is None else shown(text)

    place.fail(
        codes != codes[first],
        column,
        lambda row: (
            f"{noun} {shown(group.at(row))} has {found(row)} here and "
            f"{found(int(first[row]))} in row {place.number(int(first[row]))}"
        ),
        f"every row of {'an' if noun[0] in 'aeiou' else 'a'} {noun} has the same {column}",
    )
