"""The commands that make tables of judgments: ``import`` and ``simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vat_bayes.cli import options as o
from vat_bayes.cli.output import Output

File = Annotated[
    Path, typer.Option("--out", "-o", help="The table to write: .csv, .csv.gz or .parquet.")
]


def import_(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="table, inspect, lm-eval or valueportrait.")
    ],
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", help="The file or folder; several of them for logs."),
    ],
    *,
    out: File,
    opt: Annotated[
        list[str] | None,
        typer.Option(
            "--opt",
            metavar="KEY=VALUE",
            help="An option of the importer, key.part=value for a mapping; repeatable.",
        ),
    ] = None,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Turn a data set of another shape into a table of judgments, and check it."""
    from vat_bayes.judgments import import_judgments

    output = Output(quiet, json)
    imported = import_judgments(kind, paths, **o.importer_options(kind, opt or []))
    judgments = imported.judgments()
    for note in judgments.notes:
        output.say(f"note: {note}")
    files = [str(f) for f in imported.write(out)]
    conditions = [c.name for c in judgments.conditions]
    output.result(
        {
            "files": files,
            "rows": judgments.n_rows,
            "conditions": conditions,
            "n_categories": judgments.n_categories,
            "notes": list(judgments.notes),
        },
        f"{judgments.n_rows:,} judgments under {len(conditions)} conditions "
        f"({', '.join(conditions)}) in {', '.join(files)}",
        f"next: vat-bayes fit {files[0]} --out RUN --categories {judgments.n_categories}",
    )


def simulate(
    *,
    out: File,
    scenarios: Annotated[int, typer.Option(help="Number of scenarios, 20 items each.")] = 48,
    seed: o.Seed = 0,
    readout: Annotated[str, typer.Option(help="ratings or distribution.")] = "ratings",
    replicates: Annotated[int, typer.Option(help="Ratings for each item and condition.")] = 1,
    categories: Annotated[int, typer.Option(help="K, the number of rating categories.")] = 5,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Simulate judgments with known truth; the true effects go into NAME.truth.csv beside them.

    `fit` takes them along into the run folder, and the report shows them.
    """
    from vat_bayes.judgments import Imported
    from vat_bayes.runs import write_table
    from vat_bayes.simulate import simulate as run

    # A word that is no read-out is refused by the function itself.
    options: dict[str, Any] = {"readout": readout}
    made = run(scenarios, seed=seed, replicates=replicates, n_categories=categories, **options)
    Imported(made.judgments, None, categories, "simulated").write(out)
    truth = out.with_name(f"{out.name.split('.', maxsplit=1)[0]}.truth.csv")
    write_table(truth, made.truth)
    rows = len(made.judgments)
    Output(quiet, json).result(
        {"judgments": str(out), "truth": str(truth), "rows": rows, "seed": seed},
        f"{rows:,} judgments in {out}, {len(made.truth)} true effects in {truth}",
        f"next: vat-bayes fit {out} --out RUN --categories {categories}",
    )
