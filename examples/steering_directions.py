"""What steering a model along one direction does to its values, from somebody else's scores.

Steering directions of a sparse autoencoder in gemma-2b-it, the same role-played persons before and
after, and a score in [-1, 1] for each person and value. The values are those of another theory:
which of them stands for which of Schwartz's is this script's judgement, written down below and
easily changed. The persons are the scenarios. There is no rating to model, so the scores are
analysed as expected scores.

The data are not part of this package: ``sae_steering.csv.gz``, from the ValueCausalGraph project
(https://github.com/bigai-nlco/ValueCausalGraph). The script looks for it in
``$VAT_BAYES_SHARED/data`` and in ``shared/data`` beside the project.

Run it with ``python examples/steering_directions.py``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import vat_bayes as vb

FILE = "sae_steering.csv.gz"
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


def data_file() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared"
    file = Path(os.environ.get("VAT_BAYES_SHARED") or beside) / "data" / FILE
    if not file.is_file():
        raise vb.InputError(
            f"this example needs {FILE}",
            where=str(file.parent),
            hint="set VAT_BAYES_SHARED to the folder whose data/ holds it",
        )
    return file


def prepared(folder: Path) -> Path:
    """Keep the chosen directions, and name what the importer can't guess."""
    raw = pd.read_csv(data_file())
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


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        imported = vb.import_judgments(
            "table",
            prepared(Path(folder)),
            columns={"rating": "score", "scenario": "player_name"},
            fill={"polarity": "1"},
            value_labels=VALUES,
            score_range=(-1, 1),
        )
        judgments = imported.judgments()
    for note in judgments.notes:
        print(f"note: {note}")

    posterior = vb.fit(judgments, draws=1000, tune=1000, chains=2, seed=1)
    estimands = vb.compute_estimands(posterior)
    table = estimands.table[estimands.table["scale"] == "points"]
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

    failed = [c for c in vb.run_checks(posterior, estimands) if c.verdict == "fail"]
    for check in failed:
        print(f"check failed: {check.check} ({check.why})")
    if not failed:
        print("\nno check failed")


if __name__ == "__main__":
    try:
        main()
    except vb.InputError as error:
        sys.exit(f"error: {error}")
