"""What changed in a model's values between two releases, from public ratings.

ValuePortrait holds the ratings that many language models gave to the same items. Here
``deepseek-chat`` is the baseline and ``deepseek-r1`` what became of it; the baseline model under
another wording of the prompt is the retest. This is a release change and no controlled
intervention: there is no target value, so there is a tax and no gain.

The data are not part of this package: ``valueportrait_ratings.csv.gz`` and
``valueportrait_items.csv``, from https://github.com/holi-lab/ValuePortrait. The script looks for
them in ``$VAT_BAYES_SHARED/data`` and in ``shared/data`` beside the project.

Run it with ``python examples/release_changes.py``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd

import vat_bayes as vb

FILES = ("valueportrait_ratings.csv.gz", "valueportrait_items.csv")


def data_folder() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("VAT_BAYES_SHARED") or beside) / "data"
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise vb.InputError(
            f"this example needs {' and '.join(missing)}",
            where=str(folder),
            hint="set VAT_BAYES_SHARED to the folder whose data/ holds the ValuePortrait files",
        )
    return folder


def main() -> None:
    imported = vb.import_judgments(
        "valueportrait",
        data_folder(),
        baseline="deepseek-chat",
        interventions="deepseek-r1",
        retest=True,
    )
    judgments = imported.judgments()
    for note in judgments.notes:
        print(f"note: {note}")
    print(vb.describe(judgments)[["condition", "role", "rows", "mean_rating"]].to_string())

    posterior = vb.fit(judgments, draws=500, tune=500, chains=2, seed=1)
    estimands = vb.compute_estimands(posterior)
    table = estimands.table[estimands.table["scale"] == "points"].set_index("condition")
    for condition in ("deepseek-r1", "retest"):
        rows = table.loc[condition].set_index(["estimand", "value"])
        print(
            f"\n{condition} against deepseek-chat, in rating points (6-point scale), 90% intervals"
        )
        for value in vb.VALUES:
            print(f"  {value:15s} {interval(rows.loc[('shift', value)])}")
        print(f"  {'tax (RMS)':15s} {interval(rows.loc[('tax_rms', '')])}")
    excess = table.loc["deepseek-r1"].set_index("estimand").loc["tax_excess_retest"]
    print(f"\ntax in excess of the retest: {interval(excess)}")

    failed = [c for c in vb.run_checks(posterior, estimands) if c.verdict == "fail"]
    for check in failed:
        print(f"check failed: {check.check} ({check.why})")
    if not failed:
        print("no check failed")


def interval(row: pd.Series) -> str:
    return f"{row['mean']:+.2f} [{row['lo']:+.2f}, {row['hi']:+.2f}]"


if __name__ == "__main__":
    try:
        main()
    except vb.InputError as error:
        sys.exit(f"error: {error}")
