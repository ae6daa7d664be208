"""Every kind of bad table is refused with one sentence that says where, what and what instead."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from judgment_tables import valid_table, with_probabilities

from vat_bayes.errors import InputError
from vat_bayes.judgments import load_judgments

type Spoil = Callable[[pd.DataFrame], pd.DataFrame]


def cell(row: int, column: str, content: object) -> Spoil:
    """Put something else into one cell; rows are counted from 1."""

    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        cells = table[column].astype(object)
        cells.iloc[row - 1] = content
        return table.assign(**{column: cells})

    return spoil


def column(name: str, content: object) -> Spoil:
    return lambda table: table.assign(**{name: content})


def where(condition: str, name: str, content: object) -> Spoil:
    return lambda table: table.assign(
        **{
            name: table.get(name, pd.Series(index=table.index, dtype=object))
            .astype(object)
            .where(table["condition"] != condition, content)
        }
    )


def chain(*steps: Spoil) -> Spoil:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        for step in steps:
            table = step(table)
        return table

    return spoil


BAD: dict[str, tuple[Spoil, str]] = {
    "missing column": (
        lambda t: t.rename(columns={"rating": "Ratings"}),
        (
            "data frame: missing column 'rating'; the table has 'model', 'condition', "
            "'item', 'scenario', 'value', 'polarity', 'Ratings', 'prompt', 'role', "
            "'target'; did you mean 'Ratings'?"
        ),
    ),
    "several missing columns": (
        lambda t: t.drop(columns=["model", "scenario"]),
        (
            "data frame: missing column 'model' (and 1 more column); the table has "
            "'condition', 'item', 'value', 'polarity', 'rating', 'prompt', 'role', 'target'"
        ),
    ),
    "no value and polarity": (
        lambda t: t.drop(columns=["value", "polarity"]),
        (
            "data frame: missing columns 'value' and 'polarity'; items that load on "
            "several values need a loadings file beside the table ('loadings.csv' with "
            "item, value, weight)"
        ),
    ),
    "value without polarity": (
        lambda t: t.drop(columns=["polarity"]),
        (
            "data frame: missing column 'polarity'; the table has 'model', 'condition', "
            "'item', 'scenario', 'value', 'rating', 'prompt', 'role', 'target'"
        ),
    ),
    "duplicated column": (
        lambda t: pd.concat([t, t[["item"]]], axis=1),
        "data frame: several columns are called 'item'",
    ),
    "column without a name": (
        lambda t: t.rename(columns={"prompt": " "}),
        "data frame: column 8 has no name",
    ),
    "no rows": (
        lambda t: t.iloc[:0],
        "data frame: a header and no rows",
    ),
    "unknown value": (
        cell(3, "value", "powr"),
        (
            "data frame, row 3, column 'value': 'powr' is not one of the ten values "
            "(self-direction, stimulation, hedonism, achievement, power, security, "
            "conformity, tradition, benevolence, universalism); did you mean 'power'?"
        ),
    ),
    "empty value": (
        cell(3, "value", None),
        (
            "data frame, row 3, column 'value': empty beside polarity -1, expected one of "
            "the ten values"
        ),
    ),
    "empty polarity": (
        cell(3, "polarity", None),
        (
            "data frame, row 3, column 'polarity': empty beside value 'benevolence', "
            "expected 1 (the action supports the value) or -1 (it violates it)"
        ),
    ),
    "polarity 0": (
        cell(17, "polarity", 0),
        (
            "data frame, row 17, column 'polarity': found 0, expected 1 (the action "
            "supports the value) or -1 (it violates it)"
        ),
    ),
    "polarity 2": (
        column("polarity", 2),
        (
            "data frame, row 1, column 'polarity': found 2, expected 1 (the action "
            "supports the value) or -1 (it violates it) (and 71 more rows)"
        ),
    ),
    "polarity text": (
        cell(4, "polarity", "supports"),
        (
            "data frame, row 4, column 'polarity': found 'supports', expected 1 (the "
            "action supports the value) or -1 (it violates it)"
        ),
    ),
    "0-based ratings": (
        lambda t: t.assign(rating=t["rating"] - 1),
        (
            "data frame, row 1, column 'rating': ratings look 0-based: found 0, expected "
            "1..K (and 14 more rows); add 1 to every rating (the importer 'table' has "
            "rating_offset=1)"
        ),
    ),
    "half rating": (
        cell(9, "rating", 3.5),
        (
            "data frame, row 9, column 'rating': found 3.5, expected a whole number from 1 "
            "to K, or nothing for a refusal"
        ),
    ),
    "rating text": (
        cell(9, "rating", "I would rate this a 4"),
        (
            "data frame, row 9, column 'rating': found 'I would rate this a 4', expected a "
            "whole number from 1 to K, or nothing for a refusal"
        ),
    ),
    "infinite rating": (
        cell(9, "rating", np.inf),
        (
            "data frame, row 9, column 'rating': found inf, expected a whole number from 1 "
            "to K, or nothing for a refusal"
        ),
    ),
    "true as a rating": (
        cell(9, "rating", True),
        (
            "data frame, row 9, column 'rating': found 'True', expected a whole number "
            "from 1 to K, or nothing for a refusal"
        ),
    ),
    "negative rating": (
        cell(9, "rating", -2),
        (
            "data frame, row 9, column 'rating': found -2, expected a whole number from 1 "
            "to K, or nothing for a refusal"
        ),
    ),
    "lists as ratings": (
        cell(9, "rating", [4]),
        (
            "data frame, row 9, column 'rating': found '[4]', expected a whole number from "
            "1 to K, or nothing for a refusal"
        ),
    ),
    "no ratings": (column("rating", None), "data frame, column 'rating': all ratings are missing"),
    "condition without ratings": (
        where("kind", "rating", None),
        (
            "data frame, column 'rating': all 24 ratings of model 'm' under condition "
            "'kind' are missing"
        ),
    ),
    "100-point scale": (
        lambda t: t.assign(rating=20 * t["rating"]),
        (
            "data frame, column 'rating': 100 rating categories, expected at most 11; a "
            "finer scale has to be binned first"
        ),
    ),
    "one rating": (
        column("rating", 4),
        (
            "data frame, column 'rating': every rating is 4, so the number of categories "
            "can't be inferred; give n_categories"
        ),
    ),
    "duplicate judgment": (
        lambda t: pd.concat([t, t.iloc[[5, 6]]]),
        (
            "data frame, row 73: the same model, condition, item, prompt and replicate as "
            "row 6 (item 's1-pow+1', condition 'plain') (and 1 more row); number repeats "
            "in a column 'replicate'"
        ),
    ),
    "duplicate replicate": (
        chain(column("replicate", 1), lambda t: pd.concat([t, t.iloc[[5]]])),
        (
            "data frame, row 73: the same model, condition, item, prompt and replicate as "
            "row 6 (item 's1-pow+1', condition 'plain')"
        ),
    ),
    "replicate text": (
        chain(column("replicate", 1), cell(2, "replicate", "second")),
        (
            "data frame, row 2, column 'replicate': found 'second', expected the number of "
            "the repeat"
        ),
    ),
    "half replicate": (
        chain(column("replicate", 1), cell(2, "replicate", 1.5)),
        ("data frame, row 2, column 'replicate': found '1.5', expected the number of the repeat"),
    ),
    "item changes scenario": (
        cell(30, "scenario", "s9"),
        (
            "data frame, row 30, column 'scenario': item 's1-pow+1' has 's9' here and 's1' "
            "in row 5; every row of an item has the same scenario"
        ),
    ),
    "item changes value": (
        cell(30, "value", "security"),
        (
            "data frame, row 30, column 'value': item 's1-pow+1' has 'security' here and "
            "'power' in row 5; every row of an item has the same value"
        ),
    ),
    "item changes polarity": (
        cell(30, "polarity", -1),
        (
            "data frame, row 30, column 'polarity': item 's1-pow+1' has '-1' here and '1' "
            "in row 5; every row of an item has the same polarity"
        ),
    ),
    "item changes sub-value": (
        chain(lambda t: t.assign(subvalue=t["value"]), cell(30, "subvalue", "wealth")),
        (
            "data frame, row 30, column 'subvalue': item 's1-pow+1' has 'wealth' here and "
            "'power' in row 5; every row of an item has the same subvalue"
        ),
    ),
    "empty model": (
        cell(7, "model", "  "),
        "data frame, row 7, column 'model': empty; expected a name",
    ),
    "empty condition": (
        cell(7, "condition", None),
        "data frame, row 7, column 'condition': empty; expected a name",
    ),
    "empty item": (
        cell(7, "item", np.nan),
        "data frame, row 7, column 'item': empty; expected a name",
    ),
    "empty scenario": (
        cell(7, "scenario", ""),
        "data frame, row 7, column 'scenario': empty; expected a name",
    ),
    "empty prompt": (
        cell(7, "prompt", ""),
        "data frame, row 7, column 'prompt': empty; expected a name",
    ),
    "list as an item": (
        cell(7, "item", ["a"]),
        "data frame, column 'item': cells hold things that are neither text nor numbers",
    ),
    "one scenario": (
        column("scenario", "only"),
        (
            "data frame, column 'scenario': all rows belong to one scenario ('only'), "
            "expected at least 2: statements are about the population of scenarios"
        ),
    ),
    "no baseline": (
        where("plain", "role", "retest"),
        "data frame: model 'm' has no baseline, only 'filler', 'kind', 'plain'",
    ),
    "two baselines": (
        where("filler", "role", "baseline"),
        "data frame: model 'm' has 2 baselines ('filler', 'plain'), expected one",
    ),
    "a model without a baseline": (
        lambda t: pd.concat([t, t[t["condition"] == "kind"].assign(model="n")]),
        "data frame: model 'n' has no baseline, only 'kind'",
    ),
    "only a baseline": (
        lambda t: t[t["condition"] == "plain"],
        ("data frame: there is no condition but the baseline, so there is nothing to compare"),
    ),
    "no common item": (
        lambda t: t[(t["condition"] == "plain") == (t["scenario"] == "s1")],
        (
            "data frame, column 'item': condition 'filler' of model 'm' shares no item "
            "with its reference 'plain', expected the same items in both"
        ),
    ),
    "unknown reference": (
        where("kind", "reference", "plane"),
        (
            "data frame, condition 'kind': the reference 'plane' is not a condition, "
            "expected one of 'plain', 'kind', 'filler'; did you mean 'plain'?"
        ),
    ),
    "reference to itself": (
        where("kind", "reference", "kind"),
        (
            "data frame, condition 'kind': the reference is the condition itself, expected "
            "another condition"
        ),
    ),
    "references in a circle": (
        chain(where("kind", "reference", "filler"), where("filler", "reference", "kind")),
        ("data frame, condition 'kind': references go in a circle: kind -> filler -> kind"),
    ),
    "baseline with a reference": (
        where("plain", "reference", "kind"),
        "data frame, condition 'plain': a baseline has no reference, found 'kind'",
    ),
    "reference not judged": (
        chain(
            where("kind", "reference", "filler"),
            lambda t: pd.concat([t, t[t["condition"] != "filler"].assign(model="n")]),
        ),
        (
            "data frame: condition 'kind' of model 'n' has the reference 'filler', under "
            "which this model has no judgments"
        ),
    ),
    "unknown target": (
        where("kind", "target", "benevolance"),
        (
            "data frame, row 25, column 'target': 'benevolance' is not one of the ten "
            "values (self-direction, stimulation, hedonism, achievement, power, security, "
            "conformity, tradition, benevolence, universalism); did you mean 'benevolence'?"
        ),
    ),
    "unknown second target": (
        where("kind", "target", "power, benovelence"),
        (
            "data frame, row 25, column 'target': 'benovelence' is not one of the ten "
            "values (self-direction, stimulation, hedonism, achievement, power, security, "
            "conformity, tradition, benevolence, universalism); did you mean 'benevolence'?"
        ),
    ),
    "unknown role": (
        where("kind", "role", "interventon"),
        (
            "data frame, row 25, column 'role': found 'interventon', expected one of "
            "baseline, intervention, placebo, retest (and 23 more rows); did you mean "
            "'intervention'?"
        ),
    ),
    "empty role": (
        cell(30, "role", ""),
        (
            "data frame, row 30, column 'role': condition 'kind' has nothing here and "
            "'intervention' in row 25; every row of a condition has the same role"
        ),
    ),
    "direction 2": (
        where("kind", "direction", 2),
        (
            "data frame, row 25, column 'direction': found 2, expected 1 (promote) or -1 "
            "(suppress) (and 23 more rows)"
        ),
    ),
    "direction text": (
        where("kind", "direction", "up"),
        (
            "data frame, row 25, column 'direction': found 'up', expected 1 (promote) or "
            "-1 (suppress) (and 23 more rows)"
        ),
    ),
    "role changes": (
        cell(30, "role", "placebo"),
        (
            "data frame, row 30, column 'role': condition 'kind' has 'placebo' here and "
            "'intervention' in row 25; every row of a condition has the same role"
        ),
    ),
    "target changes": (
        cell(30, "target", "power"),
        (
            "data frame, row 30, column 'target': condition 'kind' has 'power' here and "
            "'benevolence' in row 25; every row of a condition has the same target"
        ),
    ),
    "direction changes": (
        chain(column("direction", 1), cell(30, "direction", -1)),
        (
            "data frame, row 30, column 'direction': condition 'kind' has '-1' here and "
            "'1' in row 25; every row of a condition has the same direction"
        ),
    ),
    "dose changes": (
        chain(where("kind", "dose", 4), cell(30, "dose", 8)),
        (
            "data frame, row 30, column 'dose': condition 'kind' has '8' here and '4' in "
            "row 25; every row of a condition has the same dose"
        ),
    ),
    "dose text": (
        where("kind", "dose", "high"),
        ("data frame, row 25, column 'dose': found 'high', expected a number (and 23 more rows)"),
    ),
    "infinite dose": (
        where("kind", "dose", float("inf")),
        ("data frame, row 25, column 'dose': found infinity, expected a number (and 23 more rows)"),
    ),
    "unknown placebo": (
        where("kind", "placebo", "filer"),
        (
            "data frame, condition 'kind': the placebo 'filer' is not a condition; did you "
            "mean 'filler'?"
        ),
    ),
    "placebo of another role": (
        where("kind", "placebo", "plain"),
        (
            "data frame, condition 'kind': 'plain' is declared as the placebo but has the "
            "role baseline"
        ),
    ),
    "no roles": (
        lambda t: t.drop(columns=["role", "target"]),
        (
            "data frame: no column 'role', no study, and no condition called 'baseline' "
            "(the conditions are 'plain', 'kind', 'filler'); add a column 'role' or give "
            "the conditions"
        ),
    ),
    "gap in p": (
        lambda t: with_probabilities(t).drop(columns="p3"),
        (
            "data frame: found the probability columns 'p1', 'p2', 'p4', 'p5', expected p1 "
            "to pK without a gap (p3 is missing)"
        ),
    ),
    "only p1": (
        column("p1", 1.0),
        (
            "data frame: found the probability columns 'p1', expected p1 to pK without a "
            "gap and at least p1 and p2"
        ),
    ),
    "p above 1": (
        chain(with_probabilities, cell(4, "p2", 1.2)),
        "data frame, row 4, column 'p2': found 1.2, expected a probability from 0 to 1",
    ),
    "p text": (
        chain(with_probabilities, cell(4, "p2", "low")),
        ("data frame, row 4, column 'p2': found 'low', expected a probability from 0 to 1"),
    ),
    "p empty": (
        chain(with_probabilities, cell(4, "p2", None)),
        ("data frame, row 4: column 'p2' is empty; expected all of p1 to p5 or none of them"),
    ),
    "p not summing to 1": (
        chain(with_probabilities, cell(4, "p2", 0.4)),
        "data frame, row 4: p1 to p5 sum to 1.3, expected 1",
    ),
    "p_valid below 0": (
        chain(with_probabilities, cell(4, "p_valid", -0.1)),
        ("data frame, row 4, column 'p_valid': found -0.1, expected a probability from 0 to 1"),
    ),
    "rating above the number of p": (
        chain(with_probabilities, cell(4, "rating", 7)),
        (
            "data frame, row 4, column 'rating': found 7, expected 1 to 5 (from the "
            "columns p1 to pK), or nothing for a refusal"
        ),
    ),
    "12 probabilities": (
        lambda t: with_probabilities(t, k=12),
        (
            "data frame: 12 rating categories, expected at most 11; a finer scale has to "
            "be binned first"
        ),
    ),
}


@pytest.mark.parametrize(("spoil", "sentence"), BAD.values(), ids=BAD)
def test_says_what_is_wrong(spoil: Spoil, sentence: str) -> None:
    with pytest.raises(InputError) as told:
        load_judgments(spoil(valid_table()))
    assert str(told.value) == sentence
