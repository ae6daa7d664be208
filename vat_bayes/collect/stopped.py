"""The end of a session that nobody chose, after which the run can go on."""

from __future__ import annotations

import errno
from pathlib import Path

from vat_bayes.errors import InputError

KEPT = "everything collected before is kept, and the same command goes on from there"
_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file reached the size that is allowed here",
}


class StoppedError(InputError):
    """Collecting stopped for a reason outside the study; what was collected is kept."""


def stopped_by_disk(error: OSError, folder: Path) -> StoppedError | None:
    """Return the sentence for a disk that takes no more, or None for another error.

    Parameters
    ----------
    error : OSError
        What the system reported.
    folder : pathlib.Path
        The run folder.
    """
    found = _FULL.get(error.errno or 0)
    if found is None:
        return None
    return StoppedError(
        f"{found}, so collecting stopped", where=str(folder), hint=f"make room; {KEPT}"
    )
