"""One condition of a study file: its place in the design, and the intervention behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, SerializeAsAny, model_validator

from vat_bayes.conditions import Role
from vat_bayes.errors import InputError
from vat_bayes.study.interventions import Intervention, read_intervention
from vat_bayes.study.tables import Name, Table, Text
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
        data = {"kind": "none", **data} if data.get("role") in ("baseline", "retest") else data
        common = {key: None for key in cls.model_fields if key != "intervention"}
        intervention = read_intervention(data, beside=common)
        rest = {key: data[key] for key in data if key in common}
        return {**rest, "intervention": intervention}

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
        self._refuse_an_effect_that_cannot_be()
        if self.role == "baseline" and self.reference is not None:
            raise InputError("a baseline has no 'reference'")
        return self

    def _refuse_an_effect_that_cannot_be(self) -> None:
        given = self.intervention
        if self.role in {"intervention", "placebo"} and given.kind == "none":
            raise InputError(
                f"kind 'none' changes nothing, so it cannot be a {self.role}",
                hint="for a repeat of the baseline, use role = 'retest'",
            )
        if self.role == "intervention" and given.changes_nothing:
            raise InputError(
                f"this '{given.kind}' has no effect (its scale or strength is 0), so it cannot be "
                "an intervention",
                hint="use role = 'placebo'",
            )

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
        return {**data, **self.intervention.to_dict()}
