"""What changed in a model's values between two releases, as an audit with a budget.

ValuePortrait holds the ratings that many language models gave to the same items, under several
wordings of the prompt. For each family the earlier release is the baseline and a later one what
became of it; the earlier release under another wording is the retest, which shows what no change
of model shows. A release change is no controlled intervention: there is no target value, so there
is a tax and no gain, and no placebo.

The budget stands in ``release_budget.toml`` and was written before the first fits. Items of
ValuePortrait stand almost alone in their scenarios, which ``release_model.toml`` takes into
account. Releases, wordings and option orders use the labels of the scale unequally; over all
wordings ``release_labels.toml`` has that too. In one wording there is too little to learn it from,
and where the check ``ppc_ratings`` fails, the classical twins are the numbers to read.

The data are not part of this package: ``valueportrait_ratings.csv.gz`` and, beside it,
``valueportrait_items.csv``, from https://github.com/holi-lab/ValuePortrait. They are read where
they lie.

Run it with ``python examples/release_changes.py PATH/valueportrait_ratings.csv.gz``. A family takes
minutes; all of them, one after the other, with ``--family all``. ``--every-wording`` takes all
three wordings in both orders of the options: no wording is left for a retest then, and how much an
effect depends on the wording is part of its error. ``--together`` fits all five release changes so
at once, which is the same posterior as fitting one family after the other, and slower.
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


def of_one_wording(ratings: Path, family: str) -> vb.Judgments:
    """Read one family under the first wording; the second is the retest."""
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
    return imported.judgments()


def of_every_wording(ratings: Path, families: list[str]) -> vb.Judgments:
    """Read families under three wordings in two orders, as several models of one table."""
    parts = [
        vb.import_judgments(
            "valueportrait",
            ratings,
            baseline=FAMILIES[family][0],
            interventions=FAMILIES[family][1],
            model=family,
            prompts="v1,v2,v3",
        )
        for family in families
    ]
    table = pd.concat([p.table for p in parts], ignore_index=True)
    return vb.load_judgments(table, loadings=parts[0].loadings, n_categories=6)


def audit(
    judgments: vb.Judgments, ratings: Path, out: Path, options: vb.FitOptions
) -> vb.FittedRun:
    """Fit, hold the result against the budget and write the report."""
    run = vb.fit_run(judgments, out, options=options, say=print)
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
    for (_, condition), own in table.groupby(["model", "condition"], sort=False):
        rows = own.set_index(["estimand", "value"])
        columns[condition] = [interval(rows, "shift", v) for v in vb.VALUES] + [
            interval(rows, name) for name in ("tax_rms", "tax_rms_classical", "tax_excess_retest")
        ]
    names = [*vb.VALUES, "tax (RMS)", "its classical twin", "beyond the retest"]
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
    parser.add_argument("--every-wording", action="store_true", help="three wordings, no retest")
    parser.add_argument("--together", action="store_true", help="every wording, all in one fit")
    parser.add_argument("--out", type=Path, default=Path("release-changes"))
    parser.add_argument("--draws", type=int, default=1500, help="of each of two chains")
    parser.add_argument("--tune", type=int, default=500, help="warm-up steps of each chain")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    every = given.every_wording or given.together
    options = vb.FitOptions(
        model_file=str(HERE / ("release_labels.toml" if every else "release_model.toml")),
        draws=given.draws,
        tune=given.tune,
        chains=2,
        seed=given.seed,
    )
    if given.together:
        judgments = of_every_wording(given.ratings, list(FAMILIES))
        show(audit(judgments, given.ratings, given.out / "together", options))
        return
    for family in FAMILIES if given.family == "all" else [given.family]:
        if given.every_wording:
            judgments = of_every_wording(given.ratings, [family])
        else:
            judgments = of_one_wording(given.ratings, family)
        show(audit(judgments, given.ratings, given.out / family, options))


if __name__ == "__main__":
    try:
        main()
    except vb.InputError as error:
        sys.exit(f"error: {error}")
