"""Which placebo an intervention is contrasted with."""

from __future__ import annotations

from collections.abc import Sequence

from vat_bayes.errors import InputError, near_miss
from vat_bayes.study.condition import StudyCondition
from vat_bayes.study.interventions import Intervention


def placebo_of(conditions: Sequence[StudyCondition]) -> dict[str, str]:
    """Return the placebo of every intervention that has one.

    A placebo named by the intervention (`placebo`) or naming it (`placebo_for`) comes first.
    Otherwise it is one of those that name nobody: of the same kind and dose where there is one,
    else of the same kind, else the first.

    Parameters
    ----------
    conditions : sequence of StudyCondition
        All conditions of a study.

    Returns
    -------
    dict
        Intervention to placebo, by name.

    Raises
    ------
    InputError
        When a name is unknown or two placebos claim one intervention.
    """
    interventions = {c.name: c for c in conditions if c.role == "intervention"}
    placebos = {c.name: c for c in conditions if c.role == "placebo"}
    chosen: dict[str, str] = {}
    for i, c in enumerate(conditions, start=1):
        claims = [(c.name, c.placebo)] if c.placebo else []
        claims += [(name, c.name) for name in c.placebo_for or ()]
        for intervention, placebo in claims:
            where = f"[[conditions]] {i} '{c.name}'"
            if placebo not in placebos:
                raise InputError(
                    f"placebo '{placebo}' is not a condition with the role 'placebo'",
                    where=where,
                    hint=near_miss(placebo, placebos),
                )
            if intervention not in interventions:
                raise InputError(
                    f"placebo_for names '{intervention}', which is not an intervention",
                    where=where,
                    hint=near_miss(intervention, interventions),
                )
            if chosen.setdefault(intervention, placebo) != placebo:
                raise InputError(
                    f"'{intervention}' has two placebos, '{chosen[intervention]}' and '{placebo}'",
                    where=where,
                )
    free = [c for c in placebos.values() if c.placebo_for is None]
    for name, c in interventions.items():
        if name not in chosen and free:
            chosen[name] = _nearest(c, free)
    return chosen


def _nearest(condition: StudyCondition, placebos: Sequence[StudyCondition]) -> str:
    wanted = condition.intervention

    def mismatch(placebo: StudyCondition) -> int:
        given = placebo.intervention
        if _kinds(given) != _kinds(wanted):
            return 2
        return int(_dose(placebo) != _dose(condition))

    return min(placebos, key=mismatch).name


def _kinds(intervention: Intervention) -> tuple[str, ...]:
    parts = getattr(intervention, "parts", (intervention,))
    return tuple(part.kind for part in parts)


def _dose(condition: StudyCondition) -> float | None:
    return condition.intervention.natural_dose if condition.dose is None else condition.dose
