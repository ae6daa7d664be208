"""The demonstration through the API: collect, fit, check and report, step by step.

It audits the embedded judge, a small language model whose true effects are known, and needs no
download. The same in one line on the command line is ``vat-bayes demo``.

Run it with ``python examples/demo_study.py``; the results go into ``vat-demo-api``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from rich.console import Console

import vat_bayes as vb
from vat_bayes.collect import progress_for
from vat_bayes.demo import demo_truth

HERE = Path(__file__).resolve().parent


def main() -> None:
    study = vb.load_study(HERE / "demo_study.toml")
    truth = demo_truth()

    run = vb.collect(study, out="vat-demo-api", progress=progress_for(sys.stderr))
    judgments = vb.load_judgments(run.root)
    print(vb.describe(judgments)[["condition", "role", "rows", "mean_rating"]].to_string())

    fitted = vb.fit_run(run.root, say=print)
    page = vb.write_report(run.root, truth=truth)
    Console(width=120).print(vb.format_table(fitted.estimands.table))

    interventions = [c.name for c in study.conditions if c.role == "intervention"]
    shifts = vb.against_truth(fitted.estimands.table, truth)
    shifts = shifts[shifts["condition"].isin(interventions)]
    with pd.option_context("display.precision", 3):
        print(shifts.drop(columns="model").to_string(index=False))
    print(f"{shifts['inside'].sum()} of {len(shifts)} true shifts lie inside their 90% intervals")
    print(f"report: {page}")


if __name__ == "__main__":
    try:
        main()
    except vb.InputError as error:
        sys.exit(f"error: {error}")
