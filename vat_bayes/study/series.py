"""Series: one condition of a study file that stands for several doses of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vat_bayes.errors import InputError, near_miss

_KEYS = ("key", "values", "doses")


def expand_series(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Replace every condition that has a ``series`` by one condition for each of its doses.

    The table ``series`` has the keys ``key`` (which key of the condition is varied; in a
    combination e.g. ``parts.2.scale``), ``values``, and ``doses``, which may be left out where the
    values are numbers. Every dose is a condition ``<name>-<dose>``. A ``placebo_for`` that names
    a series means all of it, or, for a placebo that is a series of as many doses, the dose of the
    same place.

    Parameters
    ----------
    data : mapping
        The tables of a study file.
    where : str
        What messages call the file.

    Raises
    ------
    InputError
        When a series can't be expanded.
    """
    listed = data.get("conditions")
    if not isinstance(listed, list | tuple):
        return dict(data)
    expanded: list[Any] = []
    members: dict[str, list[str]] = {}
    for i, condition in enumerate(listed, start=1):
        if not isinstance(condition, Mapping) or "series" not in condition:
            expanded.append(condition)
            continue
        name = condition.get("name")
        place = f"{where}: [[conditions]] {i}" + (f" '{name}'" if isinstance(name, str) else "")
        doses = _expand(condition, place)
        if isinstance(name, str):
            members[name] = [dose["name"] for dose in doses]
        expanded += doses
    return {**data, "conditions": [_renamed(c, members) for c in expanded]}


def _expand(condition: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    rest = {key: found for key, found in condition.items() if key != "series"}
    key, values, doses = _checked(condition["series"], where)
    if "dose" in rest:
        raise InputError("a series has its doses; 'dose' can't stand beside it", where=where)
    made = []
    for value, dose in zip(values, doses, strict=True):
        one = _with(rest, key.split("."), value, where)
        made.append({**one, "name": f"{rest.get('name')}-{dose:g}", "dose": float(dose)})
    return made


def _checked(series: Any, where: str) -> tuple[str, Sequence[Any], Sequence[float]]:
    if not isinstance(series, Mapping):
        raise InputError("'series' is a table with 'key' and 'values'", where=where)
    for found in series:
        if found not in _KEYS:
            hint = near_miss(str(found), _KEYS) or f"known keys: {', '.join(_KEYS)}"
            raise InputError(f"'series': unknown key '{found}'", where=where, hint=hint)
    key: Any = series.get("key")
    values = series.get("values")
    if not isinstance(key, str) or not isinstance(values, list | tuple) or not values:
        raise InputError(
            "'series' needs 'key', the name of the key to vary, and 'values', a list", where=where
        )
    doses = series.get("doses", values)
    if not isinstance(doses, list | tuple) or len(doses) != len(values):
        raise InputError(f"'series' has {len(values)} values; give as many 'doses'", where=where)
    if not all(isinstance(d, int | float) and not isinstance(d, bool) for d in doses):
        raise InputError(
            "the doses of a series are numbers",
            where=where,
            hint=None if "doses" in series else "give 'doses', a number for each value",
        )
    if len({f"{d:g}" for d in doses}) < len(doses):
        raise InputError("two doses of the series are the same", where=where)
    return key, values, doses


def _with(table: Any, path: list[str], value: Any, where: str) -> Any:
    """Return a copy of nested tables and lists with one entry set; lists are counted from 1."""
    head, *rest = path
    if isinstance(table, Mapping):
        new = _with(table.get(head, {}), rest, value, where) if rest else value
        return {**table, head: new}
    if isinstance(table, list | tuple) and head.isdecimal() and 1 <= int(head) <= len(table):
        at = int(head) - 1
        new = _with(table[at], rest, value, where) if rest else value
        return [*table[:at], new, *table[at + 1 :]]
    raise InputError(f"'series': there is no '{head}' to vary", where=where)


def _renamed(condition: Any, members: Mapping[str, list[str]]) -> Any:
    """Replace the name of a series in ``placebo_for`` by those of its conditions."""
    if not isinstance(condition, Mapping):
        return condition
    named = condition.get("placebo_for")
    if not isinstance(named, list | tuple):
        return condition
    own = next((m for m in members.values() if condition.get("name") in m), None)
    wanted: list[Any] = []
    for name in named:
        theirs = members.get(name) if isinstance(name, str) else None
        if theirs is None:
            wanted.append(name)
        elif own is not None and len(own) == len(theirs):
            wanted.append(theirs[own.index(condition["name"])])
        else:
            wanted += theirs
    return {**condition, "placebo_for": wanted}
