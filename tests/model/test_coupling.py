"""The coupling matrix as a function of partial correlations, and its prior."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from simulated_studies import coupling_matrix

from vat_bayes.model.coupling import (
    cholesky_from_partials,
    coupling_root,
    offdiagonal_norm,
    partial_count,
    sample_prior_coupling,
)


@given(
    arrays(float, (3, 45), elements=st.floats(-0.95, 0.95)),
)
def test_partials_give_a_correlation_matrix(partials: np.ndarray) -> None:
    factor = cholesky_from_partials(partials, 10)
    matrix = factor @ np.swapaxes(factor, -1, -2)
    np.testing.assert_allclose(np.diagonal(matrix, axis1=-2, axis2=-1), 1.0, atol=1e-12)
    assert (np.diagonal(factor, axis1=-2, axis2=-1) > 0).all()
    assert np.abs(matrix).max() <= 1 + 1e-12
    np.testing.assert_array_equal(np.triu(factor, 1), 0.0)


def test_partials_against_the_element_by_element_form() -> None:
    raw = np.random.default_rng(0).normal(size=45)
    factor = cholesky_from_partials(np.tanh(0.8 * raw), 10)
    np.testing.assert_allclose(factor @ factor.T, coupling_matrix(0.8, raw), atol=1e-14)


def test_no_partials_are_no_coupling() -> None:
    np.testing.assert_array_equal(cholesky_from_partials(np.zeros(45), 10), np.eye(10))


def test_first_partials_are_plain_correlations() -> None:
    # The partial correlations with the first value given nothing are the correlations themselves.
    partials = np.random.default_rng(1).uniform(-0.9, 0.9, 6)
    factor = cholesky_from_partials(partials, 4)
    matrix = factor @ factor.T
    np.testing.assert_allclose(matrix[1:, 0], partials[[0, 1, 3]], atol=1e-14)
    # And the next is the partial correlation of values 2 and 3 given value 1.
    r = matrix
    partial = (r[2, 1] - r[2, 0] * r[1, 0]) / np.sqrt((1 - r[2, 0] ** 2) * (1 - r[1, 0] ** 2))
    assert partial == pytest.approx(partials[2], abs=1e-12)


def test_norm_is_the_rms_correlation() -> None:
    matrix = coupling_matrix(0.7, np.random.default_rng(2).normal(size=45))
    off = matrix[~np.eye(10, dtype=bool)]
    assert float(offdiagonal_norm(matrix)) == pytest.approx(np.sqrt(np.mean(off**2)), rel=1e-12)
    assert float(offdiagonal_norm(np.eye(10))) == 0.0


def test_prior_reaches_no_coupling_and_strong_coupling() -> None:
    norm = offdiagonal_norm(sample_prior_coupling(0.3, 10, 4000, seed=0))
    # LKJ(1) keeps this norm near .3; here no coupling is where the prior is densest.
    assert (norm < 0.05).mean() > 0.08
    assert np.quantile(norm, 0.99) > 0.4
    assert partial_count(10) == 45


def test_a_singular_coupling_has_a_root():
    exact = np.array([[1.0, 1.0 - 1e-17, 0.5], [1.0 - 1e-17, 1.0, 0.5], [0.5, 0.5, 1.0]])
    both = np.stack([np.eye(3), exact])
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(both)
    root = coupling_root(both)
    assert root @ np.swapaxes(root, -1, -2) == pytest.approx(both, abs=1e-12)
    assert coupling_root(both[0]) == pytest.approx(np.eye(3))
