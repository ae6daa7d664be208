"""The scalars behind the estimates, as draws with named labels: what is diagnosed and scaled."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vat_bayes.estimands.placebos import placebo_in
from vat_bayes.estimands.tax import gain, off_target
from vat_bayes.model.coupling import offdiagonal_norm
from vat_bayes.model.structure import Floats
from vat_bayes.values import VALUES

# Which of the estimates belong together: the size of the effects, and how they go together.
EFFECTS = ("gain", "shift", "tax_rms", "tax_excess")
COUPLING = ("nvat_offdiag",)


def estimand_draws(draws: xr.Dataset) -> dict[str, dict[str, Floats]]:
    """Compute the draws of gain, shifts, tax, excess and coupling norm.

    Tax and excess are taken before they are debiased, as the root mean square of the draws: the
    debiased ones are a confidence distribution attached to the draws by rank, so that a weight on a
    draw would not mean there what it means for a posterior.

    Parameters
    ----------
    draws : Dataset
        Joint draws of the estimands, with ``shift`` and ``coupling``.

    Returns
    -------
    dict of str to dict of str to ndarray, shape (sample,)
        By estimand, then by what it is of ("promote", "promote, power").
    """
    shift = np.asarray(draws["shift"].transpose("sample", "arm", "value").values, dtype=float)
    coupling = np.asarray(draws["coupling"].transpose("sample", "arm", ...).values, dtype=float)
    labels = [str(x) for x in draws["arm"].values]
    found: dict[str, dict[str, Floats]] = {k: {} for k in (*EFFECTS, *COUPLING)}
    for a, label in enumerate(labels):
        target = tuple(t for t in str(draws["arm_target"].values[a]).split(",") if t)
        known = [v for v in range(len(VALUES)) if not np.isnan(shift[:, a, v]).any()]
        for v in known:
            found["shift"][f"{label}, {VALUES[v]}"] = shift[:, a, v]
        if target and all(VALUES.index(t) in known for t in target):
            found["gain"][label] = gain(shift[:, a], target, 1)
        off = [v for v in off_target(target) if v in known]
        if off:
            square = (shift[:, a][:, off] ** 2).mean(1)
            found["tax_rms"][label] = np.sqrt(square)
            intervention = draws["arm_role"].values[a] == "intervention"
            other = placebo_in(draws, a) if intervention else None
            if other is not None:
                found["tax_excess"][label] = square - (shift[:, other][:, off] ** 2).mean(1)
        if len(known) > 1:
            matrix = coupling[:, a][:, known][:, :, known]
            found["nvat_offdiag"][label] = offdiagonal_norm(matrix)
    return found
