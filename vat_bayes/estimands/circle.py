"""What the value circle says of the off-target pattern: predicted part, rest, near and far side."""

from __future__ import annotations

import numpy as np

from vat_bayes.estimands.norms import Floats, debiased_mean_square, mean_square
from vat_bayes.values import VALUES, adjacent, angle, opposed

# Targets that lie further apart have no common direction worth the name: one below this length has
# its targets spread over more than a third of the circle.
_SHORTEST = 0.5


def circle_pattern(target: tuple[str, ...]) -> Floats | None:
    """Return the shifts that the circle predicts for a mean shift of one point of the targets.

    If every value moves by ``A cos(angle - phi)``, and ``phi`` is the mean direction of the targets
    (Mardia, Jupp 2000, section 2.2.1), the targets move by ``A R`` on average, where ``R`` is the
    length of their mean direction. So the prediction is ``cos(angle - phi) / R``: with one target,
    the cosine of the angle to it.

    Parameters
    ----------
    target : tuple of str
        Not empty.

    Returns
    -------
    ndarray, shape (value,), or None
        None when the targets point to different sides of the circle (``R`` below .5): then their
        mean shift predicts nothing.

    References
    ----------
    Mardia, Jupp (2000). Directional Statistics. Wiley. doi:10.1002/9780470316979
    Schwartz (1992). doi:10.1016/S0065-2601(08)60281-6 (the circle and its order).
    """
    direction = np.exp(1j * np.radians([angle(v) for v in target])).mean()
    if abs(direction) < _SHORTEST:
        return None
    around = np.radians([angle(v) for v in VALUES])
    return np.asarray(np.cos(around - np.angle(direction)) / abs(direction))


def tax_structural(
    shift: Floats, pattern: Floats, target: tuple[str, ...], columns: list[int]
) -> Floats:
    """Root mean square of the off-target shifts that the circle predicts from the gain.

    The prediction has one unknown, the size of the targets' mean shift, so its norm is that size
    times the root mean square of the pattern. The size is debiased under every prior, because none
    of them shrinks the targets.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    pattern : ndarray, shape (value,)
        From `circle_pattern`.
    target : tuple of str
    columns : list of int
        The off-target values.

    Returns
    -------
    ndarray, shape (sample,)
        In the units of `shift`.
    """
    size = debiased_mean_square(_targets_shift(shift, target)[:, None])
    return np.asarray(np.sqrt(size * (pattern[columns] ** 2).mean()))


def tax_anomalous(
    shift: Floats,
    pattern: Floats,
    target: tuple[str, ...],
    columns: list[int],
    *,
    pooled: bool = False,
) -> Floats:
    """Debiased root mean square of what the circle does not predict from the gain.

    The vector is ``shift - pattern * (mean shift of the targets)``, formed in every draw, so its
    error holds that of the targets too.

    Parameters
    ----------
    shift : ndarray, shape (sample, value)
    pattern : ndarray, shape (value,)
    target : tuple of str
    columns : list of int
        The off-target values.
    pooled : bool
        See `vat_bayes.estimands.norms.mean_square`.

    Returns
    -------
    ndarray, shape (sample,)
        In the units of `shift`.
    """
    predicted = _targets_shift(shift, target)[:, None] * pattern
    return np.asarray(np.sqrt(mean_square((shift - predicted)[:, columns], pooled=pooled)))


def _targets_shift(shift: Floats, target: tuple[str, ...]) -> Floats:
    return np.asarray(shift[:, [VALUES.index(v) for v in target]].mean(1))


def near_and_far(target: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Return the off-target values beside the targets and those across the circle from them.

    Parameters
    ----------
    target : tuple of str

    Returns
    -------
    adjacent, opposed : list of int
        Positions in circle order. With several targets a value that is beside one and across from
        another belongs to neither.
    """
    near = {v for t in target for v in adjacent(t)} - set(target)
    far = {v for t in target for v in opposed(t)} - set(target)
    return (
        [i for i, v in enumerate(VALUES) if v in near - far],
        [i for i, v in enumerate(VALUES) if v in far - near],
    )
