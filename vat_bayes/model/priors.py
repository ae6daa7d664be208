"""A statistical model as a file: its priors and its switches, read, checked and printed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from vat_bayes.bundled import model_path
from vat_bayes.errors import InputError, near_miss

if TYPE_CHECKING:
    from vat_bayes.model.structure import Structure

Family = Literal[
    "normal", "half_normal", "dirichlet", "exchangeable", "circle", "student_t", "fixed"
]
Link = Literal["logistic", "probit"]
Readout = Literal["ratings", "scores"]
_SCHEMA_VERSION = 1

# Each parameter with the families that it may have; the first is that of the default model.
_COMMON: dict[str, tuple[Family, ...]] = {
    "theta": ("normal",),
    "delta": ("normal", "exchangeable", "circle"),
    "alpha_scale": ("half_normal",),
    "u_scale": ("half_normal",),
    "kappa_scale": ("half_normal",),
    "beta": ("normal", "fixed"),
    "lambda": ("normal", "fixed"),
    "coupling_scale": ("half_normal", "fixed"),
}
PARAMETERS: dict[Readout, dict[str, tuple[Family, ...]]] = {
    "ratings": {
        "cutpoint": ("dirichlet",),
        "prompt_scale": ("half_normal",),
        "repeat_scale": ("half_normal",),
        **_COMMON,
    },
    "scores": {"level": ("normal",), "noise": ("half_normal",), **_COMMON},
}
# What a condition adds. These priors are in the condition's own units: with ``lambda`` its
# extremity they are the priors of ``exp(lambda)`` times the parameter. In units of the baseline,
# flatter answers would leave more room for every one of ten effects, and a posterior of
# ``lambda`` would be pulled down by as many times its variance.
ADDED = ("delta", "u_scale", "beta", "prompt_shift_scale", "subvalue_shift_scale")
# Terms that a model has only where its file names them.
_OPTIONAL_COMMON: dict[str, tuple[Family, ...]] = {
    "model_scale": ("half_normal",),
    "scenario": ("student_t",),
}
OPTIONAL: dict[Readout, dict[str, tuple[Family, ...]]] = {
    "ratings": {
        **_OPTIONAL_COMMON,
        "share_scale": ("half_normal",),
        "prompt_shift_scale": ("half_normal",),
        "subvalue_scale": ("half_normal",),
        "subvalue_shift_scale": ("half_normal",),
    },
    "scores": _OPTIONAL_COMMON,
}
# Further numbers that a family takes, and what they are when the file leaves them out.
_OPTIONS: dict[str, dict[str, float]] = {
    "exchangeable": {"target": 1.0},
    "circle": {"target": 1.0, "slope": 0.5},
}
_NOTATION: dict[Family, str] = {
    "normal": "Normal(0, {scale:g})",
    "half_normal": "HalfNormal({scale:g})",
    "dirichlet": "Dirichlet({scale:g})",
    "exchangeable": "Exchangeable({scale:g}; target {target:g})",
    "circle": "Circle({scale:g}; target {target:g}, slope {slope:g})",
    "student_t": "StudentT({scale:g})",
    "fixed": "{scale:g}",
}


@dataclass(frozen=True)
class Prior:
    """A prior and the reason for it.

    Parameters
    ----------
    family : str
        ``normal`` and ``half_normal`` are centred at zero. ``exchangeable`` and ``circle`` are
        priors of ``delta`` whose spread is learned (see `vat_bayes.model.pooling`). ``student_t``
        gives scenarios heavy tails. ``fixed`` leaves the parameter at zero.
    scale : float
        Standard deviation; the concentration of the Dirichlet; the degrees of freedom of
        ``student_t``; the half-normal scale of the spread of ``exchangeable`` and ``circle``.
    target, slope : float, optional
        For ``exchangeable`` and ``circle``: standard deviation of the targets' own effect; for
        ``circle``: that of the slope on the cosine.
    why : str
        The reason, as the file gives it.
    """

    family: Family
    scale: float
    target: float | None = None
    slope: float | None = None
    why: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Return the usual notation, e.g. ``Normal(0, 1.5)``."""
        return _NOTATION[self.family].format(
            scale=self.scale, target=self.target or 0, slope=self.slope or 0
        )


@dataclass(frozen=True)
class ModelSpec:
    """The priors of both measurement paths.

    Parameters
    ----------
    name, title : str
        How the model is called and described.
    ratings, scores : dict of str to Prior
        Priors by parameter. Ratings are in the units of the link; scores in quarters of the rating
        range.
    link : {"logistic", "probit"}
        The distribution function F of the ratings.
    why : str
        What the model is for.
    """

    name: str
    title: str
    ratings: dict[str, Prior]
    scores: dict[str, Prior]
    link: Link = "logistic"
    why: str = ""

    def priors(self, readout: Readout) -> dict[str, Prior]:
        """Return the priors of one path."""
        return self.ratings if readout == "ratings" else self.scores

    def scale(self, readout: Readout, parameter: str) -> float:
        """Return the prior scale of one parameter."""
        return self.priors(readout)[parameter].scale

    def scenario_df(self, readout: Readout) -> float | None:
        """Return the degrees of freedom of the scenarios; None when they are normal."""
        prior = self.priors(readout).get("scenario")
        return None if prior is None else prior.scale

    def departures(self, readout: Readout, structure: Structure | None = None) -> tuple[str, ...]:
        """Name what the model has beyond the plain form, for an engine that knows only that one.

        The plain form has the parameters of `PARAMETERS` with their first family each, and the
        logistic link.

        Parameters
        ----------
        readout : {"ratings", "scores"}
        structure : Structure, optional
            The data's; terms that they have no use for (wordings, sub-values) are then left out.

        Returns
        -------
        tuple of str
            Empty for the plain form.
        """
        priors, plain = self.priors(readout), PARAMETERS[readout]
        idle: set[str] = set()
        if structure is not None and len(structure.prompts) < 2:
            idle.add("prompt_shift_scale")
        if structure is not None and len(structure.subvalues) < 2:
            idle |= {"subvalue_scale", "subvalue_shift_scale"}
        priors = {k: p for k, p in priors.items() if k not in idle}
        found = [k for k, p in priors.items() if k not in plain or p.family != plain[k][0]]
        if readout == "ratings" and self.link != "logistic":
            found.append("link")
        return tuple(found)

    def attributes(self, readout: Readout) -> dict[str, object]:
        """Return what later stages must know of the model, as attributes of the posterior.

        Parameters
        ----------
        readout : {"ratings", "scores"}

        Returns
        -------
        dict
            ``pooling`` (``none``, ``exchangeable`` or ``circle``: how the effects of one arm share
            a spread), ``model_pooling`` (0 or 1: whether a condition's effects are pooled over
            models), ``link`` and ``scenario_df`` (0 for normal scenarios).
        """
        family = self.priors(readout)["delta"].family
        return {
            "pooling": "none" if family == "normal" else family,
            "model_pooling": int("model_scale" in self.priors(readout)),
            "link": self.link if readout == "ratings" else "identity",
            "scenario_df": self.scenario_df(readout) or 0.0,
        }


def bundled_models() -> tuple[str, ...]:
    """Return the names of the bundled model files, the default first."""
    names = sorted(p.stem for p in model_path("bayes").glob("*.toml"))
    return tuple(sorted(names, key=lambda n: n != "default"))


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
            known = bundled_models()
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
    known_keys = ("schema_version", "name", "title", "why", "link", "ratings", "scores")
    for key in raw:
        if key not in known_keys:
            raise InputError(
                f"unknown key '{key}'", where=str(path), hint=near_miss(key, known_keys)
            )
    version = raw.get("schema_version", _SCHEMA_VERSION)
    if version != _SCHEMA_VERSION or isinstance(version, bool):
        raise InputError(
            f"'schema_version' is {version!r}, expected {_SCHEMA_VERSION}",
            where=str(path),
            hint="a newer version of vat-bayes may read it",
        )
    link = raw.get("link", "logistic")
    if link not in get_args(Link):
        raise InputError(
            f"unknown link {link!r}, expected one of {', '.join(get_args(Link))}",
            where=str(path),
            hint=near_miss(str(link), get_args(Link)),
        )
    sections = {
        readout: _read_section(raw.get(readout, {}), readout, path) for readout in get_args(Readout)
    }
    return ModelSpec(
        name=str(raw.get("name", path.stem)),
        title=str(raw.get("title", path.stem)),
        ratings=sections["ratings"],
        scores=sections["scores"],
        link=link,
        why=str(raw.get("why", "")),
    )


def _read_section(section: Any, readout: Readout, path: Path) -> dict[str, Prior]:
    allowed = PARAMETERS[readout] | OPTIONAL[readout]
    where = f"{path}: [{readout}]"
    if not isinstance(section, dict):
        raise InputError("expected a table of priors", where=where)
    for key in section:
        if key not in allowed:
            raise InputError(
                f"unknown parameter '{key}'", where=where, hint=near_miss(key, allowed)
            )
    for parameter in PARAMETERS[readout]:
        if parameter not in section:
            raise InputError(f"the prior of '{parameter}' is missing", where=where)
    return {
        parameter: _read_prior(section[parameter], parameter, families, where)
        for parameter, families in allowed.items()
        if parameter in section
    }


def _read_prior(entry: Any, parameter: str, families: tuple[Family, ...], where: str) -> Prior:
    family = next((f for f in families if isinstance(entry, dict) and f in entry), None)
    options = _OPTIONS.get(family or "", {})
    if family is None or set(entry) - {family, "why", *options}:
        forms = " or ".join(f"{{ {f} = <scale> }}" for f in families)
        raise InputError(f"'{parameter}' must be written {forms}, found {entry!r}", where=where)
    if family == "fixed":
        if entry[family] != 0:
            raise InputError(
                f"'{parameter}' can only be fixed at 0, found {entry[family]!r}", where=where
            )
        return Prior("fixed", 0.0, why=str(entry.get("why", "")))
    numbers = {family: entry[family]} | {k: entry.get(k, default) for k, default in options.items()}
    for key, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < 1e6:
            what = "scale" if key == family else key
            raise InputError(
                f"the {what} of '{parameter}' must be a positive number, found {number!r}",
                where=where,
            )
    if family == "student_t" and numbers[family] <= 2:
        raise InputError(
            f"'{parameter}' needs more than 2 degrees of freedom, or the scenarios have no "
            f"variance; found {numbers[family]!r}",
            where=where,
        )
    scale = float(numbers.pop(family))
    return Prior(
        family, scale, **{k: float(v) for k, v in numbers.items()}, why=str(entry.get("why", ""))
    )
