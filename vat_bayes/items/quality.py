"""Automatic checks of an item set: completeness, balance, and cues that give an item away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vat_bayes.items.cues import (
    ANY_VALUE_WORD,
    EVALUATIVE_WORD,
    own_value_words,
    polarity_cue,
    words,
)
from vat_bayes.items.itemset import ItemSet
from vat_bayes.values import VALUES

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["pass", "warn", "fail", "not-run"]

LENGTH_GAP = 0.2
LENGTH_GAP_BY_VALUE = 0.5
ACTION_WORDS = (8, 18)
NEAR_DUPLICATE = 0.75
POLARITY_CUE = 0.7


@dataclass(frozen=True)
class _Finding:
    check: str
    verdict: Verdict
    figure: float
    threshold: float
    why: str


def item_quality(items: ItemSet) -> pd.DataFrame:
    """Check an item set by what can be counted; whether the items measure values it cannot tell.

    Parameters
    ----------
    items : ItemSet
        Any item set; what a source has no columns for is not run.

    Returns
    -------
    pandas.DataFrame
        One row for each check: `check`, `verdict` (``pass``, ``warn``, ``fail`` or ``not-run``),
        `figure` and `threshold` (the verdict is ``pass`` when the figure is no larger), and `why`,
        with examples. The checks:

        ``factorial``
            Cells of scenario x value x polarity without exactly one item.
        ``both-polarities``
            Values without actions of both polarities.
        ``topic-balance``
            Largest difference in scenarios between two topics.
        ``duplicates``
            Actions that repeat another one word for word.
        ``near-duplicates``
            Pairs of actions that share 75% of their content words or more.
        ``own-value-named``, ``scenario-names-value``
            Texts with a value's name or a lemma of it.
        ``evaluative-words``
            Texts with words of praise or blame ("good", "moral", "wrong").
        ``action-length``
            Actions with fewer than 8 or more than 18 words.
        ``length-by-polarity``, ``length-by-polarity-and-value``
            Standardised mean difference in words between supporting and violating actions, overall
            and the largest within a value.
        ``polarity-cue``
            How often words that belong to no value ("refuse", "without") give the polarity away:
            see `vat_bayes.items.cues.polarity_cue`.
    """
    import pandas as pd

    table = items.table
    placed = bool(table["value"].notna().all())
    findings = [
        _factorial(table) if placed else _not_run("factorial", 0, "items load on several values"),
        _both_polarities(items),
        _topic_balance(table),
        _duplicates(table),
        _near_duplicates(table),
        _flagged("own-value-named", table["action_text"], own_value_words(table)),
        _flagged(
            "scenario-names-value",
            table["scenario_text"].drop_duplicates(),
            _matches(table["scenario_text"].drop_duplicates(), ANY_VALUE_WORD.search),
        ),
        _evaluative(table),
        _action_length(table),
        *_length_balance(table, placed),
        _polarity_cue(table, placed),
    ]
    return pd.DataFrame([asdict(finding) for finding in findings])


def _verdict(figure: float, threshold: float, otherwise: Verdict) -> Verdict:
    return "pass" if figure <= threshold else otherwise


def _not_run(check: str, threshold: float, why: str) -> _Finding:
    return _Finding(check, "not-run", float("nan"), threshold, why)


def _examples(texts: Iterable[object], limit: int = 3) -> str:
    shown = [f"'{text}'" for text in texts]
    return ", ".join(shown[:limit]) + (", ..." if len(shown) > limit else "")


def _matches(texts: pd.Series[str], search: object) -> pd.Series[bool]:
    assert callable(search)
    return texts.map(lambda text: isinstance(text, str) and search(text) is not None).astype(bool)


def _flagged(check: str, texts: pd.Series[str], flags: pd.Series[bool]) -> _Finding:
    found = texts[flags].drop_duplicates()
    why = f"in {_examples(found)}" if len(found) else "none"
    return _Finding(check, _verdict(len(found), 0, "fail"), len(found), 0, why)


def _factorial(table: pd.DataFrame) -> _Finding:
    counts = table.groupby(["scenario", "value", "polarity"]).size()
    full = table["scenario"].nunique() * len(VALUES) * 2
    wrong = full - len(counts) + int((counts > 1).sum())
    why = f"{full} cells of scenario x value x polarity, {wrong} without exactly one item"
    return _Finding("factorial", _verdict(wrong, 0, "warn"), wrong, 0, why)


def _both_polarities(items: ItemSet) -> _Finding:
    import pandas as pd

    table = items.table
    signs = table[["value", "polarity"]].dropna().rename(columns={"polarity": "sign"})
    if items.loadings is not None:
        weights = items.loadings
        loaded = pd.DataFrame({"value": weights["value"], "sign": np.sign(weights["weight"])})
        signs = pd.concat([signs.astype({"sign": "float64"}), loaded])
    kinds = signs.groupby("value")["sign"].nunique()
    alone = [v for v in VALUES if kinds.get(v, 0) == 1]
    why = "each value that occurs has both"
    if alone:
        why = f"only one polarity: {', '.join(alone)}; their shifts include response style"
    return _Finding("both-polarities", _verdict(len(alone), 0, "warn"), len(alone), 0, why)


def _topic_balance(table: pd.DataFrame) -> _Finding:
    if table["topic"].isna().all():
        return _not_run("topic-balance", 1, "the items have no topics")
    counts = table.drop_duplicates("scenario").groupby("topic").size()
    gap = int(counts.max() - counts.min())
    why = f"{len(counts)} topics with {counts.min()} to {counts.max()} scenarios"
    return _Finding("topic-balance", _verdict(gap, 1, "warn"), gap, 1, why)


def _duplicates(table: pd.DataFrame) -> _Finding:
    import pandas as pd

    plain = table["action_text"].map(lambda text: " ".join(words(text)))
    within = plain[pd.DataFrame({"s": table["scenario"], "a": plain}).duplicated()]
    again = plain[plain.duplicated()]
    if len(within):
        why = f"within one scenario: {_examples(within)}"
        return _Finding("duplicates", "fail", len(again), 0, why)
    why = f"across scenarios: {_examples(again)}" if len(again) else "none"
    return _Finding("duplicates", _verdict(len(again), 0, "warn"), len(again), 0, why)


def _near_duplicates(table: pd.DataFrame) -> _Finding:
    import pandas as pd
    from scipy import sparse

    texts = table["action_text"].drop_duplicates().reset_index(drop=True)
    bags = [set(words(text)) for text in texts]
    counts = pd.Series([w for bag in bags for w in bag]).value_counts()
    # Words in more than a tenth of the texts carry the grammar and not the content.
    content = counts.index[counts <= max(2, len(bags) // 10)]
    column = {w: i for i, w in enumerate(content)}
    entries = [(r, column[w]) for r, bag in enumerate(bags) for w in bag if w in column]
    check, threshold = "near-duplicates", 0
    if not entries:
        return _Finding(check, "pass", 0, threshold, "none")
    rows, columns = np.array(entries).T
    matrix = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(bags), len(column)))
    sizes = matrix.sum(axis=1)
    shared = sparse.triu(matrix @ matrix.T, k=1).tocoo()
    jaccard = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    close = (jaccard >= NEAR_DUPLICATE).nonzero()[0]
    pairs = [f"{texts[shared.row[i]]} / {texts[shared.col[i]]}" for i in close]
    why = _examples(pairs) if pairs else "none"
    return _Finding(check, _verdict(len(pairs), threshold, "warn"), len(pairs), threshold, why)


def _evaluative(table: pd.DataFrame) -> _Finding:
    import pandas as pd

    texts = pd.concat([table["action_text"], table["scenario_text"]], ignore_index=True)
    return _flagged("evaluative-words", texts, _matches(texts, EVALUATIVE_WORD.search))


def _action_length(table: pd.DataFrame) -> _Finding:
    lengths = table["action_text"].map(lambda text: len(text.split()))
    shortest, longest = ACTION_WORDS
    outside = table["action_text"][~lengths.between(shortest, longest)].drop_duplicates()
    why = f"{lengths.min()} to {lengths.max()} words, mean {lengths.mean():.1f}"
    if len(outside):
        why += f"; outside {shortest} to {longest}: {_examples(outside)}"
    return _Finding("action-length", _verdict(len(outside), 0, "warn"), len(outside), 0, why)


def _length_balance(table: pd.DataFrame, placed: bool) -> tuple[_Finding, _Finding]:
    overall, by_value = "length-by-polarity", "length-by-polarity-and-value"
    if not placed or table["polarity"].nunique() < 2:
        why = "the items have no two polarities"
        return _not_run(overall, LENGTH_GAP, why), _not_run(by_value, LENGTH_GAP_BY_VALUE, why)
    lengths = table["action_text"].map(lambda text: len(text.split())).to_numpy(dtype=float)
    supports = (table["polarity"] == 1).to_numpy(dtype=bool)
    gap = _standardised_difference(lengths[supports], lengths[~supports])
    gaps = {}
    for value, index in table.groupby("value").indices.items():
        gaps[str(value)] = _standardised_difference(
            lengths[index][supports[index]], lengths[index][~supports[index]]
        )
    worst = max(gaps, key=lambda value: abs(gaps[value]))
    return (
        _Finding(
            overall,
            _verdict(abs(gap), LENGTH_GAP, "warn"),
            abs(gap),
            LENGTH_GAP,
            f"supporting {lengths[supports].mean():.2f} words, violating "
            f"{lengths[~supports].mean():.2f}",
        ),
        _Finding(
            by_value,
            _verdict(abs(gaps[worst]), LENGTH_GAP_BY_VALUE, "warn"),
            abs(gaps[worst]),
            LENGTH_GAP_BY_VALUE,
            f"largest for {worst} ({gaps[worst]:+.2f} standard deviations)",
        ),
    )


def _standardised_difference(
    supports: np.ndarray[tuple[int], np.dtype[np.float64]],
    violates: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> float:
    if len(supports) < 2 or len(violates) < 2:
        return 0.0
    gap = float(supports.mean() - violates.mean())
    spread = float(np.sqrt((supports.var(ddof=1) + violates.var(ddof=1)) / 2))
    if spread == 0:
        return 0.0 if gap == 0 else float(np.copysign(np.inf, gap))
    return gap / spread


def _polarity_cue(table: pd.DataFrame, placed: bool) -> _Finding:
    check = "polarity-cue"
    if not placed or table["value"].nunique() < 2 or table["polarity"].nunique() < 2:
        return _not_run(check, POLARITY_CUE, "needs two values and both polarities")
    share = polarity_cue(table)
    why = f"words learned from other values give away the polarity of {share:.0%} of the actions"
    return _Finding(check, _verdict(share, POLARITY_CUE, "warn"), share, POLARITY_CUE, why)
