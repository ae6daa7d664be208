"""The parameters' density with the stand-in for the likelihood, in NumPyro.

The priors are those of `vat_bayes.model.backends.numpyro.ratings_model`. Means and style are
sampled through a factor of their approximate posterior covariance, in which they are nearly
independent. The partial correlations, ``tanh(omega z)`` in the full model, are sampled by the
length and the direction of ``omega z``; see `vat_bayes.model.fast.radius`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import Array
from jax.scipy.stats import norm

from vat_bayes.model.coupling import partial_count
from vat_bayes.model.fast.radius import log_radius_density
from vat_bayes.model.fast.surrogate import (
    Surrogate,
    effect_blocks,
    effect_mean,
    flatten,
    log_likelihood,
)
from vat_bayes.model.priors import ModelSpec
from vat_bayes.model.structure import Floats, Ints, Structure

# A potential that only cutpoints out of order reach: half of what they are charged.
OUT_OF_ORDER = 5e9


@dataclass(frozen=True)
class Shape:
    """Sizes and priors of one fit, fixed when the density is compiled.

    Parameters
    ----------
    n_values, n_categories : int
    model_arms : tuple of tuple of int
        The arms of each model.
    prior : dict of str to float
        Scales by parameter.
    """

    n_values: int
    n_categories: int
    model_arms: tuple[tuple[int, ...], ...]
    prior: Mapping[str, float]

    @property
    def n_arms(self) -> int:
        """Number of arms of all models."""
        return sum(len(arms) for arms in self.model_arms)


def shape_of(s: Structure, spec: ModelSpec) -> Shape:
    """Read the sizes of a fit off its structure.

    Parameters
    ----------
    s : Structure
    spec : ModelSpec

    Returns
    -------
    Shape
    """
    n_models = len(s.models)
    arms = tuple(
        tuple(np.flatnonzero(s.state_model[n_models:] == m).tolist()) for m in range(n_models)
    )
    return Shape(len(s.values), s.n_categories, arms, {k: p.scale for k, p in spec.ratings.items()})


def normal_scales(shape: Shape, n_arms: int) -> Floats:
    """Prior scales of means and style, at unchanged extremity, in the order of sampling.

    Those of cutpoints and of log ``kappa_scale`` are not normal; the number for them only keeps
    the sampling factor finite.

    Parameters
    ----------
    shape : Shape
    n_arms : int
        Arms of the model in question.

    Returns
    -------
    ndarray, shape (q,)
    """
    p = shape.prior
    return np.concatenate(
        [
            np.full(shape.n_values, p["theta"]),
            np.full(n_arms * shape.n_values, p["delta"]),
            np.full(n_arms, p["beta"]),
            np.full(n_arms, p["lambda"]),
            np.full(shape.n_categories, 2.0),
        ]
    )


def surrogate_model(shape: Shape, surrogates: tuple[Surrogate, ...]) -> None:
    """Sample the parameters of every model.

    Parameters
    ----------
    shape : Shape
    surrogates : tuple of Surrogate
        One per model.
    """
    v, n_arms, prior = shape.n_values, shape.n_arms, shape.prior

    def half_normal(name: str, scale: float, *size: int) -> Array:
        return numpyro.sample(name, dist.HalfNormal(scale).expand(size).to_event(len(size)))

    alpha_scale = half_normal("alpha_scale", prior["alpha_scale"], len(surrogates))
    # Its prior depends on lambda, and is added where that is known.
    real = dist.constraints.real
    signed = numpyro.sample("signed_scale", dist.ImproperUniform(real, (), (n_arms, v)))
    numpyro.deterministic("u_scale", jnp.abs(signed))
    count = partial_count(v)
    radius = numpyro.sample("radius", dist.ImproperUniform(real, (), (n_arms,)))
    numpyro.factor("radius_prior", log_radius_density(radius, prior["coupling_scale"], count).sum())
    towards = numpyro.sample("towards", dist.Normal(0.0, 1.0).expand((n_arms, count)).to_event(2))
    unit = towards / jnp.linalg.norm(towards, axis=1, keepdims=True)
    factor = correlation_factor(jnp.tanh(radius[:, None] * unit), v)
    sign = jnp.sign(signed)[:, :, None]
    correlation = factor @ jnp.swapaxes(factor, -1, -2)
    numpyro.deterministic("coupling", sign * correlation * jnp.swapaxes(sign, 1, 2))
    half = signed[:, :, None] * factor
    spread = half @ jnp.swapaxes(half, -1, -2)

    named: dict[str, list[Array]] = {k: [] for k in ("theta", "delta", "beta", "lambda_",
                                                     "cutpoint", "kappa_scale")}  # fmt: skip
    for m, (surrogate, arms) in enumerate(zip(surrogates, shape.model_arms, strict=True)):
        n = len(arms)
        size = surrogate.root.shape[0]
        z = numpyro.sample(f"means_{m}", dist.Normal(0.0, 1.0).expand((size,)).to_event(1))
        moved = surrogate.root @ z
        mean = surrogate.centre.mean + moved[: (1 + n) * v]
        style = flatten(surrogate.centre.style) + moved[(1 + n) * v :]
        theta, delta = mean[:v], mean[v:].reshape(n, v)
        beta, lambda_ = style[:n], style[n : 2 * n]
        own, rows = jnp.exp(-lambda_), np.array(arms)
        cutpoint, log_kappa = style[2 * n : -1], style[-1]
        log_prior = norm.logpdf(theta, scale=prior["theta"]).sum()
        log_prior += norm.logpdf(delta, scale=prior["delta"] * own[:, None]).sum()
        log_prior += norm.logpdf(beta, scale=prior["beta"] * own).sum()
        log_prior += norm.logpdf(signed[rows], scale=prior["u_scale"] * own[:, None]).sum()
        log_prior += norm.logpdf(lambda_, scale=prior["lambda"]).sum()
        log_prior += cutpoint_log_prior(cutpoint, prior["cutpoint"])
        # Half-normal in kappa_scale, with the Jacobian of its logarithm.
        log_prior += log_kappa - 0.5 * (jnp.exp(log_kappa) / prior["kappa_scale"]) ** 2
        blocks = effect_blocks(alpha_scale[m], spread[rows])
        likelihood = log_likelihood(surrogate, effect_mean(theta, delta), blocks, style)
        # The factor takes back the standard normal that z was given to keep its step size near 1.
        numpyro.factor(f"model_{m}", likelihood + log_prior + 0.5 * (z**2).sum())
        for name, value in zip(
            named, (theta, delta, beta, lambda_, cutpoint, jnp.exp(log_kappa)), strict=True
        ):
            named[name].append(value)
    below = jnp.pad(jax.nn.sigmoid(jnp.stack(named["cutpoint"])), ((0, 0), (1, 1)),
                    constant_values=((0, 0), (0.0, 1.0)))  # fmt: skip
    numpyro.deterministic("share", jnp.diff(below))
    order = np.argsort(np.concatenate([np.array(a) for a in shape.model_arms]))
    for name, parts in named.items():
        if name in ("theta", "cutpoint", "kappa_scale"):
            numpyro.deterministic(name, jnp.stack(parts))
        else:
            numpyro.deterministic(name, jnp.concatenate(parts)[order])


def correlation_factor(partials: Array, n_values: int) -> Array:
    """Cholesky factors of correlation matrices; see `vat_bayes.model.coupling`.

    Parameters
    ----------
    partials : Array, shape (arm, V (V - 1) / 2)
    n_values : int

    Returns
    -------
    Array, shape (arm, V, V)
    """
    n_arms = partials.shape[0]
    rows, columns = np.tril_indices(n_values, -1)
    z = jnp.zeros((n_arms, n_values, n_values)).at[:, rows, columns].set(partials)
    left = jnp.sqrt(jnp.cumprod(1.0 - z**2, axis=-1))
    before = jnp.concatenate([jnp.ones((n_arms, n_values, 1)), left[..., :-1]], -1)
    unit = jnp.eye(n_values)
    return z * before + unit * before


def cutpoint_log_prior(cutpoint: Array, concentration: float) -> Array:
    """Log-density of cutpoints whose category shares at zero are Dirichlet (Betancourt 2019).

    Parameters
    ----------
    cutpoint : Array, shape (K - 1,)
    concentration : float

    Returns
    -------
    Array, shape ()
        Up to a constant; very low where the cutpoints are out of order.
    """
    below = jax.nn.sigmoid(cutpoint)
    share = jnp.diff(jnp.concatenate([jnp.zeros(1), below, jnp.ones(1)]))
    ordered = (share > 0).all()
    log_share = jnp.log(jnp.where(share > 0, share, 1.0)).sum()
    jacobian = (jnp.log(below) + jnp.log1p(-below)).sum()
    return jnp.where(ordered, (concentration - 1.0) * log_share + jacobian, -2.0 * OUT_OF_ORDER)


def group_matrix(patterns: Ints) -> Floats:
    """Averaging matrix (group, scenario) from each scenario's group number."""
    groups = patterns == np.arange(patterns.max() + 1)[:, None]
    return np.asarray(groups / groups.sum(1, keepdims=True))
