"""The probability of each label, also where a label takes several tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.judge import Reading

Path = tuple[int, ...]
LogProbabilities = Callable[[Path], NDArray[np.float64]]
"""Tokens that follow the prompt to the log probabilities of the next one, array (n_vocab,)."""


class LabelReader:
    """Sums the probabilities of everything that reads as a label.

    A label is written by one of its paths, sequences of tokens. The probability of a path is the
    product of its steps. Where a path goes on to another label (1 and 10), the shorter one is
    meant unless the longer one is written. The events are disjoint, so their sum is the probability
    that the answer is a rating at all. One evaluation is needed for each path that another token
    must follow; none but the first where every label is a single token.

    Parameters
    ----------
    paths : sequence of sequences of tuple of int
        For each label, the ways to write it.
    """

    def __init__(self, paths: Sequence[Sequence[Path]]) -> None:
        self._owner = {path: k for k, ways in enumerate(paths) for path in ways}
        inner = {path[:n] for path in self._owner for n in range(len(path))}
        # From the root on: a step needs the probability of the one before.
        self._inner: list[Path] = sorted(inner, key=lambda path: (len(path), path))
        steps = {*self._owner, *inner} - {()}
        self._after = {
            path: sorted(step[-1] for step in steps if step[:-1] == path) for path in self._inner
        }
        # The labels that a label may become, the nearest ones: those beyond are within these.
        self._longer: dict[Path, list[Path]] = {path: [] for path in self._owner}
        for path in self._owner:
            shorter = [path[:n] for n in range(1, len(path)) if path[:n] in self._owner]
            if shorter:
                self._longer[shorter[-1]].append(path)
        self._k = len(paths)
        self.longest = max(map(len, self._owner), default=0)

    @property
    def evaluated(self) -> tuple[Path, ...]:
        """What follows the prompt where probabilities are needed, nothing (``()``) first."""
        return tuple(self._inner)

    def read(self, log_probabilities: LogProbabilities) -> Reading:
        """Return the distribution over the labels.

        Parameters
        ----------
        log_probabilities : callable
            Evaluates the prompt followed by some tokens.
        """
        reached: dict[Path, float] = {(): 0.0}
        for path in self._inner:
            step = log_probabilities(path)
            for token in self._after[path]:
                reached[*path, token] = reached[path] + float(step[token])
        by_label = np.full(self._k, -np.inf)
        for path, k in self._owner.items():
            gone = sum(np.exp(reached[longer] - reached[path]) for longer in self._longer[path])
            ends = reached[path] + np.log1p(-gone) if gone < 1 else -np.inf
            by_label[k] = np.logaddexp(by_label[k], ends)
        # Renormalised in logs: the ratings keep their proportions where all of them are unlikely.
        valid = np.logaddexp.reduce(by_label)
        shares = np.exp(by_label - valid)
        shares /= shares.sum()
        return Reading(tuple(map(float, shares)), float(min(1.0, np.exp(valid))))
