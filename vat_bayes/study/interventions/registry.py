"""The kinds of intervention, by the name that a study file calls them, and how one is read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vat_bayes.errors import InputError, near_miss
from vat_bayes.study.interventions.adapter import AdapterIntervention
from vat_bayes.study.interventions.base import Intervention
from vat_bayes.study.interventions.checkpoint import CheckpointIntervention
from vat_bayes.study.interventions.combination import CombinationIntervention
from vat_bayes.study.interventions.instruction import InstructionIntervention
from vat_bayes.study.interventions.none import NoIntervention
from vat_bayes.study.interventions.persona import PersonaIntervention
from vat_bayes.study.interventions.prompt import PromptIntervention
from vat_bayes.study.interventions.shots import ShotsIntervention
from vat_bayes.study.interventions.steering import SteeringIntervention
from vat_bayes.study.tables import refuse_unknown_keys

_MEMBERS: tuple[type[Intervention], ...] = (
    NoIntervention,
    PromptIntervention,
    InstructionIntervention,
    PersonaIntervention,
    ShotsIntervention,
    AdapterIntervention,
    SteeringIntervention,
    CheckpointIntervention,
    CombinationIntervention,
)
KINDS: Mapping[str, type[Intervention]] = MappingProxyType({cls.kind: cls for cls in _MEMBERS})
"""A new kind is a file beside these and its class in the tuple above."""


def kind_of(found: Any) -> type[Intervention]:
    """Return the class of a kind.

    Raises
    ------
    InputError
        When there is no such kind.
    """
    if not isinstance(found, str) or found not in KINDS:
        close = near_miss(found, KINDS) if isinstance(found, str) else None
        raise InputError(
            f"{found!r} is not a kind of intervention ({', '.join(KINDS)})", hint=close
        )
    return KINDS[found]


def read_intervention(data: Mapping[str, Any], *, beside: Mapping[str, Any] = {}) -> Intervention:
    """Read an intervention from the keys ``kind`` and those of that kind.

    Parameters
    ----------
    data : mapping
        The keys.
    beside : mapping
        Other keys that may stand among them.

    Raises
    ------
    InputError
        When there is no such kind, or a key that it has not.
    """
    if "kind" not in data:
        raise InputError("the key 'kind' is missing", hint=f"one of {', '.join(KINDS)}")
    kind = kind_of(data["kind"])
    known = {"kind": None, **beside, **kind.model_fields}
    for key in data:
        owners = [other for other, cls in KINDS.items() if key in cls.model_fields]
        if key not in known and owners:
            raise InputError(
                f"kind '{kind.kind}' has no key '{key}'",
                hint=f"it belongs to {_listed(owners)}",
            )
    refuse_unknown_keys(data, known)
    return kind.model_validate({key: data[key] for key in data if key in kind.model_fields})


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
