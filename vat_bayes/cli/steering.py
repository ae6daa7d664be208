"""The command ``steer``: a control vector from a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vat_bayes.cli import options as o
from vat_bayes.cli.output import Output
from vat_bayes.cli.whole import StudyFile
from vat_bayes.errors import InputError


def steer(
    study: StudyFile,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The GGUF file to write.")],
    condition: Annotated[
        str | None, typer.Option(help="The condition whose effect on the hidden states is taken.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="The condition it is contrasted with; default the baseline.")
    ] = None,
    value: Annotated[
        str | None,
        typer.Option(help="Instead: contrast actions for and against this value."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Which model of the study.")] = None,
    layers: Annotated[
        str | None, typer.Option(metavar="FIRST-LAST", help="The layers to keep; default all.")
    ] = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Derive a control vector from contrasting prompts, as llama.cpp reads it.

    The items held out for examples are used, so that the vector can be judged on the others.
    """
    from vat_bayes.collect.steer import steer as run
    from vat_bayes.study import load_study

    made = run(
        load_study(study),
        out,
        condition=condition,
        against=against,
        value=value,
        model=model,
        layers=None if layers is None else _range(layers),
    )
    told = [
        {"layer": i, "length": made.lengths[i], "consistency": made.consistency[i]}
        for i in made.lengths
    ]
    lines = [
        f"layer {t['layer']}: length {t['length']:.3g}, consistency {t['consistency']:.2f}"
        for t in told
    ]
    Output(quiet, json).result(
        {"file": str(made.path), "pairs": made.pairs, "layers": told},
        f"{made.pairs:,} pairs from {made.scenarios} scenarios in {made.path}",
        *lines,
        f'next: kind = "steering", path = "{made.path}", strength = 0.3 in a condition',
    )


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not first.isdecimal() or (last and not last.isdecimal()):
        raise InputError(f"--layers: expected FIRST-LAST, e.g. 8-20, found '{text}'")
    return int(first), int(last or first)
