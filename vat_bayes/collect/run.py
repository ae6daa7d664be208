"""Collecting: every prompt of a study to every model, into a run folder that can be taken up."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

from vat_bayes.collect.journal import Journal
from vat_bayes.collect.judge import Judge
from vat_bayes.collect.llamacpp import LlamaCppJudge
from vat_bayes.collect.progress import Progress, SilentProgress
from vat_bayes.collect.schedule import Schedule
from vat_bayes.collect.session import OpenJudge, Session
from vat_bayes.collect.stopped import stopped_by_disk
from vat_bayes.collect.store import RunFolder
from vat_bayes.collect.thoughts import Thoughts
from vat_bayes.errors import InputError
from vat_bayes.items import ItemSet
from vat_bayes.study import ModelSource, Study


def open_llamacpp(model: ModelSource, path: Path, labels: tuple[str, ...]) -> Judge:
    """Open a model of a study by llama.cpp.

    Raises
    ------
    InputError
        When the file can't be used, or no tokens of the model read as a label.
    """
    return LlamaCppJudge(
        path,
        name=model.name,
        labels=labels,
        n_ctx=model.n_ctx,
        threads=model.threads,
        n_batch=model.n_batch,
        mode=model.mode or "exact",
        n_gpu_layers=model.n_gpu_layers,
        chat=model.chat,
    )


def prepared(
    study: Study, out: str | Path | None
) -> tuple[dict[str, Path], dict[str, dict[str, Path]], ItemSet, Schedule, RunFolder]:
    """Find everything that a study names, and put its prompts in order.

    Parameters
    ----------
    study : Study
        The study.
    out : path or None
        The run folder; the study's `out` when None, and ``runs/<name>`` without that.

    Returns
    -------
    files : dict
        The file of each model that is not on a server.
    condition_files : dict
        Condition to the files that it reads, by the paths in the study.
    items : ItemSet
        The items.
    schedule : Schedule
        The prompts.
    folder : RunFolder
        The run folder, untouched.

    Raises
    ------
    InputError
        When the study can't be used.
    """
    files = {m.name: study.model_file(m) for m in study.models if not m.addresses}
    condition_files = study.condition_files()
    items = study.load_items()
    if not len(items.judged()):
        raise InputError("the study has no items to judge")
    folder = RunFolder(Path(out or study.out or Path("runs", study.name)))
    return files, condition_files, items, Schedule(study, items), folder


def collect(
    study: Study,
    *,
    out: str | Path | None = None,
    sample: int | None = None,
    progress: Progress | None = None,
    open_judge: OpenJudge = open_llamacpp,
    cluster: str | None = None,
    scenarios: Collection[str] | None = None,
) -> RunFolder:
    """Ask every model of a study everything, and write the run folder.

    A run that was interrupted in any way goes on where it stopped when it is collected again, and
    its table is the same, bit for bit, as that of a run without interruption. A finished run
    costs nothing to collect again. `sample` may differ from one time to the next: the
    distributions are what is kept, and ratings are drawn from them at the end.

    Parameters
    ----------
    study : Study
        The study.
    out : path, optional
        The run folder; the study's `out` when absent, and ``runs/<name>`` without that.
    sample : int, optional
        How many ratings to draw for each prompt, with seeds of their own; an answer that is no
        rating becomes an empty one. When absent, the rating is the most probable one.
    progress : Progress, optional
        Who is told how far the work is; nobody when absent.
    open_judge : callable, optional
        How a model becomes a judge; llama.cpp in this process when absent.
    cluster : str, optional
        Where models that are files are asked: ``local`` or ``local:N`` for processes on this
        machine, or the address of a Dask scheduler. This process when absent; the table is the
        same, bit for bit. Only this process writes to the run folder.
    scenarios : collection of str, optional
        Those that are asked now and stand in the table; all of them when absent. More may be asked
        of the same run later.

    Returns
    -------
    RunFolder
        The folder with ``study.toml``, ``items.parquet``, ``judgments.parquet``,
        ``manifest.json``, the prompts that were sent, the texts that were written, and the journal.

    Raises
    ------
    InputError
        When the study, a model or the folder can't be used, or something changed since the run
        in the folder began.
    StoppedError
        An `InputError`: the disk is full or a server fails; what was collected is kept.
    NoEffectError
        An `InputError`, raised when everything is written: an intervention gave exactly the
        baseline's answers.
    KeyboardInterrupt
        When the user interrupts; what was collected is kept.
    """
    if sample is not None and sample < 1:
        raise InputError(f"sample is {sample}; expected at least 1")
    if sample is not None and study.readout.generates:
        raise InputError(
            "sample draws from distributions, and this study's answers are written",
            hint="set replicates in [readout]",
        )
    files, condition_files, items, schedule, folder = prepared(study, out)
    try:
        with folder.locked():
            folder.refuse_foreign()
            labels = study.scale.labels
            with (
                Journal(folder.journal, len(labels)) as journal,
                contextlib.closing(Thoughts(folder.thoughts)) as thoughts,
            ):
                session = Session(
                    study=study,
                    files=files,
                    items=items,
                    schedule=schedule,
                    folder=folder,
                    journal=journal,
                    progress=progress or SilentProgress(),
                    open_judge=open_judge,
                    condition_files=condition_files,
                    thoughts=thoughts,
                    block=None if scenarios is None else items.of_scenarios(scenarios),
                )
                session.begin()
                with contextlib.ExitStack() as stack:
                    if cluster is not None and not session.is_complete:
                        from vat_bayes.collect.cluster import open_cluster

                        session.cluster = stack.enter_context(open_cluster(cluster))
                    session.ask()
            session.finish(sample)
    except OSError as error:
        raise stopped_by_disk(error, folder.root) or error from None
    return folder
