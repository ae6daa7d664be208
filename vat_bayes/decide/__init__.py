"""From estimands to a decision: a declared budget, and whether each condition keeps to it."""

from vat_bayes.decide.budget import Budget, Clause, load_budget, read_budget
from vat_bayes.decide.future import foresee
from vat_bayes.decide.outlook import Outlook
from vat_bayes.decide.record import DECISION_SCHEMA, over_budget_rows, record
from vat_bayes.decide.rule import Decision, Judged, decide

__all__ = [
    "DECISION_SCHEMA",
    "Budget",
    "Clause",
    "Decision",
    "Judged",
    "Outlook",
    "decide",
    "foresee",
    "load_budget",
    "over_budget_rows",
    "read_budget",
    "record",
]
