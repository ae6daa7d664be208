"""Coverage of the debiased tax and of its excess, by simulation of the estimator alone.

A vector of nine shifts is observed with normal errors of standard error 1, independent or with a
common correlation; posterior draws scatter about it with the same covariance. Prints, for each true
root mean square, how often the 90 % intervals of the raw norm, of the debiased norm, of the
excess over a placebo (whose errors correlate .5 with the condition's), and of the step from the
placebo's norm, as a difference of two debiased norms and debiased as such, contain the truth, how
often P(excess > 0) passes .95, and, for a budget that is exactly the truth, how often
P(tax <= budget) and P(excess <= budget) do: how often a condition at the edge of its budget would
be accepted.
"""

from __future__ import annotations

import argparse

import numpy as np

from vat_bayes.estimands.contrasts import debiased_difference, debiased_step
from vat_bayes.estimands.norms import Floats, debiased_mean_square, signed_root

N_VALUES = 9
TRUTHS = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (1.0, 1.0), (2.0, 1.0), (3.0, 0.0))


def vector(rng: np.random.Generator, size: float) -> Floats:
    """Draw a vector whose root mean square is `size`."""
    drawn = rng.normal(size=N_VALUES)
    return np.asarray(drawn / np.sqrt((drawn**2).mean()) * size)


def contains(draws: Floats, truth: float) -> bool:
    """Whether the equal-tailed 90 % interval of these draws contains the truth."""
    lo, hi = np.quantile(draws, [0.05, 0.95])
    return bool(lo - 1e-12 <= truth <= hi + 1e-12)


def main() -> None:
    """Run the simulation from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    print(
        "correlation  true rms  placebo rms   raw  debiased  excess  two norms   step  "
        "P(excess > 0) > .95  P(tax <= b) >= .95  P(excess <= b) >= .95"
    )
    for rho in (0.0, 0.5):
        own = np.full((N_VALUES, N_VALUES), rho) + (1 - rho) * np.eye(N_VALUES)
        factor = np.linalg.cholesky(np.kron([[1.0, 0.5], [0.5, 1.0]], own))
        for size, placebo in TRUTHS:
            hits = np.zeros(8)
            for _ in range(options.replications):
                true = np.concatenate([vector(rng, size), vector(rng, placebo)])
                mean = true + factor @ rng.normal(size=2 * N_VALUES)
                draws = mean + rng.normal(size=(options.draws, 2 * N_VALUES)) @ factor.T
                mine, other = draws[:, :N_VALUES], draws[:, N_VALUES:]
                square = debiased_mean_square(mine)
                excess = signed_root(debiased_difference(mine, other))
                above = (excess > 0).mean() + 0.5 * (excess == 0).mean()
                raw = np.sqrt((mine**2).mean(1))
                step = size - placebo
                difference = float(signed_root(np.array(size**2 - placebo**2)))
                hits += (
                    contains(raw, size),
                    contains(np.sqrt(square), size),
                    contains(excess, difference),
                    contains(np.sqrt(square) - np.sqrt(debiased_mean_square(other)), step),
                    contains(debiased_step(mine, other), step),
                    above > 0.95,
                    (np.sqrt(square) <= size).mean() >= 0.95,
                    (excess <= difference).mean() >= 0.95,
                )
            raw_, debiased, over, apart, steps, alarms, kept, kept_over = (
                hits / options.replications
            )
            print(
                f"{rho:11.1f}  {size:8.1f}  {placebo:11.1f}  {raw_:4.2f}  {debiased:8.3f}  "
                f"{over:6.3f}  {apart:9.3f}  {steps:5.3f}  "
                f"{alarms:19.3f}  {kept:18.3f}  {kept_over:21.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
