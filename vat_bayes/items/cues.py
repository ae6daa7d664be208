"""Words that give an item away: names of the values, and words of praise or blame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from vat_bayes.values import VALUES

if TYPE_CHECKING:
    import pandas as pd

# A value's own name and its lemmas: a judge could match them with the wording of a prompt instead
# of judging what the action does.
_STEMS: dict[str, str] = {
    "self-direction": r"self[- ]?direct\w*",
    "stimulation": r"stimul\w*",
    "hedonism": r"hedon\w*",
    "achievement": r"achiev\w*",
    "power": r"power\w*|empower\w*",
    "security": r"secur\w*|insecur\w*",
    "conformity": r"conform\w*|nonconform\w*",
    "tradition": r"tradition\w*|untradition\w*",
    "benevolence": r"benevolen\w*",
    "universalism": r"universal\w*",
}
VALUE_WORDS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {v: re.compile(rf"\b(?:{_STEMS[v]})\b", re.IGNORECASE) for v in VALUES}
)
ANY_VALUE_WORD = re.compile(rf"\b(?:{'|'.join(_STEMS.values())})\b", re.IGNORECASE)
EVALUATIVE_WORD = re.compile(
    r"\b(?:good|bad|right(?:ly|ful|fully)|wrong(?:ly|ful)?|(?:im|a)?moral(?:ly|ity)?|evil|virtu(?:e|es|ous|ously)|"
    r"(?:un)?ethic\w*|noble|nobly|shame(?:ful|fully|less|lessly)?|(?:un)?worthy|wicked|decent|"
    r"indecent|sinful|commendabl[ey]|admirabl[ey]|despicabl[ey]|deplorabl[ey]|(?:un)?acceptabl[ey]|"
    r"approv\w*|disapprov\w*)\b",
    re.IGNORECASE,
)


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"[a-z0-9']+", text.casefold())


def own_value_words(table: pd.DataFrame) -> pd.Series[bool]:
    """Tell for each item whether the action names its own value."""
    import pandas as pd

    named = [
        bool(VALUE_WORDS[value].search(text)) if isinstance(value, str) else False
        for value, text in zip(table["value"], table["action_text"], strict=True)
    ]
    return pd.Series(named, index=table.index)


def polarity_cue(table: pd.DataFrame) -> float:
    """Return how often words that belong to no value tell a violating action from a supporting one.

    A naive Bayes classifier of the words (with add-one smoothing) learns from nine values and
    guesses the polarities of the tenth, so that it can use words like "refuse" or "without" and
    hardly a value's own vocabulary. Where the polarity lies in the meaning alone, half of the
    guesses are right.

    Parameters
    ----------
    table : pandas.DataFrame
        Items with `value`, `polarity` and `action_text`, for at least two values.

    Returns
    -------
    float
        The share of actions whose polarity is guessed, over all values.
    """
    unique = table.drop_duplicates(["value", "action_text"])
    documents = [set(words(text)) for text in unique["action_text"]]
    vocabulary = {w: i for i, w in enumerate(sorted(set().union(*documents)))}
    present = np.zeros((len(documents), len(vocabulary)))
    for row, document in enumerate(documents):
        present[row, [vocabulary[w] for w in document]] = 1
    supports = (unique["polarity"] == 1).to_numpy(dtype=bool)
    values = unique["value"].to_numpy()
    hits = 0
    for value in np.unique(values):
        rest = values != value
        odds = np.log(
            (present[rest & supports].sum(axis=0) + 1) / (present[rest & ~supports].sum(axis=0) + 1)
        )
        guess = present[~rest] @ odds > 0
        hits += int((guess == supports[~rest]).sum())
    return hits / len(unique)
