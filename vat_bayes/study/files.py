"""Where the files that a study names lie."""

from __future__ import annotations

import os
from pathlib import Path

from vat_bayes.bundled import model_path
from vat_bayes.errors import InputError, near_miss

BUNDLED = "bundled:"


def locate(path: str, base: Path, owner: str) -> Path:
    """Return the file that a study means.

    Parameters
    ----------
    path : str
        As the study has it: relative to the study file, or ``bundled:<name>`` for a model that
        comes with the package.
    base : pathlib.Path
        The study file's folder.
    owner : str
        Whose file it is, for messages, e.g. ``model 'judge'``.

    Raises
    ------
    InputError
        When there is none.
    """
    if path.startswith(BUNDLED):
        wanted = path.removeprefix(BUNDLED)
        known = sorted(p.stem for p in model_path("judges").glob("*.gguf"))
        if wanted not in known:
            raise InputError(
                f"{owner}: no bundled model is called '{wanted}'",
                hint=near_miss(wanted, known) or f"bundled: {', '.join(known) or 'none'}",
            )
        return model_path("judges", f"{wanted}.gguf")
    file = base / Path(path).expanduser()
    if not file.is_file():
        what = "a folder, not a file" if file.is_dir() else "not there"
        raise InputError(
            f"{owner}: '{path}' is {what} (looked at {file})",
            hint="the path is relative to the study file",
        )
    return file


def seen_from(path: str, base: Path, folder: Path) -> str:
    """Return a study's path as a study file in another folder must write it."""
    if path.startswith(BUNDLED) or Path(path).expanduser().is_absolute():
        return path
    try:
        return Path(os.path.relpath(base / path, folder)).as_posix()
    except ValueError:  # on another drive
        return str((base / path).resolve())
