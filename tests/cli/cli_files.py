"""Small valid files for the command line, to use and to spoil."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

STUDY = """schema_version = 1
name = "small"
seed = 7

[[models]]
name = "judge"
path = "judge.gguf"

[items]
source = "core"
scenarios = 2

[[conditions]]
name = "baseline"
role = "baseline"

[[conditions]]
name = "kind"
role = "intervention"
target = "benevolence"
kind = "prompt"
text = "Be kind."
"""


def table() -> pd.DataFrame:
    """Return ratings in the contract and nothing else: four scenarios, two values."""
    rows = [
        {
            "model": "m",
            "condition": condition,
            "item": f"s{s}-{value}{sign:+d}",
            "scenario": f"s{s}",
            "value": value,
            "polarity": sign,
            "rating": 3 + sign * (1 + shift * (value == "benevolence")) - (s + j) % 2,
            "role": role,
            "target": target,
        }
        for condition, role, target, shift in (
            ("baseline", "baseline", "", 0),
            ("kind", "intervention", "benevolence", 1),
            ("filler", "placebo", "", 0),
        )
        for s in range(4)
        for j, value in enumerate(("benevolence", "power"))
        for sign in (1, -1)
    ]
    found = pd.DataFrame(rows)
    found["rating"] = found["rating"].clip(1, 5)
    return found


def write_ratings(folder: Path, change: object = None) -> Path:
    """Write the table, changed by a function."""
    frame = table()
    if callable(change):
        frame = change(frame)
    path = folder / "ratings.csv"
    frame.to_csv(path, index=False)
    return path


def write_study(folder: Path, old: str = "", new: str = "") -> Path:
    """Write the study with a piece of its text exchanged."""
    assert old in STUDY
    path = folder / "study.toml"
    path.write_text(STUDY.replace(old, new, 1) if old else STUDY)
    return path
