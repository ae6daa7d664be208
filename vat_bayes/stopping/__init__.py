"""When to stop collecting: the rule, the order of the scenarios, and what a look asks for."""

from vat_bayes.stopping.boundary import look_probabilities
from vat_bayes.stopping.order import ordered_scenarios
from vat_bayes.stopping.paired import PairedWidths, paired_widths
from vat_bayes.stopping.rule import Decided, Rule, Width, parse_rule
from vat_bayes.stopping.widths import Found, widths

__all__ = [
    "Decided",
    "Found",
    "PairedWidths",
    "Rule",
    "Width",
    "look_probabilities",
    "ordered_scenarios",
    "paired_widths",
    "parse_rule",
    "widths",
]
