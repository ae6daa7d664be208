"""The kind that does several things at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, SerializeAsAny, ValidationError, model_validator

from vat_bayes.errors import InputError
from vat_bayes.study.interventions.base import Intervention, Prepared, Setting
from vat_bayes.study.interventions.weights import Weights
from vat_bayes.study.refusals import refusal

_ONCE = ("shots", "checkpoint")


def _parts(found: Any) -> Any:
    # The registry has this kind in it, so it can't be imported before this file.
    from vat_bayes.study.interventions.registry import read_intervention

    if not isinstance(found, tuple):
        return found
    parts = []
    for i, part in enumerate(found, start=1):
        if isinstance(part, Mapping):
            if part.get("kind") in ("none", "combination"):
                raise InputError(f"part {i}: '{part['kind']}' can't be a part of a combination")
            try:
                parts.append(read_intervention(part))
            except (InputError, ValidationError) as e:
                why = e if isinstance(e, InputError) else refusal(e, part, "")
                raise InputError(f"part {i}: {why.message}", hint=why.hint) from None
        else:
            parts.append(part)
    return tuple(parts)


class CombinationIntervention(Intervention):
    """Several kinds together, e.g. a prompt and an adapter.

    System texts, prefixes and examples follow each other in the order of the parts.

    Parameters
    ----------
    parts : tuple of Intervention
        In a file a list of tables, each with ``kind`` and the keys of that kind.
    """

    kind: ClassVar[str] = "combination"
    parts: Annotated[tuple[SerializeAsAny[Intervention], ...], BeforeValidator(_parts)]

    @model_validator(mode="after")
    def _parts_can_be_combined(self) -> Self:
        if len(self.parts) < 2:
            raise InputError(f"{len(self.parts)} parts; a combination has two or more")
        often = Counter(part.kind for part in self.parts)
        for kind in _ONCE:
            if often[kind] > 1:
                raise InputError(f"'{kind}' stands {often[kind]} times in the parts; once at most")
        return self

    @property
    def changes_nothing(self) -> bool:
        """When no part changes anything."""
        return all(part.changes_nothing for part in self.parts)

    @property
    def natural_dose(self) -> float | None:
        """That of the only part that has one."""
        doses = [p.natural_dose for p in self.parts if p.natural_dose is not None]
        return doses[0] if len(doses) == 1 else None

    @property
    def files(self) -> tuple[str, ...]:
        """The files of all parts."""
        return tuple(file for part in self.parts for file in part.files)

    def with_paths(self, rewrite: Callable[[str], str]) -> Self:
        """Return the same with every path rewritten."""
        parts = tuple(part.with_paths(rewrite) for part in self.parts)
        return self.model_copy(update={"parts": parts})

    def to_dict(self) -> dict[str, Any]:
        """Return ``kind`` and the parts as a study file has them."""
        return {"kind": self.kind, "parts": [part.to_dict() for part in self.parts]}

    def prepare(self, setting: Setting) -> Prepared:
        """Prepare every part, and put them together."""
        done = [part.prepare(setting) for part in self.parts]
        checkpoints = [d.weights.checkpoint for d in done if d.weights.checkpoint is not None]
        return Prepared(
            text="\n\n".join(d.text.strip() for d in done if d.text.strip()),
            examples=tuple(example for d in done for example in d.examples),
            prefix="\n\n".join(d.prefix.strip() for d in done if d.prefix.strip()),
            weights=Weights(
                checkpoint=checkpoints[0] if checkpoints else None,
                adapters=tuple(a for d in done for a in d.weights.adapters),
                vectors=tuple(v for d in done for v in d.weights.vectors),
            ),
        )
