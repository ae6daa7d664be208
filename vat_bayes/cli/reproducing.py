"""The command ``reproduce``: a sample of a run's judgments, made again."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vat_bayes.cli import options as o
from vat_bayes.cli.fitting import RunFolder
from vat_bayes.cli.output import Output


def reproduce(
    run: RunFolder,
    *,
    n: Annotated[int, typer.Option("--n", "-n", help="How many judgments to make again.")] = 100,
    seed: o.Seed = 0,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Make a random sample of a run's judgments again; exit code 1 when they differ in any bit."""
    from vat_bayes.collect import StoppedError, progress_for
    from vat_bayes.collect import reproduce as make_again

    output = Output(quiet, json)
    try:
        found = make_again(run, n=n, seed=seed, progress=progress_for(sys.stderr, quiet=quiet))
    except (KeyboardInterrupt, StoppedError) as error:
        raise o.Interrupted(f"{error or 'nothing is compared'}; nothing was written") from None
    for note in found.notes:
        output.say(f"note: {note}")
    if found.agrees:
        verdict = f"all {found.sampled:,} agree bit for bit"
    else:
        verdict = (
            f"{found.sampled - found.identical:,} of {found.sampled:,} differ: total variation "
            f"{found.mean_total_variation:.2g} on average and {found.largest_total_variation:.2g} "
            f"at most ({found.worst}), {found.ratings_changed:,} with another rating"
        )
    output.result(
        {"run": str(run), **found.to_dict()},
        f"{found.sampled:,} of {found.judgments:,} judgments made again; {verdict}",
    )
    if not found.agrees:
        raise typer.Exit(1)
