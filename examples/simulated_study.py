"""A study whose true effects are known: whether the intervals hold them.

Judgments are simulated from the reference measurement model: two interventions, a placebo and a
retest on 24 scenarios. Every interval is printed beside the true effect, and the last lines count
those that hold it. About nine in ten should; the intervals of one study share their data, so the
number can stray from that.

Run it with ``python examples/simulated_study.py [seed]``.
"""

from __future__ import annotations

import sys

import pandas as pd

import vat_bayes as vb


def main(seed: int) -> None:
    study = vb.simulate(24, seed=seed, readout="distribution")
    posterior = vb.fit(vb.load_judgments(study.judgments), draws=500, tune=400, chains=2, seed=1)
    estimands = vb.compute_estimands(posterior)

    inside = total = 0
    for estimand in ("gain", "tax_rms", "shift"):
        found = vb.against_truth(estimands.table, study.truth, estimand=estimand)
        print(f"\n{estimand}, in rating points")
        with pd.option_context("display.precision", 3):
            print(found.drop(columns="model").to_string(index=False))
        inside += int(found["inside"].sum())
        total += len(found)
    print(f"\n{inside} of {total} true effects lie inside their 90% intervals")

    checks = vb.run_checks(posterior, estimands)
    failed = [c for c in checks if c.verdict == "fail"]
    print("; ".join(f"check failed: {c.check} ({c.why})" for c in failed) or "no check failed")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
    except vb.InputError as error:
        sys.exit(f"error: {error}")
