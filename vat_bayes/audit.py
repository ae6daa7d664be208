"""The whole job, and its steps on a run folder: collect, fit, check, report."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from vat_bayes.checks import (
    LEAVE_OUT,
    Check,
    check_leave_out,
    gate,
    read_checks,
    run_checks,
    write_checks,
)
from vat_bayes.conditions import Condition
from vat_bayes.decide import load_budget
from vat_bayes.decisions import decide_run
from vat_bayes.errors import InputError
from vat_bayes.estimands import Estimands, compute_estimands, single_items
from vat_bayes.judgments import Judgments, describe, load_judgments
from vat_bayes.judgments.read import table_file
from vat_bayes.report import write_report
from vat_bayes.report.estimates import read_estimands
from vat_bayes.report.shown import Shown
from vat_bayes.report.write import Form
from vat_bayes.runs import (
    FitOptions,
    RunFiles,
    describe_fit,
    write_dataset,
    write_parquet_parts,
    write_table,
    write_text,
)

if TYPE_CHECKING:
    import xarray as xr

    from vat_bayes.study import Study

Say = Callable[[str], None]
"""Takes a sentence on how far the work is."""


def silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, repr=False)
class FittedRun(Shown):
    """A run folder with a fit in it.

    In a notebook it shows its finding and its table of gain and tax, and `to_dataframe`,
    `plot_gain_tax`, `plot_forest`, `plot_circle`, `plot_coupling` and `plot_trajectory` give the
    rest; see `vat_bayes.report.shown.Shown`.

    Parameters
    ----------
    folder : pathlib.Path
        The run folder.
    estimands : Estimands
        The estimates; what a failed convergence check takes back is withheld.
    checks : list of Check
        The verdicts.
    """

    folder: Path
    estimands: Estimands
    checks: list[Check]

    @property
    def failed(self) -> list[Check]:
        """The checks that failed."""
        return [c for c in self.checks if c.verdict == "fail"]

    def to_dataframe(self) -> pd.DataFrame:
        """Return the estimates as a tidy table.

        Returns
        -------
        pandas.DataFrame
            The columns of ``estimands.csv``, with what a decision added to it; a withheld number is
            NaN and its `status` says why.
        """
        table = read_estimands(RunFiles(self.folder).estimands)
        return gate(Estimands(table, self.estimands.draws), self.checks).table

    @cached_property
    def posterior(self) -> xr.DataTree:
        """The posterior, as ArviZ takes it.

        Raises
        ------
        InputError
            When the file is not there any more.
        """
        from vat_bayes.model import read_tree

        return read_tree(RunFiles(self.folder).posterior)


@dataclass(frozen=True, repr=False)
class Audit(FittedRun):
    """A finished audit.

    Parameters
    ----------
    report : pathlib.Path
        The page.
    """

    report: Path


def audit(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    sample: int | None = None,
    options: FitOptions | None = None,
    truth: pd.DataFrame | None = None,
    cluster: str | None = None,
    progress: bool = False,
    say: Say = silent,
) -> Audit:
    """Do the whole job: collect, fit, check and report.

    Parameters
    ----------
    study : Study or path
        What is to be asked of which models.
    out : path, optional
        The run folder; the study's `out` when absent, and ``runs/<name>`` without that.
    sample : int, optional
        How many ratings to draw for each prompt; the distributions alone when absent.
    options : FitOptions, optional
        How the judgments are fitted.
    truth : pandas.DataFrame, optional
        True effects to show in the report; see `vat_bayes.report.write_report`.
    cluster : str, optional
        Where models that are files are asked; see `vat_bayes.collect.collect`.
    progress : bool
        Whether progress is shown on the standard error stream.
    say : callable, optional
        Takes a sentence as each step begins.

    Returns
    -------
    Audit
        Estimates, verdicts and the page. Nothing is lost by an interruption: the same call goes on
        where it stopped.

    Raises
    ------
    InputError
        When the study, a model or the folder can't be used.
    """
    from vat_bayes.collect import NoEffectError, collect, progress_for
    from vat_bayes.study import Study, load_study

    options = options or FitOptions()
    if not isinstance(study, Study):
        study = load_study(study)
    shown = progress_for(sys.stderr, quiet=not progress)
    try:
        folder = collect(study, out=out, sample=sample, progress=shown, cluster=cluster).root
    except NoEffectError as e:
        # The report says which check failed, and that is worth more than no report.
        say(str(e))
        folder = e.folder
    fitted = fit_run(folder, options=options, progress=progress, say=say)
    say("writing the report")
    page = write_report(folder, truth=truth)
    return Audit(fitted.folder, fitted.estimands, fitted.checks, page)


def fit_run(
    source: str | Path | Judgments,
    out: str | Path | None = None,
    *,
    options: FitOptions | None = None,
    study: Study | str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    loadings: str | Path | None = None,
    n_categories: int | None = None,
    progress: bool = False,
    say: Say = silent,
) -> FittedRun:
    """Fit judgments into a run folder and check the fit.

    Parameters
    ----------
    source : path or Judgments
        A table of judgments, a run folder, or judgments that are loaded already.
    out : path, optional
        The run folder; `source` itself when that is one.
    options : FitOptions, optional
        How they are fitted.
    study : Study or path, optional
        The conditions and the scale, for a table that does not say them.
    columns, loadings, n_categories
        See `vat_bayes.judgments.load_judgments`.
    progress : bool
        Whether a progress bar is shown on a terminal.
    say : callable, optional
        Takes a sentence as each step begins.

    Returns
    -------
    FittedRun
        After writing ``posterior.nc``, ``estimands.csv``, ``estimand_draws.nc``, ``checks.json``,
        and beside them a copy of the judgments, their counts and ``example_items.csv``.

    Raises
    ------
    InputError
        When the judgments, an option or the folder can't be used.
    """
    from vat_bayes.model import fit, write_tree

    options = options or FitOptions()
    run = RunFiles(_out_folder(source, out))
    told = _as_study(study)
    file = None if isinstance(source, Judgments) else table_file(Path(source))
    if file is not None:
        RunFiles(file.parent).refuse_changed(file)
    if isinstance(source, Judgments):
        judgments = source
    else:
        judgments = load_judgments(
            source,
            loadings=loadings,
            conditions=told.as_conditions() if told else None,
            columns=columns,
            n_categories=n_categories or _known_categories(Path(source), told),
        )
    run.open_for(file)
    if run.budget.is_file():  # better refused now than after the fit
        load_budget(run.budget)
    for note in judgments.notes:
        say(f"note: {note}")
    say(
        f"fitting {judgments.n_rows:,} judgments: {options.chains} chains of {options.tune} "
        f"warm-up steps and {options.draws} draws"
    )
    if _takes_an_hour(judgments, options):
        say(
            f"note: NUTS can take an hour for {len(judgments.tally.counts):,} cells of ratings; "
            "--engine fast, where it takes the data, needs minutes, and its check can only warn"
        )
    tree = fit(
        judgments,
        spec=options.model_file,
        readout=options.readout,
        engine=options.engine,
        backend=options.backend,
        draws=options.draws,
        tune=options.tune,
        chains=options.chains,
        seed=options.seed,
        progress=progress,
    )
    run.drop_results()
    # First, because a folder with a manifest is one that may be fitted into again.
    run.write_fit_section(describe_fit(judgments, options, file) | _sampled(tree))
    _keep_input(run, judgments, file, told)
    description = describe(judgments)
    write_table(run.data, description)
    write_table(
        run.example_items,
        single_items(judgments, readout=options.readout, level=options.level),
    )
    write_tree(tree, run.posterior)
    say("computing and checking the estimates")
    return _conclude(run, tree, options.level, description)


def _takes_an_hour(judgments: Judgments, options: FitOptions) -> bool:
    """Say whether NUTS may be about to sample more ratings than it can in minutes."""
    from vat_bayes.model.fast import ratings as fast

    scores = options.readout == "distribution" or (
        options.readout == "auto" and judgments.has_distributions
    )
    many = len(judgments.tally.counts) > fast.MOST_CELLS
    return many and not scores and options.engine != "fast"


def check_run(
    folder: str | Path, *, refit: bool = False, folds: int = 5, say: Say = silent
) -> FittedRun:
    """Compute and check the estimates of a fitted run again.

    Parameters
    ----------
    folder : path
        A run folder with a posterior.
    refit : bool
        Also fit as the run was fitted, but without a part of the scenarios, once for each part; see
        `vat_bayes.checks.check_leave_out`. Without it the verdict of an earlier such check stays.
    folds : int
        Number of parts.
    say : callable, optional
        Takes a sentence before each of these fits.

    Returns
    -------
    FittedRun
        After writing ``estimands.csv``, ``estimand_draws.nc`` and ``checks.json``.

    Raises
    ------
    InputError
        When there is no posterior in the folder, or it can't be read; with `refit`, also when the
        judgments or the statistical model are not there any more.
    """
    from vat_bayes.model import read_tree

    run = RunFiles(_run_folder(folder))
    level = run.fit_section().get("level", FitOptions().level)
    tree = read_tree(run.posterior)
    description = None
    if run.data.is_file():
        description = pd.read_csv(run.data, dtype={"model": str, "condition": str})
    leave_out = _refit(run, folds, say) if refit else _earlier_refit(run)
    return _conclude(run, tree, float(level), description, leave_out)


def load_run(folder: str | Path) -> FittedRun:
    """Open a run folder that was fitted and checked before.

    Parameters
    ----------
    folder : path
        The run folder.

    Returns
    -------
    FittedRun
        As it was written; nothing is computed again.

    Raises
    ------
    InputError
        When the folder is not that of a fitted run, or a file in it can't be read.
    """
    run = RunFiles(_run_folder(folder))
    draws = run.read_draws((run.estimands, run.draws, run.checks))
    table = read_estimands(run.estimands)
    return FittedRun(run.root, Estimands(table, draws), read_checks(run.checks))


def report_run(
    folder: str | Path, *, form: Form = "html", truth: pd.DataFrame | None = None
) -> Path:
    """Write the report of a fitted and checked run.

    Parameters
    ----------
    folder : path
        The run folder.
    form : {"html", "md", "pdf", "json"}
        See `vat_bayes.report.write_report`.
    truth : pandas.DataFrame, optional
        True effects to show; see `vat_bayes.report.write_report`.

    Returns
    -------
    pathlib.Path
        The file that was written.

    Raises
    ------
    InputError
        When the folder is not that of a fitted run, or the form can't be written here.
    """
    return write_report(_run_folder(folder), form=form, truth=truth)


def _refit(run: RunFiles, folds: int, say: Say) -> Check:
    """Cross-validate over scenarios with the options that the run was fitted with."""
    from vat_bayes.model import fit, load_spec

    if folds < 2:
        raise InputError(f"--folds must be at least 2, found {folds}")
    section = run.fit_section()
    names = {f.name for f in fields(FitOptions)}
    options = FitOptions(**{k: v for k, v in section.items() if k in names})
    own = run.root / options.model_file
    spec = load_spec(own if own.is_file() else options.model_file)
    judgments = load_judgments(run.root, n_categories=_known_categories(run.root, None))

    def again(part: Judgments) -> xr.DataTree:
        return fit(
            part,
            spec=spec,
            readout=options.readout,
            engine=options.engine,
            backend=options.backend,
            draws=options.draws,
            tune=options.tune,
            chains=options.chains,
            seed=options.seed,
        )

    return check_leave_out(
        judgments, again, folds=folds, seed=options.seed, readout=options.readout, say=say
    )


def _earlier_refit(run: RunFiles) -> Check | None:
    """Return what refits found; a new fit removes the file, so it is about this posterior."""
    if not run.checks.is_file():
        return None
    earlier = (c for c in read_checks(run.checks) if c.check == LEAVE_OUT)
    return next((c for c in earlier if c.verdict != "not-run"), None)


def _conclude(
    run: RunFiles,
    tree: xr.DataTree,
    level: float,
    description: pd.DataFrame | None,
    leave_out: Check | None = None,
) -> FittedRun:
    estimands = compute_estimands(tree, level=level)
    checks = run_checks(tree, estimands, description=description, leave_out=leave_out)
    estimands = gate(estimands, checks)
    write_table(run.estimands, estimands.table)
    write_dataset(run.draws, estimands.draws)
    write_checks(run.checks, checks)
    if run.budget.is_file():
        decide_run(run.root)
    return FittedRun(run.root, estimands, checks)


def _run_folder(folder: str | Path) -> Path:
    path = Path(folder)
    if not path.is_dir():
        what = "this is a file, expected a run folder" if path.exists() else "no such run folder"
        raise InputError(what, where=str(path))
    return path


def _out_folder(source: str | Path | Judgments, out: str | Path | None) -> Path:
    if out is not None:
        return Path(out)
    if isinstance(source, Judgments) or not Path(source).is_dir():
        raise InputError(
            "there is no folder for the results: give --out",
            where=source.source if isinstance(source, Judgments) else str(source),
        )
    return Path(source)


def _as_study(study: Study | str | Path | None) -> Study | None:
    from vat_bayes.study import load_study

    return load_study(study) if isinstance(study, str | Path) else study


def _known_categories(source: Path, study: Study | None) -> int | None:
    """Return K where the study or an earlier fit in this folder knows it."""
    if study is not None:
        return len(study.scale.labels)
    if not source.is_dir() or RunFiles(source).study.is_file():
        return None
    known = RunFiles(source).fit_section().get("n_categories")
    return known if isinstance(known, int) else None


def _sampled(tree: xr.DataTree) -> dict[str, object]:
    """Return what the sampler says of itself, which "auto" did not."""
    kept = ("engine", "readout", "sampler", "statistical_model", "seconds")
    return {k: tree.attrs[k] for k in kept if k in tree.attrs}


def _keep_input(
    run: RunFiles, judgments: Judgments, file: Path | None, study: Study | None
) -> None:
    """Copy the judgments and what belongs to them, unless they lie here already."""
    if study is not None:
        write_text(run.study, study.to_toml(relative_to=run.root))
    if file is not None and file.resolve() == run.judgments.resolve():
        return
    write_parquet_parts(
        run.judgments,
        (_with_conditions(part, judgments.conditions) for part in judgments.rows.parts()),
    )
    if judgments.loadings is not None:
        write_table(run.loadings, judgments.loadings)
    if file is None:
        return
    if study is None and (beside := file.with_name(run.study.name)).is_file():
        from vat_bayes.study import load_study

        write_text(run.study, load_study(beside).to_toml(relative_to=run.root))
    stem = file.name.split(".", maxsplit=1)[0]
    if (truth := file.with_name(f"{stem}.truth.csv")).is_file():
        shutil.copyfile(truth, run.truth)


def _with_conditions(table: pd.DataFrame, known: Sequence[Condition]) -> pd.DataFrame:
    """Return the table with the conditions in columns, so that it can be read by itself."""
    table = table.copy()
    names = table["condition"]
    columns: tuple[tuple[str, Any, Callable[[Condition], object]], ...] = (
        ("role", "string", lambda c: c.role),
        ("target", "string", lambda c: ", ".join(c.target) or None),
        ("direction", "Int64", lambda c: c.direction),
        ("dose", "Float64", lambda c: c.dose),
        ("reference", "string", lambda c: c.reference),
        ("placebo", "string", lambda c: c.placebo),
    )
    for column, kind, cell in columns:
        cells = {c.name: cell(c) for c in known}
        of_row = [cells[name] for name in names]
        table[column] = pd.Series(of_row, index=table.index, dtype=object).astype(kind)
    return table
