"""What one model's stand-in is built from, kept together while its centre moves."""

from __future__ import annotations

from dataclasses import dataclass

from jax import Array

from vat_bayes.model.fast.items import Ratings
from vat_bayes.model.fast.posterior import Centre, Posterior, scenario_posterior


@dataclass
class Work:
    """One model's ratings on the device, and where its stand-in is built.

    ``groups (group, scenario)`` averages scenarios of one pattern of missing data, ``n (group,)``
    counts them, ``observed (group, D)`` says which effects they have ratings on.
    """

    ratings: Ratings
    groups: Array
    n: Array
    observed: Array
    prior_scales: Array
    mode: Array | None = None
    posterior: Posterior | None = None

    def refresh(self, centre: Centre) -> Posterior:
        """Find every scenario's posterior at a new centre, from where it was before."""
        self.ratings, self.posterior = scenario_posterior(self.ratings, centre, self.mode)
        self.mode = self.posterior.mode
        return self.posterior
