"""The debiased norm by simulation: does its interval cover, and does the plain one not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, ncx2

from vat_bayes.estimands import tax
from vat_bayes.estimands.norms import debiased_mean_square, signed_root

N = 9
ERROR = 0.1
DRAWS = 400
REPLICATIONS = 300


def error_factor(correlation: float, arms: int = 1) -> np.ndarray:
    """Factor of equicorrelated errors; two arms share half of theirs through the baseline."""
    within = ERROR**2 * (np.eye(N) * (1 - correlation) + correlation)
    between = np.array([[1.0]]) if arms == 1 else np.array([[1.0, 0.5], [0.5, 1.0]])
    return np.linalg.cholesky(np.kron(between, within))


def vector(rng: np.random.Generator, rms: float) -> np.ndarray:
    z = rng.normal(size=N)
    return rms * z / np.sqrt((z**2).mean())


def posterior(rng: np.random.Generator, truth: np.ndarray, factor: np.ndarray) -> np.ndarray:
    centre = truth + factor @ rng.normal(size=len(truth))
    return centre + rng.normal(size=(DRAWS, len(truth))) @ factor.T


def interval(draws: np.ndarray) -> tuple[float, float]:
    lo, hi = np.quantile(draws, [0.05, 0.95])
    return float(lo), float(hi)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("in_errors", [0.0, 0.5, 1.0, 2.0])
def test_interval_covers_and_the_plain_norm_does_not(in_errors: float, correlation: float) -> None:
    rng = np.random.default_rng(int(10 * in_errors + correlation))
    factor, rms = error_factor(correlation), in_errors * ERROR
    covered, plain = 0, 0
    for _ in range(REPLICATIONS):
        draws = posterior(rng, vector(rng, rms), factor)
        lo, hi = interval(np.sqrt(debiased_mean_square(draws)))
        covered += lo <= rms <= hi
        lo, hi = interval(np.sqrt((draws**2).mean(1)))
        plain += lo <= rms <= hi
    assert 0.83 <= covered / REPLICATIONS <= (0.97 if in_errors >= 1 else 1.0)
    if in_errors == 0:
        assert covered / REPLICATIONS >= 0.9
        assert plain == 0
    else:
        assert plain < covered


def test_no_effect_has_an_interval_down_to_exactly_zero() -> None:
    rng = np.random.default_rng(3)
    lower = [
        interval(np.sqrt(debiased_mean_square(posterior(rng, np.zeros(N), error_factor(0)))))[0]
        for _ in range(50)
    ]
    assert np.mean(np.array(lower) == 0.0) >= 0.85


def test_an_estimate_shorter_than_noise_is_no_proof_of_nothing() -> None:
    """Every interval reaches as far up as that of a study in which noise is of its usual size."""
    rng = np.random.default_rng(8)
    error = ERROR * rng.normal(size=(4000, N))
    error -= error.mean(0)
    direction = rng.normal(size=N)
    direction /= np.linalg.norm(direction)

    def upper(length: float) -> float:
        return interval(np.sqrt(debiased_mean_square(length * direction + error)))[1]

    typical = ERROR * np.sqrt(chi2(N).median())
    for shorter in (0.01, 0.3, 0.9):
        assert upper(shorter * typical) == pytest.approx(upper(typical), rel=0.03)
    assert upper(1.3 * typical) > 1.1 * upper(typical)
    # In closed form, errors being alike: where |typical|^2 is the lower twentieth.
    for times in (0.9, 1.1):
        square = N * (times * upper(typical) / ERROR) ** 2
        tail = float(ncx2(N, square).cdf(chi2(N).median()))
        assert (tail > 0.05) == (times < 1)


def test_large_norms_are_nearly_unbiased() -> None:
    rng = np.random.default_rng(4)
    medians = [
        np.median(np.sqrt(debiased_mean_square(posterior(rng, vector(rng, 0.3), error_factor(0)))))
        for _ in range(100)
    ]
    # Three errors: the plain norm is 10 to 15 % too high here.
    assert np.mean(medians) == pytest.approx(0.3, rel=0.03)


@pytest.mark.parametrize("rms", [0.0, 0.1, 0.2])
def test_excess_over_an_equal_placebo_raises_few_false_alarms(rms: float) -> None:
    rng = np.random.default_rng(5)
    factor, columns, alarms, covered = error_factor(0.2, 2), list(range(N)), 0, 0
    for _ in range(REPLICATIONS):
        truth = np.concatenate([vector(rng, rms), vector(rng, rms)])
        draws = posterior(rng, truth, factor)
        excess = tax.tax_excess(draws[:, :N], draws[:, N:], columns)
        alarms += (excess > 0).mean() + 0.5 * (excess == 0).mean() > 0.95
        lo, hi = interval(excess)
        covered += lo <= 0 <= hi
    assert alarms / REPLICATIONS <= 0.08
    assert covered / REPLICATIONS >= 0.83


def test_a_known_vector_keeps_its_mean_square() -> None:
    draws = np.tile(np.array([0.3, -0.4]), (50, 1))
    np.testing.assert_allclose(debiased_mean_square(draws), 0.125)
    np.testing.assert_allclose(debiased_mean_square(np.zeros((50, 2))), 0.0)


def test_precise_vectors_are_hardly_changed() -> None:
    rng = np.random.default_rng(6)
    draws = np.array([0.3, -0.4, 0.2]) + 1e-4 * rng.normal(size=(500, 3))
    np.testing.assert_allclose(
        np.sort(debiased_mean_square(draws)), np.sort((draws**2).mean(1)), rtol=2e-3
    )


@given(st.integers(0, 10_000), st.floats(0.0, 5.0), st.integers(1, 12))
def test_draws_keep_their_order_scale_and_sign(seed: int, size: float, n: int) -> None:
    rng = np.random.default_rng(seed)
    draws = size * rng.normal(size=n) + rng.normal(size=(60, n))
    square = debiased_mean_square(draws)
    assert (square >= 0).all()
    assert np.isfinite(square).all()
    order = np.argsort((draws**2).mean(1), kind="stable")
    assert (np.diff(square[order]) >= -1e-12).all()
    np.testing.assert_allclose(debiased_mean_square(-3 * draws), 9 * square, rtol=1e-7, atol=1e-10)
    turned = draws[:, rng.permutation(n)] * rng.choice([-1.0, 1.0], n)
    np.testing.assert_allclose(debiased_mean_square(turned), square, rtol=1e-7, atol=1e-10)


def test_signed_root() -> None:
    np.testing.assert_array_equal(signed_root(np.array([4.0, 0.0, -9.0])), [2.0, 0.0, -3.0])


def test_floors_are_the_mean_absolute_noise() -> None:
    # Under no effect the posterior mean and the draws around it scatter alike: |m + e| averages
    # sqrt(2 / pi) sqrt(2) = 1.128 errors, and its negative part half of that.
    rng = np.random.default_rng(7)
    columns = list(range(N))
    shown, floor, loss, loss_floor = [], [], [], []
    for _ in range(200):
        draws = posterior(rng, np.zeros(N), error_factor(0))
        shown.append(tax.displacement(draws, columns).mean())
        floor.append(tax.displacement_floor(draws, columns).mean())
        loss.append(tax.loss(draws, columns).mean())
        loss_floor.append(tax.loss_floor(draws, columns).mean())
    expected = 2 / np.sqrt(np.pi) * ERROR
    assert np.mean(floor) == pytest.approx(expected, rel=0.01)
    assert np.mean(shown) == pytest.approx(expected, rel=0.03)
    assert np.mean(loss_floor) == pytest.approx(expected / 2, rel=0.01)
    assert np.mean(loss) == pytest.approx(expected / 2, rel=0.08)
    # And the floor does not depend on how large the shifts are.
    moved = draws + 5.0
    np.testing.assert_allclose(
        tax.displacement_floor(moved, columns), tax.displacement_floor(draws, columns)
    )


def test_gain_and_off_target() -> None:
    shift = np.arange(20.0).reshape(2, 10)
    np.testing.assert_array_equal(tax.gain(shift, ("benevolence",), -1), [-8.0, -18.0])
    np.testing.assert_array_equal(tax.gain(shift, ("self-direction", "hedonism"), 1), [1.0, 11.0])
    assert tax.off_target(("benevolence",)) == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    assert tax.off_target(()) == list(range(10))
