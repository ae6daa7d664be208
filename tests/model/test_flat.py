"""Points as vectors: nothing is lost, and the dense metric is that of the right parameters."""

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from vat_bayes.model.chains import _metric
from vat_bayes.model.flat import Layout

SHAPES = {"theta": (2, 3), "level": (1,), "noise": (4,), "beta": ()}


def point() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {k: rng.normal(size=shape) for k, shape in SHAPES.items()}


@pytest.mark.parametrize("dense", [(), ("theta", "level"), tuple(SHAPES)])
def test_what_is_joined_is_split_again(dense: tuple[str, ...]) -> None:
    layout, z = Layout(SHAPES, dense), point()
    with jax.enable_x64(True):
        flat = layout.join(z)
        assert {k: x.shape for k, x in flat.items()} == {k: (n,) for k, n in layout.lengths.items()}
        again = layout.split(flat)
    assert set(again) == set(z)
    for name, x in z.items():
        np.testing.assert_array_equal(again[name], x)


def test_each_scale_goes_to_its_parameter() -> None:
    layout, z = Layout(SHAPES, ("theta", "level")), point()
    with jax.enable_x64(True):
        flat = layout.join(z)
        # The explorer's scales come in this order.
        metric = _metric(flat, ravel_pytree(flat)[0])
    dense = np.diag(metric["dense",])
    assert np.count_nonzero(metric["dense",]) == np.count_nonzero(dense) == 7
    again = layout.split({"dense": dense, "rest": metric["rest",]})
    for name, x in z.items():
        np.testing.assert_array_equal(again[name], x)
