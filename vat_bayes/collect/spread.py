"""Cutting a condition's prompts into shards for the workers of a cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vat_bayes.collect.journal import Key
from vat_bayes.collect.judge import Group, Judge, groups_of
from vat_bayes.collect.prompts import Chat
from vat_bayes.study import ModelSource, Weights

if TYPE_CHECKING:
    from vat_bayes.collect.cluster import Cluster, Task

# Enough shards that no worker is idle for long at the end, and each long enough that what its
# prompts share is evaluated for many of them.
_SHARDS_PER_WORKER = 4
_SHORTEST, _LONGEST = 8, 256


@dataclass(frozen=True)
class Shard:
    """Which judgments come out of a task.

    Parameters
    ----------
    label : str
        Model and condition, for the progress.
    groups : tuple of tuple of (int, Key)
        For each group, the places in it whose judgments are wanted.
    writing : tuple of Key
        The answers in writing.
    """

    label: str
    groups: tuple[tuple[tuple[int, Key], ...], ...] = ()
    writing: tuple[Key, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Hands the judgments of one model and condition over to a cluster.

    Parameters
    ----------
    cluster : Cluster
        The cluster.
    model : ModelSource
        The model.
    judge : Judge
        The model in this process, prepared; it says how the workers are to open theirs.
    weights : Weights
        What the condition does to the model.
    files : mapping of str to str
        The SHA-256 of every file that a worker reads; the model's own first.
    label : str
        Model and condition.
    budget : int
        How many tokens the model may write before an answer.
    temperature : float
        For answers in writing.
    """

    cluster: Cluster
    model: ModelSource
    judge: Judge
    weights: Weights
    files: Mapping[str, str]
    label: str
    budget: int
    temperature: float

    def read(self, chats: Sequence[Chat], wanted: Mapping[int, Sequence[Key]]) -> None:
        """Hand over chats that are read at once.

        Parameters
        ----------
        chats : sequence of Chat
            All chats of the condition.
        wanted : mapping of int to sequence of Key
            The places of the chats whose judgments are missing.
        """
        groups = deque(g for g in groups_of(self.judge, chats) if wanted.keys() & set(g.places))
        size = self._shard_size(sum(len(g.places) for g in groups))
        while groups:
            taken: list[Group] = []
            while groups and sum(len(g.places) for g in taken) < size:
                taken.append(groups.popleft())
            task = self._task(
                groups=tuple((tuple(chats[i] for i in g.places), g.cuts) for g in taken)
            )
            marks = tuple(
                tuple((n, key) for n, i in enumerate(g.places) for key in wanted.get(i, ()))
                for g in taken
            )
            self.cluster.submit(task, Shard(self.label, groups=marks))

    def write(self, asked: Sequence[tuple[Chat, Key, tuple[str | int, ...]]]) -> None:
        """Hand over chats that are answered in writing, each with its judgment and its seed."""
        size = self._shard_size(len(asked))
        for start in range(0, len(asked), size):
            part = asked[start : start + size]
            task = self._task(writing=tuple((chat, seed) for chat, _, seed in part))
            self.cluster.submit(task, Shard(self.label, writing=tuple(key for _, key, _ in part)))

    def _shard_size(self, n: int) -> int:
        even = n // (self.cluster.n_workers * _SHARDS_PER_WORKER)
        return min(max(even, _SHORTEST), _LONGEST)

    def _task(self, **work: Any) -> Task:
        from vat_bayes.collect.cluster.task import Opening, Task

        told = self.judge.describe()
        # As many as suit the model, and no more than each worker of this machine can have.
        threads = self.cluster.threads and min(told["threads"], self.cluster.threads)
        model = self.model.model_copy(
            update={
                "n_ctx": told["n_ctx"],
                "n_batch": told["n_batch"],
                "threads": self.model.threads or threads,
            }
        )
        opening = Opening(
            model=model,
            path=next(iter(self.files)),
            labels=tuple(told["rating_tokens"]),
            budget=self.budget,
            reuse=told["prefix_reuse"]["used"],
        )
        return Task(
            opening=opening,
            weights=self.weights,
            files=dict(self.files),
            temperature=self.temperature,
            **work,
        )


def resolved(path: Path) -> str:
    """Return a path as a worker knows it, whatever its working directory is."""
    return str(path.resolve())
