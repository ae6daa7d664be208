"""The circle, the largest loss and the hubs against their definitions, written out with loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vat_bayes.estimands import circle, hubs, worst
from vat_bayes.values import VALUES

V = len(VALUES)


def off(*target: str) -> list[int]:
    return [i for i, v in enumerate(VALUES) if v not in target]


@pytest.mark.parametrize("target", VALUES)
def test_one_target_predicts_the_cosine_of_the_angle(target: str) -> None:
    pattern = circle.circle_pattern((target,))
    assert pattern is not None
    t = VALUES.index(target)
    expected = [math.cos(2 * math.pi * (i - t) / V) for i in range(V)]
    np.testing.assert_allclose(pattern, expected, atol=1e-12)
    # Five full turns of the cosine less the target's own: the mean square off target is 4 / 9.
    assert (pattern[off(target)] ** 2).mean() == pytest.approx(4 / 9)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_wave_over_the_circle_is_all_structure(n: int) -> None:
    rng = np.random.default_rng(n)
    target = VALUES[2 : 2 + n]
    middle = 2 + (n - 1) / 2
    wave = np.cos(2 * np.pi * (np.arange(V) - middle) / V)
    size = 0.7 + 0.02 * rng.normal(size=(400, 1))
    shift = size * wave
    pattern = circle.circle_pattern(target)
    assert pattern is not None
    np.testing.assert_allclose(
        circle.tax_anomalous(shift, pattern, target, off(*target)), 0.0, atol=1e-7
    )
    found = circle.tax_structural(shift, pattern, target, off(*target))
    assert np.median(found) == pytest.approx(
        0.7 * np.sqrt((wave[off(*target)] ** 2).mean()), rel=0.01
    )


def test_suppressing_a_target_predicts_the_same_tax() -> None:
    rng = np.random.default_rng(0)
    shift = rng.normal(0, 0.1, (300, V)) + rng.normal(size=V)
    pattern = circle.circle_pattern(("power",))
    assert pattern is not None
    for part in (circle.tax_structural, circle.tax_anomalous):
        np.testing.assert_allclose(
            part(shift, pattern, ("power",), off("power")),
            part(-shift, pattern, ("power",), off("power")),
            rtol=1e-6,
        )


def test_targets_on_opposite_sides_predict_nothing() -> None:
    assert circle.circle_pattern(("self-direction", "security")) is None
    assert circle.circle_pattern(("self-direction", "power")) is None  # 144 degrees apart
    assert circle.circle_pattern(("self-direction", "achievement")) is not None  # 108 degrees
    assert circle.circle_pattern(VALUES) is None


@pytest.mark.parametrize(("anomaly", "structure"), [(0.0, 1.0), (0.2, 1.0), (0.4, 0.0)])
def test_both_parts_cover_their_truth(anomaly: float, structure: float) -> None:
    # True shifts: a wave of size `structure`, and off target a pattern of size `anomaly`.
    rng = np.random.default_rng(int(10 * anomaly + structure))
    target, columns, error = ("benevolence",), off("benevolence"), 0.15
    pattern = circle.circle_pattern(target)
    assert pattern is not None
    truth = structure * pattern
    z = rng.normal(size=len(columns))
    truth[columns] += anomaly * z / np.sqrt((z**2).mean())
    hits = np.zeros(2)
    n = 200
    for _ in range(n):
        draws = truth + error * rng.normal(size=V) + error * rng.normal(size=(400, V))
        for k, (part, true) in enumerate(
            (
                (circle.tax_structural, structure * 2 / 3),
                (circle.tax_anomalous, anomaly),
            )
        ):
            lo, hi = np.quantile(part(draws, pattern, target, columns), [0.05, 0.95])
            hits[k] += lo - 1e-9 <= true <= hi
    # The nominal 90% less three and a half standard errors.
    assert (hits / n >= 0.83).all()


def test_near_and_far_values() -> None:
    names = [VALUES[i] for side in circle.near_and_far(("self-direction",)) for i in side]
    assert names == ["stimulation", "universalism", "power", "security", "conformity"]
    near, far = circle.near_and_far(("benevolence", "universalism"))
    assert [VALUES[i] for i in near] == ["self-direction", "tradition"]
    assert [VALUES[i] for i in far] == ["hedonism", "achievement", "power", "security"]
    # Of two opposite targets each is across from the other; what is beside one is across from the
    # other and belongs to neither side.
    assert circle.near_and_far(("self-direction", "security")) == ([], [])


@given(st.integers(0, 1000), st.integers(1, 5))
def test_largest_loss_and_its_bearer_by_loop(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    shift, columns = rng.normal(0.5, 1.0, (40, V)), sorted(rng.choice(V, n, replace=False))
    losses, bearers = [], []
    for row in shift:
        losing = {int(v): -row[v] for v in columns if row[v] < 0}
        losses.append(max(losing.values(), default=0.0))
        bearers.append(max(losing, key=lambda v: losing[v]) if losing else None)
    np.testing.assert_allclose(worst.worst_loss(shift, columns), losses)
    expected = [np.mean([b == v for b in bearers]) for v in columns]
    np.testing.assert_allclose(worst.worst_probability(shift, columns), expected)


def test_floor_of_the_largest_loss_is_what_no_effect_shows() -> None:
    rng = np.random.default_rng(1)
    columns, shown, floor = list(range(9)), [], []
    for _ in range(150):
        draws = 0.1 * rng.normal(size=9) + 0.1 * rng.normal(size=(400, 9))
        shown.append(worst.worst_loss(draws, columns).mean())
        floor.append(worst.worst_loss_floor(draws, columns))
    # The largest of nine normal numbers averages 1.485 sd; here estimate and draw both scatter.
    expected = 1.485 * np.sqrt(2) * 0.1
    assert np.mean(floor) == pytest.approx(expected, rel=0.02)
    assert np.mean(shown) == pytest.approx(expected, rel=0.03)
    above = np.mean([s > np.quantile(f, 0.95) for s, f in zip(shown, floor, strict=True)])
    assert above <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def correlation(rng: np.random.Generator, n: int) -> np.ndarray:
    a = rng.normal(size=(n, n + 1))
    s = a @ a.T
    d = np.sqrt(np.diag(s))
    return s / np.outer(d, d)


@given(st.integers(0, 1000), st.integers(3, 10))
def test_hubs_and_gini_by_their_definitions(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    matrices = np.stack([correlation(rng, n) for _ in range(5)])
    strength = hubs.hub_strength(matrices)
    for matrix, row in zip(matrices, strength, strict=True):
        for v in range(n):
            rest = [matrix[v, w] for w in range(n) if w != v]
            assert row[v] == pytest.approx(np.sqrt(np.mean(np.square(rest))))
    top = hubs.top_probability(strength)
    assert top.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(top, np.bincount(strength.argmax(1), minlength=n) / 5)
    for h, found in zip(strength, hubs.gini(strength), strict=True):
        pairs = sum(abs(a - b) for a, b in itertools.product(h, h))
        assert found == pytest.approx(pairs / (2 * n * h.sum()))


def test_gini_at_its_ends() -> None:
    np.testing.assert_allclose(hubs.gini(np.ones((1, 10))), 0.0, atol=1e-12)
    np.testing.assert_allclose(hubs.gini(np.eye(10)[:1]), 0.9)
    np.testing.assert_array_equal(hubs.gini(np.zeros((1, 10))), 0.0)
    np.testing.assert_allclose(hubs.top_probability(np.ones((3, 4))), 0.25)
