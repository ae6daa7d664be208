"""Fit the measurement model to judgments."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments import Judgments
from vat_bayes.judgments import Readout as JudgmentReadout
from vat_bayes.model.build import Design, prepare
from vat_bayes.model.priors import ModelSpec, load_spec
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.sampling import Backend, Settings, sample
from vat_bayes.model.structure import Floats
from vat_bayes.model.tree import build_tree

Engine = Literal["auto", "fast", "nuts"]
N_PRIOR = 1000


def fit(
    judgments: Judgments,
    *,
    spec: ModelSpec | str | Path = "default",
    readout: JudgmentReadout = "auto",
    engine: Engine = "auto",
    backend: Backend = "numpyro",
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    seed: int = 0,
    progress: bool = False,
) -> xr.DataTree:
    """Fit the hierarchical measurement model.

    Parameters
    ----------
    judgments : Judgments
    spec : ModelSpec, str or Path
        A statistical model: its name, its file, or the object.
    readout : {"auto", "distribution", "ratings"}
        Fit expected scores from the rating distributions, or the ratings themselves; ``auto`` takes
        the distributions where the judgments carry them.
    engine : {"auto", "fast", "nuts"}
        ``fast`` integrates every random effect out and samples the parameters alone, which is exact
        for expected scores and not available for ratings; ``nuts`` samples everything that the
        likelihood needs. ``auto`` takes the fast one where it is exact.
    backend : {"numpyro", "pymc"}
    draws, tune, chains : int
    seed : int
        Same seed, machine and versions: same bits.
    progress : bool

    Returns
    -------
    DataTree
        The posterior; see `vat_bayes.model.tree.build_tree`.

    Raises
    ------
    InputError
        When an option is unknown, or the engine does not apply to the read-out.

    References
    ----------
    Hoffman, Gelman (2014). The No-U-Turn Sampler. JMLR 15, 1593-1623.
    """
    for name, found, known in (
        ("engine", engine, get_args(Engine)),
        ("backend", backend, get_args(Backend)),
    ):
        if found not in known:
            raise InputError(
                f"unknown {name} '{found}', expected one of {', '.join(known)}",
                hint=near_miss(str(found), known),
            )
    for name, number, least in (("draws", draws, 4), ("tune", tune, 10), ("chains", chains, 1)):
        if number < least:
            raise InputError(f"--{name} must be at least {least}, found {number}")
    if not isinstance(spec, ModelSpec):
        spec = load_spec(spec)
    prepared = prepare(judgments, readout)
    is_ratings = isinstance(prepared.design, RatingsDesign)
    if engine == "fast" and is_ratings:
        raise InputError(
            "the fast engine fits expected scores, and these judgments are ratings",
            where=judgments.source,
            hint="use --engine nuts, or collect distributions",
        )
    settings = Settings(draws, tune, chains, seed, progress=progress)
    start = time.perf_counter()
    # The matrices are small: a BLAS that splits them over threads spends its time waiting for them,
    # a hundredfold on a busy machine. The chains are what runs in parallel.
    with threadpool_limits(limits=1, user_api="blas"):
        samples = sample(prepared.design, spec, settings, backend)
        seconds = round(time.perf_counter() - start, 1)
        prior = sample_prior(prepared.design, spec, seed=seed)
        return build_tree(
            prepared,
            samples,
            prior,
            {
                "statistical_model": spec.name,
                "backend": backend,
                "engine": "nuts" if is_ratings else "fast",
                "seed": seed,
                "tune": tune,
                "seconds": seconds,
            },
        )


def sample_prior(design: Design, spec: ModelSpec, *, seed: int) -> dict[str, Floats]:
    """Draw the parameters from their prior.

    Parameters
    ----------
    design : RatingsDesign or ScoresDesign
    spec : ModelSpec
    seed : int

    Returns
    -------
    dict of str to ndarray, shape (draw, ...)
    """
    import jax
    from numpyro.infer import Predictive

    from vat_bayes.model.backends import numpyro as models

    ratings = isinstance(design, RatingsDesign)
    model = models.ratings_model if ratings else models.scores_model
    with jax.enable_x64(True):
        predictive = Predictive(model, num_samples=N_PRIOR)
        draws = predictive(jax.random.PRNGKey(seed), design, spec)
        return {k: np.asarray(v) for k, v in draws.items() if k != "u"}
