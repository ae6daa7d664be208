"""A piece of work for a cluster, and how a worker does it with a model of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vat_bayes.collect.judge import Answer, Prompt, Reading
from vat_bayes.collect.llamacpp import LlamaCppJudge
from vat_bayes.collect.manifest import file_sha256, versions
from vat_bayes.collect.prompts import Chat
from vat_bayes.errors import InputError
from vat_bayes.study import ModelSource, Weights


@dataclass(frozen=True)
class Opening:
    """Which model a worker opens, and how: as the run's manifest says.

    Parameters
    ----------
    model : ModelSource
        The model, with its context and batch as they were chosen for the run.
    path : str
        Its file; a worker must have it at the same place.
    labels : tuple of str
        The labels of the scale.
    budget : int
        How many tokens the model may write before an answer; 0 when answers are read at once.
    reuse : bool
        Whether the shared beginnings of prompts are kept.
    """

    model: ModelSource
    path: str
    labels: tuple[str, ...]
    budget: int
    reuse: bool


@dataclass(frozen=True)
class Task:
    """A shard of one condition's prompts for one model.

    Parameters
    ----------
    opening : Opening
        The model.
    weights : Weights
        What the condition does to it.
    files : mapping of str to str
        The SHA-256 of every file that is read.
    groups : tuple of (tuple of Chat, tuple of int)
        Chats that are read together, with the group's cuts.
    writing : tuple of (Chat, tuple of (str or int))
        Chats that are answered in writing, with the seed of each.
    temperature : float
        For answers in writing.
    """

    opening: Opening
    weights: Weights
    files: Mapping[str, str]
    groups: tuple[tuple[tuple[Chat, ...], tuple[int, ...]], ...] = ()
    writing: tuple[tuple[Chat, tuple[str | int, ...]], ...] = ()
    temperature: float = 1.0


@dataclass(frozen=True)
class Done:
    """What came of a task.

    Parameters
    ----------
    readings : tuple of (tuple of Reading)
        One tuple for each group.
    answers : tuple of Answer
        One for each chat that was answered in writing.
    refused : str
        Why the task could not be done; empty when it was.
    """

    readings: tuple[tuple[Reading, ...], ...] = ()
    answers: tuple[Answer, ...] = ()
    refused: str = ""


class _Held:
    """The model that this process holds, and what is set in it; one at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.opening: Opening | None = None
        self.judge: LlamaCppJudge | None = None
        self.weights: Weights | None = None
        self.hashes: dict[tuple[str, int, int], str] = {}


_held = _Held()


def do(task: Task) -> Done:
    """Do a task in this process.

    The model stays in memory for the next task, and is closed when that needs another one. An
    answer is the same as in the process that holds the run: `Judge` asks for that.

    Parameters
    ----------
    task : Task
        The task.

    Returns
    -------
    Done
        Bad input is told in `refused`.
    """
    # A worker may have several threads; a model is used by one.
    with _held.lock:
        try:
            _refuse_other_files(task.files)
            judge = _open(task)
            if _held.weights != task.weights:
                _held.weights = None
                judge.switch(task.weights)
                _held.weights = task.weights
            return Done(
                tuple(tuple(judge.read_together(chats, cuts)) for chats, cuts in task.groups),
                tuple(
                    judge.answer(chat, temperature=task.temperature, seed=seed)
                    for chat, seed in task.writing
                ),
            )
        except InputError as error:
            return Done(refused=str(error))


def about() -> dict[str, str]:
    """Return the versions that this process has."""
    return versions()


def _open(task: Task) -> LlamaCppJudge:
    opening = task.opening
    if _held.judge is not None and _held.opening == opening:
        return _held.judge
    if _held.judge is not None:
        _held.judge.close()
    _held.judge = _held.opening = _held.weights = None
    model = opening.model
    judge = LlamaCppJudge(
        Path(opening.path),
        name=model.name,
        labels=opening.labels,
        n_ctx=model.n_ctx,
        threads=model.threads,
        n_batch=model.n_batch,
        mode=model.mode or "exact",
        n_gpu_layers=model.n_gpu_layers,
        chat=model.chat,
    )
    try:
        chats = [chat for chats, _ in task.groups for chat in chats]
        chats += [chat for chat, _ in task.writing]
        judge.prepare((Prompt("", "", "", chat) for chat in chats), budget=opening.budget)
        if not opening.reuse:
            judge.do_without_reuse()
    except BaseException:
        judge.close()
        raise
    _held.judge, _held.opening, _held.weights = judge, opening, Weights()
    return judge


def _refuse_other_files(files: Mapping[str, str]) -> None:
    for name, expected in files.items():
        path = Path(name)
        try:
            told = path.stat()
            key = (name, told.st_size, told.st_mtime_ns)
            if key not in _held.hashes:
                _held.hashes[key] = file_sha256(path)
        except OSError as e:
            raise InputError(
                f"a worker cannot read the file ({e.strerror})",
                where=name,
                hint="every worker needs the models at the same places",
            ) from None
        if _held.hashes[key] != expected:
            raise InputError("a worker has another file there", where=name)
