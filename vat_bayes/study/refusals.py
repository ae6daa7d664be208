"""From pydantic's list of errors to one sentence that names the place in the study file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vat_bayes.errors import InputError, near_miss

_EXPECTED = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def refusal(error: ValidationError, data: Mapping[str, Any], file: str) -> InputError:
    """Turn the first of pydantic's errors into an `InputError`.

    Parameters
    ----------
    error : pydantic.ValidationError
        What pydantic found.
    data : mapping
        What was read, to name the place by.
    file : str
        The file's name.

    Returns
    -------
    InputError
        One sentence; it says how many other errors there are.
    """
    details = error.errors(include_url=False)
    first = details[0]
    place, key = _place([p for p in first["loc"] if isinstance(p, str | int)], data)
    message, hint = _sentence(first)
    own = first.get("ctx", {}).get("error")
    if isinstance(own, InputError) and own.where:
        place, key = own.where, ""
    text = f"{key}: {message}" if key else message
    if len(details) > 1:
        more = len(details) - 1
        text += f" (and {more} more {'error' if more == 1 else 'errors'})"
    return InputError(text, where=f"{file}: {place}" if place else file, hint=hint)


def _place(loc: Sequence[str | int], data: Mapping[str, Any]) -> tuple[str, str]:
    """Return the table, as it is written in the file, and the key within it."""
    if not loc:
        return "", ""
    head, rest = str(loc[0]), list(loc[1:])
    if rest and isinstance(rest[0], int):
        table = _get(data, [head, rest[0]])
        if isinstance(table, Mapping) or head in {"models", "conditions"}:
            name = table.get("name") if isinstance(table, Mapping) else None
            called = f" '{name}'" if isinstance(name, str) and name else ""
            return f"[[{head}]] {rest[0] + 1}{called}", _key(rest[1:])
    if isinstance(data.get(head), Mapping):
        return f"[{head}]", _key(rest)
    return "", _key(loc)


def _key(loc: Sequence[str | int]) -> str:
    words = [f"number {p + 1}" if isinstance(p, int) else f"'{p}'" for p in loc]
    return " ".join(words)


def _get(data: Any, loc: Sequence[str | int]) -> Any:
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _sentence(details: ErrorDetails) -> tuple[str, str | None]:
    kind, found, context = details["type"], details["input"], details.get("ctx", {})
    own = context.get("error")
    if isinstance(own, InputError):
        return own.message, own.hint
    if kind == "missing":
        return "the key is missing", None
    if kind == "literal_error":
        return _one_of(str(context["expected"]), found)
    return f"expected {_expected(details)}, found {_short(found)}", None


def _expected(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"{words} {context[bound]}"
    if kind == "tuple_type" and len(details["loc"]) == 1:
        return f"a list of tables, each headed [[{details['loc'][0]}]]"
    return _EXPECTED.get(kind, f"another kind of entry ({details['msg']})")


def _one_of(expected: str, found: Any) -> tuple[str, str | None]:
    known = [w.strip("'") for w in expected.replace(" or ", ", ").split(", ")]
    hint = near_miss(found, known) if isinstance(found, str) else None
    return f"expected {expected}, found {_short(found)}", hint


def _short(found: Any) -> str:
    if isinstance(found, Mapping):
        return "a table"
    if isinstance(found, list | tuple):
        return f"a list of {len(found)}"
    if isinstance(found, bool):
        return "true" if found else "false"
    text = repr(found)
    return text if len(text) <= 60 else f"{text[:57]}..."
