"""What the model says of each scenario from all the others, by importance sampling."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from vat_bayes.checks.check import Check
from vat_bayes.model.access import array, labels

_NAME = "loo"


def check_loo(tree: xr.DataTree) -> Check:
    """Cross-validate over scenarios by Pareto-smoothed importance sampling.

    Parameters
    ----------
    tree : DataTree

    Returns
    -------
    Check
        Its figure is the largest Pareto k; warns over the limit for the number of draws that have a
        likelihood, ``min(1 - 1 / log10(n), 0.7)``, and, with no figure, where there is no k.

    References
    ----------
    Vehtari, Gelman, Gabry (2017). Practical Bayesian model evaluation using leave-one-out
    cross-validation and WAIC. Statistics and Computing 27, 1413-1432.
    doi:10.1007/s11222-016-9696-4
    Vehtari, Simpson, Gelman, Yao, Gabry (2024). Pareto smoothed importance sampling. JMLR 25(72).
    """
    import arviz as az

    if "log_likelihood" not in tree.children or "judgments" not in tree["log_likelihood"].data_vars:
        why = tree.attrs.get("no_scenario_likelihood", "the posterior has none of new scenarios")
        return Check(_NAME, "not-run", None, None, f"no likelihood by scenario: {why}")
    likelihood = array(tree, "log_likelihood", "judgments")
    likelihood = likelihood.reshape(*likelihood.shape[:2], -1)
    seen = (likelihood != 0).any((0, 1))
    draws = likelihood.shape[0] * likelihood.shape[1]
    if seen.sum() < 2 or draws < 100:
        why = f"{draws} draws with a likelihood of {seen.sum()} scenarios are too few"
        return Check(_NAME, "not-run", None, None, why)
    data = az.from_dict(
        {
            "posterior": {"total": likelihood.sum(-1)},
            "log_likelihood": {"scenario": likelihood[..., seen]},
        }
    )
    with warnings.catch_warnings():
        # A large Pareto k is what the verdict is about.
        warnings.simplefilter("ignore")
        try:
            found = az.loo(data, pointwise=True)
        except ValueError as error:
            # As where draws never moved and have weights that are all alike.
            why = f"there are no importance weights of the {seen.sum()} scenarios: {error}"
            return Check(_NAME, "warn", None, None, why)
    # What has no k, as where one draw has all the weight, is no better than the worst.
    k = np.nan_to_num(np.asarray(found.pareto_k.values, dtype=float), nan=np.inf)
    names = [
        f"{model}, {scenario}" if len(labels(tree, "posterior", "model")) > 1 else scenario
        for model in labels(tree, "log_likelihood", "model")
        for scenario in labels(tree, "log_likelihood", "scenario")
    ]
    worst = [name for name, used in zip(names, seen, strict=True) if used][int(k.argmax())]
    figure = float(k.max()) if np.isfinite(k).all() else None
    limit = float(found.good_k)
    over = int((k > limit).sum())
    text = f"largest Pareto k of {len(k)} scenarios left out in turn, at {worst}"
    if figure is None:
        why = f"{text}, is not a finite number: next to no draw has any weight"
        return Check(_NAME, "warn", None, limit, why)
    text += (
        f"; expected log density {found.elpd:.0f} (se {found.se:.0f}), {found.p:.0f} effective "
        "parameters"
    )
    if over:
        why = f"{text}; the fit leans on {over} of them more than importance weights can undo"
        return Check(_NAME, "warn", figure, limit, why)
    return Check(_NAME, "pass", figure, limit, text)
