"""A study: which models are asked what, under which conditions, from one TOML file."""

from __future__ import annotations

from vat_bayes.study.condition import StudyCondition
from vat_bayes.study.interventions import KINDS, Example, Intervention, Prepared, Setting
from vat_bayes.study.load import load_study
from vat_bayes.study.sections import ItemsSource, ModelSource, Scale, Template
from vat_bayes.study.study import Study

__all__ = [
    "KINDS",
    "Example",
    "Intervention",
    "ItemsSource",
    "ModelSource",
    "Prepared",
    "Scale",
    "Setting",
    "Study",
    "StudyCondition",
    "Template",
    "load_study",
]
