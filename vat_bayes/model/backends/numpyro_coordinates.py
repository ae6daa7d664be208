"""Sites that NUTS moves in coordinates of our choice.

NumPyro finds the coordinates of a site by its support, so a support that carries its transform is
all that it takes. The density of the site stays what it is.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from numpyro.distributions import constraints
from numpyro.distributions.transforms import Transform, biject_to


class Along(constraints.Constraint):  # type: ignore[misc]
    """The image of a transform, to be moved by what is transformed.

    Parameters
    ----------
    transform : Transform
        From all real numbers.
    """

    def __init__(self, transform: Transform) -> None:
        self.transform = transform

    def __call__(self, x: Any) -> Any:
        """Tell which elements lie in the image."""
        return self.transform.codomain(x)

    def feasible_like(self, prototype: Any) -> Any:
        """Return a point of the image in the shape of `prototype`."""
        return self.transform(jnp.zeros(jnp.shape(prototype)))

    def tree_flatten(self) -> Any:
        """Let JAX see the transform's arrays."""
        return (self.transform,), (("transform",), {})


@biject_to.register(Along)  # type: ignore[untyped-decorator]
def _coordinates(constraint: Along) -> Transform:
    return constraint.transform
