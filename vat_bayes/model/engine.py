"""Fit the measurement model to judgments."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal, get_args

import xarray as xr
from threadpoolctl import threadpool_limits

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments import Judgments
from vat_bayes.judgments import Readout as JudgmentReadout
from vat_bayes.model.build import Design, prepare
from vat_bayes.model.fast.ratings import preference, refusal, sample_fast
from vat_bayes.model.prior_draws import draw_prior
from vat_bayes.model.priors import ModelSpec, load_spec
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.sampling import Backend, Samples, Settings, sample
from vat_bayes.model.scores import ScoresDesign
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
    replicate: bool = True,
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
        Expected scores have their random effects integrated out, exactly, with either engine:
        ``nuts`` finds the length of every trajectory, ``fast`` moves on shorter ones of a set
        length after a warm-up of its own. For ratings ``nuts`` samples the effects too, and
        ``fast`` integrates them out by an approximation with a diagnostic. ``auto`` takes ``nuts``
        for expected scores, and for ratings unless they are many and the diagnostic has nothing
        against ``fast``.
    backend : {"numpyro", "pymc"}
    draws, tune, chains : int
    seed : int
        Same seed, machine and versions: same bits.
    progress : bool
    replicate : bool
        Without it what only checks need (replicated data, densities of single scenarios and of the
        prior) is left out, as where hundreds of studies are fitted; those checks are ``not-run``,
        and the names of scenarios, by which runs are compared, are left out too.

    Returns
    -------
    DataTree
        The posterior; see `vat_bayes.model.tree.build_tree`.

    Raises
    ------
    InputError
        When an option is unknown, or the engine does not apply to the data.

    References
    ----------
    Hoffman, Gelman (2014). The No-U-Turn Sampler. JMLR 15, 1593-1623.
    Neal (2011). MCMC using Hamiltonian dynamics. In Handbook of Markov Chain Monte Carlo, 113-162.
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
    settings = Settings(draws, tune, chains, seed, progress=progress)
    start = time.perf_counter()
    # The matrices are small: a BLAS that splits them over threads spends its time waiting for them,
    # a hundredfold on a busy machine. The chains are what runs in parallel.
    with threadpool_limits(limits=1, user_api="blas"):
        if isinstance(prepared.design, RatingsDesign):
            samples, how = _sample_ratings(
                prepared.design, spec, settings, engine, backend, source=judgments.source
            )
        else:
            samples, how = _sample_scores(
                prepared.design, spec, settings, engine, backend, source=judgments.source
            )
        seconds = round(time.perf_counter() - start, 1)
        prior = sample_prior(prepared.design, spec, seed=seed)
        return build_tree(
            prepared,
            samples,
            prior,
            {
                "statistical_model": spec.name,
                "backend": backend,
                **how,
                "seed": seed,
                "tune": tune,
                "seconds": seconds,
            },
            spec=spec,
            replicate=replicate,
        )


def _sample_scores(
    design: ScoresDesign,
    spec: ModelSpec,
    settings: Settings,
    engine: Engine,
    backend: Backend,
    *,
    source: str,
) -> tuple[Samples, dict[str, object]]:
    """Sample the parameters of expected scores; both engines are exact."""
    if engine != "fast":
        reason = "asked for" if engine == "nuts" else "expected scores take it seconds to minutes"
        return sample(design, spec, settings, backend), _how("nuts", reason)
    if backend != "numpyro":
        raise _refused(f"expected scores with the {backend} backend", source)
    return sample(design, spec, settings, backend, "hmc"), _how("fast", "asked for")


def _sample_ratings(
    design: RatingsDesign,
    spec: ModelSpec,
    settings: Settings,
    engine: Engine,
    backend: Backend,
    *,
    source: str,
) -> tuple[Samples, dict[str, object]]:
    """Sample by the engine that was asked for, or by the one that suits; say which and why."""
    if engine == "nuts":
        return sample(design, spec, settings, backend), _how("nuts", "asked for")
    why_not = refusal(design, spec)
    if why_not is None and backend != "numpyro":
        why_not = f"ratings with the {backend} backend"
    if engine == "fast":
        if why_not is not None:
            raise _refused(why_not, source)
        samples, figures, _ = sample_fast(design, spec, settings)
        return samples, _how("fast", "asked for") | figures
    if why_not is not None:
        reason = f"the fast engine does not fit {why_not}"
    elif (preferred := preference(design)) is not None:
        reason = preferred
    else:
        samples, figures, trusted = sample_fast(design, spec, settings)
        if trusted:
            return samples, _how("fast", "the data are large") | figures
        reason = "the fast engine's diagnostics speak against its fit"
        return sample(design, spec, settings, backend), _how("nuts", reason) | figures
    return sample(design, spec, settings, backend), _how("nuts", reason)


def _refused(what: str, source: str) -> InputError:
    return InputError(
        f"the fast engine does not fit {what}",
        where=source,
        hint="use --engine nuts or --engine auto",
    )


def _how(engine: Engine, reason: str) -> dict[str, object]:
    return {"engine": engine, "engine_reason": reason}


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
    return draw_prior(design, spec, N_PRIOR, seed=seed)
