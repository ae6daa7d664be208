"""The commands on judgments and run folders: ``fit``, ``check`` and ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vat_bayes.cli import options as o
from vat_bayes.cli.output import Output, checks_table, failures, fitted_data, headline
from vat_bayes.cli.programs import keep_programs

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


def fit(
    source: Annotated[
        Path,
        typer.Argument(metavar="JUDGMENTS|RUN", help="A table of judgments, or a run folder."),
    ],
    *,
    out: o.Out = None,
    study: Annotated[
        Path | None,
        typer.Option(help="A study file, for the conditions and the scale of a plain table."),
    ] = None,
    engine: o.Engine = "auto",
    backend: o.Backend = "numpyro",
    draws: o.Draws = 1000,
    tune: o.Tune = 1000,
    chains: o.Chains = 4,
    seed: o.Seed = 0,
    model_file: o.ModelFile = "default",
    readout: o.Readout = "auto",
    categories: Annotated[
        int | None,
        typer.Option(help="K, the number of rating categories; otherwise as the data say."),
    ] = None,
    loadings: Annotated[
        Path | None, typer.Option(help="A table item, value, weight beside the judgments.")
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OURS=THEIRS", help="A column by another name; repeatable."),
    ] = None,
    level: o.Level = 0.9,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Fit judgments into a run folder: posterior, estimates and checks."""
    keep_programs()
    from vat_bayes.audit import fit_run

    output = Output(quiet, json)
    fitted = fit_run(
        source,
        out,
        options=o.fit_options(
            engine=engine,
            backend=backend,
            draws=draws,
            tune=tune,
            chains=chains,
            seed=seed,
            model_file=model_file,
            readout=readout,
            level=level,
        ),
        study=study,
        columns=o.pairs(rename or [], "--map"),
        loadings=loadings,
        n_categories=categories,
        progress=not quiet,
        say=output.say,
    )
    output.result(
        fitted_data(fitted),
        headline(fitted),
        failures(fitted),
        f"run: {fitted.folder}; next: vat-bayes report {fitted.folder}",
    )


def check(
    run: RunFolder,
    *,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Also fit without a part of the scenarios, part by part."),
    ] = False,
    folds: Annotated[int, typer.Option(help="Number of parts, and of fits, for --refit.")] = 5,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Compute and check the estimates of a fitted run again; exit code 1 when a check fails."""
    if refit:
        keep_programs()
    from vat_bayes.audit import check_run

    output = Output(quiet, json)
    fitted = check_run(run, refit=refit, folds=folds, say=output.say)
    output.result(fitted_data(fitted), checks_table(fitted.checks), failures(fitted))
    if fitted.failed:
        raise typer.Exit(1)


def report(
    run: RunFolder,
    *,
    form: Annotated[
        str,
        typer.Option("--format", help="html, md, pdf (printed by an installed Chromium) or json."),
    ] = "html",
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Write the report of a fitted run into its folder: a page with figures, or another format."""
    from vat_bayes.audit import report_run

    # A word that is no format is refused by the function itself.
    chosen: Any = form
    written = report_run(run, form=chosen)
    Output(quiet, json).result(
        {"run": str(run), "format": form, "report": str(written)}, f"report: {written}"
    )
