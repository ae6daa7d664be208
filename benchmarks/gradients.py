"""What a gradient costs, beside the same density written plainly and differentiated by JAX.

Scores: the covariance of a scenario over all conditions through its Cholesky factor, against the
conditions one by one, with the derivatives of an inverse written out. Ratings: cutpoints, sharpness
and linear predictor looked up for every rating, and the logarithms of its probability one by one,
against rows that share them, and one logarithm with its slopes written out. Both ways give the same
number, which is checked; they take turns, and the least of the repeats counts. It prints a Markdown
table of ratios.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn import log_sigmoid
from jax.scipy.linalg import solve_triangular

from benchmarks.full_design import conditions
from vat_bayes.judgments import load_judgments
from vat_bayes.model import load_spec
from vat_bayes.model.backends import numpyro as models
from vat_bayes.model.backends import numpyro_scores
from vat_bayes.model.backends.numpyro_scores import Scatter
from vat_bayes.model.blocks import build_blocks
from vat_bayes.model.build import prepare
from vat_bayes.model.chains import Run, starting_point, trace_model
from vat_bayes.model.rating_rows import RatingRows
from vat_bayes.model.ratings import FAR
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.simulate import draw_world, simulate

Step = Callable[[], float]


def by_cholesky(design: ScoresDesign, p: Scatter) -> Array:
    """Log-likelihood of normal scenarios by one Cholesky factor for each pattern."""
    b = build_blocks(design)
    gain, real = p.sharpness[b.state], b.real
    mean = gain * ((b.loading * p.centre[b.state]).sum(-1) + b.one * p.shift[b.state])
    varying = jnp.einsum("grv,grvw->grw", b.loading, p.half[b.state])
    loading = p.alpha_scale[b.model][:, None, None] * b.loading
    covariance = loading @ jnp.swapaxes(loading, -1, -2)
    covariance += b.same_arm * (varying @ jnp.swapaxes(varying, -1, -2))
    covariance += (p.kappa_scale[b.model] ** 2)[:, None, None] * b.same_axis
    covariance *= gain[:, :, None] * gain[:, None, :]
    own = jnp.where(real, p.noise[b.state] ** 2, 1.0)
    covariance += own[:, :, None] * np.eye(real.shape[1])
    about = b.mean - jnp.where(real, mean, 0.0)
    total = b.scatter + b.n[:, None, None] * about[:, :, None] * about[:, None, :]
    parts = [(jnp.asarray(b.n), covariance, total)]
    for i, residual in enumerate(design.residuals):
        own = numpyro_scores._residual_covariance(design, i, p)
        parts.append((jnp.asarray(residual.degrees.sum()), own, residual.scatters.sum(0)))
    out = -0.5 * np.log(2 * np.pi) * len(design.score)
    for n, s, t in parts:
        factor = jnp.linalg.cholesky(s)
        inner = solve_triangular(factor, t, lower=True)
        square = solve_triangular(factor, jnp.swapaxes(inner, -1, -2), lower=True)
        log_det = 2.0 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
        out += -0.5 * (n * log_det + jnp.trace(square, axis1=-2, axis2=-1)).sum()
    return out


def one_by_one(rows: RatingRows, eta: Array, cutpoint: Array, sharpness: Array, link: str) -> Array:
    """Log-likelihood of ratings, everything looked up for each, every logarithm by itself."""
    assert link == "logistic"
    row, entry = np.nonzero(rows.count)
    block, category = rows.row_block[row], rows.category[row, entry]
    place = entry if rows.item is None else rows.item[row, entry]
    ends = jnp.pad(cutpoint, ((0, 0), (1, 1)), constant_values=((0, 0), (-FAR, FAR)))
    upper = (ends[block, category + 1] - eta[block, place]) * sharpness[block]
    lower = (ends[block, category] - eta[block, place]) * sharpness[block]
    log_p = log_sigmoid(upper) + log_sigmoid(-lower) + jnp.log(-jnp.expm1(lower - upper))
    return (rows.count[row, entry] * log_p).sum()


@contextmanager
def plainly() -> Iterator[None]:
    """Put the plain densities in the place of ours."""
    kept = models.normal_scenarios, models.log_likelihood
    models.normal_scenarios = by_cholesky
    models.log_likelihood = one_by_one  # type: ignore[assignment]
    try:
        yield
    finally:
        models.normal_scenarios, models.log_likelihood = kept


def gradients(readout: str, scenarios: int, interventions: int, steps: int) -> Step:
    """Compile a walk of so many gradients; the result walks, and returns the last density."""
    world = draw_world(seed=1, conditions=conditions(interventions))
    made = simulate(scenarios, seed=1, readout=readout, world=world)  # type: ignore[arg-type]
    design = prepare(load_judgments(made.judgments, n_categories=5)).design
    model: Any = models.ratings_model if readout == "ratings" else models.scores_model
    layout, density, _ = trace_model(model, (design, load_spec()), Run(1, 1, 1, 0, 0.8))
    start, bare, data = starting_point(layout, 1, 0, 0.3), density.without_data(), density.data

    @jax.jit
    def walk(z: Any, data: list[Any]) -> Array:
        def step(z: Any, _: None) -> Any:
            value, slope = bare(data, z)
            # Too short to get anywhere, and too long for the loop to be taken apart.
            return jax.tree.map(lambda a, b: a - 1e-9 * b / (1 + jnp.abs(b)), z, slope), value

        last: Array = jax.lax.scan(step, z, None, length=steps)[1][-1]
        return last

    return lambda: float(walk(start, data))


def timed(step: Step) -> float:
    """Seconds of one walk."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradients", description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    print("| read-out | conditions | scenarios | microseconds | written plainly, times that |")
    print("|---|---|---|---|---|")
    for readout, interventions, scenarios, steps in (
        ("distribution", 1, 24, 2000),
        ("distribution", 4, 24, 500),
        ("distribution", 10, 264, 200),
        ("ratings", 1, 24, 1000),
        ("ratings", 1, 96, 300),
        ("ratings", 10, 264, 30),
    ):
        with jax.enable_x64(True):
            ours = gradients(readout, scenarios, interventions, steps)
            with plainly():
                plain = gradients(readout, scenarios, interventions, steps)
            assert np.isclose(ours(), plain(), rtol=1e-9)
            pairs = [(timed(ours), timed(plain)) for _ in range(options.repeats)]
        least = np.min(pairs, axis=0)
        print(
            f"| {readout} | {interventions + 2} | {scenarios} | {1e6 * least[0] / steps:.0f} | "
            f"{least[1] / least[0]:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
