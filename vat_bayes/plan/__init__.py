"""Planning a study: how wide the intervals will be, and what can be detected."""

from vat_bayes.plan.components import Components
from vat_bayes.plan.ordinal import ordinal_components
from vat_bayes.plan.pilot import pilot_components, pilot_placebo
from vat_bayes.plan.predict import Design, Prediction, Question, predict, required_scenarios
from vat_bayes.plan.sources import assumed_components, declared, world_components

__all__ = [
    "Components",
    "Design",
    "Prediction",
    "Question",
    "assumed_components",
    "declared",
    "ordinal_components",
    "pilot_components",
    "pilot_placebo",
    "predict",
    "required_scenarios",
    "world_components",
]
