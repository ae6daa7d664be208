"""The published study design with ten interventions and a placebo: seconds, memory, diagnostics.

264 scenarios by 56 sub-values by 2 actions are 29,568 items; with the baseline, ten interventions
and a placebo that is 354,816 ratings. They are drawn from the measurement model with known truth,
and the benchmark also says how far the estimates are from it, in posterior sds: the root mean
square of that should be near 1. Expected scores of the same items, read from the same model, have
no such truth in their own units, and their fit is exact with either engine.

    python -m benchmarks.full_design --engine fast
    python -m benchmarks.full_design --engine fast --engine nuts --scenarios 60
    python -m benchmarks.full_design --readout distribution

Each engine runs in a process of its own. With several, the ratio of their seconds is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import expit

from vat_bayes.conditions import Condition
from vat_bayes.judgments import Judgments, load_judgments
from vat_bayes.model import fit
from vat_bayes.simulate import World, draw_world
from vat_bayes.values import SURVEY_ITEMS, VALUES

# In logits; single ratings, which have noise of their own, are drawn without.
ITEM_BY_CONDITION = 0.3
BASELINE, PLACEBO = Condition("baseline", "baseline"), Condition("placebo", "placebo")


def conditions(interventions: int) -> tuple[Condition, ...]:
    """Return the baseline, so many interventions with one target each, and the placebo."""
    promoted = tuple(
        Condition(f"promote-{v}", "intervention", (v,), placebo="placebo")
        for v in VALUES[:interventions]
    )
    return (BASELINE, *promoted, PLACEBO)


def study(scenarios: int, interventions: int, seed: int, readout: str) -> tuple[Judgments, World]:
    """Draw the ratings of the design, or take the distributions that they are drawn from."""
    design = conditions(interventions)
    world = draw_world(seed=seed, conditions=design)
    rng = np.random.default_rng([seed, 56])
    # The 56 items of the 1992 form of the survey, each where the theory expected it.
    named = [(s.name, s.theory) for s in SURVEY_ITEMS if s.theory is not None and s.number <= 56]
    value = np.repeat([VALUES.index(v) for _, v in named], 2)
    sign = np.tile([1, -1], len(named))
    alpha = rng.normal(0, world.alpha_scale, (scenarios, len(VALUES)))
    kappa = rng.normal(0, world.kappa_scale, (scenarios, len(value)))
    place = [f"s{s:03d}" for s in range(scenarios)]
    item = [f"{s}/{n}{p:+d}" for s in place for n, _ in named for p in (1, -1)]
    parts = []
    for i, condition in enumerate(design):
        root = np.linalg.cholesky(world.coupling[i])
        u = world.u_scale[i] * (rng.normal(size=alpha.shape) @ root.T)
        effect = (world.theta + alpha + world.delta[i] + u)[:, value]
        eta = effect * sign + kappa + world.beta[i]
        if readout == "distribution":
            # What a condition does to a single item; without it scores would have no noise.
            eta += rng.normal(0, ITEM_BY_CONDITION, eta.shape)
        below = expit((world.cutpoint - eta[..., None]) * np.exp(world.lambda_[i]))
        if readout == "ratings":
            rating = 1 + (rng.random((*eta.shape, 1)) > below).sum(-1)
            read = {"rating": rating.ravel()}
        else:
            chance = np.diff(below, prepend=0.0, append=1.0).reshape(eta.size, -1)
            read = {f"p{k + 1}": p for k, p in enumerate(chance.T)}
            read |= {"rating": chance.argmax(1) + 1, "p_valid": np.ones(eta.size)}
        part = pd.DataFrame(
            {
                "model": "simulated",
                "condition": condition.name,
                "item": item,
                "scenario": np.repeat(place, len(value)),
                "value": np.tile(np.array(VALUES)[value], scenarios),
                "polarity": np.tile(sign, scenarios),
                **read,
            }
        )
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return load_judgments(table, conditions=design, n_categories=5), world


def measure(engine: str, asked: argparse.Namespace) -> dict[str, object]:
    """Fit in this process."""
    judgments, world = study(asked.scenarios, asked.interventions, asked.seed, asked.readout)
    wall, cpu = time.perf_counter(), time.process_time()
    tree = fit(
        judgments,
        engine=engine,  # type: ignore[arg-type]
        draws=asked.draws,
        tune=asked.tune,
        chains=asked.chains,
        seed=asked.seed,
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    moments = against_truth(tree, world) if asked.readout == "ratings" else {}
    return {
        "ratings": len(judgments.table),
        "seconds": wall,
        "cpu": cpu,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "draws": asked.draws * asked.chains,
        "divergent": int(tree["sample_stats"]["diverging"].sum()),
        "attributes": {
            k: v for k, v in tree.attrs.items() if str(k).startswith(("fast", "engine"))
        },
        "ess": fewest_effective(tree),
        "moments": moments,
    }


def against_truth(tree: xr.DataTree, world: World) -> dict[str, list[list[float]]]:
    """Return posterior mean, sd and truth of every kind of parameter."""
    moments = {}
    for name, truth in (
        ("theta", world.theta),
        ("delta", world.delta[1:]),
        ("beta", world.beta[1:]),
        ("lambda_", world.lambda_[1:]),
        ("u_scale", world.u_scale[1:]),
        ("coupling", world.coupling[1:]),
        ("alpha_scale", np.array(world.alpha_scale)),
        ("kappa_scale", np.array(world.kappa_scale)),
        ("cutpoint", world.cutpoint),
    ):
        x = tree["posterior"][name]
        mean, sd = (np.asarray(f(("chain", "draw"))).ravel() for f in (x.mean, x.std))
        free = sd > 1e-9
        moments[name] = [v[free].tolist() for v in (mean, sd, np.asarray(truth).ravel())]
    return moments


def fewest_effective(tree: xr.DataTree) -> dict[str, float]:
    """Count the effective draws of the worst entry of every kind of parameter."""
    parameters = tree["posterior"].to_dataset().drop_vars("u", errors="ignore")
    return {str(k): float(np.nanmin(v.values)) for k, v in az.ess(parameters).data_vars.items()}


def distance(one: list[list[float]], other: list[list[float]]) -> str:
    """Say how far two fits are apart: means in sds of the second, and the sds' ratio."""
    (mean, sd, _), (reference, scale, _) = (np.array(x) for x in (one, other))
    off = (mean - reference) / scale
    size, most = np.sqrt((off**2).mean()), np.abs(off).max()
    return f"{size:.2f} (at most {most:.2f}), {np.mean(sd / scale):.2f}"


def main() -> None:
    """Run the measurement from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", action="append", choices=("fast", "nuts", "auto"))
    parser.add_argument("--readout", choices=("ratings", "distribution"), default="ratings")
    parser.add_argument("--scenarios", type=int, default=264)
    parser.add_argument("--interventions", type=int, default=10, help="at most 10")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--apart", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    engines = asked.engine or ["fast"]
    if asked.apart:
        print(json.dumps(measure(engines[0], asked), default=float))
        return
    seconds, fitted = {}, {}
    for engine in engines:
        options = [f"--{k}={v}" for k, v in vars(asked).items() if k not in ("engine", "apart")]
        command = [sys.executable, "-m", "benchmarks.full_design", "--apart", "--engine", engine]
        busy = os.getloadavg()[0]
        done = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        seconds[engine] = found["seconds"]
        print(
            f"{engine}: {found['ratings']} judgments, {found['draws']} draws in "
            f"{found['seconds']:.1f} s ({found['cpu']:.1f} processor seconds; load at the start "
            f"{busy:.1f}), {found['mib']:.0f} MiB, {found['divergent']} divergent"
        )
        for name, value in found["attributes"].items():
            print(f"  {name}: {value:.3g}" if isinstance(value, float) else f"  {name}: {value}")
        worst = sorted(found["ess"].items(), key=lambda x: x[1])
        print("  fewest effective draws:", ", ".join(f"{name} {n:.0f}" for name, n in worst))
        off = ", ".join(
            f"{name} {np.sqrt(np.mean(((np.array(mean) - truth) / sd) ** 2)):.2f}"
            for name, (mean, sd, truth) in found["moments"].items()
        )
        if off:
            print(f"  estimates less truth in posterior sds, root mean square: {off}", flush=True)
        fitted[engine] = found["moments"]
    if len(seconds) > 1:
        first, *rest = engines
        for other in rest:
            print(f"seconds {other} / {first}: {seconds[other] / seconds[first]:.1f}")
            print(f"means of {first} less those of {other} in its sds, rms, and ratio of sds:")
            for name, one in fitted[first].items():
                print(f"  {name}: {distance(one, fitted[other][name])}")


if __name__ == "__main__":
    main()
