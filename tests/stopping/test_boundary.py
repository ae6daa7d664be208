"""The boundaries of several looks against published ones, and against simulated walks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from vat_bayes.stopping import look_probabilities


def test_the_boundaries_are_those_of_lan_and_demets() -> None:
    # Five looks at equal distances, error .025 one-sided: 4.88, 3.36, 2.68, 2.29, 2.03 (the
    # O'Brien-Fleming type spending function; e.g. Jennison and Turnbull 2000, chapter 7).
    z = norm.ppf(look_probabilities([0.2, 0.4, 0.6, 0.8, 1.0], 0.975))
    np.testing.assert_allclose(z, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310], atol=2e-4)
    assert look_probabilities([1.0], 0.9) == pytest.approx([0.9])


def test_walks_cross_as_often_as_one_look_allows() -> None:
    shares = np.array([0.3, 0.35, 0.6, 0.9, 1.0])
    asked = norm.ppf(look_probabilities(list(shares), 0.95))
    step = np.sqrt(np.diff(shares, prepend=0.0))
    rng = np.random.default_rng(0)
    z = (rng.normal(size=(200_000, len(shares))) * step).cumsum(1) / np.sqrt(shares)
    assert (z > asked).any(1).mean() == pytest.approx(0.05, abs=0.002)
    # What is wrong with asking the same at every look.
    assert (z > norm.ppf(0.95)).any(1).mean() > 0.09


def test_looks_must_go_forward() -> None:
    for shares in ([], [0.5, 0.5], [0.0, 1.0], [0.5, 1.2]):
        with pytest.raises(ValueError, match="must rise"):
            look_probabilities(shares, 0.95)
