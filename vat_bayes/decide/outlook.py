"""What more scenarios would do for a condition that is undecided, as a record and a sentence."""

from __future__ import annotations

from dataclasses import dataclass

ENOUGH = 0.8
"""With this probability a number of scenarios is said to decide."""


@dataclass(frozen=True)
class Outlook:
    """What more scenarios would do for a condition that is undecided.

    Parameters
    ----------
    scenarios : int
        How many there are.
    more : int or None
        How many more would decide with probability `ENOUGH`; None where 15 times as many more
        would not.
    tried : int
        How many more the probabilities are for; `more` where that is known.
    accept, reject : float
        Probabilities of the two verdicts with so many more.
    """

    scenarios: int
    more: int | None
    tried: int
    accept: float
    reject: float

    @property
    def sentence(self) -> str:
        """The outlook in words."""
        decided = self.accept + self.reject
        if self.more is None:
            return (
                f"More scenarios won't help much: even {self.tried:,} more would decide with "
                f"probability {decided:.2f} only; the effect may lie too close to the bound."
            )
        return (
            f"About {self.more:,} more scenarios ({self.scenarios + self.more:,} in all) would "
            f"probably decide: accept with probability {self.accept:.2f}, reject with "
            f"{self.reject:.2f}."
        )
