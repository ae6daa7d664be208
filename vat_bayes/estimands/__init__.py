"""From the posterior to what is reported: gain, shifts, tax, ratios, coupling, style."""

from vat_bayes.estimands.compute import Estimands, compute_estimands, withhold
from vat_bayes.estimands.registry import Definition, explain, registry
from vat_bayes.estimands.rows import CLASSICAL_SUFFIXES
from vat_bayes.estimands.single_items import single_items

__all__ = [
    "CLASSICAL_SUFFIXES",
    "Definition",
    "Estimands",
    "compute_estimands",
    "explain",
    "registry",
    "single_items",
    "withhold",
]
