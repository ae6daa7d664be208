"""Parameters laid end to end, as the sampler moves them.

What NUTS does to a point it would do to every parameter by itself, in code of its own for each. To
one or two vectors it does it once, which is sooner compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

Point = dict[str, Array]


@dataclass(frozen=True)
class Layout:
    """Where each parameter lies.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        Of the unconstrained parameters.
    dense : tuple of str
        Those that lie in a vector of their own.
    """

    shapes: Mapping[str, tuple[int, ...]]
    dense: tuple[str, ...] = ()

    @property
    def blocks(self) -> dict[str, tuple[str, ...]]:
        """The parameters in each vector, in their order; no vector is empty."""
        rest = tuple(sorted(set(self.shapes) - set(self.dense)))
        both = {"dense": tuple(sorted(self.dense)), "rest": rest}
        return {block: names for block, names in both.items() if names}

    @property
    def lengths(self) -> dict[str, int]:
        """The length of each vector."""
        return {
            block: sum(int(np.prod(self.shapes[k])) for k in names)
            for block, names in self.blocks.items()
        }

    def join(self, z: Mapping[str, Any]) -> Point:
        """Lay parameters end to end.

        Parameters
        ----------
        z : mapping of str to Array

        Returns
        -------
        dict of str to Array, shape (length,)
        """
        return {
            block: jnp.concatenate([jnp.ravel(z[k]) for k in names])
            for block, names in self.blocks.items()
        }

    def split(self, flat: Mapping[str, Any]) -> Point:
        """Cut vectors into parameters.

        Parameters
        ----------
        flat : mapping of str to Array, shape (length,)

        Returns
        -------
        dict of str to Array
        """
        z: Point = {}
        for block, names in self.blocks.items():
            place = 0
            for k in names:
                size = int(np.prod(self.shapes[k]))
                z[k] = flat[block][place : place + size].reshape(self.shapes[k])
                place += size
        return z
