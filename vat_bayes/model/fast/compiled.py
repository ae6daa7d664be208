"""JAX's compiler as a decorator that keeps a function's type."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

import jax


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compile a function on its first call, with its switches (arguments that are bool) fixed.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
    """
    parameters = inspect.signature(function).parameters.values()
    switches = [p.name for p in parameters if p.annotation in (bool, "bool")]
    return cast(F, jax.jit(function, static_argnames=switches))
