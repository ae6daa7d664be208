"""Means of probabilities that are the same bits in any order of the rows.

Each term is rounded once to a multiple of 2^-53, far below its own accuracy; the multiples are
whole numbers, whose sum does not depend on the order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vat_bayes.judgments.coerce import Floats, Ints

BITS = 53
_LOW = 27


def whole(p: Floats) -> Ints:
    """Return probabilities in units of 2^-53."""
    return np.rint(np.ldexp(p, BITS)).astype(np.int64)


def whole_sums(p: Floats, group: Ints, n_groups: int) -> tuple[list[int], Ints]:
    """Add up probabilities by group, in units of 2^-53.

    Parameters
    ----------
    p : float array (row,)
        From 0 to 1, NaN where there is none.
    group : int array (row,)
        From 0 to `n_groups` - 1.
    n_groups : int
        The number of groups.

    Returns
    -------
    sums : list of int
        One per group.
    counts : int array (group,)
        Over how many numbers.
    """
    known = ~np.isnan(p)
    group = group[known]
    units = whole(p[known])
    # Halves of 27 and 26 bits: as doubles their sums are exact for up to 2^26 rows.
    high, low = units >> _LOW, units & ((1 << _LOW) - 1)
    parts = [np.bincount(group, weights=half, minlength=n_groups) for half in (high, low)]
    sums = [(int(h) << _LOW) + int(v) for h, v in zip(*parts, strict=True)]
    return sums, np.bincount(group, minlength=n_groups)


def means(sums: Sequence[int], counts: Sequence[int] | Ints) -> Floats:
    """Return sums in units of 2^-53 as means, NaN over nothing."""
    return np.array(
        [s / (int(n) << BITS) if n else np.nan for s, n in zip(sums, counts, strict=True)]
    )
