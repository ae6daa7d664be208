"""Where the error of a shift comes from, in rating points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vat_bayes.values import VALUES

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """Variance components of the shifts under one condition, in squared points.

    The difference of one item between a condition and its baseline, signed by its loading, is the
    shift plus what its scenario adds (`effect`), what the item adds (`item`), what the wording adds
    (`wording`) and what chance adds to each of the two ratings (`rating`). What an item or a
    scenario is like under both conditions cancels. With ``S`` scenarios, ``m`` items of a value in
    each, ``P`` wordings and ``R`` repeats the mean difference has the covariance

        wording / P + (effect + (item + 2 rating / (P R)) / m) / S

    which is that of a mean over clusters (Cochran 1977, chapter 10: two-stage sampling).

    Parameters
    ----------
    effect : ndarray, shape (value, value)
        Covariance over scenarios of the effects on the values.
    item, rating, wording : ndarray, shape (value,)
        Variances. `item` is that of the difference, `rating` that of one rating.
    target : tuple of int
        Positions of the values that are aimed at.
    source : str
        Where the numbers come from, for the reader.
    n_categories : int
        K.

    References
    ----------
    Cochran (1977). Sampling Techniques, 3rd edition. Wiley.
    """

    effect: Floats
    item: Floats
    rating: Floats
    wording: Floats
    target: tuple[int, ...]
    source: str
    n_categories: int = 5

    @property
    def off_target(self) -> list[int]:
        """Positions of the values that are not aimed at and have items."""
        known = np.isfinite(np.diag(self.effect))
        return [i for i in range(len(VALUES)) if i not in self.target and known[i]]

    def covariance(
        self, scenarios: int, *, items: float = 2.0, prompts: int = 1, repeats: int = 1
    ) -> Floats:
        """Return the covariance of the estimated shifts.

        Parameters
        ----------
        scenarios, prompts, repeats : int
        items : float
            Items of each value in a scenario.

        Returns
        -------
        ndarray, shape (value, value)
            One wording has no part in it: then the interval is about that wording.
        """
        own = (self.item + 2 * self.rating / (prompts * repeats)) / items
        wording = self.wording / prompts if prompts > 1 else np.zeros_like(self.wording)
        return np.asarray(np.diag(wording) + (self.effect + np.diag(own)) / scenarios)

    def sizes(self) -> dict[str, float]:
        """Return each component as a standard deviation, averaged over the values."""
        known = np.isfinite(np.diag(self.effect))
        found = {
            "effect": np.diag(self.effect),
            "item": self.item,
            "rating": self.rating,
            "wording": self.wording,
        }
        return {k: float(np.sqrt(np.mean(x[known]))) for k, x in found.items()}
