"""Randomness by hashing: the same draw whatever the order of work, the machine or the library."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable


def uniform(*parts: str | int) -> float:
    """Return a number in [0, 1) that depends on the parts alone.

    Parameters
    ----------
    *parts : str or int
        What the number is for, e.g. the study's seed, a condition, an item and a replicate.

    Returns
    -------
    float
        The first 53 bits of the SHA-256 of the parts, as a fraction.
    """
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("ascii")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def shuffled[T](things: Iterable[T], *parts: str | int) -> list[T]:
    """Return the things in a random order that depends on their own order and on the parts."""
    listed = list(things)
    keys = [uniform(*parts, i) for i in range(len(listed))]
    return [listed[i] for i in sorted(range(len(listed)), key=lambda i: (keys[i], i))]
