"""Run a sampler on either backend and bring the draws into one form."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vat_bayes.errors import InputError
from vat_bayes.model.build import Design
from vat_bayes.model.priors import ModelSpec
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Floats

Backend = Literal["numpyro", "pymc"]
Sampler = Literal["nuts", "hmc"]
EFFECTS = ("u", "intercept")
"""Effects of scenarios and items, which are kept in single precision."""

STANDARDISED = ("u_raw", "item_raw")
"""The standard normals that they are made of, which are not kept."""


@dataclass(frozen=True)
class Settings:
    """How long and from which seed to sample.

    Parameters
    ----------
    draws, tune, chains : int
        Kept draws and warm-up steps per chain, and the number of chains.
    seed : int
    target_accept : float
        Target acceptance statistic of the sampler.
    progress : bool
        Show a progress bar on a terminal.
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    seed: int = 0
    target_accept: float = 0.8
    progress: bool = False


@dataclass(frozen=True)
class Samples:
    """What the chains carry, and how they went.

    Parameters
    ----------
    draws : dict of str to ndarray, shape (chain, draw, ...)
        Parameters and raw effects.
    stats : dict of str to ndarray, shape (chain, draw)
        ``diverging``, ``energy``, ``tree_depth``, ``n_steps``, ``acceptance_rate``.
    sampler : str
        Library and version.
    effects : callable, optional
        Where the effects were integrated out of a model of ratings: draws them, given draws of the
        parameters with one leading axis.
    """

    draws: dict[str, Floats]
    stats: dict[str, Floats]
    sampler: str
    effects: Callable[[dict[str, Floats]], dict[str, Floats]] | None = None


def sample(
    design: Design,
    spec: ModelSpec,
    settings: Settings,
    backend: Backend,
    sampler: Sampler = "nuts",
) -> Samples:
    """Sample the posterior.

    Parameters
    ----------
    design : RatingsDesign or ScoresDesign
    spec : ModelSpec
    settings : Settings
    backend : {"numpyro", "pymc"}
    sampler : {"nuts", "hmc"}
        ``hmc`` moves on trajectories of a set length; for expected scores, with NumPyro.

    Returns
    -------
    Samples

    Raises
    ------
    InputError
        When the backend is not installed, or the sampler does not apply.
    """
    if sampler == "nuts":
        sample_by_nuts = _sample_numpyro if backend == "numpyro" else _sample_pymc
        return sample_by_nuts(design, spec, settings)
    if backend != "numpyro":
        raise InputError(
            f"the {backend} backend samples by NUTS alone, found '{sampler}'",
            hint="use the numpyro backend",
        )
    if isinstance(design, RatingsDesign):
        raise InputError(
            f"ratings with all their effects are sampled by NUTS alone, found '{sampler}'"
        )
    return _sample_expected(design, spec, settings)


def _sample_expected(design: ScoresDesign, spec: ModelSpec, settings: Settings) -> Samples:
    from vat_bayes.model.devices import provide_devices

    provide_devices(settings.chains)
    import jax

    from vat_bayes.model.fast.expected import sample_expected

    with jax.enable_x64(True):
        return sample_expected(design, spec, settings)


def _sample_numpyro(design: Design, spec: ModelSpec, settings: Settings) -> Samples:
    from vat_bayes.model.devices import provide_devices

    provide_devices(settings.chains)
    import jax
    import numpyro

    from vat_bayes.model.backends import numpyro as models
    from vat_bayes.model.chains import Run, run_chains

    ratings = isinstance(design, RatingsDesign)
    how = Run(
        settings.draws,
        settings.tune,
        settings.chains,
        settings.seed,
        settings.target_accept,
        dense=() if ratings else _dense_block(design, spec, settings.tune),
        leave_out=STANDARDISED,
        single=EFFECTS,
        progress=settings.progress,
    )
    model = models.ratings_model if ratings else models.scores_model
    with jax.enable_x64(True):
        draws, stats = run_chains(model, (design, spec), how)
    return Samples(draws=draws, stats=stats, sampler=f"numpyro {numpyro.__version__} NUTS")


def _dense_block(design: Design, spec: ModelSpec, tune: int) -> tuple[str, ...]:
    """Name the parameters whose covariance the warm-up of NUTS learns whole."""
    s = design.structure
    size = len(s.models) * (1 + len(s.values)) + len(s.arms) * (2 + len(s.values))
    # A covariance of more entries than the warm-up can tell apart would be noise.
    return names_of_means(design, spec) if 4 * size <= tune else ()


def names_of_means(design: Design, spec: ModelSpec) -> tuple[str, ...]:
    """Name the parameters of the scores' means, whose covariance a metric needs whole.

    Sharpness and effect of an arm are nearly collinear where its scores are close to the
    baseline's, as a retest's are: with variances alone the effects mix some ten times slower.

    Parameters
    ----------
    design : ScoresDesign
    spec : ModelSpec

    Returns
    -------
    tuple of str
    """
    priors = spec.scores
    names = ["level", "theta"]
    if priors["delta"].family == "normal" and "model_scale" not in priors:
        names.append("delta")
    for name, key in (("beta", "beta"), ("lambda_", "lambda")):
        if priors[key].family != "fixed":
            names.append(name)
    return tuple(names)


def _sample_pymc(design: Design, spec: ModelSpec, settings: Settings) -> Samples:
    try:
        import nutpie
        import pymc as pm

        from vat_bayes.model.backends import pymc as models
    except ImportError as error:
        raise InputError(
            f"the PyMC backend is not installed ({error.name} is missing)",
            hint="install vat-bayes[pymc] or use --backend numpyro",
        ) from None
    if isinstance(design, RatingsDesign):
        model = models.ratings_model(design, spec)
    else:
        model = models.scores_model(design, spec)
    with warnings.catch_warnings():
        # Notices about compiler caches inside the libraries say nothing about the posterior.
        warnings.simplefilter("ignore")
        # Through numba a step takes the same time, and compiling takes minutes instead of seconds;
        # JAX's own gradient takes twice as long as PyTensor's.
        compiled: Any = nutpie.compile_pymc_model(model, backend="jax", gradient_backend="pytensor")
        tree = nutpie.sample(
            compiled,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=min(settings.chains, 2),
            seed=settings.seed,
            target_accept=settings.target_accept,
            progress_bar=settings.progress and sys.stderr.isatty(),
        )
    posterior, stats = tree["posterior"], tree["sample_stats"]
    return Samples(
        draws={
            str(k): np.asarray(v, np.float32 if k in EFFECTS else None)
            for k, v in posterior.data_vars.items()
            if k not in STANDARDISED
        },
        stats={
            "diverging": stats["diverging"].values,
            "energy": stats["energy"].values,
            "n_steps": stats["n_steps"].values,
            "tree_depth": stats["depth"].values,
            "acceptance_rate": stats["mean_tree_accept"].values,
        },
        sampler=f"nutpie {nutpie.__version__} on PyMC {pm.__version__}",
    )
