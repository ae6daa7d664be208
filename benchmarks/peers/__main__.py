"""Fit the same simulated ratings with this project and with its peers, and print a table.

Needs what is locked in ``benchmarks/peers/requirements.lock``; ``make peers`` installs it beside
the project's own environment and runs this.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from importlib import import_module

import arviz as az
import numpy as np
import pandas as pd

from benchmarks.peers.study import Answer, Study, make_study

PEERS = ("nuts", "fast", "per-row PyMC", "bambi", "hibayes form", "mixed model")
WANTED = 400


def _runner(peer: str, draws: int, seed: int) -> Callable[[Study], Answer]:
    # Imported here: an environment may lack some of them.
    if peer in ("nuts", "fast"):
        run = import_module("benchmarks.peers.ours").run
        return partial(run, draws=draws, seed=seed, engine=peer)
    if peer == "mixed model":
        return import_module("benchmarks.peers.mixed").run  # type: ignore[no-any-return]
    names = {"per-row PyMC": "per_row", "bambi": "bambi_model", "hibayes form": "ordered_logistic"}
    run = import_module(f"benchmarks.peers.{names[peer]}").run
    return partial(run, draws=draws, seed=seed)


def row(peer: str, study: Study, answer: Answer) -> dict[str, object]:
    """Judge one answer.

    Parameters
    ----------
    peer : str
    study : Study
    answer : Answer

    Returns
    -------
    dict
        Seconds, the smallest effective sample size of a shift, and how many intervals cover.
    """
    ess, rhat = np.nan, np.nan
    if answer.shifts is not None:
        dataset = az.convert_to_dataset({"shift": answer.shifts})
        ess, rhat = float(az.ess(dataset)["shift"].min()), float(az.rhat(dataset)["shift"].max())
    lo, hi = answer.interval
    return {
        "peer": peer,
        "ratings": len(study.rows),
        "seconds": answer.seconds,
        "sampling": answer.sampling,
        "ess": ess,
        "rhat": rhat,
        "to 400": answer.seconds - answer.sampling + answer.sampling * max(1.0, WANTED / ess)
        if np.isfinite(ess)
        else answer.seconds,
        "per draw": answer.sampling / ess,
        "inside": int(((lo <= study.truth) & (study.truth <= hi)).sum()),
        "of": len(study.truth),
        "width": float((hi - lo).mean()),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=24, help="60 cells each")
    parser.add_argument("--replicates", type=int, default=1, help="ratings of each cell")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS)
    options = parser.parse_args()
    rows = []
    for seed in range(1, options.seeds + 1):
        study = make_study(options.scenarios, seed, options.replicates)
        for peer in options.peers:
            rows.append(row(peer, study, _runner(peer, options.draws, seed)(study)))
            print(" ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
                           for k, v in rows[-1].items()), flush=True)  # fmt: skip
    print(_summary(pd.DataFrame(rows), options.seeds))


def _summary(rows: pd.DataFrame, seeds: int) -> str:
    """Medians over the seeds, times as multiples of the first peer's, as a Markdown table."""
    lines = [
        f"{rows['ratings'].iloc[0]} ratings, {seeds} studies, two chains",
        "",
        "| | time to 400 effective draws | time per effective draw | largest R-hat "
        "| intervals that cover | mean width |",
        "|---|---|---|---|---|---|",
    ]
    first = None
    for peer, group in rows.groupby("peer", sort=False):
        middle = group[["to 400", "per draw", "rhat", "width"]].median()
        first = middle if first is None else first
        lines.append(
            f"| {peer} | {middle['to 400'] / first['to 400']:.2g} | "
            f"{middle['per draw'] / first['per draw']:.2g} | {middle['rhat']:.3f} | "
            f"{group['inside'].sum()} of {group['of'].sum()} | {middle['width']:.3f} |"
        )
    return "\n".join(lines).replace(" nan |", " |")


if __name__ == "__main__":
    main()
