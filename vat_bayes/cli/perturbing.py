"""The command ``perturb``: a placebo of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vat_bayes.cli import options as o
from vat_bayes.cli.output import Output


def perturb(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="The GGUF file of the audited model.")
    ],
    *,
    like: Annotated[Path, typer.Option(help="The checkpoint whose change is matched.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The GGUF file to write.")],
    seed: o.Seed = 0,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Write a placebo of a checkpoint: a change of the same size in random directions."""
    from vat_bayes.collect.perturb import perturb as run

    made = run(model, like, out, seed=seed)
    lines = [
        f"{made.changed} of {made.tensors} tensors changed in {made.path}, by {made.norm:.3g} "
        f"together ({made.relative:.2%} of the weights)"
    ]
    if made.retyped:
        lines.append(f"{made.retyped} tensors are in 16 bits, as the model's are quantised")
    Output(quiet, json).result(
        {
            "file": str(made.path),
            "changed": made.changed,
            "tensors": made.tensors,
            "norm": made.norm,
            "relative": made.relative,
            "retyped": made.retyped,
        },
        *lines,
        f'next: role = "placebo", kind = "checkpoint", path = "{made.path}" in a condition',
    )
