"""The judgments table: every judgment of a run, in one order, so that the file stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from vat_bayes.collect.journal import Key
from vat_bayes.collect.judge import Reading
from vat_bayes.collect.ratings import most_probable, sampled
from vat_bayes.items import ItemSet
from vat_bayes.study import Study

_TEXTS = ("scenario_text", "action_text", "split")
_ITEM_COLUMNS = ("scenario", "value", "polarity")
_OWN = {
    *("model", "condition", "item", "rating", "replicate", "prompt", "p_valid"),
    *("role", "target", "direction", "dose", "reference", "placebo"),
}


def judgments_table(
    study: Study, items: ItemSet, readings: Mapping[Key, Reading], *, sample: int | None
) -> pd.DataFrame:
    """Return the judgments in the study's order of models and conditions, then by item.

    Parameters
    ----------
    study : Study
        The study.
    items : ItemSet
        Its items.
    readings : mapping of Key to Reading
        One distribution for every judgment; others are left out.
    sample : int or None
        How many ratings to draw from each; None for the most probable one.

    Returns
    -------
    pandas.DataFrame
        ``model, condition, item, scenario, value, polarity, rating, replicate, prompt``, the facets
        of the items, ``p1..pK`` (not of written answers), ``p_valid``, and what each condition
        is. A facet with the name of another column is called ``item_<name>``.
    """
    # The distribution behind a written answer is that of one text, not of the judge.
    k = 0 if study.readout.generates else len(study.scale.labels)
    p_names = [f"p{i}" for i in range(1, k + 1)]
    columns: dict[str, list[Any]] = {
        name: []
        for name in ("model", "condition", "item", "rating", "replicate", "prompt", *p_names)
    }
    columns["p_valid"] = []
    wanted = sorted(items.judged().table["item"].astype(str))
    for model in study.models:
        for condition in study.conditions:
            for item in wanted:
                for prompt in study.prompts:
                    key = Key(model.name, condition.name, item, prompt)
                    if study.readout.generates:
                        _add_written(columns, key, readings, study.readout.repeats)
                    else:
                        ratings = _ratings(study, key, readings, sample)
                        _add(columns, p_names, key, readings[key], ratings)
    table = pd.DataFrame(columns)
    table["rating"] = table["rating"].astype("Int64")
    facts = _item_facts(items, {*_OWN, *p_names})
    table = table.merge(facts, on="item", how="left", validate="many_to_one")
    facets = [c for c in facts.columns if c not in {"item", *_ITEM_COLUMNS}]
    table = table.merge(_condition_facts(study), on="condition", how="left", validate="many_to_one")
    head = ["model", "condition", "item", *_ITEM_COLUMNS, "rating", "replicate", "prompt"]
    tail = ["role", "target", "direction", "dose", "reference", "placebo"]
    return table[[*head, *facets, *p_names, "p_valid", *tail]]


def _ratings(
    study: Study, key: Key, readings: Mapping[Key, Reading], sample: int | None
) -> list[int | None]:
    if not readings[key].probabilities:
        return [None] * (sample or 1)
    if sample is None:
        return [most_probable(readings[key])]
    seed = (study.seed, "rating", key.model, key.condition, key.item, key.order)
    return sampled(readings[key], sample, seed)


def _add(
    columns: Mapping[str, list[Any]],
    p_names: list[str],
    key: Key,
    reading: Reading,
    ratings: list[int | None],
) -> None:
    for replicate, rating in enumerate(ratings, start=1):
        columns["model"].append(key.model)
        columns["condition"].append(key.condition)
        columns["item"].append(key.item)
        columns["prompt"].append(key.order)
        columns["rating"].append(pd.NA if rating is None else rating)
        columns["replicate"].append(replicate)
        columns["p_valid"].append(float("nan") if reading.p_valid is None else reading.p_valid)
        shares = reading.probabilities or (float("nan"),) * len(p_names)
        for name, p in zip(p_names, shares, strict=True):
            columns[name].append(p)


def _add_written(
    columns: Mapping[str, list[Any]], key: Key, readings: Mapping[Key, Reading], repeats: int
) -> None:
    for replicate in range(1, repeats + 1):
        reading = readings[replace(key, replicate=replicate)]
        columns["model"].append(key.model)
        columns["condition"].append(key.condition)
        columns["item"].append(key.item)
        columns["prompt"].append(key.order)
        columns["rating"].append(pd.NA if reading.rating is None else reading.rating)
        columns["replicate"].append(replicate)
        columns["p_valid"].append(float("nan") if reading.p_valid is None else reading.p_valid)


def _item_facts(items: ItemSet, taken: set[str]) -> pd.DataFrame:
    facts = items.judged().table.drop(columns=list(_TEXTS))
    facts["item"] = facts["item"].astype(str)
    clash = {c: f"item_{c}" for c in facts.columns if c in taken - {"item"}}
    return facts.rename(columns=clash)


def _condition_facts(study: Study) -> pd.DataFrame:
    conditions = study.as_conditions()
    return pd.DataFrame(
        {
            "condition": [c.name for c in conditions],
            "role": [c.role for c in conditions],
            "target": pd.Series([",".join(c.target) or None for c in conditions], dtype="str"),
            "direction": [c.direction for c in conditions],
            "dose": pd.Series([c.dose for c in conditions], dtype="float64"),
            "reference": pd.Series([c.reference for c in conditions], dtype="str"),
            "placebo": pd.Series([c.placebo for c in conditions], dtype="str"),
        }
    )
