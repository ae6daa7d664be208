"""The ordered logistic model of hibayes, from its published form.

Effect-coded main effects of condition and of kind of item (value by polarity), and their
interaction, with that package's default priors; one term for each row, and no random effects.

References
----------
HiBayES, UK AI Security Institute. https://github.com/UKGovernmentBEIS/hibayes
Luettgau et al. (2025). HiBayES: a hierarchical Bayesian modeling framework for AI evaluation
statistics. arXiv:2505.05602
"""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS

from benchmarks.peers.study import NAMES, Answer, Study, from_draws
from vat_bayes.values import VALUES


def _sum_to_zero(x: jax.Array, axis: int) -> jax.Array:
    return jnp.concatenate([x, -x.sum(axis, keepdims=True)], axis)


def _model(arm: jax.Array, kind: jax.Array, rating: jax.Array, n_categories: int) -> None:
    arms, kinds = len(NAMES), 2 * len(VALUES)

    def standard(name: str, *shape: int) -> jax.Array:
        return numpyro.sample(name, dist.Normal(0, 1).expand(shape).to_event(len(shape)))

    own = _sum_to_zero(standard("kind", kinds - 1), 0)
    main = _sum_to_zero(standard("arm", arms - 1), 0)
    both = _sum_to_zero(_sum_to_zero(standard("both", arms - 1, kinds - 1), 0), 1)
    table = numpyro.sample("intercept", dist.Normal(0, 1)) + main[:, None] + own + both
    first = numpyro.sample("first", dist.Normal(-4, 0.2))
    gaps = numpyro.sample("gaps", dist.LogNormal(-0.5, 0.3).expand([n_categories - 2]).to_event(1))
    cutpoint = jnp.concatenate([first[None], first + jnp.cumsum(gaps + 0.3)])
    above = jax.nn.sigmoid(table[..., None] - cutpoint)
    numpyro.deterministic("score", above.sum(-1))
    numpyro.sample("rating", dist.OrderedLogistic(table[arm, kind], cutpoint), obs=rating)


def run(study: Study, draws: int, seed: int) -> Answer:
    """Fit with NumPyro.

    Parameters
    ----------
    study : Study
    draws : int
        Per chain, after as many warm-up steps; two chains.
    seed : int

    Returns
    -------
    Answer
    """
    rows, v = study.rows, len(VALUES)
    kind = rows["value"].map(list(VALUES).index) + v * (rows["sign"] < 0)
    arguments = [jnp.asarray(x) for x in (rows["arm"], kind, rows["rating"] - 1)]
    start = time.perf_counter()
    with jax.enable_x64(True):
        mcmc = MCMC(
            NUTS(_model), num_warmup=draws, num_samples=draws, num_chains=2,
            chain_method="sequential", progress_bar=False,
        )  # fmt: skip
        mcmc.run(jax.random.PRNGKey(seed), *arguments, study.n_categories)
        score = np.asarray(mcmc.get_samples(group_by_chain=True)["score"])
    change = score[:, :, 1] - score[:, :, 0]
    seconds = time.perf_counter() - start
    return from_draws((change[..., :v] - change[..., v:]) / 2, seconds, seconds)
