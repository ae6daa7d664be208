"""Coupling where there should be little: simulated personas, every item asked in its own prompt.

The ratings are those that gpt-4.1-mini gave to the forty items of the PVQ in the roles of 500
simulated personas, under several ways of writing the persona down. No answer was given in sight of
another, so shifts of different values have little reason to go together from persona to persona:
the model's coupling norm should be at its floor, and the raw one no larger than its sign-flip null.

What they have in common all the same is the persona. Answers at baseline go together over values,
most of them are at the top of the scale, and how far an answer can move depends on where it was.
So the raw norm is given a second time for what is left of each item's change after the mean change
of the items of its value with the same baseline answer, and the spread of the change that a
persona's values share is set beside it.

The data are not part of this package: ``pvq40_simulated_personas.csv.gz``, from
https://github.com/HOLI-Lab/Psychometric-Item-Validation. They are read where they lie.

    python -m benchmarks.negative_control PATH/pvq40_simulated_personas.csv.gz
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import vat_bayes as vb
from vat_bayes.estimands.classical import raw_coupling

BASELINE = "no_mediator"
# Asked for a few items only.
_PARTIAL = "sampling"
_NORMS = ("nvat_offdiag", "nvat_paper_raw", "nvat_paper_raw_null")


def read(ratings: Path, personas: int | None = None) -> pd.DataFrame:
    """Read the answers to whole questionnaires.

    Parameters
    ----------
    ratings : Path
    personas : int, optional
        How many personas are kept, in the order of their names.

    Returns
    -------
    DataFrame
        ``condition, persona, value, item, score``.
    """
    table = pd.read_csv(ratings)
    table = table[table["condition"] != _PARTIAL]
    names = sorted(table["persona"].unique())[:personas]
    return table[table["persona"].isin(names)].reset_index(drop=True)


def study(table: pd.DataFrame, folder: Path) -> vb.Judgments:
    """Take the answers as scores of one model under several conditions.

    Parameters
    ----------
    table : DataFrame
        As `read` returns it.
    folder : Path
        Where the table that is imported is written.

    Returns
    -------
    Judgments
        A persona is a scenario.
    """
    is_baseline = table["condition"] == BASELINE
    table = table.assign(
        model="gpt-4.1-mini",
        role=is_baseline.map({True: "baseline", False: "intervention"}),
        item=table["persona"] + "/" + table["value"] + "/" + table["item"].astype(str),
    )
    path = folder / "personas.csv"
    table.to_csv(path, index=False)
    return vb.import_judgments(
        "table",
        path,
        columns={"rating": "score", "scenario": "persona"},
        fill={"polarity": "1"},
        score_range=(1, 6),
        n_categories=6,
    ).judgments()


def inherited(table: pd.DataFrame, *, n_resamples: int = 1000, seed: int = 1) -> pd.DataFrame:
    """Say how much of the raw norm of each condition comes from where the answers were before.

    Parameters
    ----------
    table : DataFrame
        As `read` returns it.
    n_resamples, seed : int

    Returns
    -------
    DataFrame
        For each condition the raw norm, the 95 % quantile of its sign-flip null and the p-value;
        the same ``given`` the items' baseline answers; and ``common_sd``, the standard deviation
        over personas of a change that all ten values share, in points.
    """
    items = table.pivot(
        index=["persona", "value", "item"], columns="condition", values="score"
    ).rename_axis(index={"item": "question"})
    before = items[BASELINE]
    rows = []
    for condition in items.columns.drop(BASELINE):
        change = items[condition] - before
        alike = [items.index.get_level_values("value"), before]
        row: dict[str, object] = {"condition": condition}
        for name, each in (
            ("", change),
            ("_given", change - change.groupby(alike).transform("mean")),
        ):
            shifts = each.groupby(["persona", "value"]).mean().unstack()
            raw = raw_coupling(shifts.to_numpy(), n_resamples=n_resamples, seed=seed)
            if raw is None:
                raise vb.InputError("too few personas answered everything")
            limit = float(np.quantile(raw.null, 0.95))
            p = (1 + (raw.null >= raw.norm).sum()) / (1 + n_resamples)
            row |= {f"norm{name}": raw.norm, f"null{name}": limit, f"p{name}": p}
            # What a persona's mean varies by, beyond ten values that vary on their own.
            alone = shifts.var().sum() / shifts.shape[1] ** 2
            beyond = (shifts.mean(axis=1).var() - alone) / (1 - 1 / shifts.shape[1])
            row[f"common_sd{name}"] = float(np.sqrt(max(0.0, beyond)))
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Print the norms by condition and what the checks said."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ratings", type=Path)
    parser.add_argument("--draws", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    answers = read(asked.ratings)
    print(inherited(answers, seed=asked.seed).round(4).to_string(index=False))
    with tempfile.TemporaryDirectory() as folder:
        judgments = study(answers, Path(folder))
    tree = vb.fit(judgments, draws=asked.draws, tune=asked.draws, chains=2, seed=asked.seed)
    estimands = vb.compute_estimands(tree)
    table = estimands.table[estimands.table["estimand"].isin(_NORMS)]
    print(table[["condition", "estimand", "mean", "lo", "hi", "status"]].to_string(index=False))
    print(f"{tree.attrs['seconds']} s")
    for check in vb.run_checks(tree, estimands):
        if check.verdict in ("warn", "fail"):
            print(f"{check.verdict}: {check.check} ({check.why})")


if __name__ == "__main__":
    main()
