"""Coverage of the intervals over simulated studies with known truth.

Writes ``docs/calibration.md``. Each study draws new parameters, new scenarios and new judgments,
fits them with the real sampler and asks which 90 % intervals contain the truth. ``ratings`` are
drawn from the model that is fitted. ``distribution`` is a study of misspecification: the expected
scores come from the ordinal model, with its floor, ceiling and unequal spread, and are fitted by
the normal one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import beta

from vat_bayes.checks import gate, run_checks
from vat_bayes.conditions import Condition
from vat_bayes.estimands import compute_estimands
from vat_bayes.judgments import load_judgments
from vat_bayes.model import fit
from vat_bayes.simulate import draw_world, simulate

CONDITIONS = (
    Condition("baseline", "baseline"),
    Condition("promote", "intervention", ("benevolence",), placebo="placebo"),
    Condition("placebo", "placebo"),
)
REPORTED = (
    "gain", "shift", "tax_rms", "tax_excess", "tax_displacement", "nvat_offdiag", "coupling",
    "style_acquiescence", "style_extremity", "gain_classical", "shift_classical",
    "tax_rms_classical", "tax_excess_classical",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One simulated study.

    Parameters
    ----------
    readout : {"ratings", "distribution"}
    scenarios, seed : int
    null : bool
        Whether the intervention does exactly what the placebo does.
    """

    readout: str
    scenarios: int
    seed: int
    null: bool = False


def run_study(job: Job) -> pd.DataFrame:
    """Simulate, fit and compare one study.

    Parameters
    ----------
    job : Job

    Returns
    -------
    DataFrame
        One row per estimand with a truth: interval, truth and whether it is inside.
    """
    world = draw_world(seed=job.seed, conditions=CONDITIONS)
    if job.null:
        # The intervention gets the placebo's own effects, so the true excess is exactly zero.
        delta, scale = world.delta.copy(), world.u_scale.copy()
        delta[1], scale[1] = delta[2], scale[2]
        zero = np.zeros_like(world.beta)
        world = replace(world, delta=delta, u_scale=scale, beta=zero, lambda_=zero)
    simulated = simulate(job.scenarios, seed=job.seed, readout=job.readout, world=world)
    tree = fit(
        load_judgments(simulated.judgments, n_categories=5),
        seed=job.seed, draws=400, tune=500, chains=2,
    )  # fmt: skip
    estimands = compute_estimands(tree)
    checks = run_checks(tree, estimands)
    table = gate(estimands, checks).table
    truth = simulated.truth
    twins = truth[truth["estimand"].isin(("gain", "shift", "tax_rms", "tax_excess"))].copy()
    twins = twins[twins["scale"] == "points"]
    twins["estimand"] += "_classical"
    keys = ["condition", "estimand", "value", "scale"]
    both = pd.concat([truth, twins]).merge(table, on=keys, how="inner")
    both = both[both["estimand"].isin(REPORTED)]
    return both.assign(
        readout=job.readout,
        scenarios=job.scenarios,
        seed=job.seed,
        null=job.null,
        inside=(both["lo"] <= both["truth"] + 1e-12) & (both["truth"] <= both["hi"] + 1e-12),
        failed=any(c.verdict == "fail" for c in checks),
    )


def binomial(inside: int, n: int) -> tuple[float, float]:
    """95 % Clopper-Pearson bounds of a proportion."""
    lo = beta.ppf(0.025, inside, n - inside + 1) if inside else 0.0
    hi = beta.ppf(0.975, inside + 1, n - inside) if inside < n else 1.0
    return float(lo), float(hi)


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Count coverage by read-out, number of scenarios, estimand and scale.

    Studies are the units of the bounds: ten shifts of one study are not ten independent trials, so
    the bounds are computed from the number of studies.
    """
    out = []
    usable = rows.dropna(subset=["lo", "truth"])
    grouped = usable.groupby(["readout", "scenarios", "null", "estimand", "scale"])
    for (readout, scenarios, null, estimand, scale), group in grouped:
        studies = group["seed"].nunique()
        share = group["inside"].mean()
        lo, hi = binomial(round(share * studies), studies)
        out.append(
            {
                "read-out": readout,
                "S": scenarios,
                "null": "yes" if null else "no",
                "estimand": estimand,
                "scale": scale,
                "coverage": f"{share:.3f}",
                "intervals": len(group),
                "bounds by study": f"{lo:.2f}-{hi:.2f}",
                "mean error": f"{(group['median'] - group['truth']).mean():+.3f}",
                "mean width": f"{(group['hi'] - group['lo']).mean():.3f}",
            }
        )
    return pd.DataFrame(out)


def false_alarms(rows: pd.DataFrame) -> pd.DataFrame:
    """How often a null study has P(tax_excess > 0) above .95."""
    out = []
    null = rows[rows["null"] & rows["estimand"].isin(("tax_excess", "tax_excess_classical"))]
    for (readout, scenarios, estimand), group in null.groupby(["readout", "scenarios", "estimand"]):
        alarms = int((group["p_positive"] > 0.95).sum())
        lo, hi = binomial(alarms, len(group))
        out.append(
            {
                "read-out": readout,
                "S": scenarios,
                "estimand": estimand,
                "studies": len(group),
                "P > .95": f"{alarms / len(group):.3f}",
                "bounds": f"{lo:.3f}-{hi:.3f}",
            }
        )
    return pd.DataFrame(out)


def markdown(table: pd.DataFrame) -> str:
    """Write a table as Markdown."""
    if table.empty:
        return "(none)"
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)


def write_report(rows: pd.DataFrame, out: Path, *, seconds: float, command: str) -> None:
    """Write ``calibration.md`` and the rows behind it."""
    out.mkdir(parents=True, exist_ok=True)
    failed = rows.groupby(["readout", "scenarios", "null", "seed"])["failed"].first()
    text = f"""# Calibration

Written by `{command}` in {seconds / 60:.0f} minutes. 90 % intervals against known truth; every
study has new parameters, scenarios and judgments, and is fitted by the real sampler (NumPyro, 2
chains of 400 draws after 500).

`ratings` are drawn from the fitted model. `distribution` is misspecified on purpose: expected
scores from the ordinal model, fitted by the normal one. A study that fails a convergence check is
not counted as covering anything; {int(failed.sum())} of {len(failed)} studies failed a check of any
kind.

## Coverage

{markdown(summarise(rows))}

`mean error` is the mean of posterior median minus truth. `tax_displacement` is not expected to
cover near zero: it is biased upward by noise, which is what its floor is for. The coupling of
`distribution` studies has no truth on its own scale and is left out.

## False alarms

Studies in which the intervention has exactly the effects of its placebo.

{markdown(false_alarms(rows))}
"""
    (out / "calibration.md").write_text(text, encoding="utf-8")


def jobs(studies: int, scenarios: Iterable[int], readouts: Iterable[str], seed: int) -> list[Job]:
    """All studies: for each setting half as many nulls again."""
    found = []
    for readout in readouts:
        for s in scenarios:
            found += [Job(readout, s, seed + i) for i in range(studies)]
            found += [Job(readout, s, seed + 10_000 + i, null=True) for i in range(studies // 2)]
    return found


def main() -> None:
    """Run the validation from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--scenarios", type=int, nargs="+", default=[24, 48, 96])
    parser.add_argument("--readouts", nargs="+", default=["ratings", "distribution"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    start = time.perf_counter()
    todo = jobs(options.studies, options.scenarios, options.readouts, options.seed)
    done: list[pd.DataFrame] = []
    with ProcessPoolExecutor(options.workers, max_tasks_per_child=25) as pool:
        for i, rows in enumerate(pool.map(run_study, todo), 1):
            done.append(rows)
            passed = time.perf_counter() - start
            print(f"{i} of {len(todo)} studies, {passed / 60:.1f} min", flush=True)
    command = (
        f"python -m benchmarks.validate --studies {options.studies} --scenarios "
        f"{' '.join(map(str, options.scenarios))} --readouts {' '.join(options.readouts)} "
        f"--seed {options.seed}"
    )
    write_report(pd.concat(done), options.out, seconds=time.perf_counter() - start, command=command)
    print(options.out / "calibration.md")


if __name__ == "__main__":
    main()
