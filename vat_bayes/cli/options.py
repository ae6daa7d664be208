"""Options that commands share, and how their words become values."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vat_bayes.errors import InputError

if TYPE_CHECKING:
    from vat_bayes.runs import FitOptions

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object on standard output.")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="The run folder; by default the study's, or the run itself."),
]
Sample = Annotated[
    int | None,
    typer.Option("--sample", help="Draw this many ratings for each prompt from its distribution."),
]
Mode = Annotated[
    str | None,
    typer.Option(
        help="exact (bit-identical to one prompt at a time) or batched (several together; last "
        "digits differ, the manifest says by how much). Default: the study's, or exact."
    ),
]
Threads = Annotated[int | None, typer.Option(help="CPU threads.", min=1)]
Batch = Annotated[int | None, typer.Option("--batch", help="Tokens evaluated at a time.", min=16)]
Context = Annotated[int | None, typer.Option("--context", help="Context length in tokens.", min=16)]
GpuLayers = Annotated[
    int | None, typer.Option(help="Layers to keep on a GPU; -1 for all of them.", min=-1)
]
Cluster = Annotated[
    str | None,
    typer.Option(
        help="Ask on several processes: local, local:N, or the address of a Dask scheduler."
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        help="auto, fast (exact for expected scores, approximate for ratings) or nuts.",
        show_default=True,
    ),
]
Backend = Annotated[str, typer.Option(help="numpyro or pymc.")]
Draws = Annotated[int, typer.Option(help="Draws to keep of each chain.")]
Tune = Annotated[int, typer.Option(help="Warm-up steps of each chain.")]
Chains = Annotated[int, typer.Option(help="Number of chains.")]
Seed = Annotated[int, typer.Option(help="Seed of every random draw.")]
FitSeed = Annotated[
    int, typer.Option("--seed", help="Seed of the fit; what is asked depends on the study's own.")
]
ModelFile = Annotated[
    str, typer.Option("--model-file", help="A statistical model: a bundled name or a .toml file.")
]
Readout = Annotated[
    str,
    typer.Option(help="What is fitted: auto, distribution (p1..pK) or ratings."),
]
Level = Annotated[float, typer.Option(help="Probability of the intervals.")]


class Interrupted(Exception):
    """The user interrupted; the message says how to go on."""


def fit_options(
    *,
    engine: str,
    backend: str,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    model_file: str,
    readout: str,
    level: float,
) -> FitOptions:
    """Gather the options of a fit; unknown words are refused by the fit itself."""
    from vat_bayes.runs import FitOptions

    words: dict[str, Any] = {"engine": engine, "backend": backend, "readout": readout}
    return FitOptions(
        **words,
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        model_file=model_file,
        level=level,
    )


def pairs(given: list[str], option: str) -> dict[str, str]:
    """Split ``key=value`` words.

    Raises
    ------
    InputError
        When one of them has another form, or a key comes twice.
    """
    found: dict[str, str] = {}
    for word in given:
        key, sign, value = word.partition("=")
        if not sign or not key.strip():
            raise InputError(f"{option} '{word}' has no '=', expected key=value")
        if key.strip() in found:
            raise InputError(f"{option} gives '{key.strip()}' twice")
        found[key.strip()] = value.strip()
    return found


def importer_options(kind: str, given: list[str]) -> dict[str, Any]:
    """Turn ``--opt key=value`` into the options of an importer.

    ``key.part=value`` fills a mapping. Words become numbers or truth values where the importer's
    signature asks for them; a key that it does not have is left for the importer to refuse.

    Parameters
    ----------
    kind : str
        The importer.
    given : list of str
        The words.

    Raises
    ------
    InputError
        When a word has another form or does not fit the option.
    """
    from vat_bayes.judgments import IMPORTERS

    known = inspect.signature(IMPORTERS[kind]).parameters if kind in IMPORTERS else {}
    options: dict[str, Any] = {}
    for key, word in pairs(given, "--opt").items():
        name, dot, part = key.partition(".")
        wanted = str(known[name].annotation) if name in known else "str"
        is_mapping = wanted.startswith("Mapping")
        if bool(dot) != is_mapping and name in known:
            form = f"{name}.<key>=<value>" if is_mapping else f"{name}=<value>"
            raise InputError(f"--opt '{key}={word}' does not fit, expected {form}")
        if dot:
            value = _value(word, wanted.partition(",")[2].strip(" ]|None"), key)
            options.setdefault(name, {})[part] = value
        else:
            options[name] = _value(word, wanted.removesuffix(" | None"), key)
    return options


def _value(word: str, wanted: str, key: str) -> object:
    if wanted.startswith("bool"):
        if word.casefold() not in ("true", "false"):
            raise InputError(f"--opt {key} is '{word}', expected true or false")
        return word.casefold() == "true"
    if wanted.startswith("tuple"):
        parts = word.split(",")
        if len(parts) != 2:
            raise InputError(f"--opt {key} is '{word}', expected two numbers as in -1,1")
        return tuple(_value(part.strip(), "float", key) for part in parts)
    for kind, expected in ((int, "a whole number"), (float, "a number")):
        if wanted.startswith(kind.__name__):
            try:
                return kind(word)
            except ValueError:
                raise InputError(f"--opt {key} is '{word}', expected {expected}") from None
    return word
