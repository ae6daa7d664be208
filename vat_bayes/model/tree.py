"""The posterior as an ArviZ DataTree with named dimensions, and its file."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from vat_bayes.errors import InputError
from vat_bayes.model.build import Prepared, describe_condition
from vat_bayes.model.effects import ratings_log_likelihood, scores_log_likelihood
from vat_bayes.model.kinds import (
    KIND_STATISTICS,
    kind_labels,
    observed_kind_counts,
    replicated_kind_counts,
    score_kinds,
)
from vat_bayes.model.log_prior import UnknownPriorError, log_prior
from vat_bayes.model.marginal import WORK_LIMIT, integrated_log_likelihood, integration_work
from vat_bayes.model.pooling import pool
from vat_bayes.model.predictive import (
    SCORE_STATISTICS,
    observed_rating_counts,
    replicated_rating_counts,
    replicated_scores,
    score_statistics,
)
from vat_bayes.model.priors import ModelSpec, Readout
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.sampling import Samples
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Arm, Floats, Structure

SCHEMA_VERSION = 1
# Replicated data sets and per-scenario likelihoods from this many draws spread over the chains.
N_REPLICATES = 200
# With many ratings their replication takes longer than the fit: then fewer, down to the latter.
_MOST_REPLICATED, _FEWEST_REPLICATES = 20_000_000, 40

DIMS = {
    "level": ["model"],
    "theta": ["model", "value"],
    "cutpoint": ["model", "threshold"],
    "share_scale": ["model"],
    "state_cutpoint": ["state", "wording", "threshold"],
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
    "delta_scale": ["effect"],
    "circle_slope": ["aimed_effect"],
    "delta_common": ["shared_condition", "value"],
    "model_scale": ["shared_condition"],
    "prompt_shift_scale": ["arm"],
    "subvalue": ["model", "subvalue_name"],
    "subvalue_scale": ["model"],
    "subvalue_shift": ["arm", "subvalue_name"],
    "subvalue_shift_scale": ["arm"],
}


def build_tree(
    prepared: Prepared,
    samples: Samples,
    prior: dict[str, Floats],
    attrs: dict[str, object],
    *,
    spec: ModelSpec,
    replicate: bool = True,
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
    spec : ModelSpec
        The statistical model that was sampled.
    replicate : bool
        Without it the groups ``log_prior``, ``log_likelihood``, ``posterior_predictive`` and
        ``observed_data`` are left out but for the scores: they take longer than the estimands,
        which do not need them.

    Returns
    -------
    DataTree
        Groups ``posterior, sample_stats, prior, log_prior, log_likelihood, posterior_predictive,
        observed_data, constant_data``, or fewer without `replicate`. ``log_prior`` is left out, and
        the attribute ``no_log_prior`` says why, when a prior has no density that is known here. The
        log-likelihood of a scenario is that of a new one with its judgments, its effects integrated
        out; where that can't be had it goes by the name ``judgments_given_effects``, and the
        attribute ``no_scenario_likelihood`` says why.
    """
    import arviz as az

    design = prepared.design
    s = design.structure
    kept = {name: samples.draws[name] for name in DIMS if name in samples.draws}
    if "u" in kept:
        kept["u"] = kept["u"].astype(np.float32)
    observed = {"score": prepared.scores}
    groups: dict[str, dict[str, Floats]] = {}
    if replicate:
        groups, more = _groups(design, samples, spec)
        observed = groups.pop("observed_data") | observed
        attrs = {**attrs, **more}
    dims = DIMS | {
        "judgments": ["model", "scenario"],
        "judgments_given_effects": ["model", "scenario"],
        "share": ["model"],
        "rating_counts": ["state", "rating"],
        "kind_counts": ["state", "kind", "rating"],
        "score_statistics": ["state", "statistic"],
        "kind_statistics": ["state", "kind", "kind_statistic"],
        "score": ["state", "item"],
        "loading": ["item", "value"],
        "item_scenario": ["item"],
        "item_subvalue": ["item"],
    }
    tree: xr.DataTree = az.from_dict(
        {
            "posterior": kept,
            "sample_stats": samples.stats,
            "prior": {k: v[None] for k, v in prior.items() if k in kept and k != "u"},
            **groups,
            "observed_data": observed,
            "constant_data": {
                "loading": s.loading,
                "item_scenario": s.item_scenario,
                "item_subvalue": np.full(len(s.items), -1)
                if s.item_subvalue is None
                else s.item_subvalue,
            },
        },
        dims=dims,
        coords=_coords(s, prepared, spec),
    )
    tree.attrs = {
        "schema_version": SCHEMA_VERSION,
        "readout": "ratings" if isinstance(design, RatingsDesign) else "distribution",
        "n_categories": s.n_categories,
        "sampler": samples.sampler,
        "arms": _arms_json(s, s.arms),
        "identical_arms": _arms_json(s, prepared.identical),
        "baselines": json.dumps(dict(zip(s.models, prepared.baselines, strict=True))),
        "notes": json.dumps([*prepared.notes, *_left_out(prepared, spec)]),
        **spec.attributes("ratings" if isinstance(design, RatingsDesign) else "scores"),
        **attrs,
    }
    return tree


def _groups(
    design: RatingsDesign | ScoresDesign, samples: Samples, spec: ModelSpec
) -> tuple[dict[str, dict[str, Floats]], dict[str, object]]:
    """Log-prior, log-likelihood and replicated data, with what the latter are held against."""
    thinned, thin = _thin(samples.draws, _replicates(design))
    attrs: dict[str, object] = {"thinned_every": thinned}
    if samples.effects is not None:
        thin |= samples.effects(thin)
    name, likelihood = "judgments", np.zeros(0)
    if isinstance(design, RatingsDesign):
        link, df = spec.link, spec.scenario_df("ratings")
        integrate = partial(integrated_log_likelihood, design, thin)
        why_not = _no_scenario_likelihood(design, spec, thin)
        if why_not:
            name, attrs["no_scenario_likelihood"] = "judgments_given_effects", why_not
            integrate = partial(ratings_log_likelihood, design, thin, link)
        work = (
            integrate,
            partial(replicated_rating_counts, design, thin, seed=1, link=link),
            partial(replicated_kind_counts, design, thin, seed=2, link=link, df=df),
        )
        # Side by side: NumPy lets other threads run while it computes.
        with ThreadPoolExecutor(len(work)) as pool:
            likelihood, ratings, kinds = pool.map(lambda part: part(), work)
        replicates = {"rating_counts": ratings, "kind_counts": kinds}
        observed = {"rating_counts": observed_rating_counts(design)}
        observed["kind_counts"] = observed_kind_counts(design)
    else:
        df = spec.scenario_df("scores")
        likelihood = scores_log_likelihood(design, thin, df)
        drawn = [
            (score_statistics(design, x), score_kinds(design, x))
            for x in replicated_scores(design, thin, seed=1, df=df)
        ]
        replicates = {
            "score_statistics": np.stack([x for x, _ in drawn]),
            "kind_statistics": np.stack([x for _, x in drawn]),
        }
        observed = {
            "score_statistics": score_statistics(design, design.score),
            "kind_statistics": score_kinds(design, design.score),
        }
    chains = len(samples.stats["energy"])
    try:
        densities = {"log_prior": log_prior(design, spec, samples.draws)}
    except UnknownPriorError as error:
        densities, attrs = {}, {**attrs, "no_log_prior": str(error)}
    groups = {
        **densities,
        "log_likelihood": {name: likelihood.reshape(chains, -1, *likelihood.shape[1:])},
        "posterior_predictive": {
            k: v.reshape(chains, -1, *v.shape[1:]) for k, v in replicates.items()
        },
        "observed_data": observed,
    }
    return groups, attrs


def _no_scenario_likelihood(
    design: RatingsDesign, spec: ModelSpec, draws: dict[str, Floats]
) -> str | None:
    """Say why the effects of a scenario are not integrated out; None when they are."""
    if spec.link != "logistic" or spec.scenario_df("ratings") is not None:
        return "effects are integrated out for the logistic link and normal scenarios only"
    if integration_work(design, len(draws["theta"])) > WORK_LIMIT:
        return "integrating out the effects of so many scenarios and conditions takes too long"
    return None


def _left_out(prepared: Prepared, spec: ModelSpec) -> tuple[str, ...]:
    """Say what the model file asks for and the model of scores does not have."""
    nested = {"subvalue_scale", "subvalue_shift_scale"} & set(spec.ratings)
    named = len(prepared.design.structure.subvalues) > 1
    if nested and named and isinstance(prepared.design, ScoresDesign):
        return ("sub-values are in the model of ratings only; scores were fitted without them",)
    return ()


def _arms_json(s: Structure, arms: tuple[Arm, ...]) -> str:
    """Arms with their conditions as JSON, which an attribute of the file can hold."""
    return json.dumps(
        [
            {"label": a.label, "model": s.models[a.model], **describe_condition(a.condition)}
            for a in arms
        ]
    )


def _replicates(design: RatingsDesign | ScoresDesign) -> int:
    """Say how many draws are replicated: the usual number, fewer where the ratings are many."""
    if not isinstance(design, RatingsDesign):
        return N_REPLICATES
    affordable = _MOST_REPLICATED // max(1, len(design.cell_state))
    return int(np.clip(affordable, _FEWEST_REPLICATES, N_REPLICATES))


def _thin(draws: dict[str, Floats], n: int) -> tuple[int, dict[str, Floats]]:
    """Every k-th draw of every chain, chains stacked, about n of them."""
    first = next(iter(draws.values()))
    chains, length = first.shape[:2]
    every = max(1, chains * length // n)
    return every, {k: v[:, every - 1 :: every].reshape(-1, *v.shape[2:]) for k, v in draws.items()}


def _coords(s: Structure, prepared: Prepared, spec: ModelSpec) -> dict[str, NDArray[Any]]:
    states = [
        base if len(s.models) == 1 else f"{model}: {base}"
        for model, base in zip(s.models, prepared.baselines, strict=True)
    ]
    readout: Readout = "scores" if isinstance(prepared.design, ScoresDesign) else "ratings"
    pooling = pool(s, over_models="model_scale" in spec.priors(readout))
    names: dict[str, list[str] | list[int]] = {
        "effect": list(pooling.names),
        "aimed_effect": [pooling.names[i] for i in pooling.aimed],
        "shared_condition": [pooling.names[i] for i in pooling.shared],
        "subvalue_name": list(s.subvalues),
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
        "kind": list(kind_labels(s)),
        "kind_statistic": list(KIND_STATISTICS),
    }
    # They are copied for every variable, which of lists is name by name.
    return {k: np.array(x) for k, x in names.items()}


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
