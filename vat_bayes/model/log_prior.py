"""Log-density of every prior of the model file at the posterior's draws.

One place for both backends: NumPyro keeps no such group, and power scaling needs it. Only what a
model file states is a prior here. Random effects given their scales are part of the model, and
scaling them too would say how the data and the model disagree, not how the priors matter
(Kallioinen et al. 2024, section 2.4).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import gammaln, xlogy

from vat_bayes.model.build import Design
from vat_bayes.model.priors import ADDED, ModelSpec, Prior
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.structure import Floats

# Names of draws that are functions of others, or random effects given their scales.
_DERIVED = {
    *("coupling", "cutpoint", "u", "intercept", "prompt", "repeat"),
    *("subvalue", "subvalue_shift", "scenario_precision", "state_cutpoint"),
}
# Parameters of the model file that go by another name among the draws.
_DRAWN_AS = {"cutpoint": "share", "lambda": "lambda_"}
# Priors of scores that are not in quarters of the rating range.
_UNITLESS = {"lambda", "coupling_scale"}
# Settings that are not densities: degrees of freedom that are given, and parameters left at zero.
_GIVEN = ("student_t", "fixed")


class UnknownPriorError(ValueError):
    """The density of a prior is not known here; the message says of which."""


def log_prior(design: Design, spec: ModelSpec, draws: Mapping[str, Floats]) -> dict[str, Floats]:
    """Compute the log-density of each parameter's prior, element by element.

    Parameters
    ----------
    design : RatingsDesign or ScoresDesign
    spec : ModelSpec
    draws : mapping of str to ndarray, shape (chain, draw, ...)
        As the backends sample them.

    Returns
    -------
    dict of str to ndarray, shape of the draws
        By the parameter's name among the draws and without the Jacobian of any transformation; of
        what a condition adds, the density is that of the parameter in the condition's own units.
        Cutpoints have their density over the rating shares, one for each model, by the name
        ``share``. Parameters that the design has no use for, or that are fixed, are left out.

    Raises
    ------
    UnknownPriorError
        When a prior has a structure, or a draw has a name, that is not known here.

    References
    ----------
    Kallioinen, Paananen, Buerkner, Vehtari (2024). Detecting and diagnosing prior and likelihood
    sensitivity with power-scaling. Statistics and Computing 34, 57. doi:10.1007/s11222-023-10366-5
    """
    ratings = isinstance(design, RatingsDesign)
    priors = spec.ratings if ratings else spec.scores
    names = {parameter: _DRAWN_AS.get(parameter, parameter) for parameter in priors}
    for name in draws:
        if name not in (*names.values(), *_DERIVED) and not name.endswith("_raw"):
            raise UnknownPriorError(f"the prior of '{name}' is not known here")
    found = {}
    for parameter, prior in priors.items():
        values = draws.get(names[parameter])
        if prior.family in _GIVEN or values is None:
            continue
        if parameter == "delta" and "model_scale" in priors:
            raise UnknownPriorError(
                "effects that are pooled over models have no prior of their own"
            )
        unit = 1.0 if ratings or parameter in _UNITLESS else design.structure.point
        if parameter in ADDED:
            # In the condition's own units, of which the prior speaks: scaling it then says nothing
            # of the extremity.
            own = np.exp(draws["lambda_"])
            values = values * own.reshape(*own.shape, *[1] * (values.ndim - own.ndim))
        found[names[parameter]] = _log_density(parameter, prior, values, prior.scale * unit)
    return found


def _log_density(parameter: str, prior: Prior, x: Floats, scale: float) -> Floats:
    if prior.family == "dirichlet":
        k, a = x.shape[-1], prior.scale
        return np.asarray(gammaln(k * a) - k * gammaln(a) + xlogy(a - 1.0, x).sum(-1))
    if prior.family not in ("normal", "half_normal"):
        raise UnknownPriorError(f"the density of the prior of '{parameter}', {prior}, is not known")
    fold = np.log(2.0) if prior.family == "half_normal" else 0.0
    normal = -0.5 * (x / scale) ** 2 - np.log(scale) - 0.5 * np.log(2.0 * np.pi)
    return np.asarray(normal + fold)
