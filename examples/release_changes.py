"""What changed in a model's values between two releases, as an audit with a budget.

ValuePortrait holds the ratings that many language models gave to the same items, under several
wordings of the prompt. For each family the earlier release is the baseline and a later one what
became of it; the earlier release under another wording is the retest, which shows what no change
of model shows. A release change is no controlled intervention: there is no target value, so there
is a tax and no gain, and no placebo.

The budget stands in ``release_budget.toml`` and was written before the fits. Items of ValuePortrait
stand almost alone in their scenarios, which ``release_model.toml`` takes into account.

The data are not part of this package: ``valueportrait_ratings.csv.gz`` and, beside it,
``valueportrait_items.csv``, from https://github.com/holi-lab/ValuePortrait. They are read where
they lie.

Run it with ``python examples/release_changes.py PATH/valueportrait_ratings.csv.gz``. A family takes
about a minute; all of them with ``--family all``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

import vat_bayes as vb

HERE = Path(__file__).resolve().parent
# The earlier release and the later ones.
FAMILIES = {
    "deepseek": ("deepseek-chat", "deepseek-r1"),
    "gemini": ("gemini-2.0-flash-001", "gemini-2.0-flash-thinking-exp-01-21"),
    "mistral": ("mistral-small", "mistral-small-24b-instruct-2501"),
    "qwen": ("qwen-turbo", "qwen-plus,qwen-max"),
}


def audit(ratings: Path, family: str, out: Path, options: vb.FitOptions) -> vb.FittedRun:
    """Import one family, fit it, hold it against the budget and write the report."""
    before, after = FAMILIES[family]
    imported = vb.import_judgments(
        "valueportrait",
        ratings,
        baseline=before,
        interventions=after,
        model=family,
        prompts="v1",
        retest=True,
        retest_prompts="v2",
    )
    run = vb.fit_run(imported.judgments(), out / family, options=options, say=print)
    items = vb.load_items("valueportrait", ratings.with_name("valueportrait_items.csv"))
    items.table.to_parquet(run.folder / "items.parquet")  # the report shows their texts
    for decision in vb.decide_run(run.folder, HERE / "release_budget.toml"):
        print(f"{decision.condition}: {decision.verdict}. {decision.why}")
    vb.report_run(run.folder)
    return run


def show(run: vb.FittedRun) -> None:
    """Print which values moved, the tax, and what of it is beyond the retest."""
    table = run.to_dataframe()
    table = table[table["scale"] == "points"]
    columns = {}
    for condition in table["condition"].unique():
        rows = table[table["condition"] == condition].set_index(["estimand", "value"])
        columns[condition] = [interval(rows, "shift", v) for v in vb.VALUES] + [
            interval(rows, "tax_rms"),
            interval(rows, "tax_excess_retest"),
        ]
    names = [*vb.VALUES, "tax (RMS)", "beyond the retest"]
    print("\nrating points on a six-point scale, 90% intervals")
    print(pd.DataFrame(columns, index=names).to_string())
    for check in run.failed:
        print(f"check failed: {check.check} ({check.why})")
    print(f"report: {run.folder / 'report.html'}")


def interval(rows: pd.DataFrame, estimand: str, value: str = "") -> str:
    """Return one number with its interval; a dash where there is none."""
    if (estimand, value) not in rows.index:
        return "-"
    row = rows.loc[(estimand, value)]
    if pd.isna(row["mean"]):
        return str(row["status"])
    return f"{row['mean']:+.2f} [{row['lo']:+.2f}, {row['hi']:+.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ratings", type=Path, help="valueportrait_ratings.csv.gz")
    parser.add_argument("--family", default="deepseek", choices=[*FAMILIES, "all"])
    parser.add_argument("--out", type=Path, default=Path("release-changes"))
    parser.add_argument("--draws", type=int, default=750, help="of each of two chains")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    options = vb.FitOptions(
        model_file=str(HERE / "release_model.toml"),
        draws=given.draws,
        tune=500,
        chains=2,
        seed=given.seed,
    )
    for family in FAMILIES if given.family == "all" else [given.family]:
        show(audit(given.ratings, family, given.out, options))


if __name__ == "__main__":
    try:
        main()
    except vb.InputError as error:
        sys.exit(f"error: {error}")
