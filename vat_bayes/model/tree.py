"""The posterior as an ArviZ DataTree with named dimensions, and its file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import xarray as xr

from vat_bayes.errors import InputError
from vat_bayes.model.build import Prepared, describe_condition
from vat_bayes.model.effects import ratings_log_likelihood, scores_log_likelihood
from vat_bayes.model.predictive import (
    SCORE_STATISTICS,
    observed_rating_counts,
    replicated_rating_counts,
    replicated_score_statistics,
    score_statistics,
)
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.sampling import Samples
from vat_bayes.model.structure import Arm, Floats, Structure

SCHEMA_VERSION = 1
# Replicated data sets and per-scenario likelihoods from this many draws spread over the chains.
N_REPLICATES = 200

DIMS = {
    "level": ["model"],
    "theta": ["model", "value"],
    "cutpoint": ["model", "threshold"],
    "alpha_scale": ["model"],
    "kappa_scale": ["model"],
    "prompt_scale": ["model"],
    # Not a dimension called "prompt": a variable of that name would be taken for its coordinate.
    "prompt": ["model", "wording"],
    "repeat_scale": ["model"],
    "delta": ["arm", "value"],
    "u_scale": ["arm", "value"],
    "coupling_scale": ["arm"],
    "coupling": ["arm", "value", "value2"],
    "beta": ["arm"],
    "lambda_": ["arm"],
    "noise": ["state"],
    "u": ["arm", "scenario", "value"],
}


def build_tree(
    prepared: Prepared, samples: Samples, prior: dict[str, Floats], attrs: dict[str, object]
) -> xr.DataTree:
    """Assemble posterior, diagnostics, prior, likelihood, replicates and data.

    Parameters
    ----------
    prepared : Prepared
    samples : Samples
    prior : dict of str to ndarray, shape (draw, ...)
        Draws of the same parameters from the prior.
    attrs : dict
        Settings to be kept with the posterior.

    Returns
    -------
    DataTree
        Groups ``posterior, sample_stats, prior, log_likelihood, posterior_predictive,
        observed_data, constant_data``.
    """
    import arviz as az

    design = prepared.design
    s = design.structure
    kept = {name: samples.draws[name] for name in DIMS if name in samples.draws}
    if "u" in kept:
        kept["u"] = kept["u"].astype(np.float32)
    thinned, thin = _thin(samples.draws)
    if isinstance(design, RatingsDesign):
        likelihood = ratings_log_likelihood(design, thin)
        replicates = {"rating_counts": replicated_rating_counts(design, thin, seed=1)}
        observed = {"rating_counts": observed_rating_counts(design)}
    else:
        likelihood = scores_log_likelihood(design, thin)
        replicates = {"score_statistics": replicated_score_statistics(design, thin, seed=1)}
        observed = {"score_statistics": score_statistics(design, design.score)}
    observed["score"] = prepared.scores
    dims = DIMS | {
        "scenario": ["model", "scenario"],
        "rating_counts": ["state", "rating"],
        "score_statistics": ["state", "statistic"],
        "score": ["state", "item"],
        "loading": ["item", "value"],
        "item_scenario": ["item"],
    }
    chains = len(samples.stats["energy"])
    tree: xr.DataTree = az.from_dict(
        {
            "posterior": kept,
            "sample_stats": samples.stats,
            "prior": {k: v[None] for k, v in prior.items() if k in kept and k != "u"},
            "log_likelihood": {"scenario": likelihood.reshape(chains, -1, *likelihood.shape[1:])},
            "posterior_predictive": {
                k: v.reshape(chains, -1, *v.shape[1:]) for k, v in replicates.items()
            },
            "observed_data": observed,
            "constant_data": {"loading": s.loading, "item_scenario": s.item_scenario},
        },
        dims=dims,
        coords=_coords(s, prepared),
    )
    tree.attrs = {
        "schema_version": SCHEMA_VERSION,
        "readout": "ratings" if isinstance(design, RatingsDesign) else "distribution",
        "n_categories": s.n_categories,
        "sampler": samples.sampler,
        "thinned_every": thinned,
        "arms": _arms_json(s, s.arms),
        "identical_arms": _arms_json(s, prepared.identical),
        "baselines": json.dumps(dict(zip(s.models, prepared.baselines, strict=True))),
        "notes": json.dumps(list(prepared.notes)),
        **attrs,
    }
    return tree


def _arms_json(s: Structure, arms: tuple[Arm, ...]) -> str:
    """Arms with their conditions as JSON, which an attribute of the file can hold."""
    return json.dumps(
        [
            {"label": a.label, "model": s.models[a.model], **describe_condition(a.condition)}
            for a in arms
        ]
    )


def _thin(draws: dict[str, Floats]) -> tuple[int, dict[str, Floats]]:
    """Every k-th draw of every chain, chains stacked."""
    first = next(iter(draws.values()))
    chains, length = first.shape[:2]
    every = max(1, chains * length // N_REPLICATES)
    return every, {k: v[:, every - 1 :: every].reshape(-1, *v.shape[2:]) for k, v in draws.items()}


def _coords(s: Structure, prepared: Prepared) -> dict[str, list[object]]:
    states: list[object] = [
        base if len(s.models) == 1 else f"{model}: {base}"
        for model, base in zip(s.models, prepared.baselines, strict=True)
    ]
    return {
        "model": list(s.models),
        "arm": [a.label for a in s.arms],
        "state": states + [a.label for a in s.arms],
        "value": list(s.values),
        "value2": list(s.values),
        "scenario": list(s.scenarios),
        "item": list(s.items),
        "wording": list(s.prompts),
        "threshold": list(range(1, s.n_categories)),
        "rating": list(range(1, s.n_categories + 1)),
        "statistic": list(SCORE_STATISTICS),
    }


def write_tree(tree: xr.DataTree, path: Path) -> None:
    """Write the posterior; the file appears whole or not at all.

    Parameters
    ----------
    tree : DataTree
    path : Path
    """
    partial = path.with_name(f".{path.name}.partial")
    tree.to_netcdf(partial, engine="h5netcdf")
    os.replace(partial, path)


def read_tree(path: Path) -> xr.DataTree:
    """Read a posterior written by `write_tree`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    DataTree

    Raises
    ------
    InputError
        When the file is missing or is not such a posterior.
    """
    import arviz as az

    if not path.is_file():
        raise InputError("there is no posterior here", where=str(path), hint="run `fit` first")
    try:
        tree: xr.DataTree = az.from_netcdf(path, engine="h5netcdf")
        tree.load()
    except (OSError, ValueError) as error:
        raise InputError(f"not a posterior file: {error}", where=str(path)) from None
    if "posterior" not in tree.children or "schema_version" not in tree.attrs:
        raise InputError("not a posterior written by this program", where=str(path))
    return tree
