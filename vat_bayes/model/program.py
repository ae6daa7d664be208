"""Compiled functions that data sets of one shape share.

A model function closes over its data, so JAX would compile it anew for every study, which takes
longer than sampling a small one. Here the data are taken out of the traced function and handed to
the compiled one as arguments; two traces that are equal in everything else run the same program.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.extend import core

# Programs kept; a compiled sampler takes some megabytes.
_KEPT = 16
_ADDRESS = re.compile(r"0x[0-9a-f]+")


@dataclass(frozen=True)
class Program:
    """A traced function without its data.

    Parameters
    ----------
    traced : ClosedJaxpr
    tree : PyTreeDef
        Structure of the result.
    key : str
        Equal for two functions exactly if they differ in nothing but their data.
    """

    traced: Any
    tree: Any
    key: str

    @property
    def data(self) -> list[Any]:
        """The arrays that the function closed over."""
        return list(self.traced.consts)

    def __call__(self, data: list[Any], *arguments: Any) -> Any:
        """Evaluate with other data of the same shapes."""
        flat = jax.tree.leaves(arguments)
        closed = core.ClosedJaxpr(self.traced.jaxpr, data)
        return jax.tree.unflatten(self.tree, core.jaxpr_as_fun(closed)(*flat))

    def without_data(self) -> Program:
        """Drop the data, so that a program that is kept does not keep them."""
        empty = [jax.ShapeDtypeStruct(np.shape(x), np.result_type(x)) for x in self.data]
        return replace(self, traced=core.ClosedJaxpr(self.traced.jaxpr, empty))


def take_out_data(function: Callable[..., Any], *example: Any) -> Program:
    """Trace a function and take the arrays it closes over out of it.

    Parameters
    ----------
    function : callable
    example : pytrees of arrays
        Arguments of the shapes that it will be called with.

    Returns
    -------
    Program
    """
    traced, shape = jax.make_jaxpr(function, return_shape=True)(*example)
    digest = hashlib.sha256(_ADDRESS.sub("", str(traced.jaxpr)).encode())
    digest.update(str([(np.shape(x), np.result_type(x)) for x in traced.consts]).encode())
    # What the printed form shortens or leaves out.
    for constant in _inner_constants(traced.jaxpr):
        array = np.asarray(constant)
        digest.update(f"{array.shape}{array.dtype}".encode() + array.tobytes())
    return Program(traced, jax.tree.structure(shape), digest.hexdigest())


def _inner_constants(jaxpr: Any) -> Iterator[Any]:
    """Yield every constant inside a traced function but those that are taken out of it."""
    for equation in jaxpr.eqns:
        for atom in equation.invars:
            if isinstance(atom, core.Literal):
                yield atom.val
        for parameter in jax.tree.leaves(
            equation.params, is_leaf=lambda x: isinstance(x, (core.ClosedJaxpr, core.Jaxpr))
        ):
            if isinstance(parameter, core.ClosedJaxpr):
                yield from parameter.consts
                yield from _inner_constants(parameter.jaxpr)
            elif isinstance(parameter, core.Jaxpr):
                yield from _inner_constants(parameter)
            elif isinstance(parameter, (np.ndarray, jax.Array)):
                yield parameter


_programs: OrderedDict[tuple[Any, ...], Any] = OrderedDict()


def compiled_once(key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """Return what was made for this key before, or make it.

    Parameters
    ----------
    key : tuple
        Everything that the result depends on.
    make : callable

    Returns
    -------
    object
    """
    if key not in _programs:
        _programs[key] = make()
        if len(_programs) > _KEPT:
            _programs.popitem(last=False)
    _programs.move_to_end(key)
    return _programs[key]
