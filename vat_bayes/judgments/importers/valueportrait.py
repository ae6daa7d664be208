"""The importer `valueportrait`: model ratings of ValuePortrait, as a change between two releases.

The data set has ratings 1-6 of many models on the same items, under wordings ``v1, v2, v3`` of the
prompt and two orders of the options. One model is taken as the baseline and others as what became
of it. They differ in whatever their makers changed, so these are release changes and no controlled
interventions.

Source
------
The ValuePortrait data set (2025, MIT), https://github.com/holi-lab/ValuePortrait.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.coerce import names, numbers
from vat_bayes.judgments.importers.base import Imported
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.read import read_table, table_file
from vat_bayes.judgments.words import counted, listed, shown

_COLUMNS = ("model", "prompt", "reversed", "portrait_id", "option_id", "rating")
_RATINGS = ("valueportrait_ratings.csv.gz", "valueportrait_ratings.csv")
_ITEMS = "valueportrait_items.csv"
_ORDERS = ("forward", "reversed")
_RETEST = "retest"


def import_valueportrait(
    path: str | Path,
    *,
    baseline: str,
    interventions: Sequence[str] | str = (),
    model: str | None = None,
    prompts: Sequence[str] | str = ("v1",),
    retest: bool = False,
    retest_prompts: Sequence[str] | str = ("v2",),
    items: str | Path | None = None,
    threshold: float = 0.3,
) -> Imported:
    """Import ValuePortrait ratings as a change from one model to others.

    Parameters
    ----------
    path : path
        The ratings file, or the folder with it.
    baseline : str
        The model before.
    interventions : sequence of str or str
        The models after; a text may name several, separated by commas.
    model : str, optional
        What to call the family of models; their common beginning when None.
    prompts : sequence of str or str
        The wordings under which the baseline and the interventions are compared.
    retest : bool
        Whether the baseline model is added once more, under other wordings, as a retest.
    retest_prompts : sequence of str or str
        Those wordings, as many as `prompts` and none of them.
    items : path, optional
        The items file; beside the ratings when None.
    threshold : float
        The smallest rank correlation with people's value scores at which an item loads on a value;
        0.3 is the authors'.

    Returns
    -------
    Imported
        Model = the family, condition = the model's name (or ``retest``), scenario = the portrait.
        A prompt is the order of the options, ``forward`` or ``reversed``, so that the retest has
        the prompts of the baseline; with several wordings it is their number in the list and the
        order, ``1/forward``. K is 6. Items without a loading are left out, with a note.

    Raises
    ------
    InputError
        When a model or wording is not in the data, or the files can't be used.
    """
    from vat_bayes.items import load_items

    file = _ratings_file(Path(path))
    source = str(file)
    after = _several(interventions)
    wordings = _several(prompts)
    again = _several(retest_prompts) if retest else ()
    _check_options(baseline, after, wordings, again, retest=retest, source=source)
    whole = _read_ratings(file, (baseline, *after), (*wordings, *again))
    family = model or _common_beginning([baseline, *after])
    parts = [_part(whole, baseline, wordings, baseline, "baseline")]
    parts += [_part(whole, name, wordings, name, "intervention") for name in after]
    if retest:
        parts.append(_part(whole, baseline, again, _RETEST, "retest"))
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "model", family)
    beside = file.with_name(_ITEMS) if items is None else Path(items)
    loaded = load_items("valueportrait", beside, threshold=threshold)
    kept = table["item"].isin(loaded.table["item"])
    notes = []
    if not kept.all():
        left_out = table.loc[~kept, "item"]
        notes.append(
            f"{counted(left_out.nunique(), 'item')} of {table['item'].nunique()} left out with "
            f"{counted(len(left_out), 'judgment')}: no value correlates at {threshold:g} or more"
        )
    table = table[kept].reset_index(drop=True)
    loadings = loaded.loadings
    if loadings is not None:
        loadings = loadings[loadings["item"].isin(table["item"])].reset_index(drop=True)
    return Imported(table, loadings, 6, source, tuple(notes))


def _ratings_file(path: Path) -> Path:
    if path.is_dir():
        for name in _RATINGS:
            if (path / name).is_file():
                return path / name
        raise InputError(f"no {_RATINGS[0]} in this folder", where=str(path))
    return table_file(path)


def _read_ratings(file: Path, models: tuple[str, ...], wordings: tuple[str, ...]) -> pd.DataFrame:
    """Return the rows of these models and wordings, with the item ids of `vat_bayes.items`."""
    from vat_bayes.items import valueportrait_item_id

    source = str(file)
    raw = read_table(file)
    for column in _COLUMNS:
        if column not in raw.columns:
            raise InputError(
                f"missing column '{column}'", where=source, hint=near_miss(column, raw.columns)
            )
    place = Place(source)
    who = names(raw, "model", place)
    wording = names(raw, "prompt", place)
    for asked, there, what in ((models, who.names, "model"), (wordings, wording.names, "prompt")):
        for name in asked:
            if name not in there:
                raise InputError(
                    f"no {what} '{name}' in the data, which have {listed(sorted(there), limit=30)}",
                    where=source,
                    hint=near_miss(name, there),
                )
    flipped = numbers(raw, "reversed", place, expected="0 or 1")
    place.fail(
        ~np.isin(flipped, (0, 1)),
        "reversed",
        lambda row: f"found {shown(flipped[row])}, expected 0 or 1",
    )
    whole = pd.DataFrame(
        {
            "who": who.column(),
            "wording": wording.column(),
            "order": np.where(flipped == 1, _ORDERS[1], _ORDERS[0]),
            "scenario": names(raw, "portrait_id", place).column(),
            "option": names(raw, "option_id", place).column(),
            "rating": numbers(raw, "rating", place, expected="a rating from 1 to 6, or nothing"),
        }
    )
    whole = whole[whole["who"].isin(models) & whole["wording"].isin(wordings)]
    ids = [
        valueportrait_item_id(p, o) for p, o in zip(whole["scenario"], whole["option"], strict=True)
    ]
    return whole.assign(item=ids)


def _several(given: Sequence[str] | str) -> tuple[str, ...]:
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(p.strip() for p in parts if p.strip())


def _check_options(
    baseline: str,
    after: tuple[str, ...],
    wordings: tuple[str, ...],
    again: tuple[str, ...],
    *,
    retest: bool,
    source: str,
) -> None:
    if not after and not retest:
        raise InputError("name interventions, or ask for a retest", where=source)
    if not wordings:
        raise InputError("no prompts are named, expected some of v1, v2, v3", where=source)
    for what, given in (("interventions", (baseline, *after)), ("prompts", wordings + again)):
        twice = sorted({g for g in given if given.count(g) > 1})
        if twice:
            raise InputError(
                f"{listed(twice)} is named twice among the baseline and {what}"
                if what == "interventions"
                else f"{listed(twice)} is named twice among prompts and retest_prompts",
                where=source,
            )
    if retest and len(again) != len(wordings):
        raise InputError(
            f"{counted(len(again), 'retest prompt')} for {counted(len(wordings), 'prompt')}, "
            "expected as many",
            where=source,
        )


def _common_beginning(models: list[str]) -> str:
    common = os.path.commonprefix(models)
    if common != models[0]:
        # Cut back to a whole word: qwen-plus and qwen-pro are not "qwen-p".
        common = common.rpartition("-")[0] or common
    return common.rstrip("-.") or models[0]


def _part(
    whole: pd.DataFrame, model: str, wordings: tuple[str, ...], condition: str, role: str
) -> pd.DataFrame:
    mine = whole[(whole["who"] == model) & whole["wording"].isin(wordings)]
    number = mine["wording"].map({w: f"{i}/" for i, w in enumerate(wordings, start=1)})
    return pd.DataFrame(
        {
            "condition": condition,
            "role": role,
            "item": mine["item"],
            "scenario": mine["scenario"],
            "rating": mine["rating"],
            "prompt": mine["order"] if len(wordings) == 1 else number + mine["order"],
            "wording": mine["wording"],
        }
    )
