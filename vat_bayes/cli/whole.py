"""The commands that collect: ``collect``, ``audit`` and ``demo``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from vat_bayes.cli import options as o
from vat_bayes.cli.output import Output, failures, fitted_data, headline
from vat_bayes.cli.programs import keep_programs

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file (TOML).")]


def collect(
    study: StudyFile,
    *,
    out: o.Out = None,
    sample: o.Sample = None,
    mode: o.Mode = None,
    threads: o.Threads = None,
    n_batch: o.Batch = None,
    n_ctx: o.Context = None,
    gpu_layers: o.GpuLayers = None,
    cluster: o.Cluster = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="Collect blocks of scenarios until 'width(gain) < 0.1', 'width(tax_rms) < 0.1', "
            "'width(shift\\[security], CONDITION) < 0.2' or 'decided' (joined by 'and'); the model "
            "is fitted at the looks.",
        ),
    ] = None,
    budget: Annotated[
        Path | None, typer.Option(help="The budget that must decide, for the rule 'decided'.")
    ] = None,
    first: Annotated[int, typer.Option(help="Scenarios before the first look of --until.")] = 24,
    block: Annotated[int, typer.Option(help="Scenarios between two looks of --until.")] = 12,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what would be asked and how much of it is made; ask nothing."
        ),
    ] = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Ask every model of a study everything, into a run folder that can be taken up again."""
    from vat_bayes.collect import StoppedError, outline, progress_for
    from vat_bayes.collect import collect as run
    from vat_bayes.errors import InputError
    from vat_bayes.study import load_study

    output = Output(quiet, json)
    if until is None and budget is not None:
        raise InputError("--budget is for a collection with --until 'decided'")
    engine: dict[str, str | int | None] = {
        "mode": mode,
        "threads": threads,
        "n_batch": n_batch,
        "n_ctx": n_ctx,
        "n_gpu_layers": gpu_layers,
    }
    again: dict[str, object] = engine | {"cluster": cluster, "until": until, "budget": budget}
    if until is not None:
        again |= {"first": first, "block": block}
    try:
        asked = load_study(study).with_engine(**engine)
        if dry_run:
            from vat_bayes.cli.outline import outline_parts

            found = outline(asked, out=out)
            output.result(found.to_dict(), *outline_parts(found))
            return
        shown = progress_for(sys.stderr, quiet=quiet)
        if until is not None:
            from vat_bayes.cli.until import collect_until

            collect_until(
                asked, until, budget, first, block,
                output=output, out=out, sample=sample, progress=shown, cluster=cluster,
            )  # fmt: skip
            return
        folder = run(asked, out=out, sample=sample, progress=shown, cluster=cluster)
    except KeyboardInterrupt:
        raise _resumable("collect", study, out, sample, again) from None
    except StoppedError as stopped:
        raise o.Interrupted(str(stopped)) from None
    rows = int((folder.read_manifest() or {})["judgments"]["rows"])
    output.result(
        {"run": str(folder.root), "judgments": str(folder.judgments), "rows": rows},
        f"{rows:,} judgments in {folder.judgments}",
        f"next: vat-bayes fit {folder.root}",
    )


def audit(
    study: StudyFile,
    *,
    out: o.Out = None,
    sample: o.Sample = None,
    mode: o.Mode = None,
    threads: o.Threads = None,
    n_batch: o.Batch = None,
    n_ctx: o.Context = None,
    gpu_layers: o.GpuLayers = None,
    cluster: o.Cluster = None,
    engine: o.Engine = "auto",
    backend: o.Backend = "numpyro",
    draws: o.Draws = 1000,
    tune: o.Tune = 1000,
    chains: o.Chains = 4,
    seed: o.FitSeed = 0,
    model_file: o.ModelFile = "default",
    readout: o.Readout = "auto",
    level: o.Level = 0.9,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Collect, fit, check and report: the whole job."""
    keep_programs()
    from vat_bayes.audit import audit as run
    from vat_bayes.collect import StoppedError
    from vat_bayes.study import load_study

    output = Output(quiet, json)
    chosen = o.fit_options(
        engine=engine,
        backend=backend,
        draws=draws,
        tune=tune,
        chains=chains,
        seed=seed,
        model_file=model_file,
        readout=readout,
        level=level,
    )
    settings: dict[str, str | int | None] = {
        "mode": mode,
        "threads": threads,
        "n_batch": n_batch,
        "n_ctx": n_ctx,
        "n_gpu_layers": gpu_layers,
    }
    try:
        done = run(
            load_study(study).with_engine(**settings),
            out=out,
            sample=sample,
            options=chosen,
            cluster=cluster,
            progress=not quiet,
            say=output.say,
        )
    except KeyboardInterrupt:
        again = settings | {"cluster": cluster}
        raise _resumable("audit", study, out, sample, again) from None
    except StoppedError as stopped:
        raise o.Interrupted(str(stopped)) from None
    output.result(
        fitted_data(done) | {"report": str(done.report)},
        headline(done),
        failures(done),
        f"report: {done.report}",
    )
    if done.failed:
        raise typer.Exit(1)


def demo(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The run folder.")] = Path("vat-demo"),
    draws: o.Draws = 400,
    tune: o.Tune = 400,
    chains: o.Chains = 4,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> None:
    """Audit the embedded judge, whose true effects are known, and compare."""
    keep_programs()
    from vat_bayes.demo import run_demo
    from vat_bayes.runs import FitOptions

    output = Output(quiet, json)
    try:
        found = run_demo(
            out,
            options=FitOptions(draws=draws, tune=tune, chains=chains),
            progress=not quiet,
            say=output.say,
        )
    except KeyboardInterrupt:
        raise o.Interrupted(
            f"what was collected is kept; `vat-bayes demo --out {out}` goes on"
        ) from None
    done, n = found.audit, len(found.shifts)
    output.result(
        fitted_data(done)
        | {"report": str(done.report), "true_shifts": n, "inside_interval": found.inside},
        headline(done),
        f"{found.inside} of {n} true shifts (all values, all interventions) lie inside their "
        "90% intervals",
        failures(done),
        f"report: {done.report}",
    )


def _quoted(word: str) -> str:
    return shlex.quote(word) if any(c in word for c in " <>()") else word


# The settings of llama.cpp whose options are called otherwise.
_OPTIONS = {"n_batch": "batch", "n_ctx": "context", "n_gpu_layers": "gpu-layers"}


def _resumable(
    command: str,
    study: Path,
    out: Path | None,
    sample: int | None,
    engine: Mapping[str, object] | None = None,
) -> o.Interrupted:
    words = ["vat-bayes", command, str(study)]
    words += [] if out is None else ["--out", str(out)]
    words += [] if sample is None else ["--sample", str(sample)]
    for key, chosen in (engine or {}).items():
        words += [] if chosen is None else [f"--{_OPTIONS.get(key, key)}", _quoted(str(chosen))]
    return o.Interrupted(f"what was collected is kept; `{' '.join(words)}` goes on")
