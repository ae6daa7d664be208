"""Judgments with known truth, drawn from the reference measurement model.

The design is factorial: every scenario has a supporting and a violating action for every value, and
every item is judged under every condition. The true effects come from the same definition as the
estimates, by quadrature over the whole population of scenarios and not over those that were drawn.
"""

from vat_bayes.simulate.judgments import Simulated, simulate
from vat_bayes.simulate.truth import true_effects
from vat_bayes.simulate.world import CONDITIONS, Scatter, World, draw_world

__all__ = ["CONDITIONS", "Scatter", "Simulated", "World", "draw_world", "simulate", "true_effects"]
