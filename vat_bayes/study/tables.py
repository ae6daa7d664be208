"""The base of every table of a study file: frozen, strictly typed, with no unknown key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from vat_bayes.errors import InputError, near_miss


class Table(BaseModel):
    """A table of the study file."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_key(cls, data: Any) -> Any:
        # Looked at before anything else: a misspelt key otherwise shows up as a missing one.
        if isinstance(data, Mapping):
            refuse_unknown_keys(data, cls.model_fields)
        return data


def refuse_unknown_keys(data: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raise an `InputError` with the near miss when a key is not among the known ones."""
    for key in data:
        if key not in known:
            hint = near_miss(str(key), known) or f"known keys: {', '.join(known)}"
            raise InputError(f"unknown key '{key}'", hint=hint)


def _text(text: str) -> str:
    if not text.strip():
        raise InputError("the text is empty")
    if not text.isascii() and any(0xD800 <= ord(c) < 0xE000 for c in text):
        raise InputError("the text holds half a character (a lone surrogate)")
    return text


def _name(name: str) -> str:
    if not name or name != name.strip():
        raise InputError(f"{name!r} is no name: empty, or with a blank at an end")
    if any(c in "/\\" or not c.isprintable() for c in name):
        raise InputError(f"{name!r} is no name: it has a path separator or a control character")
    if name in {".", ".."} or len(name) > 100:
        raise InputError(f"{name[:20]!r} is no name: '.', '..' or more than 100 characters")
    return name


Text = Annotated[str, AfterValidator(_text)]
"""A text with something in it."""

Name = Annotated[str, AfterValidator(_name)]
"""A name that can stand in a table, a figure and a file name."""
