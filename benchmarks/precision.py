"""What pairing buys, and what not knowing the variances costs: posterior sds of a gain.

The same simulated study, a baseline and one intervention, is analysed four times by the same
sampler:

* ``default``: the default model.
* ``oracle``: the default model with the variances of its random effects (scenarios, items, effects
  and their coupling; for scores the noise too) held at the truth.
* ``items renamed``: under the intervention every item has another name, so that nothing says it was
  rated before. Scenarios are still the same.
* ``two groups``: the scenarios have other names too. Nothing is shared.

Scores are not drawn from the model that they are fitted with, so that their variances have no true
value in it: there the oracle is told the estimates from a study of the same world with many times
the scenarios.

    python -m benchmarks.precision --scenarios 24 48 --seeds 12 --out precision.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from threadpoolctl import threadpool_limits

from vat_bayes.conditions import Condition
from vat_bayes.estimands import compute_estimands
from vat_bayes.estimands.shifts import compute_shifts
from vat_bayes.judgments import Judgments, load_judgments
from vat_bayes.model import fit, load_spec
from vat_bayes.model.build import Design, prepare
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.scores import reduce_scores
from vat_bayes.simulate import World, draw_world, simulate
from vat_bayes.values import VALUES

Floats = npt.NDArray[np.float64]
TARGET = "benevolence"
CONDITIONS = (
    Condition("baseline", "baseline"),
    Condition("promote", "intervention", (TARGET,)),
)
ANALYSES = ("oracle", "items renamed", "two groups")
# Enough for variances of scores to be known to some hundredths.
MANY = 1500


def load(table: pd.DataFrame) -> Judgments:
    """Load a simulated table."""
    return load_judgments(table, conditions=CONDITIONS, n_categories=5)


def unpaired(design: Design, *, scenarios: bool) -> Design:
    """Give items, and scenarios if asked, other names under the intervention.

    A table like that is refused, since a gain without pairs is hardly ever meant; so it is the
    fit's arrays that are changed.

    Parameters
    ----------
    design : RatingsDesign or ScoresDesign
        Of one model and one intervention.
    scenarios : bool

    Returns
    -------
    RatingsDesign or ScoresDesign
    """
    s = design.structure
    n, more = len(s.items), len(s.scenarios) if scenarios else 0
    again = replace(
        s,
        items=(*s.items, *(f"{x} again" for x in s.items)),
        scenarios=(*s.scenarios, *(f"{x} again" for x in s.scenarios[:more])),
        loading=np.concatenate([s.loading, s.loading]),
        item_scenario=np.concatenate([s.item_scenario, s.item_scenario + more]),
    )
    if isinstance(design, RatingsDesign):
        item = design.cell_item + n * (design.cell_state > 0)
        return replace(design, structure=again, cell_item=item)
    return reduce_scores(again, design.state, design.item + n * (design.state > 0), design.score)


def partials(coupling: Floats) -> Floats:
    """Compute the canonical partial correlations of correlation matrices.

    The inverse of `vat_bayes.model.coupling.cholesky_from_partials`.

    Parameters
    ----------
    coupling : ndarray, shape (..., V, V)

    Returns
    -------
    ndarray, shape (..., V (V - 1) / 2)
    """
    factor = np.linalg.cholesky(coupling)
    rows, columns = np.tril_indices(factor.shape[-1], -1)
    # What of a row's unit length the columns before have not used up.
    left = np.sqrt(1.0 - np.cumsum(factor**2, axis=-1) + factor**2)
    return np.asarray((factor / left)[..., rows, columns])


def known_in(world: World) -> dict[str, Floats]:
    """Return the variances of the ratings' random effects, by the names of the model's sites."""
    return _sites(
        {
            "alpha_scale": np.array([world.alpha_scale]),
            "kappa_scale": np.array([world.kappa_scale]),
            "u_scale": world.u_scale[1:],
        },
        world.coupling[1:],
    )


def known_from(draws: dict[str, Floats]) -> dict[str, Floats]:
    """Return the posterior means of the scores' variances, by the names of the model's sites."""
    names = ("alpha_scale", "kappa_scale", "u_scale", "noise", "coupling")
    mean = {k: draws[k].mean((0, 1)) for k in names}
    coupling = mean.pop("coupling")
    return _sites(mean, coupling)


def _sites(scales: dict[str, Floats], coupling: Floats) -> dict[str, Floats]:
    # The model writes a partial correlation as tanh(coupling_scale * partial_raw).
    raw = np.arctanh(partials(coupling))
    return scales | {"coupling_scale": np.ones(len(coupling)), "partial_raw": raw}


def sample(design: Design, known: dict[str, Floats], options: dict[str, int]) -> dict[str, Floats]:
    """Sample the default model with some of its sites held at what is known.

    Parameters
    ----------
    design : RatingsDesign or ScoresDesign
    known : dict of str to ndarray
    options : dict of str to int
        Draws, warm-up, chains and seed.

    Returns
    -------
    dict of str to ndarray, shape (chain, draw, ...)
    """
    import jax
    from numpyro.handlers import do

    from vat_bayes.model.backends.numpyro import ratings_model, scores_model
    from vat_bayes.model.chains import Run, run_chains

    ratings = isinstance(design, RatingsDesign)
    model = ratings_model if ratings else scores_model
    # As the package samples scores: sharpness and effects are nearly collinear. With the scales
    # held there is nothing else, and no block to be set apart.
    dense = () if ratings or known else ("level", "theta", "delta", "beta", "lambda_")
    how = Run(
        options["draws"],
        options["tune"],
        options["chains"],
        options["seed"],
        target_accept=0.8,
        dense=dense,
        leave_out=("u_raw", "item_raw", "intercept", "u"),
    )
    with jax.enable_x64(True), threadpool_limits(limits=1, user_api="blas"):
        # Set and not observed: their prior is in the condition's own units, and as an observation
        # would say something of its extremity.
        draws, stats = run_chains(do(model, known), (design, load_spec()), how)
    return draws | {"diverging": stats["diverging"]}


def with_draws(
    tree: xr.DataTree, draws: dict[str, Floats], known: dict[str, Floats]
) -> xr.DataTree:
    """Put other draws in the place of a posterior's, with what was held fixed among them."""
    before = tree["posterior"].to_dataset().drop_vars("u", errors="ignore")
    lengths = tuple(before.sizes[k] for k in ("chain", "draw"))
    after: dict[str, Any] = {}
    for name, variable in before.items():
        values = draws.get(str(name))
        if values is None:
            held = known[str(name)]
            values = np.broadcast_to(held, (*lengths, *held.shape))
        after[str(name)] = (variable.dims, values)
    result = tree.copy()
    result["posterior"] = xr.DataTree(xr.Dataset(after, coords=before.coords))
    result["sample_stats"]["diverging"] = xr.DataArray(draws["diverging"], dims=("chain", "draw"))
    return result


def summary(analysis: str, tree: xr.DataTree, truth: float) -> dict[str, object]:
    """Summarise the gain in points.

    Parameters
    ----------
    analysis : str
    tree : DataTree
    truth : float

    Returns
    -------
    dict
    """
    gain = compute_shifts(tree).points[:, 0, VALUES.index(TARGET)]
    chains = gain.reshape(tree["posterior"].sizes["chain"], -1)
    lo, hi = np.quantile(gain, [0.05, 0.95])
    return {
        "analysis": analysis,
        "mean": float(gain.mean()),
        "sd": float(gain.std()),
        "inside": bool(lo <= truth <= hi),
        "truth": truth,
        "ess": float(az.ess(chains)),
        "rhat": float(az.rhat(chains)),
        "divergent": int(tree["sample_stats"]["diverging"].sum()),
    }


def run_study(
    scenarios: int, readout: Any, seed: int, draws: int, analyses: Sequence[str]
) -> list[dict[str, object]]:
    """Analyse one study by the default model and in other ways.

    Parameters
    ----------
    scenarios : int
    readout : {"ratings", "distribution"}
    seed : int
    draws : int
        Per chain, two chains.
    analyses : sequence of str
        Beside the default.

    Returns
    -------
    list of dict
    """
    world = draw_world(seed=seed, conditions=CONDITIONS)
    made = simulate(scenarios, seed=seed, readout=readout, world=world)
    at = made.truth[(made.truth["estimand"] == "gain") & (made.truth["scale"] == "points")]
    truth = float(at["truth"].iloc[0])
    options = {"draws": draws, "tune": 300, "chains": 2, "seed": seed}

    judgments = load(made.judgments)
    default = fit(judgments, engine="nuts" if readout == "ratings" else "auto", **options)  # type: ignore[arg-type]
    design = prepare(judgments).design
    if readout == "ratings":
        known = known_in(world)
    else:
        many = simulate(MANY, seed=seed, readout=readout, world=world).judgments
        known = known_from(sample(prepare(load(many)).design, {}, options))
    others = {
        "oracle": (design, known),
        "items renamed": (unpaired(design, scenarios=False), {}),
        "two groups": (unpaired(design, scenarios=True), {}),
    }
    rows = [summary("default", default, truth)]
    for name in analyses:
        other, held = others[name]
        tree = with_draws(default, sample(other, held, options), held)
        rows.append(summary(name, tree, truth))
    table = compute_estimands(default).table
    twin = table[(table["estimand"] == "gain_classical") & (table["scale"] == "points")].iloc[0]
    rows.append(
        {
            "analysis": "classical, paired", "mean": twin["mean"], "sd": twin["sd"],
            "inside": bool(twin["lo"] <= truth <= twin["hi"]), "truth": truth,
        }
    )  # fmt: skip
    return [{"readout": readout, "scenarios": scenarios, "seed": seed} | r for r in rows]


def ratios(rows: pd.DataFrame) -> str:
    """Average over the studies and print a Markdown table.

    Parameters
    ----------
    rows : DataFrame
        As `run_study` gives them.

    Returns
    -------
    str
        The sd of every analysis over that of the default: the mean over studies and its standard
        error.
    """
    lines = [
        "| read-out | scenarios | studies | analysis | sd over that of the default | mean sd "
        "| rms error | 90 % intervals that cover |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for readout, scenarios in rows[["readout", "scenarios"]].drop_duplicates().to_numpy():
        group = rows[(rows["readout"] == readout) & (rows["scenarios"] == scenarios)]
        sd = group.pivot(index="seed", columns="analysis", values="sd")
        ratio = sd.div(sd["default"], axis=0)
        for analysis in [a for a in ("default", *ANALYSES, "classical, paired") if a in sd]:
            part = group[group["analysis"] == analysis]
            error = float(np.sqrt(((part["mean"] - part["truth"]) ** 2).mean()))
            middle, spread = ratio[analysis].mean(), ratio[analysis].sem()
            lines.append(
                f"| {readout} | {scenarios} | {len(sd)} | {analysis} | {middle:.3f} ± {spread:.3f} "
                f"| {part['sd'].mean():.3f} | {error:.3f} | {part['inside'].sum()} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run the studies that are not there yet and print the table of all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--readouts", nargs="+", default=["ratings", "distribution"])
    parser.add_argument("--scenarios", type=int, nargs="+", default=[24, 48])
    parser.add_argument("--analyses", nargs="+", choices=ANALYSES, default=ANALYSES)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--draws", type=int, default=600)
    parser.add_argument("--out", type=Path, default=Path("precision.csv"), help="one row per fit")
    options = parser.parse_args()
    rows = pd.read_csv(options.out) if options.out.exists() else pd.DataFrame()
    for seed in range(1, options.seeds + 1):
        for scenarios in options.scenarios:
            for readout in options.readouts:
                if (
                    len(rows)
                    and (
                        (rows["seed"] == seed)
                        & (rows["scenarios"] == scenarios)
                        & (rows["readout"] == readout)
                    ).any()
                ):
                    continue
                found = pd.DataFrame(
                    run_study(scenarios, readout, seed, options.draws, options.analyses)
                )
                rows = pd.concat([rows, found], ignore_index=True)
                rows.to_csv(options.out, index=False)
    print(ratios(rows))


if __name__ == "__main__":
    main()
