"""Simulation-based calibration: parameters from the prior, data from them, ranks of the parameters.

If the sampler draws from the posterior of the model from which the data were simulated, the rank of
a true parameter among its draws is uniform. The data are drawn by plain numpy, not by the code that
is fitted.

References
----------
Talts, Betancourt, Simpson, Vehtari, Gelman (2018). Validating Bayesian inference algorithms with
simulation-based calibration. arXiv:1804.06788
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import arviz as az
import numpy as np
import pandas as pd

from benchmarks.validation.settings import CONDITIONS
from vat_bayes.judgments import load_judgments
from vat_bayes.model.build import prepare
from vat_bayes.model.engine import sample_prior
from vat_bayes.model.priors import load_spec
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.sampling import Backend, Sampler, Settings, sample
from vat_bayes.model.scores import reduce_scores
from vat_bayes.simulate import simulate

SCENARIOS = 16
RANKS = 63
"""Number of nearly independent draws that a parameter is ranked among."""

DRAWS, TUNE, CHAINS = 500, 300, 2
ONE_ARM = (CONDITIONS[0], replace(CONDITIONS[1], placebo=None))


def run_sbc(
    readout: str,
    backend: Backend,
    seed: int,
    *,
    sampler: Sampler = "nuts",
    scenarios: int = SCENARIOS,
    length: int = DRAWS,
) -> pd.DataFrame:
    """Draw one study from the prior, fit it, and rank its parameters.

    Parameters
    ----------
    readout : {"ratings", "distribution"}
    backend : {"numpyro", "pymc"}
    seed : int
    sampler : {"nuts", "hmc"}
    scenarios : int
    length : int
        Draws of each chain.

    Returns
    -------
    DataFrame
        ``parameter, value, rank`` with ranks 0..RANKS, and the smallest effective sample size.
    """
    spec = load_spec("default")
    template = _template(readout, scenarios)
    truth = {k: v[seed % len(v)] for k, v in _prior(readout, scenarios, seed // 1000).items()}
    rng = np.random.default_rng([seed, 5])
    design = _draw(template, truth, rng)
    settings = Settings(length, TUNE, CHAINS, seed)
    samples = sample(design, spec, settings, backend, sampler)
    rows = []
    for name in sorted(set(truth) & set(samples.draws)):
        for label, true, draws in _scalars(name, truth[name], samples.draws[name]):
            rows.append((name, label, *_rank(true, draws, rng)))
    table = pd.DataFrame(rows, columns=["parameter", "value", "rank", "ess"])
    divergent = float(np.mean(samples.stats["diverging"]))
    return table.assign(
        readout=readout,
        backend=named(backend, sampler),
        seed=seed,
        divergent=divergent,
        key=f"sbc-{readout}-{named(backend, sampler)}",
    )


def named(backend: Backend, sampler: Sampler) -> str:
    """Name a backend, and its sampler where that is not NUTS."""
    return backend if sampler == "nuts" else f"{backend}-{sampler}"


@cache
def _template(readout: str, scenarios: int) -> Any:
    """Make a design of the right size; its outcomes are replaced."""
    made = simulate(scenarios, seed=1, readout=readout, conditions=ONE_ARM)
    return prepare(load_judgments(made.judgments, n_categories=5)).design


@cache
def _prior(readout: str, scenarios: int, seed: int) -> dict[str, Any]:
    return sample_prior(_template(readout, scenarios), load_spec("default"), seed=seed)


def _draw(template: Any, p: dict[str, Any], rng: np.random.Generator) -> Any:
    """Draw outcomes from the model of docs/model.md, for one audited model and one arm."""
    s = template.structure
    n, v = len(s.scenarios), len(s.values)
    alpha = p["alpha_scale"][0] * rng.normal(size=(n, v))
    half = np.linalg.cholesky(p["coupling"][0])
    u = p["u_scale"][0] * (rng.normal(size=(n, v)) @ half.T)
    kappa = p["kappa_scale"][0] * rng.normal(size=len(s.items))
    state, item = (
        (template.cell_state, template.cell_item)
        if isinstance(template, RatingsDesign)
        else (template.state, template.item)
    )
    own = p["theta"][0] + alpha
    effect = np.stack([own, own + p["delta"][0] + u])[state, s.item_scenario[item]]
    eta = (s.loading[item] * effect).sum(-1) + p["beta"][0] * (state == 1) + kappa[item]
    sharpness = np.exp(p["lambda_"][0] * (state == 1))
    if isinstance(template, RatingsDesign):
        cutpoint = p["cutpoint"][0]
        below = 1 / (1 + np.exp(-(cutpoint - eta[:, None]) * sharpness[:, None]))
        rating = (rng.random((len(eta), 1)) > below).sum(1)
        counts = np.eye(len(cutpoint) + 1, dtype=np.int64)[rating]
        return replace(template, counts=counts)
    noise = p["noise"][state] * rng.normal(size=len(eta))
    return reduce_scores(s, state, item, sharpness * (eta + p["level"][0]) + noise)


def _scalars(name: str, true: Any, draws: Any) -> list[tuple[str, float, Any]]:
    """Every scalar of a parameter; of the coupling its norm and its first entry."""
    if name == "coupling":
        size = true.shape[-1]
        eye, pairs = np.eye(size), size * (size - 1)

        def norm(x: Any) -> Any:
            return np.sqrt(((x - eye) ** 2).sum((-2, -1)) / pairs)

        return [
            ("norm", float(norm(true[0])), norm(draws[:, :, 0])),
            ("first pair", float(true[0, 0, 1]), draws[:, :, 0, 0, 1]),
        ]
    flat, sampled = np.ravel(true), draws.reshape(*draws.shape[:2], -1)
    return [(str(i), float(flat[i]), sampled[..., i]) for i in range(flat.size)]


def _rank(true: float, draws: Any, rng: np.random.Generator) -> tuple[int, float]:
    """Rank among draws thinned to near independence."""
    ess = float(az.ess(np.asarray(draws)))
    flat = np.ravel(draws)
    # Thinned evenly within chains, from a random start.
    step = flat.size / RANKS
    picked = flat[(np.arange(RANKS) * step + rng.random() * step).astype(int)]
    return int((picked < true).sum()), ess
