"""One go at a run: taking it up, asking what has not been asked, and finishing it."""

from __future__ import annotations

import contextlib
import datetime
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vat_bayes.collect.effects import IDENTICAL, SAME, NoEffectError, effects
from vat_bayes.collect.journal import Journal, Key
from vat_bayes.collect.judge import Judge, Prompt, Reading, groups_of, read_group
from vat_bayes.collect.labelbias import label_bias
from vat_bayes.collect.manifest import (
    SCHEMA_VERSION,
    changed_versions,
    counts,
    file_sha256,
    identity,
    refuse_changes,
    told_settings,
    versions,
)
from vat_bayes.collect.progress import Progress
from vat_bayes.collect.prompts import Chat
from vat_bayes.collect.schedule import CONTENT_FREE, Schedule
from vat_bayes.collect.sent import keep_prompts
from vat_bayes.collect.server import ServerJudge, open_server, told_served
from vat_bayes.collect.spread import Shard, Spread, resolved
from vat_bayes.collect.store import RunFolder, write_csv, write_parquet, write_text
from vat_bayes.collect.thoughts import Thoughts
from vat_bayes.errors import InputError
from vat_bayes.items import ItemSet
from vat_bayes.study import ModelSource, Study, StudyCondition

if TYPE_CHECKING:
    from vat_bayes.collect.cluster import Cluster, Done

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
        The file of each model that is not on a server.
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
    condition_files : mapping
        Condition to the files that it reads, by the paths in the study.
    thoughts : Thoughts
        Where written answers go.
    cluster : Cluster, optional
        Whose workers ask the models that are files; this process when absent.
    block : ItemSet, optional
        The part of the items that is asked now; all of them when absent. Prompts without content
        are always asked.
    """

    study: Study
    files: Mapping[str, Path]
    items: ItemSet
    schedule: Schedule
    folder: RunFolder
    journal: Journal
    progress: Progress
    open_judge: OpenJudge
    condition_files: Mapping[str, Mapping[str, Path]]
    thoughts: Thoughts
    cluster: Cluster | None = None
    block: ItemSet | None = None
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
        condition_hashes = {
            name: {path: file_sha256(file) for path, file in files.items()}
            for name, files in self.condition_files.items()
        }
        now = identity(study, self.items, hashes, prompts, condition_hashes)
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
                    **self._source(m, hashes),
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
            "interventions": {
                c.name: {
                    "kind": c.intervention.kind,
                    "files": [
                        {"path": path, "sha256": digest}
                        for path, digest in condition_hashes.get(c.name, {}).items()
                    ],
                    "weights": self.schedule.weights(c.name).to_dict(),
                    "applied": before.get("interventions", {}).get(c.name, {}).get("applied", {}),
                }
                for c in study.conditions
            },
        }
        # What later stages or another version added is not ours to drop.
        self._manifest |= {k: v for k, v in before.items() if k not in self._manifest}
        write_text(folder.study, study.to_toml(relative_to=folder.root))
        if (loadings := judged.loading_rows()) is not None:
            write_csv(folder.loadings, ("item", "value", "weight"), loadings)
        # Last, because a folder with a manifest is one that can be taken up.
        folder.write_manifest(self._manifest)

    def _source(self, model: ModelSource, hashes: Mapping[str, str]) -> dict[str, Any]:
        if model.addresses:
            where = {"server": model.server} if model.server else {"endpoints": [*model.addresses]}
            return {**where, "served_as": model.served_as or model.name}
        size = self.files[model.name].stat().st_size
        return {"path": model.path, "bytes": size, "sha256": hashes[model.name]}

    @property
    def is_complete(self) -> bool:
        """Whether every model has been asked everything."""
        total, done = self._sizes()
        return done == total

    def _sizes(self) -> tuple[int, int]:
        names = {m.name for m in self.study.models}
        each = (
            len(self.schedule) if self.block is None else sum(1 for _ in self._asked(self.schedule))
        )
        done = sum(key.model in names and self._is_asked(key.item) for key in self._made)
        return each * len(names) * self.study.readout.repeats, done

    @cached_property
    def _block_items(self) -> frozenset[str] | None:
        if self.block is None:
            return None
        return frozenset(str(item) for (item,) in self.block.judged().rows("item"))

    def _is_asked(self, item: str) -> bool:
        block = self._block_items
        return block is None or item in block or item.startswith(CONTENT_FREE)

    def _asked(self, prompts: Iterable[Prompt]) -> Iterator[Prompt]:
        return (p for p in prompts if self._is_asked(p.item))

    def ask(self) -> None:
        """Ask every model what it has not been asked."""
        total, done = self._sizes()
        if done == total:
            return
        told = self._tell_versions()
        before = len(self._made)
        self.progress.begin(total, done)
        try:
            if self.cluster is not None:
                told["cluster"] = self.cluster.describe()
            for model in self.study.models:
                self._ask_model(model)
            if self.cluster is not None:
                for shard, found in self.cluster.results():
                    self._keep_shard(shard, found)
        finally:
            self.progress.end()
            told |= {"judgments": len(self._made) - before, "stopped": _now()}
            self.folder.write_manifest(self._manifest)

    def finish(self, sample: int | None) -> None:
        """Write the table, and say in the manifest that the run is complete.

        Raises
        ------
        NoEffectError
            When an intervention gave exactly the baseline's answers. Everything is written.
        """
        # Tables take pandas, whose memory is wanted for a model until now.
        from vat_bayes.collect.table import judgments_table

        items = self.items if self.block is None else self.block
        write_parquet(self.folder.items, self.items.table)
        table = judgments_table(self.study, items, self._made, sample=sample)
        write_parquet(self.folder.judgments, table)
        judged = items.judged()
        whole = len(judged) == self._manifest["items"]["judged"]
        self._manifest |= {
            "state": "complete" if whole else "part of the scenarios",
            "items": self._manifest["items"]
            | {"judged": len(judged), "scenarios": len(judged.scenarios())},
            "sample": sample,
            "rating": "drawn" if sample else "most probable",
            "judgments": {"rows": len(table), "sha256": file_sha256(self.folder.judgments)},
            "counts": counts(table),
            "effects": effects(self.study, items, self._made),
            "label_bias": label_bias(self.study, self._made),
        }
        self.folder.write_manifest(self._manifest)
        for told in self._manifest["counts"]:
            if told["mean_p_valid"] is not None and told["mean_p_valid"] < _LITTLE_MASS:
                self.progress.note(
                    f"model '{told['model']}', condition '{told['condition']}': on average only "
                    f"{told['mean_p_valid']:.2g} of the probability of an answer is on ratings; "
                    "does the model answer with them at all?"
                )
        self._tell_effects()

    def _tell_effects(self) -> None:
        found = [e for e in self._manifest["effects"] if e["role"] == "intervention"]
        for e in found:
            if e["verdict"] == SAME:
                self.progress.note(
                    f"model '{e['model']}', condition '{e['condition']}': {SAME} (mean total "
                    f"variation {e['mean_total_variation']:.2g}, of the retest "
                    f"{e['retest_mean_total_variation']:.2g})"
                )
        if identical := [e for e in found if e["verdict"] == IDENTICAL]:
            named = ", ".join(f"'{e['condition']}' (model '{e['model']}')" for e in identical)
            raise NoEffectError(
                f"intervention {named} gave the baseline's answers, identical in every bit; "
                "everything is collected and kept",
                self.folder.root,
            )

    def _tell_versions(self) -> dict[str, Any]:
        now = versions()
        for name in changed_versions(self._manifest["sessions"], now):
            self.progress.note(f"{name} is now {now[name]}; the run began with another version")
        told: dict[str, Any] = {"started": _now(), "versions": now}
        self._manifest["sessions"].append(told)
        return told

    def _ask_model(self, model: ModelSource) -> None:
        for n, (checkpoint, conditions) in enumerate(self.schedule.by_file().items()):
            prompts = _Prompts(self.schedule, conditions)
            asked = self._asked(prompts)
            if all(key in self._made for p in asked for key in self._keys(model.name, p)):
                continue
            if model.addresses:
                self._ask_server(model, prompts)
                continue
            file = self.files[model.name]
            if checkpoint is not None:
                file = self.condition_files[conditions[0].name][checkpoint]
            judge = self.open_judge(model, file, self.study.scale.labels)
            watch = _Watch(model.name, file)
            try:
                judge.prepare(prompts, budget=self.study.readout.tokens)
                self._tell_judge(model.name, checkpoint, judge)
                sent = self.folder.prompts / model.name / f"{n}.jsonl.gz"
                keep_prompts(sent, judge, prompts)
                for condition in conditions:
                    self._switch(model.name, condition, judge)
                    if self.cluster is not None:
                        self._hand_over(model, condition, judge, file)
                    elif self.study.readout.generates:
                        self._have_written(model.name, condition, judge, watch)
                    else:
                        self._ask_condition(model.name, condition, judge, watch)
            finally:
                watch.close()
                judge.close()

    def _ask_server(self, model: ModelSource, prompts: Iterable[Prompt]) -> None:
        judge = open_server(model, self.study.scale.labels)
        try:
            judge.prepare(prompts)
            self._refuse_another_model(model, judge)
            self._tell_judge(model.name, None, judge)
            keep_prompts(self.folder.prompts / model.name / "0.jsonl.gz", judge, prompts)
            self.folder.write_manifest(self._manifest)
            todo = [(p, k) for p in self._asked(prompts) for k in self._keys(model.name, p)]
            todo = [(p, k) for p, k in todo if k not in self._made]
            with contextlib.closing(judge.read_all([p.chat for p, _ in todo])) as readings:
                for place, reading in readings:
                    prompt, key = todo[place]
                    self._keep(key, reading, f"{model.name}, {prompt.condition}")
        finally:
            judge.close()
            self._manifest["sessions"][-1].setdefault("servers", {})[model.name] = judge.tally()
        if missing := judge.tally()["without_any_label"]:
            self.progress.note(
                f"model '{model.name}': in {missing} of {len(todo)} answers the server lists no "
                "rating among the likeliest tokens; they count as refusals"
            )

    def _refuse_another_model(self, model: ModelSource, judge: ServerJudge) -> None:
        before = self._manifest["models"][model.name].get("served")
        now = judge.describe().get("served")
        if before is not None and now is not None and before != now:
            raise InputError(
                f"model '{model.name}': the server has another model than when the run began "
                f"({told_served(before)}; now {told_served(now)})",
                where=", ".join(model.addresses),
                hint="serve the first one again, or choose another out; the run is kept as it is",
            )

    def _switch(self, model: str, condition: StudyCondition, judge: Judge) -> None:
        files = self.condition_files.get(condition.name, {})
        weights = self.schedule.weights(condition.name)
        facts = judge.switch(weights.with_paths(lambda path: str(files[path])))
        self._manifest["interventions"][condition.name]["applied"][model] = facts
        self.folder.write_manifest(self._manifest)

    def _have_written(
        self, model: str, condition: StudyCondition, judge: Judge, watch: _Watch
    ) -> None:
        for chat, key, seed in self._to_write(model, condition):
            answer = judge.answer(chat, temperature=self.study.readout.heat, seed=seed)
            self.thoughts.append(key, answer.text)
            watch.refuse_change()
            self._keep(key, answer.reading, f"{model}, {condition.name}")

    def _ask_condition(
        self, model: str, condition: StudyCondition, judge: Judge, watch: _Watch
    ) -> None:
        chats, wanted = self._to_read(model, condition)
        for group in groups_of(judge, chats):
            if wanted.keys() & set(group.places):
                # A group is evaluated as a whole even where a part of it is made: what is evaluated
                # together may change the last bits.
                readings = read_group(judge, [chats[i] for i in group.places], group)
                watch.refuse_change()
                for place, reading in zip(group.places, readings, strict=True):
                    for key in wanted.get(place, ()):
                        self._keep(key, reading, f"{model}, {condition.name}")

    def _hand_over(
        self, model: ModelSource, condition: StudyCondition, judge: Judge, file: Path
    ) -> None:
        """Give a condition's judgments to the workers of the cluster."""
        if self.cluster is None:
            raise RuntimeError("there is no cluster")
        files = self.condition_files.get(condition.name, {})
        weights = self.schedule.weights(condition.name)
        told = self._manifest["interventions"][condition.name]["files"]
        hashes = {resolved(files[entry["path"]]): entry["sha256"] for entry in told}
        own = self._manifest["identity"]["model files"][model.name]
        spread = Spread(
            cluster=self.cluster,
            model=model,
            judge=judge,
            weights=weights.with_paths(lambda path: resolved(files[path])),
            # A checkpoint in the model's place is among the condition's files.
            files={resolved(file): hashes.get(resolved(file), own), **hashes},
            label=f"{model.name}, {condition.name}",
            budget=self.study.readout.tokens,
            temperature=self.study.readout.heat,
        )
        if self.study.readout.generates:
            spread.write(self._to_write(model.name, condition))
        else:
            spread.read(*self._to_read(model.name, condition))

    def _keep_shard(self, shard: Shard, done: Done) -> None:
        if done.refused:
            raise InputError(done.refused)
        for group, readings in zip(shard.groups, done.readings, strict=True):
            for place, key in group:
                self._keep(key, readings[place], shard.label)
        for key, answer in zip(shard.writing, done.answers, strict=True):
            self.thoughts.append(key, answer.text)
            self._keep(key, answer.reading, shard.label)

    def _to_read(
        self, model: str, condition: StudyCondition
    ) -> tuple[list[Chat], dict[int, list[Key]]]:
        """Return a condition's chats, and which judgments of them are missing, by place."""
        prompts = list(self._asked(self.schedule.of(condition)))
        missing = {
            i: [key for key in self._keys(model, p) if key not in self._made]
            for i, p in enumerate(prompts)
        }
        return [p.chat for p in prompts], {i: keys for i, keys in missing.items() if keys}

    def _to_write(
        self, model: str, condition: StudyCondition
    ) -> list[tuple[Chat, Key, tuple[str | int, ...]]]:
        """Return the chats whose answers are missing, with what their draws depend on."""
        return [
            (p.chat, key, (self.study.seed, "answer", *key.parts))
            for p in self._asked(self.schedule.of(condition))
            for key in self._keys(model, p)
            if key not in self._made
        ]

    def _keep(self, key: Key, reading: Reading, label: str) -> None:
        self.journal.append(key, reading)
        self._made[key] = reading
        self.progress.step(label)

    def _keys(self, model: str, prompt: Prompt) -> list[Key]:
        return [
            Key(model, prompt.condition, prompt.item, prompt.order, replicate)
            for replicate in range(1, self.study.readout.repeats + 1)
        ]

    def _tell_judge(self, name: str, checkpoint: str | None, judge: Judge) -> None:
        told = judge.describe()
        if checkpoint is None:
            self._manifest["models"][name] |= told
        else:
            self._manifest["models"][name].setdefault("checkpoints", {})[checkpoint] = told
        called = f"model '{name}'" + ("" if checkpoint is None else f", checkpoint {checkpoint}")
        if told.get("engine") == "llama.cpp":
            self.progress.note(f"{called}: {told_settings(told)}")
        if not told.get("prefix_reuse", {}).get("used", True):
            self.progress.note(
                f"{called}: keeping what two prompts share would change its answers, so "
                "every prompt is evaluated from its beginning, which takes longer"
            )


@dataclass(frozen=True)
class _Prompts:
    """The prompts of some conditions, put together again whenever they are gone through.

    All at once they would take more memory than all else but the model.
    """

    schedule: Schedule
    conditions: Sequence[StudyCondition]

    def __iter__(self) -> Iterator[Prompt]:
        for condition in self.conditions:
            yield from self.schedule.of(condition)


class _Watch:
    """Looks whether a model file stays as it is: llama.cpp maps it, and would read what is new.

    Another file of the same name does no harm, as the one that was opened lives on.

    Parameters
    ----------
    model : str
        The model's name, for messages.
    path : pathlib.Path
        The file.
    """

    def __init__(self, model: str, path: Path) -> None:
        self._model, self._path = model, path
        self._file = path.open("rb")
        self._before = self._look()

    def refuse_change(self) -> None:
        """Raise an `InputError` when the file is not what it was at the beginning."""
        if self._look() != self._before:
            raise InputError(
                f"model '{self._model}': its file was changed while it was in use",
                where=str(self._path),
                hint="what was collected before is kept; restore the file and go on",
            )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _look(self) -> tuple[int, int]:
        found = os.fstat(self._file.fileno())
        return found.st_size, found.st_mtime_ns


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
