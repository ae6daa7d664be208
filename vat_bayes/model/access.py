"""Plain arrays and labels out of a posterior's DataTree, in one place."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vat_bayes.model.structure import Floats


def variable(tree: xr.DataTree, group: str, name: str) -> xr.DataArray:
    """Return one variable of one group with its dimensions and coordinates.

    Parameters
    ----------
    tree : DataTree
    group, name : str

    Returns
    -------
    DataArray
    """
    return tree[group].to_dataset()[name]


def array(tree: xr.DataTree, group: str, name: str) -> Floats:
    """Return one variable of one group as a plain array of floats.

    Parameters
    ----------
    tree : DataTree
    group, name : str

    Returns
    -------
    ndarray, shape as stored
        Posterior and prior variables start with ``(chain, draw)``.
    """
    return np.asarray(variable(tree, group, name).values, dtype=float)


def labels(tree: xr.DataTree, group: str, dimension: str) -> list[str]:
    """Return the coordinate labels of one dimension.

    Parameters
    ----------
    tree : DataTree
    group, dimension : str

    Returns
    -------
    list of str
    """
    return [str(x) for x in np.asarray(variable(tree, group, dimension).values)]


def count_scenarios(tree: xr.DataTree) -> int:
    """Count the scenarios of a fit's items.

    Parameters
    ----------
    tree : DataTree

    Returns
    -------
    int
    """
    return len(np.unique(array(tree, "constant_data", "item_scenario")))


def merge_chains(values: Floats) -> Floats:
    """Put the chains one after the other.

    Parameters
    ----------
    values : ndarray, shape (chain, draw, ...)

    Returns
    -------
    ndarray, shape (chain * draw, ...)
    """
    return values.reshape(-1, *values.shape[2:])
