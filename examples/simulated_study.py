"""A study whose true effects are known: whether the intervals hold them.

Judgments are simulated from the reference measurement model: two interventions, a placebo and a
retest on 24 scenarios. Every interval is printed beside the true effect, and the last lines count
those that hold it. About nine in ten should; the intervals of one study share their data, so the
number can stray from that.

Run it with ``python examples/simulated_study.py [seed]``; the report goes into
``simulated-study``.
"""

from __future__ import annotations

import sys

import pandas as pd

import vat_bayes as vb


def main(seed: int) -> None:
    study = vb.simulate(24, seed=seed, readout="distribution")
    judgments = vb.load_judgments(study.judgments)
    options = vb.FitOptions(draws=500, tune=400, chains=2, seed=1)
    run = vb.fit_run(judgments, "simulated-study", options=options)

    inside = total = 0
    for estimand in ("gain", "tax_rms", "shift"):
        found = vb.against_truth(run.estimands.table, study.truth, estimand=estimand)
        print(f"\n{estimand}, in rating points")
        with pd.option_context("display.precision", 3):
            print(found.drop(columns="model").to_string(index=False))
        inside += int(found["inside"].sum())
        total += len(found)
    print(f"\n{inside} of {total} true effects lie inside their 90% intervals")

    print("; ".join(f"check failed: {c.check} ({c.why})" for c in run.failed) or "no check failed")
    print(f"report: {vb.write_report(run.folder, truth=study.truth)}")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
    except vb.InputError as error:
        sys.exit(f"error: {error}")
