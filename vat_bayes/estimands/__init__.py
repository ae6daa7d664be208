"""From the posterior to what is reported: gain, shifts, tax, ratios, coupling, style."""

from vat_bayes.estimands.compute import Estimands, compute_estimands, withhold
from vat_bayes.estimands.rows import CLASSICAL_SUFFIXES

__all__ = ["CLASSICAL_SUFFIXES", "Estimands", "compute_estimands", "withhold"]
