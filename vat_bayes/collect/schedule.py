"""What is asked, and in which order: what shares its beginning stands together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vat_bayes.collect.judge import Prompt
from vat_bayes.collect.prompts import Chat, system_message, user_message
from vat_bayes.errors import InputError
from vat_bayes.items import ItemSet
from vat_bayes.study import Prepared, Study, StudyCondition, Weights

CONTENT_FREE = "content-free: "
"""What the names of prompts without content begin with."""
_WITHOUT_CONTENT = ("N/A", "[MASK]", "")


class Schedule:
    """The prompts of a study, in the order in which they are asked of every model.

    Conditions come one after the other, in the study's order. Within one the prompts are sorted by
    their words: those about one action stand together, and so do those about one scenario, so that
    a judge which keeps what two prompts share has little left to do.

    Parameters
    ----------
    study : Study
        The study.
    items : ItemSet
        Its items, with those held out for examples.
    """

    def __init__(self, study: Study, items: ItemSet) -> None:
        self._study = study
        judged = items.judged().rows("item", "scenario_text", "action_text")
        self._rows = [(str(item), scene or "", action) for item, scene, action in judged]
        self._prepared: Mapping[str, Prepared] = study.prepare(items)
        self._free = _WITHOUT_CONTENT if study.readout.content_free else ()
        clash = [item for item, _, _ in self._rows if item.startswith(CONTENT_FREE)]
        if self._free and clash:
            raise InputError(f"the name of item '{clash[0]}' begins as those without content do")

    def __len__(self) -> int:
        study = self._study
        asked = len(self._rows) + len(self._free)
        return asked * len(study.prompts) * len(study.conditions)

    def __iter__(self) -> Iterator[Prompt]:
        for condition in self._study.conditions:
            yield from self.of(condition)

    def of(self, condition: StudyCondition) -> list[Prompt]:
        """Return the prompts of one condition."""
        labels, think = self._study.scale.labels, self._study.readout.generates
        system, prefix = self.system(condition.name), self._prefix(condition)
        rows = [*self._rows, *((f"{CONTENT_FREE}{text}", "", text) for text in self._free)]
        prompts = [
            Prompt(
                condition=condition.name,
                item=item,
                order=asking.prompt,
                chat=Chat(
                    user=user_message(
                        scenario,
                        action,
                        asking.question,
                        labels,
                        asking.anchors,
                        reverse=asking.reverse,
                        prefix=prefix,
                        think=think,
                    ),
                    system=system,
                ),
            )
            for item, scenario, action in rows
            for asking in self._study.askings(condition)
        ]
        return sorted(prompts, key=lambda p: (p.chat.user, p.item, p.order))

    def weights(self, condition: str) -> Weights:
        """Return what a condition does to the model."""
        return self._prepared[condition].weights

    def by_file(self) -> dict[str | None, list[StudyCondition]]:
        """Return the conditions by the model file that they need; None is the model's own."""
        groups: dict[str | None, list[StudyCondition]] = {}
        for condition in self._study.conditions:
            groups.setdefault(self.weights(condition.name).checkpoint, []).append(condition)
        return groups

    def system(self, condition: str) -> str:
        """Return the system message of a condition."""
        prepared = self._prepared[condition]
        return system_message(
            prepared.text,
            [(e.scenario_text, e.action_text, e.label) for e in prepared.examples],
        )

    def _prefix(self, condition: StudyCondition) -> str:
        return self._prepared[condition.name].prefix

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return, for each condition, its system message, its first question and a hash of all."""
        return {c.name: self._describe(c) for c in self._study.conditions}

    def _describe(self, condition: StudyCondition) -> dict[str, Any]:
        prompts = self.of(condition)
        return {
            "n": len(prompts),
            "sha256": _sha256(prompts),
            "system": self.system(condition.name),
            "prefix": self._prefix(condition),
            "words": len(f"{self.system(condition.name)} {self._prefix(condition)}".split()),
            "first_question": prompts[0].chat.user if prompts else "",
        }


def _sha256(prompts: Iterable[Prompt]) -> str:
    digest = hashlib.sha256()
    for p in prompts:
        line = json.dumps([p.item, p.order, p.chat.system, p.chat.user])
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()
