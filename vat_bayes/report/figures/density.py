"""Highest-density regions of two-dimensional draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

_CELLS = 128


@dataclass(frozen=True)
class Regions:
    """A density on a grid and the heights that enclose given shares of the draws.

    Parameters
    ----------
    x, y : ndarray, shape (cells,)
        The centres of the grid's cells.
    density : ndarray, shape (cells, cells)
        Rows follow `y`.
    heights : tuple of float
        One per share, in the order in which they were asked for.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    density: NDArray[Any]
    heights: tuple[float, ...]


def regions(
    x: NDArray[Any], y: NDArray[Any], shares: tuple[float, ...] = (0.9, 0.5)
) -> Regions | None:
    """Return the smallest regions that hold the given shares of the draws.

    The density is a smoothed histogram (1.5 times Scott's bandwidth along each axis, which leaves
    no dents that the draws don't support). A tax can't be below
    zero, so the grid ends there and the smoothing reflects; the heights are quantiles of the
    density at the draws, so that each region holds its share whatever the smoothing did.

    Parameters
    ----------
    x, y : ndarray, shape (sample,)
        Joint draws.
    shares : tuple of float
        The shares, from the largest region to the smallest.

    Returns
    -------
    Regions or None
        None when the draws are too few or do not spread.

    References
    ----------
    Hyndman, R. J. (1996). Computing and graphing highest density regions. *The American
    Statistician*, 50(2), 120-126. https://doi.org/10.1080/00031305.1996.10474359
    """
    keep = np.isfinite(x) & np.isfinite(y)
    points = np.stack([y[keep], x[keep]]).astype(float)
    n = points.shape[1]
    if n < 50 or (points.std(axis=1) < 1e-9).any():
        return None
    spread = points.std(axis=1)
    bandwidth = 1.5 * spread * n ** (-1 / 6)
    low, high = points.min(axis=1) - 4 * bandwidth, points.max(axis=1) + 4 * bandwidth
    if points[0].min() >= 0:
        low[0] = max(low[0], 0.0)
    step = (high - low) / _CELLS
    counts, _, _ = np.histogram2d(
        points[0], points[1], bins=_CELLS, range=[(low[0], high[0]), (low[1], high[1])]
    )
    density = gaussian_filter(counts, bandwidth / step, mode="reflect")
    at = (points - low[:, None]) / step[:, None] - 0.5
    height = map_coordinates(density, at, order=1, mode="nearest")
    heights = tuple(float(np.quantile(height, 1 - s)) for s in shares)
    # A mode narrower than a cell leaves the regions no room between their heights.
    if not (0 < heights[0] < heights[-1] < density.max()):
        return None
    y_grid, x_grid = (low[i] + (np.arange(_CELLS) + 0.5) * step[i] for i in (0, 1))
    if low[0] == 0.0:
        # Carry the density down to the axis, half a cell below the first centre.
        y_grid = np.concatenate([[0.0], y_grid])
        density = np.concatenate([density[:1], density])
    return Regions(x_grid, y_grid, density, heights)
