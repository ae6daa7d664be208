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
from vat_bayes.model.structure import Floats

Backend = Literal["numpyro", "pymc"]
Sampler = Literal["nuts", "hmc"]
# Length of a trajectory of Hamiltonian Monte Carlo in units of the metric: of 1.6 to 3 the one with
# which a gradient buys the most effective draws of what mixes slowest in scores.
_LENGTH = 2.2
# Effects of scenarios and items, and the standard normals that they are made of.
_EFFECTS, _STANDARDISED = ("u", "intercept"), ("u_raw", "item_raw")


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
        ``hmc`` moves on trajectories of a set length, which NumPyro alone has.

    Returns
    -------
    Samples

    Raises
    ------
    InputError
        When the backend is not installed, or does not have the sampler.
    """
    if backend == "numpyro":
        return _sample_numpyro(design, spec, settings, sampler)
    if sampler != "nuts":
        raise InputError(
            f"the {backend} backend samples by NUTS alone, found '{sampler}'",
            hint="use the numpyro backend",
        )
    return _sample_pymc(design, spec, settings)


def _sample_numpyro(
    design: Design, spec: ModelSpec, settings: Settings, sampler: Sampler
) -> Samples:
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
        leave_out=_STANDARDISED,
        single=_EFFECTS,
        progress=settings.progress,
        length=_LENGTH if sampler == "hmc" else None,
    )
    model = models.ratings_model if ratings else models.scores_model
    with jax.enable_x64(True):
        draws, stats = run_chains(model, (design, spec), how)
    return Samples(
        draws=draws, stats=stats, sampler=f"numpyro {numpyro.__version__} {sampler.upper()}"
    )


def _dense_block(design: Design, spec: ModelSpec, tune: int) -> tuple[str, ...]:
    """Name the parameters of the scores' means, whose covariance the warm-up learns whole.

    Sharpness and effect of an arm are nearly collinear where its scores are close to the
    baseline's, as a retest's are: with variances alone the effects mix some ten times slower.
    """
    priors, s = spec.scores, design.structure
    names = ["level", "theta"]
    if priors["delta"].family == "normal" and "model_scale" not in priors:
        names.append("delta")
    for name, key in (("beta", "beta"), ("lambda_", "lambda")):
        if priors[key].family != "fixed":
            names.append(name)
    size = len(s.models) * (1 + len(s.values)) + len(s.arms) * (2 + len(s.values))
    # A covariance of more entries than the warm-up can tell apart would be noise.
    return tuple(names) if 4 * size <= tune else ()


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
            str(k): np.asarray(v, np.float32 if k in _EFFECTS else None)
            for k, v in posterior.data_vars.items()
            if k not in _STANDARDISED
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
