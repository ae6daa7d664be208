"""What pooling the off-target effects buys and costs, with the scatter of estimates known.

Nine off-target effects are estimated with normal errors. An independent flat prior with the
debiased norm is set against effects that share a learned spread, whose posterior norm is taken as
it stands (its interval begins at zero where the evidence favours no tax). No sampler is involved:
the spread is on a grid. It prints a Markdown table.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from vat_bayes.estimands.norms import debiased_mean_square
from vat_bayes.estimands.tax import EXCLUDED, no_tax_ratio

N_VALUES, N_DRAWS, SPREAD, ERROR = 9, 2000, 0.5, 0.06
GRID = np.linspace(1e-4, 3 * SPREAD, 400)


def study(effect: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Estimate once and analyse twice.

    Parameters
    ----------
    effect : ndarray, shape (value,)
        The truth, in points.
    rng : Generator

    Returns
    -------
    dict of str to float
        Whether intervals cover, and squared errors.
    """
    estimate = effect + ERROR * rng.normal(size=N_VALUES)
    flat = estimate + ERROR * rng.normal(size=(N_DRAWS, N_VALUES))
    variance = GRID[:, None] ** 2 + ERROR**2
    log_p = -0.5 * (np.log(variance) + estimate**2 / variance).sum(1) - 0.5 * (GRID / SPREAD) ** 2
    p = np.exp(log_p - log_p.max())
    tau = rng.choice(GRID, N_DRAWS, p=p / p.sum())[:, None]
    kept = tau**2 / (tau**2 + ERROR**2)
    pooled = kept * estimate + np.sqrt(kept) * ERROR * rng.normal(size=(N_DRAWS, N_VALUES))
    prior_spread = np.abs(rng.normal(0, SPREAD, (N_DRAWS, 1)))
    prior = np.sqrt(((prior_spread * rng.normal(size=(N_DRAWS, N_VALUES))) ** 2).mean(1))

    norm = np.sqrt((pooled**2).mean(1))
    truth = np.sqrt((effect**2).mean())
    largest = int(np.abs(effect).argmax())
    out: dict[str, float] = {}
    for name, draws, tax in (
        ("independent", flat, np.sqrt(debiased_mean_square(flat))),
        ("pooled", pooled, norm),
    ):
        lo, hi = np.quantile(draws, [0.05, 0.95], axis=0)
        inside = (lo <= effect) & (effect <= hi)
        below, above = np.quantile(tax, [0.05, 0.95])
        if name == "pooled" and no_tax_ratio(norm, prior) > EXCLUDED:
            below = 0.0
        out |= {
            f"tax, {name}": float(below <= truth + 1e-12 and truth <= above),
            f"width, {name}": float(above - below),
            f"shifts, {name}": float(inside.mean()),
            f"largest shift, {name}": float(inside[largest]),
            f"mse / error^2, {name}": float(((draws.mean(0) - effect) ** 2).mean() / ERROR**2),
        }
    return out


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    rows = []
    for kind in ("all move", "one moves"):
        for size in (0.0, 0.5, 1.0, 2.0, 4.0):
            found = []
            for _ in range(options.studies):
                shape = rng.normal(size=N_VALUES) if kind == "all move" else np.eye(N_VALUES)[0]
                effect = size * ERROR * shape / np.sqrt((shape**2).mean())
                found.append(study(effect, rng))
            mean = pd.DataFrame(found).mean()
            rows.append({"truth": kind, "true tax / error": size} | mean.round(3).to_dict())
    table = pd.DataFrame(rows)
    print("| " + " | ".join(table.columns) + " |\n" + "|" + "---|" * len(table.columns))
    for row in table.itertuples(index=False):
        print("| " + " | ".join(map(str, row)) + " |")


if __name__ == "__main__":
    main()
