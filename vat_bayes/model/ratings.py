"""Ratings as arrays: exact counts per cell, and the design's plain-numpy log-likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit, ndtr

from vat_bayes.model.centring import Centrings, guess_centring
from vat_bayes.model.priors import Link
from vat_bayes.model.rating_rows import RatingRows, rating_rows
from vat_bayes.model.structure import Floats, Ints, Structure

# Stands for the infinite outer cutpoints: F(FAR) is exactly 1 in floating point, and unlike
# infinity it has a gradient.
FAR = 1e3
# Below this width in probits a category's probability is its density times the width, with a
# relative error of width^2 (x^2 - 1) / 24; above it the difference of the tails keeps nine digits.
SMALL_GAP = 1e-5


@dataclass(frozen=True)
class RatingsDesign:
    """Counts of ratings per cell; a cell is a state, an item and a prompt.

    Rows that share a cell are exchangeable, so their counts are sufficient and the cost of the
    likelihood grows with cells, not with rows.

    Parameters
    ----------
    structure : Structure
    cell_state, cell_item, cell_prompt : ndarray of int, shape (cell,)
    counts : ndarray of int, shape (cell, K)
    """

    structure: Structure
    cell_state: Ints
    cell_item: Ints
    cell_prompt: Ints
    counts: Ints

    @cached_property
    def entries(self) -> tuple[Ints, Ints, Floats]:
        """The non-zero counts: cell index, category (0-based) and count, each of shape (entry,)."""
        cell, category = np.nonzero(self.counts)
        return cell, category, self.counts[cell, category].astype(float)

    @cached_property
    def rows(self) -> RatingRows:
        """The counts by state and prompt; see `vat_bayes.model.rating_rows`."""
        return rating_rows(self)

    @cached_property
    def centring(self) -> Centrings:
        """A guess of where the random effects are; see `vat_bayes.model.centring`."""
        return guess_centring(self)

    @property
    def has_prompts(self) -> bool:
        """Whether wordings or option orders differ."""
        return len(self.structure.prompts) > 1

    @property
    def has_subvalues(self) -> bool:
        """Whether some value is split into sub-values."""
        return len(self.structure.subvalues) > 1

    @cached_property
    def has_repeats(self) -> bool:
        """Whether some item was rated more than once in one state.

        Then ratings of one item under one condition share what that condition does to that very
        item, and must not count as independent evidence.
        """
        pair = self.cell_state * len(self.structure.items) + self.cell_item
        return bool(np.bincount(pair, weights=self.counts.sum(1)).max(initial=0) > 1)


def distribution_function(x: Floats, link: Link) -> Floats:
    """Compute F, the distribution function of the ratings' latent scatter.

    Parameters
    ----------
    x : ndarray
    link : {"logistic", "probit"}

    Returns
    -------
    ndarray, shape of `x`
    """
    return np.asarray(expit(x) if link == "logistic" else ndtr(x))


def draw_counts(rng: np.random.Generator, n: Ints, probability: Floats) -> Ints:
    """Draw the ratings of every cell and count them.

    Parameters
    ----------
    rng : Generator
    n : ndarray of int, shape (cell,)
        Ratings in each cell.
    probability : ndarray, shape (draw, cell, K)

    Returns
    -------
    ndarray of int, shape (draw, cell, K)
    """
    if (n != 1).any():
        return np.asarray(rng.multinomial(n, probability / probability.sum(-1, keepdims=True)))
    # One rating is one comparison with the distribution function, far less than a multinomial.
    left = rng.random(probability.shape[:2])
    rating = np.zeros(left.shape, np.int8)
    for k in range(probability.shape[2] - 1):
        left -= probability[:, :, k]
        rating += left >= 0
    chosen = rating[:, :, None] == np.arange(probability.shape[2], dtype=np.int8)
    return np.asarray(chosen, np.int64)


def log_likelihood(
    design: RatingsDesign, parameters: Mapping[str, Floats], link: Link = "logistic"
) -> Floats:
    """Compute the log-likelihood of each cell, written to be read rather than to be fast.

    The reference that both backends are tested against:
    ``P(y <= k) = F((tau_k - eta) exp(lambda))`` with
    ``eta = sum_v w_iv (theta_v + alpha_sv + delta_cv + u_csv) + beta_c + kappa_i`` plus the effects
    of prompt, repeat and sub-value where the design and the parameters have them.

    Parameters
    ----------
    design : RatingsDesign
    parameters : mapping of str to ndarray
        ``theta (model, value)``, ``cutpoint (model, threshold)``, ``alpha (model, scenario,
        value)``, ``delta (arm, value)``, ``u (arm, scenario, value)``, ``beta (arm,)``,
        ``lambda_ (arm,)``, ``kappa (model, item)``, and where present ``prompt (model, prompt)``,
        ``repeat (state, item)``, ``prompt_shift (arm, prompt, value)``, ``subvalue (model,
        subvalue)``, ``subvalue_shift (arm, subvalue)`` and ``state_cutpoint (state, prompt,
        threshold)``, which stands in for ``cutpoint``.
    link : {"logistic", "probit"}

    Returns
    -------
    ndarray, shape (cell,)
        Multinomial coefficients are left out.
    """
    s = design.structure
    n_models = len(s.models)
    result = np.zeros(len(design.cell_state))
    for cell, (state, item, prompt) in enumerate(
        zip(design.cell_state, design.cell_item, design.cell_prompt, strict=True)
    ):
        model, scenario = s.state_model[state], s.item_scenario[item]
        endorsement = parameters["theta"][model] + parameters["alpha"][model, scenario]
        style, sharpness = 0.0, 1.0
        if state >= n_models:
            arm = state - n_models
            endorsement = endorsement + parameters["delta"][arm] + parameters["u"][arm, scenario]
            if "prompt_shift" in parameters:
                endorsement = endorsement + parameters["prompt_shift"][arm, prompt]
            style = parameters["beta"][arm]
            sharpness = np.exp(parameters["lambda_"][arm])
        eta = s.loading[item] @ endorsement + style + parameters["kappa"][model, item]
        if design.has_prompts:
            eta += parameters["prompt"][model, prompt]
        if design.has_repeats:
            eta += parameters["repeat"][state, item]
        subvalue, weight = (x[item] for x in s.subvalue_slot)
        if "subvalue" in parameters:
            eta += weight * parameters["subvalue"][model, subvalue]
        if "subvalue_shift" in parameters and state >= n_models:
            eta += weight * parameters["subvalue_shift"][state - n_models, subvalue]
        cutpoint = parameters["cutpoint"][model]
        if "state_cutpoint" in parameters:
            cutpoint = parameters["state_cutpoint"][state, prompt]
        cumulative = distribution_function((cutpoint - eta) * sharpness, link)
        probability = np.diff(np.concatenate([[0.0], cumulative, [1.0]]))
        seen = design.counts[cell] > 0
        result[cell] = (design.counts[cell][seen] * np.log(probability[seen])).sum()
    return result
