"""Reading a study file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from vat_bayes.errors import InputError, near_miss
from vat_bayes.study.study import Study


def load_study(path: str | Path) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    path : path
        A TOML file. The paths in it are relative to its folder.

    Returns
    -------
    Study
        The study. Whether its model files exist is looked at when they are opened, so that a
        finished run can be read where its models are not.

    Raises
    ------
    InputError
        In one sentence: the place, what was found and what was expected.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        siblings = [p.name for p in file.parent.glob("*.toml")] if file.parent.is_dir() else []
        raise InputError(
            f"the study file {what}", where=str(path), hint=near_miss(file.name, siblings)
        )
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as e:
        raise InputError(f"not UTF-8 text (byte {e.start + 1})", where=file.name) from None
    except tomllib.TOMLDecodeError as e:
        message, where = _syntax(str(e), file.name)
        raise InputError(message, where=where) from None
    except OSError as e:
        raise InputError(f"cannot be read ({e.strerror})", where=str(path)) from None
    return Study.from_dict(data, base=file.parent, where=file.name)


def _syntax(message: str, name: str) -> tuple[str, str]:
    """Take the place out of the parser's message."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.S)
    if not found:
        return f"not TOML: {message}", name
    text, line, column = found.groups()
    place = f"line {line}, column {column}" if line else "at its end"
    return f"not TOML: {text[:1].lower()}{text[1:]}", f"{name}, {place}"
