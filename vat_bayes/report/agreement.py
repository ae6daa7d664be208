"""Where the posterior and its classical twin disagree."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vat_bayes.report.estimates import Estimate
from vat_bayes.report.run import Arm, Run


@dataclass(frozen=True)
class Disagreement:
    """An estimand whose two estimates are more than one posterior sd apart."""

    arm: Arm
    posterior: Estimate
    classical: Estimate


def disagreements(run: Run) -> tuple[Disagreement, ...]:
    """Return every gain, tax and shift whose classical twin is over one posterior sd away.

    Parameters
    ----------
    run : Run
        The run.

    Returns
    -------
    tuple of Disagreement
        Arm by arm; empty when the two agree, or when there is nothing to compare.
    """
    wanted = [("gain", ""), ("tax_rms", ""), *(("shift", v) for v in run.values)]
    found = []
    for arm in run.arms:
        for name, value in wanted:
            posterior = run.get(arm, name, value, "points")
            classical = run.get(arm, f"{name}_classical", value, "points")
            gap = abs(posterior.centre - classical.centre)
            if math.isfinite(gap) and posterior.known and gap > posterior.sd:
                found.append(Disagreement(arm, posterior, classical))
    return tuple(found)
