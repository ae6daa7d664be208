"""Nearest vectors against an optimiser, P(tax <= b) against the noncentral chi-square."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from vat_bayes.estimands.contrasts import debiased_difference, debiased_step
from vat_bayes.estimands.nearest import nearest_vectors
from vat_bayes.estimands.norms import debiased_mean_square


def random_covariance(rng: np.random.Generator, n: int) -> np.ndarray:
    a = rng.normal(size=(n, 2 * n))
    return a @ a.T / (2 * n)


def opened(covariance: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """The covariance with a tenth of the average variance of its block in every direction."""
    own = np.diag(covariance)
    average = np.array([own[signs == s].mean() for s in signs])
    return 0.9 * covariance + 0.1 * np.diag(average)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["norm", "difference"])
def test_nearest_vectors_against_a_general_optimiser(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    n = 6
    signs = np.ones(n) if kind == "norm" else np.repeat([1.0, -1.0], n // 2)
    estimate, covariance = rng.normal(size=n), random_covariance(rng, n)
    values = np.array([0.3, 2.0, 9.0]) if kind == "norm" else np.array([-4.0, -0.2, 0.0, 5.0])
    found = nearest_vectors(estimate, covariance, signs, values)
    inverse = np.linalg.inv(opened(covariance, signs))
    for x, value in zip(found, values, strict=True):
        assert x**2 @ signs == pytest.approx(value, abs=1e-8)
        best = min(
            (
                optimize.minimize(
                    lambda y: (estimate - y) @ inverse @ (estimate - y),
                    start,
                    constraints={"type": "eq", "fun": lambda y, v=value: y**2 @ signs - v},
                    method="SLSQP",
                    options={"maxiter": 500, "ftol": 1e-12},
                )
                for start in (estimate, -estimate, *rng.normal(size=(6, n)))
            ),
            key=lambda r: r.fun if r.success else np.inf,
        )
        assert (estimate - x) @ inverse @ (estimate - x) <= best.fun + 1e-6


def test_alike_errors_leave_the_direction() -> None:
    estimate = np.array([0.3, -0.4, 1.2])
    found = nearest_vectors(estimate, 0.01 * np.eye(3), np.ones(3), np.array([0.0, 0.04, 100.0]))
    for x, size in zip(found, (0.0, 0.2, 10.0), strict=True):
        np.testing.assert_allclose(x, size * estimate / 1.3, atol=1e-8)


@pytest.mark.parametrize("rms", [0.0, 0.4, 1.0, 2.5])
def test_probability_of_keeping_to_a_budget_is_that_of_the_noncentral_chi_square(
    rms: float,
) -> None:
    # With errors alike in all directions the confidence distribution is known: P(tax <= b) is
    # P(chi2_n(n b^2) >= |m|^2), with an estimate no shorter than noise is in half of all studies.
    rng = np.random.default_rng(int(10 * rms))
    n = 9
    estimate = rms * np.ones(n) + rng.normal(size=n)
    error = rng.normal(size=(20_000, n))
    error = (error - error.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(error.T))).T
    tax = np.sqrt(debiased_mean_square(estimate + error))
    seen = max(estimate @ estimate, stats.chi2.median(n))
    for b in (0.2, 0.8, 1.3, 2.5, 3.5):
        exact = stats.ncx2.sf(seen, n, n * b**2)
        assert (tax <= b).mean() == pytest.approx(exact, abs=0.012)


def boundary(seed: int, size: float, correlation: float, replications: int) -> np.ndarray:
    """P(tax <= b) in studies whose true tax is exactly b, errors equicorrelated with sd 1."""
    rng = np.random.default_rng(seed)
    n = 9
    factor = np.linalg.cholesky((1 - correlation) * np.eye(n) + correlation)
    found = []
    for _ in range(replications):
        z = rng.normal(size=n)
        truth = size * z / np.sqrt((z**2).mean())
        estimate = truth + factor @ rng.normal(size=n)
        draws = estimate + rng.normal(size=(500, n)) @ factor.T
        found.append((np.sqrt(debiased_mean_square(draws)) <= size).mean())
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("size", [0.5, 2.0, 4.0])
def test_at_the_budget_the_probability_is_uniform(size: float, correlation: float) -> None:
    p = boundary(int(10 * size), size, correlation, 300)
    # 300 studies: a share of .05 has a standard error of .0126.
    assert (p >= 0.95).mean() <= 0.05 + 3 * 0.0126
    assert (p <= 0.05).mean() <= 0.05 + 3 * 0.0126
    error = 4 / np.sqrt(12 * 300)
    assert p.mean() <= 0.5 + error
    # A tax below its noise is rarely said to keep to a bound; above it the probability is uniform.
    assert p.mean() >= 0.5 - error or size < 2
    assert (p >= 0.95).mean() == 0 or size >= 2


@pytest.mark.slow
@pytest.mark.parametrize(("size", "placebo"), [(2.0, 0.0), (2.0, 2.0)])
def test_at_the_budget_the_excess_is_rarely_accepted(size: float, placebo: float) -> None:
    rng = np.random.default_rng(int(10 * size + placebo))
    n, found = 9, []
    factor = np.linalg.cholesky(np.kron([[1.0, 0.5], [0.5, 1.0]], np.eye(n)))
    for _ in range(300):
        z = rng.normal(size=(2, n))
        z /= np.sqrt((z**2).mean(1, keepdims=True))
        truth = np.concatenate([size * z[0], placebo * z[1]])
        estimate = truth + factor @ rng.normal(size=2 * n)
        draws = estimate + rng.normal(size=(500, 2 * n)) @ factor.T
        difference = debiased_difference(draws[:, :n], draws[:, n:])
        found.append((difference <= size**2 - placebo**2).mean())
    p = np.array(found)
    assert (p >= 0.95).mean() <= 0.05 + 3 * 0.0126
    assert (p <= 0.05).mean() <= 0.05 + 3 * 0.0126
    assert abs(p.mean() - 0.5) <= 4 / np.sqrt(12 * 300)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [0.5, 0.9])
@pytest.mark.parametrize(("size", "before"), [(1.5, 0.0), (0.0, 1.5), (0.0, 0.0), (2.0, 2.0)])
def test_the_step_of_a_tax_is_covered_where_one_of_the_two_is_zero(
    size: float, before: float, shared: float
) -> None:
    rng = np.random.default_rng(int(10 * size + 100 * before + 1000 * shared))
    n, hits = 9, 0
    factor = np.linalg.cholesky(np.kron([[1.0, shared], [shared, 1.0]], np.eye(n)))
    for _ in range(200):
        z = rng.normal(size=n)
        z /= np.sqrt((z**2).mean())
        truth = np.concatenate([size * z, before * z])
        estimate = truth + factor @ rng.normal(size=2 * n)
        draws = estimate + rng.normal(size=(500, 2 * n)) @ factor.T
        lo, hi = np.quantile(debiased_step(draws[:, :n], draws[:, n:]), [0.05, 0.95])
        hits += lo <= size - before <= hi
    # The difference of two debiased norms covers in .67 to .83 of them where one is zero.
    assert hits / 200 >= 0.85


def test_a_step_from_a_known_vector_and_of_other_values() -> None:
    rng = np.random.default_rng(1)
    draws, known = rng.normal(size=(200, 4)) + 1.0, np.tile([0.5, 0.0, 0.0, -0.5], (200, 1))
    expected = np.sqrt(debiased_mean_square(draws)) - np.sqrt(0.125)
    np.testing.assert_allclose(debiased_step(draws, known), expected)
    np.testing.assert_allclose(debiased_step(known, draws), -expected)
    # Precise vectors have the plain difference of their root mean squares.
    a = np.array([3.0, -1.0]) + 0.01 * rng.normal(size=(2000, 2))
    b = np.array([0.5, 2.0, 1.0]) + 0.01 * rng.normal(size=(2000, 3))
    plain = np.sqrt((a**2).mean(1)) - np.sqrt((b**2).mean(1))
    step = debiased_step(a, b)
    np.testing.assert_allclose(step, plain, atol=0.005)
    np.testing.assert_allclose(debiased_step(3 * a, 3 * b), 3 * step, rtol=1e-6)
    assert (np.diff(step[np.argsort(plain)]) >= -1e-12).all()


def test_a_known_second_vector_leaves_the_debiased_first() -> None:
    rng = np.random.default_rng(1)
    draws, known = rng.normal(size=(200, 4)) + 1.0, np.tile([0.5, 0.0, 0.0, -0.5], (200, 1))
    np.testing.assert_allclose(
        debiased_difference(draws, known), debiased_mean_square(draws) - 0.125
    )
    np.testing.assert_allclose(
        debiased_difference(known, draws), 0.125 - debiased_mean_square(draws)
    )


def test_difference_turns_its_sign_and_keeps_its_order() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(400, 5)) + 0.8, rng.normal(size=(400, 5))
    forth, back = debiased_difference(a, b), debiased_difference(b, a)
    # Quantiles mirror up to the one draw in which >= and <= differ.
    np.testing.assert_allclose(
        np.quantile(forth, [0.1, 0.5, 0.9]), -np.quantile(back, [0.9, 0.5, 0.1]), atol=0.05
    )
    order = np.argsort((a**2).mean(1) - (b**2).mean(1))
    assert (np.diff(forth[order]) >= -1e-12).all()
    np.testing.assert_allclose(debiased_difference(2 * a, 2 * b), 4 * forth, rtol=1e-6, atol=1e-8)


def test_large_precise_vectors_have_their_plain_difference() -> None:
    rng = np.random.default_rng(3)
    a = np.array([3.0, -1.0]) + 0.01 * rng.normal(size=(2000, 2))
    b = np.array([0.5, 2.0]) + 0.01 * rng.normal(size=(2000, 2))
    difference = debiased_difference(a, b)
    assert difference.mean() == pytest.approx(5.0 - 2.125, abs=0.005)
    assert difference.std() == pytest.approx(((a**2).mean(1) - (b**2).mean(1)).std(), rel=0.05)
