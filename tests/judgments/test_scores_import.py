"""Tables of expected scores: steering experiments and others without ratings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vat_bayes.cli.options import importer_options
from vat_bayes.errors import InputError
from vat_bayes.judgments import import_judgments, load_judgments

SCORES: dict[str, Any] = {
    "columns": {"rating": "score"},
    "value_labels": {"Achievement": "achievement", "Empathy": "benevolence"},
    "fill": {"polarity": "1", "model": "m"},
    "score_range": (-1.0, 1.0),
}


def scores(folder: Path) -> Path:
    """Write scores in [-1, 1] before and after, with one refusal and a value that is not ours."""
    rows = [
        (c, f"p{s}", f"p{s}/{v}", v, round(np.sin(7.0 * s + len(v) + len(c)), 3))
        for c in ("baseline", "steered")
        for s in range(4)
        for v in ("Achievement", "Empathy", "Aesthetic")
    ]
    table = pd.DataFrame(rows, columns=["condition", "scenario", "item", "value", "score"])
    table.loc[1, "score"] = np.nan
    path = folder / "steering.csv"
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("k", [None, 2, 5, 11])
def test_the_distribution_of_a_score_has_it_as_its_mean(k: int | None, tmp_path: Path) -> None:
    path = scores(tmp_path)
    imported = import_judgments("table", path, **SCORES, n_categories=k)
    k = k or 2
    raw = pd.read_csv(path)
    raw = raw[raw["value"] != "Aesthetic"]["score"].to_numpy()
    p = imported.table[[f"p{i + 1}" for i in range(k)]].to_numpy()
    refused = np.isnan(raw)
    assert np.isnan(p[refused]).all()
    assert p[~refused].sum(1) == pytest.approx(1.0)
    assert ((p[~refused] > 0).sum(1) <= 2).all()
    expected = 1 + (raw + 1) / 2 * (k - 1)
    assert p[~refused] @ np.arange(1, k + 1) == pytest.approx(expected[~refused])
    assert any("8 rows are left out" in note for note in imported.notes)
    judgments = imported.judgments()
    assert judgments.n_categories == k
    imported.table.to_csv(tmp_path / "again.csv", index=False)
    assert load_judgments(tmp_path / "again.csv").n_categories == k


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"score_range": (-0.5, 0.5)}, "expected -0.5 to 0.5"),
        ({"score_range": (1.0, -1.0)}, "score_range is 1 to -1, expected low before high"),
        ({"rating_offset": 1}, "score_range is for scores and does not go with options"),
        ({"columns": {}}, "no column 'rating' with scores"),
        ({"value_labels": {"Empaty": "benevolence"}}, "column 'value' has no 'Empaty'"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    changed: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=sentence):
        import_judgments("table", scores(tmp_path), **(SCORES | changed))


def test_a_range_on_the_command_line() -> None:
    given = ["score_range=-1, 1", "value_labels.Empathy=benevolence"]
    assert importer_options("table", given) == {
        "score_range": (-1.0, 1.0),
        "value_labels": {"Empathy": "benevolence"},
    }
    with pytest.raises(InputError, match="expected two numbers as in -1,1"):
        importer_options("table", ["score_range=1"])
    with pytest.raises(InputError, match="expected a number"):
        importer_options("table", ["score_range=a,b"])


def test_real_steering_directions(shared_data: Path, tmp_path: Path) -> None:
    raw = pd.read_csv(shared_data / "sae_steering.csv.gz")
    raw = raw[(raw["model"] == "gemma-2b-it") & raw["steer_dim"].isin([-1, 1312])]
    raw = raw[(raw["split"] == "train") & (raw["player_name"] != "(none)")]
    raw = raw.assign(
        condition=np.where(raw["steer_dim"] < 0, "baseline", "steered"),
        item=raw["player_name"] + "/" + raw["value"],
        scenario=raw["player_name"],
    )
    raw.to_csv(tmp_path / "steering.csv", index=False)
    options = SCORES | {"fill": {"polarity": "1"}}
    table = import_judgments("table", tmp_path / "steering.csv", **options).judgments().table
    mean = raw.groupby(["condition", "value"])["score"].mean()
    for label, value in SCORES["value_labels"].items():
        for condition in ("baseline", "steered"):
            mine = table[(table["condition"] == condition) & (table["value"] == value)]
            assert 2 * mine["p2"].mean() - 1 == pytest.approx(mean[condition, label])
