"""What a fit costs when rows grow and cells do not.

The same items under the same conditions are rated ten or a hundred times each. Ratings of one cell
are exchangeable and their counts sufficient, so ten times the rows should cost next to nothing.
Items that are rated once are another model, without an effect of the item under its condition. It
prints a Markdown table of ratios, measured in one run.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from threadpoolctl import threadpool_limits

from vat_bayes.judgments import load_judgments
from vat_bayes.model import fit
from vat_bayes.simulate import simulate


def measure(scenarios: int, replicates: int, draws: int) -> dict[str, float]:
    """Fit twice, so that the second fit compiles nothing, and time the second.

    Parameters
    ----------
    scenarios, replicates, draws : int

    Returns
    -------
    dict of str to float
        Rows, seconds to read them into cells, and microseconds for a step of the sampler.
    """
    table = simulate(scenarios, seed=1, replicates=replicates).judgments
    start = time.perf_counter()
    judgments = load_judgments(table, n_categories=5)
    read = time.perf_counter() - start
    options = {"engine": "nuts", "draws": draws, "tune": draws, "chains": 1, "seed": 1}
    fit(judgments, **options)
    tree = fit(judgments, **options)
    steps = float(np.sum(tree["sample_stats"]["n_steps"].values))
    # Warm-up steps are not kept; they are as many transitions of about the same length.
    return {
        "rows": float(len(table)),
        "read": read,
        "step": 1e6 * float(tree.attrs["seconds"]) / (2 * steps),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rows", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=48)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--replicates", type=int, nargs="+", default=[10, 100])
    options = parser.parse_args()
    print("| rows | ratings per cell | seconds to read | time of a step, times the row before |")
    print("|---|---|---|---|")
    before = None
    with threadpool_limits(limits=1, user_api="blas"):
        for replicates in options.replicates:
            found = measure(options.scenarios, replicates, options.draws)
            ratio = "" if before is None else f"{found['step'] / before:.2f}"
            before = found["step"]
            print(f"| {found['rows']:.0f} | {replicates} | {found['read']:.2f} | {ratio} |")


if __name__ == "__main__":
    main()
