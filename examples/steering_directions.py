"""What steering a model along one direction does to its values, from somebody else's scores.

Steering directions of a sparse autoencoder in gemma-2b-it, the same role-played persons before and
after, and a score in [-1, 1] for each person and value. The values are those of another theory:
which of them stands for which of Schwartz's is this script's judgement, written down below and
easily changed. The persons are the scenarios. There is no rating to model, so the scores are
analysed as expected scores.

The data are not part of this package: ``sae_steering.csv.gz``, from the ValueCausalGraph project
(https://github.com/bigai-nlco/ValueCausalGraph). They are read where they lie.

Run it with ``python examples/steering_directions.py PATH/sae_steering.csv.gz``; the report goes
into ``steering-directions``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import vat_bayes as vb

DIRECTIONS = (1312, 8387)
VALUES = {
    "Achievement": "achievement",
    "Empathy": "benevolence",
    "Religious": "tradition",
    "Political": "power",
    "Uncertainty Avoidance": "security",
    "Breadth of Interest": "self-direction",
    "Understanding": "universalism",
}


def prepared(scores: Path, folder: Path) -> Path:
    """Keep the chosen directions, and name what the importer can't guess."""
    raw = pd.read_csv(scores)
    keep = (raw["model"] == "gemma-2b-it") & (raw["split"] == "train")
    raw = raw[keep & (raw["player_name"] != "(none)") & raw["steer_dim"].isin([-1, *DIRECTIONS])]
    steered = raw["steer_dim"] >= 0
    raw = raw.assign(
        condition=np.where(steered, "direction-" + raw["steer_dim"].astype(str), "unsteered"),
        role=np.where(steered, "intervention", "baseline"),
        item=raw["player_name"] + "/" + raw["value"],
    )
    path = folder / "steering.csv"
    raw.to_csv(path, index=False)
    return path


def main(scores: Path) -> None:
    if not scores.is_file():
        raise vb.InputError("no such file, expected sae_steering.csv.gz", where=str(scores))
    with tempfile.TemporaryDirectory() as folder:
        imported = vb.import_judgments(
            "table",
            prepared(scores, Path(folder)),
            columns={"rating": "score", "scenario": "player_name"},
            fill={"polarity": "1"},
            value_labels=VALUES,
            score_range=(-1, 1),
        )
        judgments = imported.judgments()
    for note in judgments.notes:
        print(f"note: {note}")

    options = vb.FitOptions(draws=1000, tune=1000, chains=2, seed=1)
    run = vb.fit_run(judgments, "steering-directions", options=options)
    table = run.estimands.table[run.estimands.table["scale"] == "points"]
    for direction in DIRECTIONS:
        rows = table[table["condition"] == f"direction-{direction}"]
        rows = rows.set_index(["estimand", "value"])
        print(f"\ndirection {direction}, as a share of the score's range, 90% intervals")
        for value in VALUES.values():
            mine, twin = rows.loc[("shift", value)], rows.loc[("shift_classical", value)]
            print(
                f"  {value:15s} {mine['mean']:+.3f} [{mine['lo']:+.3f}, {mine['hi']:+.3f}]   "
                f"paired mean difference {twin['mean']:+.3f}"
            )
        tax = rows.loc[("tax_rms", "")]
        print(f"  {'tax (RMS)':15s} {tax['mean']:+.3f} [{tax['lo']:+.3f}, {tax['hi']:+.3f}]")

    print()
    print("; ".join(f"check failed: {c.check} ({c.why})" for c in run.failed) or "no check failed")
    print(f"report: {vb.report_run(run.folder)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/steering_directions.py PATH/sae_steering.csv.gz")
    try:
        main(Path(sys.argv[1]))
    except vb.InputError as error:
        sys.exit(f"error: {error}")
