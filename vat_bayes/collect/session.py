"""One go at a run: taking it up, asking what has not been asked, and finishing it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from vat_bayes.collect.journal import Journal, Key
from vat_bayes.collect.judge import Judge, Prompt, Reading
from vat_bayes.collect.manifest import (
    SCHEMA_VERSION,
    changed_versions,
    counts,
    file_sha256,
    identity,
    refuse_changes,
    versions,
)
from vat_bayes.collect.progress import Progress
from vat_bayes.collect.schedule import Schedule
from vat_bayes.collect.store import RunFolder, write_parquet, write_text
from vat_bayes.collect.table import judgments_table
from vat_bayes.items import ItemSet
from vat_bayes.study import ModelSource, Study

# Below this the likeliest answer is hardly a rating, and the ratings may mean little.
_LITTLE_MASS = 0.5

OpenJudge = Callable[[ModelSource, Path, tuple[str, ...]], Judge]
"""Opens the judge of a model, given its file and the labels of the scale."""


@dataclass(kw_only=True)
class Session:
    """One go at a run, until it is finished or interrupted.

    Parameters
    ----------
    study : Study
        The study.
    files : mapping of str to pathlib.Path
        The file of each model.
    items : ItemSet
        The study's items.
    schedule : Schedule
        Its prompts.
    folder : RunFolder
        The run folder, locked.
    journal : Journal
        The folder's journal.
    progress : Progress
        Who is told how far the work is.
    open_judge : callable
        How a model becomes a judge.
    """

    study: Study
    files: Mapping[str, Path]
    items: ItemSet
    schedule: Schedule
    folder: RunFolder
    journal: Journal
    progress: Progress
    open_judge: OpenJudge
    _made: dict[Key, Reading] = field(default_factory=dict, init=False)
    _manifest: dict[str, Any] = field(default_factory=dict, init=False)

    def begin(self) -> None:
        """Take up the run in the folder, or begin a new one.

        Raises
        ------
        InputError
            When something changed on which judgments in the folder depend.
        """
        folder, study = self.folder, self.study
        hashes = {name: file_sha256(path) for name, path in self.files.items()}
        prompts = self.schedule.describe()
        now = identity(study, self.items, hashes, prompts)
        before = folder.read_manifest()
        self._made = self.journal.read(self.progress.note)
        asked = {key.model for key in self._made}
        if before is None or not asked:
            # Without a judgment there is nothing that a change could spoil.
            before = {"models": {}, "sessions": []}
        else:
            refuse_changes(before["identity"], now, asked=asked, where=folder.root)
        judged = self.items.judged()
        self._manifest = {
            "schema_version": SCHEMA_VERSION,
            "state": "collecting",
            "study": study.name,
            "seed": study.seed,
            "identity": now,
            "models": {
                m.name: {
                    **(before["models"].get(m.name, {}) if m.name in asked else {}),
                    "path": m.path,
                    "bytes": self.files[m.name].stat().st_size,
                    "sha256": hashes[m.name],
                }
                for m in study.models
            },
            "items": {
                "source": self.items.source,
                "sha256": now["items"],
                "judged": len(judged),
                "scenarios": len(judged.scenarios()),
            },
            "prompts": prompts,
        }
        # What later stages or another version added is not ours to drop.
        self._manifest |= {k: v for k, v in before.items() if k not in self._manifest}
        write_text(folder.study, study.to_toml(relative_to=folder.root))
        write_parquet(folder.items, self.items.table)
        if judged.loadings is not None:
            write_text(folder.loadings, judged.loadings.to_csv(index=False))
        # Last, because a folder with a manifest is one that can be taken up.
        folder.write_manifest(self._manifest)

    def ask(self) -> None:
        """Ask every model what it has not been asked."""
        names = {m.name for m in self.study.models}
        total = len(self.schedule) * len(names)
        done = sum(key.model in names for key in self._made)
        if done == total:
            return
        told = self._tell_versions()
        before = len(self._made)
        self.progress.begin(total, done)
        try:
            for model in self.study.models:
                labels = self.study.scale.labels
                opener = partial(self.open_judge, model, self.files[model.name], labels)
                self._ask_model(model.name, opener)
        finally:
            self.progress.end()
            told |= {"judgments": len(self._made) - before, "stopped": _now()}
            self.folder.write_manifest(self._manifest)

    def finish(self, sample: int | None) -> None:
        """Write the table, and say in the manifest that the run is complete."""
        table = judgments_table(self.study, self.items, self._made, sample=sample)
        write_parquet(self.folder.judgments, table)
        self._manifest |= {
            "state": "complete",
            "sample": sample,
            "rating": "drawn" if sample else "most probable",
            "judgments": {"rows": len(table), "sha256": file_sha256(self.folder.judgments)},
            "counts": counts(table),
        }
        self.folder.write_manifest(self._manifest)
        for told in self._manifest["counts"]:
            if told["mean_p_valid"] < _LITTLE_MASS:
                self.progress.note(
                    f"model '{told['model']}', condition '{told['condition']}': on average only "
                    f"{told['mean_p_valid']:.2g} of the probability of an answer is on ratings; "
                    "does the model answer with them at all?"
                )

    def _tell_versions(self) -> dict[str, Any]:
        now = versions()
        for name in changed_versions(self._manifest["sessions"], now):
            self.progress.note(f"{name} is now {now[name]}; the run began with another version")
        told: dict[str, Any] = {"started": _now(), "versions": now}
        self._manifest["sessions"].append(told)
        return told

    def _ask_model(self, name: str, opener: Callable[[], Judge]) -> None:
        if all(_key(name, p) in self._made for p in self.schedule):
            return
        judge = opener()
        try:
            judge.prepare(self.schedule)
            self._tell_judge(name, judge)
            for condition in self.study.conditions:
                judge.forget()
                for prompt in self.schedule.of(condition):
                    key = _key(name, prompt)
                    if key not in self._made:
                        reading = judge.read(prompt.chat)
                        self.journal.append(key, reading)
                        self._made[key] = reading
                        self.progress.step(f"{name}, {condition.name}")
        finally:
            judge.close()

    def _tell_judge(self, name: str, judge: Judge) -> None:
        told = judge.describe()
        self._manifest["models"][name] |= told
        if not told.get("prefix_reuse", {}).get("used", True):
            self.progress.note(
                f"model '{name}': keeping what two prompts share would change its answers, so "
                "every prompt is evaluated from its beginning, which takes longer"
            )


def _key(model: str, prompt: Prompt) -> Key:
    return Key(model, prompt.condition, prompt.item, prompt.order)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
