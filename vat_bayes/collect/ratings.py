"""From a distribution to ratings: the most probable one, or draws that any machine repeats."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from vat_bayes.collect.judge import Reading
from vat_bayes.study.seeds import uniform


def most_probable(reading: Reading) -> int:
    """Return the rating with the highest probability, the lowest one of equals."""
    shares = reading.probabilities
    return shares.index(max(shares)) + 1


def sampled(reading: Reading, n: int, seed: Sequence[str | int]) -> list[int | None]:
    """Draw ratings as the judge would give them.

    Parameters
    ----------
    reading : Reading
        The distribution.
    n : int
        How many draws.
    seed : sequence of str or int
        What the draws depend on: the study's seed, model, condition, item and prompt.

    Returns
    -------
    list of int or None
        Ratings from 1; None, with probability ``1 - p_valid``, for an answer that is no rating.
    """
    edges = list(accumulate(p * (reading.p_valid or 0.0) for p in reading.probabilities))
    draws = (uniform(*seed, replicate) for replicate in range(1, n + 1))
    return [next((k for k, edge in enumerate(edges, start=1) if u < edge), None) for u in draws]
