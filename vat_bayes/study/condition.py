"""One condition of a study file: its place in the design, and the intervention behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, SerializeAsAny, model_validator

from vat_bayes.conditions import Role
from vat_bayes.errors import InputError, near_miss
from vat_bayes.study.interventions import KINDS, Intervention
from vat_bayes.study.tables import Name, Table, Text, refuse_unknown_keys
from vat_bayes.values import parse_value


def _targets(found: Any) -> Any:
    words = (found,) if isinstance(found, str) else found
    if not isinstance(words, tuple) or not all(isinstance(w, str) for w in words):
        return words
    values = tuple(parse_value(w) for w in words)
    if len(set(values)) < len(values):
        raise InputError("a value stands twice")
    return values


def _direction(found: int) -> int:
    if found not in {1, -1}:
        raise InputError(f"expected 1 to promote the target or -1 to suppress it, found {found}")
    return found


class StudyCondition(Table):
    """A condition, as a study file writes it; the keys of its kind stand beside these.

    Parameters
    ----------
    name : str
        The name in every table.
    role : {"baseline", "intervention", "placebo", "retest"}
        Its part in the design.
    target : tuple of str
        The values that an intervention aims at; one name may stand without a list.
    direction : {1, -1}
        1 to promote the target, -1 to suppress it.
    dose : float, optional
        Where the condition stands on a dose axis; a kind may have a natural one.
    reference : str, optional
        The condition that it is compared with; the baseline when absent.
    placebo : str, optional
        The placebo of an intervention, as an alternative to the placebo's `placebo_for`.
    placebo_for : tuple of str, optional
        The interventions that a placebo serves; when absent, every one that no other is named for.
    question : str, optional
        For a retest: other words for the question.
    intervention : Intervention
        What the condition does; in a file, the key ``kind`` and the keys of that kind.
    """

    name: Name
    role: Role
    target: Annotated[tuple[str, ...], BeforeValidator(_targets)] = ()
    direction: Annotated[int, AfterValidator(_direction)] = 1
    dose: float | None = None
    reference: Name | None = None
    placebo: Name | None = None
    placebo_for: tuple[Name, ...] | None = None
    question: Text | None = None
    intervention: SerializeAsAny[Intervention]

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_key(cls, data: Any) -> Any:
        """Gather the keys of the kind into `intervention`."""
        if not isinstance(data, Mapping) or isinstance(data.get("intervention"), Intervention):
            return data
        common = {key: None for key in cls.model_fields if key != "intervention"} | {"kind": None}
        kind = _kind(data)
        _refuse_keys_of_another_kind(data, common, kind)
        refuse_unknown_keys(data, {**common, **kind.model_fields})
        own = {key: data[key] for key in data if key in kind.model_fields}
        rest = {key: data[key] for key in data if key not in own and key != "kind"}
        return {**rest, "intervention": kind.model_validate(own)}

    @model_validator(mode="after")
    def _role_and_keys_agree(self) -> Self:
        self._refuse_target_or_placebo_of_another_role()
        if self.direction == -1 and not self.target:
            raise InputError("'direction' says which way the target is to move; there is no target")
        if self.question is not None and self.role != "retest":
            raise InputError(
                f"'question' is for a retest and the role is '{self.role}', which is asked as the "
                "baseline is, so that its effect is not that of other words"
            )
        if self.role in {"intervention", "placebo"} and self.intervention.changes_nothing:
            raise InputError(
                f"kind '{self.intervention.kind}' changes nothing, so it cannot be a {self.role}",
                hint="for a repeat of the baseline, use role = 'retest'",
            )
        if self.role == "baseline" and self.reference is not None:
            raise InputError("a baseline has no 'reference'")
        return self

    def _refuse_target_or_placebo_of_another_role(self) -> None:
        for key, owner, found in (
            ("target", "an intervention", self.target),
            ("placebo", "an intervention", self.placebo),
            ("placebo_for", "a placebo", self.placebo_for),
        ):
            if found and not owner.endswith(self.role):
                raise InputError(
                    f"'{key}' belongs to {owner}", hint=f"this condition's role is '{self.role}'"
                )

    def to_dict(self) -> dict[str, Any]:
        """Return the keys as a study file has them, without those that say nothing."""
        data = self.model_dump(exclude={"intervention"}, exclude_none=True)
        if not self.target:
            del data["target"], data["direction"]
        own = self.intervention.model_dump(exclude_none=True)
        return {**data, "kind": self.intervention.kind, **own}


def _kind(data: Mapping[str, Any]) -> type[Intervention]:
    kind = data.get("kind")
    if kind is None:
        if data.get("role") not in ("baseline", "retest"):
            raise InputError("the key 'kind' is missing", hint=f"one of {', '.join(KINDS)}")
        kind = "none"
    if not isinstance(kind, str) or kind not in KINDS:
        close = near_miss(kind, KINDS) if isinstance(kind, str) else None
        raise InputError(f"{kind!r} is not a kind of intervention ({', '.join(KINDS)})", hint=close)
    return KINDS[kind]


def _refuse_keys_of_another_kind(
    data: Mapping[str, Any], common: Mapping[str, None], kind: type[Intervention]
) -> None:
    for key in data:
        if key in common or key in kind.model_fields:
            continue
        owners = [other for other, cls in KINDS.items() if key in cls.model_fields]
        if owners:
            raise InputError(
                f"kind '{kind.kind}' has no key '{key}'",
                hint=f"it belongs to {' and '.join(owners)}",
            )
