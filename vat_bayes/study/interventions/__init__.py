"""The kinds of intervention, by the name that a study file calls them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vat_bayes.study.interventions.base import Example, Intervention, Prepared, Setting
from vat_bayes.study.interventions.none import NoIntervention
from vat_bayes.study.interventions.prompt import PromptIntervention
from vat_bayes.study.interventions.shots import ShotsIntervention

KINDS: Mapping[str, type[Intervention]] = MappingProxyType(
    {cls.kind: cls for cls in (NoIntervention, PromptIntervention, ShotsIntervention)}
)
"""A new kind is a file beside these and its class in this tuple."""

__all__ = [
    "KINDS",
    "Example",
    "Intervention",
    "NoIntervention",
    "Prepared",
    "PromptIntervention",
    "Setting",
    "ShotsIntervention",
]
