"""Reproducing: a sample of a run's judgments made again, with the settings of its manifest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vat_bayes.collect.journal import Journal, Key
from vat_bayes.collect.judge import Judge, Prompt, Reading, groups_of, read_group
from vat_bayes.collect.manifest import (
    changed_versions,
    file_sha256,
    identity,
    refuse_changes,
    versions,
)
from vat_bayes.collect.progress import Progress, SilentProgress
from vat_bayes.collect.run import open_llamacpp
from vat_bayes.collect.schedule import Schedule
from vat_bayes.collect.server import open_server
from vat_bayes.collect.session import OpenJudge
from vat_bayes.collect.store import RunFolder
from vat_bayes.errors import InputError
from vat_bayes.study import ModelSource, Study, load_study
from vat_bayes.study.seeds import shuffled


@dataclass(frozen=True)
class Reproduction:
    """How judgments that were made again compare with those of the run.

    Parameters
    ----------
    judgments : int
        How many there are in the run.
    sampled : int
        How many were made again.
    identical : int
        How many of these agree bit for bit.
    mean_total_variation, largest_total_variation : float or None
        The distance of the two distributions over the ratings, from 0 to 1; 1 where only one of
        the two has one. For written answers, that of what stood before the rating.
    largest_p_valid_difference : float or None
        Of the probability that the answer is a rating.
    ratings_changed : int
        How many have another most probable rating, or another written one.
    worst : str
        The judgment with the largest distance; empty where all agree.
    notes : tuple of str
        What a reader must know, e.g. that a library has another version.
    """

    judgments: int
    sampled: int
    identical: int
    mean_total_variation: float | None
    largest_total_variation: float | None
    largest_p_valid_difference: float | None
    ratings_changed: int
    worst: str
    notes: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether every judgment is the same, bit for bit."""
        return self.identical == self.sampled

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "notes": list(self.notes), "agrees": self.agrees}


def reproduce(
    run: str | Path,
    *,
    n: int = 100,
    seed: int = 0,
    progress: Progress | None = None,
    open_judge: OpenJudge = open_llamacpp,
) -> Reproduction:
    """Make a random sample of a run's judgments again and compare; nothing is written.

    The models are opened with the number of threads and the context of the manifest, because both
    can change the last bits.

    Parameters
    ----------
    run : path
        The run folder.
    n : int
        How many judgments to make again; all of them where there are fewer.
    seed : int
        What the sample depends on, beside the judgments themselves.
    progress : Progress, optional
        Who is told how far the work is.
    open_judge : callable, optional
        How a model file becomes a judge.

    Raises
    ------
    InputError
        When there is no run, or a file changed that its judgments depend on or consist of.
    """
    if n < 1:
        raise InputError(f"n is {n}; expected at least 1")
    progress = progress or SilentProgress()
    folder = RunFolder(Path(run))
    if not folder.study.is_file() or (told := folder.read_manifest()) is None:
        raise InputError("no collected run is in this folder", where=str(folder.root))
    study = load_study(folder.study)
    notes: list[str] = []
    made = Journal(folder.journal, len(study.scale.labels)).read(notes.append)
    if not made:
        raise InputError("the run has no judgments", where=str(folder.root))
    again = _Again(study, folder, told, {key.model for key in made}, open_judge)
    sample = sorted(shuffled(sorted(made), "reproduce", seed)[:n])
    for name in changed_versions(told["sessions"], now := versions()):
        notes.append(f"{name} is now {now[name]}; the run was made with another version")
    progress.begin(len(sample), 0)
    found: dict[Key, Reading] = {}
    try:
        for model in study.models:
            again.ask(model, [k for k in sample if k.model == model.name], found, progress)
    finally:
        progress.end()
    return _compared(made, {key: found[key] for key in sample}, notes)


class _Again:
    """Makes judgments of a run again, after a look at whether its files are what they were."""

    def __init__(
        self,
        study: Study,
        folder: RunFolder,
        told: Mapping[str, Any],
        asked: set[str],
        open_judge: OpenJudge,
    ) -> None:
        self._study, self._told, self._open = study, told, open_judge
        self._files = {m.name: study.model_file(m) for m in study.models if not m.addresses}
        self._condition_files = study.condition_files()
        items = study.load_items()
        self._schedule = Schedule(study, items)
        now = identity(
            study,
            items,
            {name: file_sha256(path) for name, path in self._files.items()},
            self._schedule.describe(),
            {
                name: {path: file_sha256(file) for path, file in files.items()}
                for name, files in self._condition_files.items()
            },
        )
        refuse_changes(
            told["identity"],
            now,
            asked=asked,
            where=folder.root,
            refused="the run cannot be made again",
            hint="restore it",
        )
        table = told.get("judgments", {}).get("sha256")
        if table is not None:
            if not folder.judgments.is_file():
                raise InputError("not there", where=str(folder.judgments), hint=_TABLE_AGAIN)
            if file_sha256(folder.judgments) != table:
                raise InputError(
                    "not the table that the run wrote (its SHA-256 is another)",
                    where=str(folder.judgments),
                    hint=_TABLE_AGAIN,
                )

    def ask(
        self, model: ModelSource, keys: list[Key], found: dict[Key, Reading], progress: Progress
    ) -> None:
        """Make the judgments of one model again, into `found`."""
        for checkpoint, conditions in self._schedule.by_file().items():
            names = {c.name for c in conditions}
            wanted = [key for key in keys if key.condition in names]
            if not wanted:
                continue
            # All prompts are shown to the judge, so that it is prepared as it was for the run.
            prompts = {
                (p.condition, p.item, p.order): p for c in conditions for p in self._schedule.of(c)
            }
            file = self._files.get(model.name)
            if checkpoint is not None:
                file = self._condition_files[conditions[0].name][checkpoint]
            labels = self._study.scale.labels
            told = self._told["models"].get(model.name, {})
            if checkpoint is not None:
                told = told.get("checkpoints", {}).get(checkpoint, {})
            judge: Judge = (
                open_server(model, labels)
                if file is None
                else self._open(_as_told(model, told), file, labels)
            )
            try:
                judge.prepare(list(prompts.values()), budget=self._study.readout.tokens)
                for condition in conditions:
                    mine = [key for key in wanted if key.condition == condition.name]
                    if not mine:
                        continue
                    files = self._condition_files.get(condition.name, {})
                    at = {path: str(file) for path, file in files.items()}
                    weights = self._schedule.weights(condition.name)
                    judge.switch(weights.with_paths(at.__getitem__))
                    for key, reading in self._read(judge, list(prompts.values()), mine):
                        found[key] = reading
                        progress.step(f"{model.name}, {condition.name}")
            finally:
                judge.close()

    def _read(
        self, judge: Judge, prompts: list[Prompt], keys: list[Key]
    ) -> Iterator[tuple[Key, Reading]]:
        """Make judgments of one condition again."""
        own = [p for p in prompts if p.condition == keys[0].condition]
        places = {(p.item, p.order): i for i, p in enumerate(own)}
        if lost := [key for key in keys if (key.item, key.order) not in places]:
            raise InputError(f"the study no longer asks {lost[0]}")
        readout = self._study.readout
        if readout.generates:
            for key in keys:
                chat = own[places[key.item, key.order]].chat
                seed = (self._study.seed, "answer", *key.parts)
                yield key, judge.answer(chat, temperature=readout.heat, seed=seed).reading
            return
        wanted: dict[int, list[Key]] = {}
        for key in keys:
            wanted.setdefault(places[key.item, key.order], []).append(key)
        for group in groups_of(judge, [p.chat for p in own]):
            if wanted.keys() & set(group.places):
                readings = read_group(judge, [own[i].chat for i in group.places], group)
                for place, reading in zip(group.places, readings, strict=True):
                    for key in wanted.get(place, []):
                        yield key, reading


_TABLE_AGAIN = "`vat-bayes collect` with the run's study.toml and folder writes it again"


def _as_told(model: ModelSource, told: Mapping[str, Any]) -> ModelSource:
    kept = {
        key: told[key] for key in ("threads", "n_ctx", "n_batch") if isinstance(told.get(key), int)
    }
    return model.model_copy(update=kept)


def _compared(
    made: Mapping[Key, Reading], found: Mapping[Key, Reading], notes: list[str]
) -> Reproduction:
    pairs = {key: (made[key], reading) for key, reading in found.items()}
    distances = {key: _distance(a, b) for key, (a, b) in pairs.items()}
    changes = [
        abs(a.p_valid - b.p_valid)
        for a, b in pairs.values()
        if a.p_valid is not None and b.p_valid is not None
    ]
    identical = sum(a == b for a, b in pairs.values())
    worst = max(distances, key=lambda key: distances[key])
    return Reproduction(
        judgments=len(made),
        sampled=len(pairs),
        identical=identical,
        mean_total_variation=math.fsum(distances.values()) / len(distances),
        largest_total_variation=distances[worst],
        largest_p_valid_difference=max(changes, default=None),
        ratings_changed=sum(_rating(a) != _rating(b) for a, b in pairs.values()),
        worst="" if identical == len(pairs) else _called(worst),
        notes=tuple(notes),
    )


def _distance(a: Reading, b: Reading) -> float:
    if bool(a.probabilities) != bool(b.probabilities):
        return 1.0
    return sum(abs(x - y) for x, y in zip(a.probabilities, b.probabilities, strict=True)) / 2


def _rating(reading: Reading) -> int | None:
    if reading.ended or not reading.probabilities:
        return reading.rating
    return reading.probabilities.index(max(reading.probabilities)) + 1


def _called(key: Key) -> str:
    text = f"model '{key.model}', condition '{key.condition}', item '{key.item}' ({key.order})"
    return text if key.replicate == 1 else f"{text}, replicate {key.replicate}"
