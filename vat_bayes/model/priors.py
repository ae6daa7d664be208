"""A statistical model as a file: its priors, read, checked and printed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vat_bayes.bundled import model_path
from vat_bayes.errors import InputError, near_miss

Family = Literal["normal", "half_normal", "dirichlet"]
Readout = Literal["ratings", "scores"]

_COMMON: dict[str, Family] = {
    "theta": "normal",
    "delta": "normal",
    "alpha_scale": "half_normal",
    "u_scale": "half_normal",
    "kappa_scale": "half_normal",
    "beta": "normal",
    "lambda": "normal",
    "coupling_scale": "half_normal",
}
PARAMETERS: dict[Readout, dict[str, Family]] = {
    "ratings": {
        "cutpoint": "dirichlet",
        "prompt_scale": "half_normal",
        "repeat_scale": "half_normal",
        **_COMMON,
    },
    "scores": {"level": "normal", "noise": "half_normal", **_COMMON},
}


@dataclass(frozen=True)
class Prior:
    """A prior with one parameter.

    Parameters
    ----------
    family : {"normal", "half_normal", "dirichlet"}
        Normal and half-normal are centred at zero.
    scale : float
        Standard deviation, or the concentration of the Dirichlet.
    """

    family: Family
    scale: float

    def __str__(self) -> str:
        """Return the usual notation, e.g. ``Normal(0, 1.5)``."""
        name = {"normal": "Normal(0, ", "half_normal": "HalfNormal(", "dirichlet": "Dirichlet("}
        return f"{name[self.family]}{self.scale:g})"


@dataclass(frozen=True)
class ModelSpec:
    """The priors of both measurement paths.

    Parameters
    ----------
    name, title : str
        How the model is called and described.
    ratings, scores : dict of str to Prior
        Priors by parameter. Ratings are in logits; scores in quarters of the rating range.
    """

    name: str
    title: str
    ratings: dict[str, Prior]
    scores: dict[str, Prior]

    def scale(self, readout: Readout, parameter: str) -> float:
        """Return the prior scale of one parameter."""
        return (self.ratings if readout == "ratings" else self.scores)[parameter].scale


def load_spec(name_or_path: str | Path = "default") -> ModelSpec:
    """Read a model file.

    Parameters
    ----------
    name_or_path : str or Path
        The name of a bundled model (``models/bayes/<name>.toml``) or the path of a file.

    Returns
    -------
    ModelSpec

    Raises
    ------
    InputError
        When the file is missing, is not TOML, or has an unknown or unusable entry.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = model_path("bayes", f"{name_or_path}.toml")
        if not path.is_file():
            known = sorted(p.stem for p in model_path("bayes").glob("*.toml"))
            raise InputError(
                f"no bundled statistical model is called '{name_or_path}' (there are: "
                f"{', '.join(known)})",
                hint=near_miss(str(name_or_path), known),
            )
    if not path.is_file():
        raise InputError("this model file does not exist", where=str(path))
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not a TOML file: {error}", where=str(path)) from None
    known_keys = ("schema_version", "name", "title", "ratings", "scores")
    for key in raw:
        if key not in known_keys:
            raise InputError(
                f"unknown key '{key}'", where=str(path), hint=near_miss(key, known_keys)
            )
    sections = {
        readout: _read_section(raw.get(readout, {}), readout, path) for readout in get_args(Readout)
    }
    return ModelSpec(
        name=str(raw.get("name", path.stem)),
        title=str(raw.get("title", path.stem)),
        ratings=sections["ratings"],
        scores=sections["scores"],
    )


def _read_section(section: Any, readout: Readout, path: Path) -> dict[str, Prior]:
    expected = PARAMETERS[readout]
    where = f"{path}: [{readout}]"
    if not isinstance(section, dict):
        raise InputError("expected a table of priors", where=where)
    for key in section:
        if key not in expected:
            raise InputError(
                f"unknown parameter '{key}'", where=where, hint=near_miss(key, expected)
            )
    priors = {}
    for parameter, family in expected.items():
        entry = section.get(parameter)
        if entry is None:
            raise InputError(f"the prior of '{parameter}' is missing", where=where)
        if not isinstance(entry, dict) or list(entry) != [family]:
            raise InputError(
                f"'{parameter}' must be written {{ {family} = <scale> }}, found {entry!r}",
                where=where,
            )
        scale = entry[family]
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < 1e6:
            raise InputError(
                f"the scale of '{parameter}' must be a positive number, found {scale!r}",
                where=where,
            )
        priors[parameter] = Prior(family, float(scale))
    return priors
