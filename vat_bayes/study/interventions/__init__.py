"""The kinds of intervention: what each puts before the judge or does to it."""

from __future__ import annotations

from vat_bayes.study.interventions.base import Example, Intervention, Prepared, Setting
from vat_bayes.study.interventions.registry import KINDS, read_intervention
from vat_bayes.study.interventions.weights import Adapter, ControlVector, Weights

__all__ = [
    "KINDS",
    "Adapter",
    "ControlVector",
    "Example",
    "Intervention",
    "Prepared",
    "Setting",
    "Weights",
    "read_intervention",
]
