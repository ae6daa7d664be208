"""The fast engine for ratings against NUTS on the full model, on the same simulated studies.

For every study it prints, by kind of parameter and for the estimates in points, how far the means
are apart in the posterior sds of NUTS, and the sds in ratio. Both engines have Monte Carlo error:
beside each figure stands what that error alone would make of it, and the difference that is left
without it (squares are subtracted). The last lines are what the engine's own diagnostic said.

    python -m benchmarks.engines --scenarios 96 --arms 2 --seeds 1 2 --out engines.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import arviz as az
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from vat_bayes.checks.fast_engine import check_fast_engine
from vat_bayes.conditions import Condition
from vat_bayes.estimands import compute_estimands
from vat_bayes.judgments import load_judgments
from vat_bayes.model import fit
from vat_bayes.simulate import World, draw_world, simulate

Floats = npt.NDArray[np.float64]
CONDITIONS = (
    Condition("baseline", "baseline"),
    Condition("promote", "intervention", ("benevolence",)),
    Condition("placebo", "placebo"),
)
KINDS = (
    "theta", "delta", "beta", "lambda_", "cutpoint", "alpha_scale", "kappa_scale", "u_scale",
    "coupling_scale", "coupling",
)  # fmt: skip
ESTIMATES = ("shift", "gain", "tax_rms")
FIGURES = ("fast_effects_k", "fast_shift", "fast_shifted", "fast_width", "fast_pareto_k")


def world(arms: int, seed: int, ceiling: float) -> World:
    """Draw the parameters of one study.

    Parameters
    ----------
    arms : int
        1 for the intervention alone, 2 for the placebo too.
    seed : int
    ceiling : float
        Logits by which the cutpoints move down: at 3 nearly all ratings are the highest.

    Returns
    -------
    World
    """
    drawn = draw_world(seed=seed, conditions=CONDITIONS[: 1 + arms])
    return World(**(vars(drawn) | {"cutpoint": drawn.cutpoint - ceiling}))


def named_draws(tree: xr.DataTree) -> Iterator[tuple[str, Floats]]:
    """Yield the draws of every kind of parameter and estimate, shape (chain, draw, entry)."""
    posterior = tree["posterior"].to_dataset()
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], -1)
    for kind in KINDS:
        values = posterior[kind].to_numpy()
        if kind == "coupling":
            values = values[..., *np.tril_indices(values.shape[-1], -1)]
        yield kind, values.reshape(shape)
    draws = compute_estimands(tree).draws
    for name in ESTIMATES:
        values = draws[name].to_numpy().reshape(shape)
        # A placebo has no target, hence no gain.
        yield name, values[:, :, np.isfinite(values).all((0, 1))]


def moments(draws: Floats) -> tuple[Floats, ...]:
    """Mean and sd of every entry and their Monte Carlo errors, each of shape (entry,)."""
    data = az.convert_to_dataset({"x": draws})
    errors = [az.mcse(data, method=m)["x"].to_numpy() for m in ("mean", "sd")]
    return draws.mean((0, 1)), draws.std((0, 1)), *errors


def compare(fast: xr.DataTree, nuts: xr.DataTree) -> pd.DataFrame:
    """Set two fits of the same ratings beside each other.

    Parameters
    ----------
    fast, nuts : DataTree

    Returns
    -------
    DataFrame
        One row per entry: the difference of means in sds, the logarithm of the ratio of sds, and
        the Monte Carlo error of each.
    """
    parts = []
    for (kind, one), (_, other) in zip(named_draws(fast), named_draws(nuts), strict=True):
        m1, s1, e1, v1 = moments(one)
        m2, s2, e2, v2 = moments(other)
        part = {
            "mean": (m1 - m2) / s2,
            "mean_error": np.hypot(e1, e2) / s2,
            "width": np.log(s1 / s2),
            "width_error": np.hypot(v1 / s1, v2 / s2),
        }
        parts.append(pd.DataFrame(part).assign(kind=kind, entry=np.arange(len(m1))))
    return pd.concat(parts, ignore_index=True)


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Average over the entries of each kind.

    Parameters
    ----------
    rows : DataFrame
        As `compare` gives them.

    Returns
    -------
    DataFrame
        Per kind: root mean square difference of means, what Monte Carlo error makes of it, what is
        left; the geometric mean of the ratio of sds with the error of that mean, entries taken as
        independent; and the entries that are beyond what is promised (a tenth of an sd, a
        twentieth) by more than two Monte Carlo errors.
    """

    def one(group: pd.DataFrame) -> pd.Series:
        square, noise = (group["mean"] ** 2).mean(), (group["mean_error"] ** 2).mean()
        far = group["mean"].abs() > 0.1 + 2 * group["mean_error"]
        wide = group["width"].abs() > 0.05 + 2 * group["width_error"]
        return pd.Series(
            {
                "n": len(group),
                "rms": square**0.5,
                "noise": noise**0.5,
                "left": max(0.0, square - noise) ** 0.5,
                "largest": group["mean"].abs().max(),
                "sd ratio": np.exp(group["width"].mean()),
                "its error": (group["width_error"] ** 2).sum() ** 0.5 / len(group),
                "far": int(far.sum()),
                "wide": int(wide.sum()),
            }
        )

    kinds = [k for k in (*KINDS, *ESTIMATES) if k in set(rows["kind"])]
    return pd.DataFrame({k: one(rows[rows["kind"] == k]) for k in kinds}).T


def run_study(
    scenarios: int, arms: int, seed: int, draws: int, ceiling: float
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Fit one study with both engines.

    Parameters
    ----------
    scenarios, arms, seed : int
    draws : int
        Per chain; two chains of NUTS, and four of the fast engine.
    ceiling : float
        See `world`.

    Returns
    -------
    DataFrame
        As `compare` gives it.
    dict
        What the fast engine's diagnostic says, and seconds.
    """
    made = simulate(scenarios, seed=seed, world=world(arms, seed, ceiling))
    judgments = load_judgments(made.judgments, conditions=CONDITIONS[: 1 + arms], n_categories=5)
    fast = fit(judgments, engine="fast", draws=draws, chains=4, seed=seed)
    nuts = fit(judgments, engine="nuts", draws=draws, tune=300, chains=2, seed=seed)
    facts = {"scenarios": scenarios, "arms": arms, "seed": seed, "ratings": len(made.judgments)}
    said = {k: fast.attrs[k] for k in FIGURES} | {"verdict": check_fast_engine(fast).verdict}
    said |= {"fast_seconds": fast.attrs["seconds"], "nuts_seconds": nuts.attrs["seconds"]}
    said["rhat"] = max(float(az.rhat(x)) for _, x in _entries(nuts))
    return compare(fast, nuts).assign(**facts), facts | said


def _entries(tree: xr.DataTree) -> Iterator[tuple[str, Floats]]:
    for kind, draws in named_draws(tree):
        for column in np.moveaxis(draws, -1, 0):
            if column.std() > 0:
                yield kind, column


def main() -> None:
    """Print a table for each study, and what the diagnostics said."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=48)
    parser.add_argument("--arms", type=int, choices=[1, 2], default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--ceiling", type=float, default=0.0, help="cutpoints down by, in logits")
    parser.add_argument("--out", type=Path, help="add one row per entry to this CSV file")
    options = parser.parse_args()
    for seed in options.seeds:
        rows, said = run_study(
            options.scenarios, options.arms, seed, options.draws, options.ceiling
        )
        print(pd.Series(said).to_string(), summarise(rows).round(3).to_string(), sep="\n\n")
        print(flush=True)
        if options.out:
            rows.to_csv(options.out, mode="a", index=False, header=not options.out.exists())


if __name__ == "__main__":
    main()
