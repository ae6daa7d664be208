"""Two runs side by side, with joint uncertainty where they share scenarios."""

from vat_bayes.compare.comparison import Comparison, compare

__all__ = ["Comparison", "compare"]
