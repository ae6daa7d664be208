"""A linear mixed model of the scores by restricted maximum likelihood.

References
----------
Lindstrom, Bates (1988). Newton-Raphson and EM algorithms for linear mixed-effects models for
repeated-measures data. JASA 83, 1014-1022.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from statsmodels.formula.api import mixedlm

from benchmarks.peers.study import Answer, Study
from vat_bayes.values import VALUES


def run(study: Study) -> Answer:
    """Fit with statsmodels.

    Parameters
    ----------
    study : Study

    Returns
    -------
    Answer
        Wald intervals.
    """
    rows = study.rows.copy()
    # One column each, so that a supporting and a violating item move against each other.
    terms = []
    for i, value in enumerate(VALUES):
        own = (rows["value"] == value) * rows["sign"]
        for arm in (0, 1, 2):
            # Arm 0 is the level that all conditions have, not that of the baseline alone.
            rows[f"v{i}_{arm}"] = own * (rows["arm"] == arm) if arm else own
            terms.append(f"v{i}_{arm}")
    parts = {"item": "0 + C(item)"}
    parts |= {f"own{i}": f"0 + v{i}_0" for i in range(len(VALUES))}
    parts |= {f"moved{i}": f"0 + v{i}_1" for i in range(len(VALUES))}
    start = time.perf_counter()
    with warnings.catch_warnings():
        # Scales at zero and slow convergence are warned of; the table shows what comes of them.
        warnings.simplefilter("ignore")
        model = mixedlm(f"score ~ C(arm) + {' + '.join(terms)}", rows, groups="scenario",
                        re_formula="0", vc_formula=parts)  # fmt: skip
        found = model.fit()
    names = [f"v{i}_1" for i in range(len(VALUES))]
    mean, error = found.params[names].to_numpy(), found.bse[names].to_numpy()
    seconds = time.perf_counter() - start
    return Answer(None, np.stack([mean - 1.645 * error, mean + 1.645 * error]), seconds, seconds)
