"""What a condition does to a loaded model: adapters, control vectors, or another file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter in use.

    Parameters
    ----------
    path : str
        The GGUF file.
    scale : float
        What its change of the weights is multiplied by.
    seed : tuple of (str or int), optional
        When given, every change of a matrix is replaced by a random one of the same rank and
        singular values, drawn from it.
    """

    path: str
    scale: float
    seed: tuple[str | int, ...] | None = None


@dataclass(frozen=True)
class ControlVector:
    """A control vector in use.

    Parameters
    ----------
    path : str
        The GGUF file.
    strength : float
        What its directions are multiplied by.
    layers : tuple of int, optional
        The first and the last layer that it is added to; all that the file has when absent.
    seed : tuple of (str or int), optional
        When given, every direction is replaced by a random one of the same length, drawn from it.
    """

    path: str
    strength: float
    layers: tuple[int, int] | None = None
    seed: tuple[str | int, ...] | None = None


@dataclass(frozen=True)
class Weights:
    """The state of the model under a condition; the default is the model as it is.

    Parameters
    ----------
    checkpoint : str, optional
        Another GGUF file to load in place of the model's.
    adapters : tuple of Adapter
        Added one after the other.
    vectors : tuple of ControlVector
        Added up.
    """

    checkpoint: str | None = None
    adapters: tuple[Adapter, ...] = ()
    vectors: tuple[ControlVector, ...] = ()

    def __bool__(self) -> bool:
        return self != Weights()

    def with_paths(self, rewrite: Callable[[str], str]) -> Weights:
        """Return the same with every path rewritten."""
        return Weights(
            checkpoint=None if self.checkpoint is None else rewrite(self.checkpoint),
            adapters=tuple(replace(a, path=rewrite(a.path)) for a in self.adapters),
            vectors=tuple(replace(v, path=rewrite(v.path)) for v in self.vectors),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what differs from the model as it is, as plain JSON values."""
        told = json.loads(json.dumps(asdict(self)))
        plain: dict[str, Any] = {key: found for key, found in told.items() if found}
        return plain
