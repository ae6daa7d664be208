"""A study: which models are asked what, under which conditions, from one TOML file."""

from __future__ import annotations

from vat_bayes.study.condition import StudyCondition
from vat_bayes.study.elicitation import Asking, Paraphrase, Readout, Scale, Template
from vat_bayes.study.interventions import (
    KINDS,
    Adapter,
    ControlVector,
    Example,
    Intervention,
    Prepared,
    Setting,
    Weights,
)
from vat_bayes.study.load import load_study
from vat_bayes.study.sections import ItemsSource, ModelSource
from vat_bayes.study.study import Study

__all__ = [
    "Adapter",
    "Asking",
    "ControlVector",
    "Example",
    "Intervention",
    "ItemsSource",
    "KINDS",
    "ModelSource",
    "Paraphrase",
    "Prepared",
    "Readout",
    "Scale",
    "Setting",
    "Study",
    "StudyCondition",
    "Template",
    "Weights",
    "load_study",
]
