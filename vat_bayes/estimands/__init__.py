"""From the posterior to what is reported: gain, shifts, tax, ratios, coupling, style."""

from vat_bayes.estimands.compute import Estimands, compute_estimands, withhold

__all__ = ["Estimands", "compute_estimands", "withhold"]
