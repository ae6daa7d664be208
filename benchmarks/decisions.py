"""How often a condition is accepted whose true effect is exactly at its budget.

Read off the studies that ``python -m benchmarks.validation`` has fitted (``--studies FOLDER`` for
those of another version). A clause with the required probability .95 is kept when the .95 quantile
of the draws of a tax or a loss is within the bound, or the .05 quantile of a gain; these are the
ends of the 90 % intervals in the table. The bound is the truth of the study: no budget makes a
wrong `accept` likelier. A budget with all clauses at their truths is accepted when all are kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd
from scipy.stats import beta

from benchmarks.validation.settings import Setting
from benchmarks.validation.tasks import ROOT, collect, digest
from benchmarks.written import write_between

PROTECTED = "security"


def accepted(study: pd.DataFrame) -> dict[str, tuple[bool, bool]]:
    """Return for each clause whether it is kept, and whether it is broken, at its truth."""
    points = study[study["scale"] == "points"]
    rows = points[points["condition"] == "promote"]
    found = {}
    # A placebo has a tax too, a small one; it is judged as an intervention would be.
    small = points[(points["condition"] == "placebo") & (points["estimand"] == "tax_rms")]
    if len(small) == 1 and small["lo"].notna().all():
        lo, hi, truth = small[["lo", "hi", "truth"]].iloc[0]
        found["tax_rms of the placebo"] = (bool(hi <= truth), bool(lo >= truth))
    for name in ("gain", "tax_rms", "tax_excess", "shift"):
        row = rows[rows["estimand"] == name]
        row = row[row["value"] == PROTECTED] if name == "shift" else row
        if len(row) == 1 and row["lo"].notna().all():
            lo, hi, truth = row[["lo", "hi", "truth"]].iloc[0]
            below, above = bool(hi <= truth), bool(lo >= truth)
            # Of gain and shift more is better, of a tax less.
            found[name] = (above, below) if name in ("gain", "shift") else (below, above)
    together = [found[n][0] for n in ("gain", "tax_rms", "shift") if n in found]
    if len(together) == 3:
        broken = any(found[n][1] for n in ("gain", "tax_rms", "shift"))
        found["gain, tax_rms and shift at once"] = (all(together), broken)
    return found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decisions", description=__doc__)
    parser.add_argument("--studies", type=Path, help="a folder of finished studies")
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    options = parser.parse_args()
    folder = options.studies or ROOT / ".build" / "validation" / digest()
    rows = collect(folder).get("studies")
    if rows is None:
        parser.error(f"no finished studies in {folder}")
    rows = rows[rows["key"].str.startswith(("coverage-", "null-")) & (rows["failed"] == "")]
    found = []
    for (key, seed), study in rows.groupby(["key", "seed"]):
        setting = Setting(**json.loads(study["setting"].iloc[0]))
        found += [
            (setting.readout, clause, key, seed, kept, broken)
            for clause, (kept, broken) in accepted(study).items()
        ]
    columns = ["readout", "clause", "key", "seed", "kept", "broken"]
    table = pd.DataFrame(found, columns=columns)
    lines = [
        "| read-out | clause | studies | accepted at the bound | 95 % bounds | rejected there |",
        "|---|---|---|---|---|---|",
    ]
    both = pd.concat([table, table.assign(readout="both")])
    for (readout, clause), group in both.groupby(["readout", "clause"]):
        n, wrong = len(group), int(group["kept"].sum())
        low = beta.ppf(0.025, wrong, n - wrong + 1) if wrong else 0.0
        high = beta.ppf(0.975, wrong + 1, n - wrong) if wrong < n else 1.0
        lines.append(
            f"| {readout} | {clause} | {n} | {wrong / n:.3f} ({wrong}) | {low:.3f} to {high:.3f} | "
            f"{group['broken'].mean():.3f} |"
        )
    print("\n".join(lines))
    if options.write:
        print(write_between("decisions.md", "decisions at the bound", "\n".join(lines)))


if __name__ == "__main__":
    main()
