"""One of the two runs that are compared: its draws, and what each scenario adds to its errors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from vat_bayes.checks import has_converged, read_checks
from vat_bayes.errors import InputError
from vat_bayes.estimands.arms import read_arms
from vat_bayes.estimands.classical import paired_shifts
from vat_bayes.estimands.norms import Floats
from vat_bayes.model import read_tree
from vat_bayes.model.access import array, labels
from vat_bayes.runs import RunFiles

# What must be known of an item for it to be the same one in both runs.
_TEXTS = ("scenario_text", "action_text")


@dataclass(frozen=True)
class Scattering:
    """Items, scenarios, and what each scenario adds to the error of every shift.

    Parameters
    ----------
    items : mapping of str to (int, tuple of float)
        Item -> position of its scenario, and its loadings.
    names : tuple of str or None
        The scenarios' names by position; None where they are not known.
    influence : mapping of (model, condition) to ndarray, shape (scenario, value)
        In rating points; sums to zero over the scenarios.
    n_categories : int
        K.
    """

    items: Mapping[str, tuple[int, tuple[float, ...]]]
    names: tuple[str, ...] | None
    influence: Mapping[tuple[str, str], Floats]
    n_categories: int


@dataclass(frozen=True)
class Side:
    """One run.

    Parameters
    ----------
    folder : Path
    draws : Dataset
        ``estimand_draws.nc``.
    scattering : Scattering or None
        None when the folder holds no posterior.
    texts : mapping of str to str
        Item -> hash of its texts; empty where the folder holds none.
    failed : bool
        Whether a check of the sampler failed.
    """

    folder: Path
    draws: xr.Dataset
    scattering: Scattering | None
    texts: Mapping[str, str]
    failed: bool


def read_side(folder: str | Path) -> Side:
    """Read one run.

    Parameters
    ----------
    folder : path
        A fitted and checked run folder.

    Raises
    ------
    InputError
        When it is none, or a file in it can't be read.
    """
    run = RunFiles(Path(folder))
    if not run.root.is_dir():
        what = "this is a file, expected" if run.root.exists() else "no such"
        raise InputError(f"{what} run folder", where=str(folder))
    draws = run.read_draws((run.draws, run.checks))
    return Side(
        folder=run.root,
        draws=draws,
        scattering=_scattering(read_tree(run.posterior)) if run.posterior.is_file() else None,
        texts=_texts(run.root / "items.parquet"),
        failed=not has_converged(read_checks(run.checks), where=str(run.checks)),
    )


def _scattering(tree: xr.DataTree) -> Scattering:
    arms = [a for a in read_arms(tree) if a.index is not None]
    influence = paired_shifts(tree, arms).influence
    loading = array(tree, "constant_data", "loading")
    scenario = array(tree, "constant_data", "item_scenario").astype(int)
    items = labels(tree, "constant_data", "item")
    names = None
    if "log_likelihood" in tree.children:
        known = labels(tree, "log_likelihood", "scenario")
        names = tuple(known) if len(known) == influence.shape[1] else None
    return Scattering(
        items={
            item: (int(s), tuple(row.tolist()))
            for item, s, row in zip(items, scenario, loading, strict=True)
        },
        names=names,
        influence={(a.model, a.condition.name): x for a, x in zip(arms, influence, strict=True)},
        n_categories=int(tree.attrs["n_categories"]),
    )


def _texts(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    table = pd.read_parquet(file)
    if not {"item", *_TEXTS} <= set(table.columns):
        return {}
    joined = table[list(_TEXTS)].astype("string").fillna("").agg("\x1f".join, axis=1)
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in joined]
    return dict(zip(table["item"].astype(str), hashes, strict=True))


def measured(draws: Floats) -> list[int]:
    """Return the positions of the values that have items."""
    return [int(i) for i in np.flatnonzero(~np.isnan(draws).any(0))]
