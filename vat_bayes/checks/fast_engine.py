"""Whether a fit of ratings by the fast engine can be trusted."""

from __future__ import annotations

import math

import xarray as xr

from vat_bayes.checks.check import Check, Verdict

NAME = "fast_engine"
# Pareto k of importance weights: Vehtari et al. (2024) call .7 the end of what is usable, and
# 1 - 1 / log10(n) with n ratios. Those of the likelihood are a hundred, those of the effects many.
_K_WARN, _K_FAIL = {"effects": 0.5, "pareto": 0.4}, {"effects": 0.7, "pareto": 0.5}
# Error of a mean in posterior sds, and of an sd as a share of it.
_SHIFT_WARN, _SHIFT_FAIL = 0.1, 0.25
_WIDTH_WARN, _WIDTH_FAIL = 0.05, 0.1


def check_fast_engine(tree: xr.DataTree) -> Check:
    """Grade the diagnostics that the fast engine leaves with a fit of ratings.

    Parameters
    ----------
    tree : DataTree

    Returns
    -------
    Check
        ``not-run`` for fits by NUTS on the full model and for expected scores, where nothing is
        approximated. The figure is the largest error of a parameter's mean, in posterior sds.
    """
    attrs = tree.attrs
    if attrs.get("engine") != "fast" or "fast_shift" not in attrs:
        return Check(NAME, "not-run", None, None, "nothing was approximated in this fit")
    shift = float(attrs["fast_shift"])
    # A fit of before this figure existed has none, and passes no further than to a warning.
    width = float(attrs.get("fast_width", math.nan))
    ks = {name: float(attrs[f"fast_{name}_k"]) for name in _K_FAIL}
    # Not a number: that figure is computed only where the likelihood is cheap enough, and without
    # it there is no more than a warning to be had.
    known = {name: k for name, k in ks.items() if not math.isnan(k)}
    # The one that is worst for its limit is told.
    worst = max(known, key=lambda name: known[name] / _K_FAIL[name], default="effects")
    k = known.get(worst, math.inf)
    verdict: Verdict = "pass"
    small = shift <= _SHIFT_WARN and width <= _WIDTH_WARN
    if not (small and len(known) == len(ks) and all(k <= _K_WARN[n] for n, k in known.items())):
        verdict = "warn"
    if not (shift <= _SHIFT_FAIL and k <= _K_FAIL[worst]) or width > _WIDTH_FAIL:
        verdict = "fail"
    why = (
        f"the approximation moves no mean by more than {shift:.2f} posterior sds "
        f"({attrs['fast_shifted']}) and is {width:.0%} off in width, and its importance weights "
        f"have a Pareto k of {k:.2f}, usable up to {_K_FAIL[worst]:g}"
    )
    return Check(NAME, verdict, shift if math.isfinite(shift) else None, _SHIFT_WARN, why)
