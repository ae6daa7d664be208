"""Single items: by how much each was rated differently, and how much of that is noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from vat_bayes.estimands.norms import Floats
from vat_bayes.judgments import Cells, Judgments, Readout, to_cells

MOST = 10
"""How many items are kept for each model and condition."""

COLUMNS = (
    *("model", "condition", "reference", "rank", "item", "scenario", "values"),
    *("before", "after", "change", "shrunken", "lo", "hi", "level"),
    *("judged", "noise", "n_items"),
)
_LEAST_DF = 10


@dataclass(frozen=True)
class Shrunken:
    """Changes of single items with the noise taken out as far as it is known.

    Parameters
    ----------
    estimate, lo, hi : ndarray, shape (item,)
        Rating points.
    spread : float
        Standard deviation of the true changes about what the values' mean shifts make of them.
    """

    estimate: Floats
    lo: Floats
    hi: Floats
    spread: float


@dataclass(frozen=True)
class _Pairs:
    """Items judged before and after, one entry each, and what is known of the noise of a change."""

    item: NDArray[np.int64]
    before: Floats
    after: Floats
    judged: NDArray[np.int64]
    variance: float | None
    noise: str

    @property
    def change(self) -> Floats:
        return self.after - self.before


def single_items(
    judgments: Judgments, *, readout: Readout = "auto", most: int = MOST, level: float = 0.9
) -> pd.DataFrame:
    """Return the items that each condition moved most.

    Parameters
    ----------
    judgments : Judgments
    readout : {"auto", "distribution", "ratings"}
        Where the scores come from; see `vat_bayes.judgments.to_cells`.
    most : int
        How many items of each model and condition.
    level : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        One row per model, condition and item, the largest change first. `before` and `after` are
        mean ratings (1..K) over the prompts that both conditions have, and `change` is their
        difference in rating points, not signed by the loading. `shrunken`, `lo` and `hi` are the
        change without its noise (see `shrink`), and NaN where the noise is not known. `values` has
        the item's loadings, ``benevolence`` for 1 and ``-power`` for -1. `judged` counts the pairs
        behind the change, and `noise` says what its noise was taken from: ``prompts``, ``repeats``,
        ``retest``, or nothing.

    Notes
    -----
    Rows are ordered by the size of the shrunken change, and by the raw one where there is none.
    """
    cells = to_cells(judgments, readout)
    middle = (cells.n_categories + 1) / 2
    parts = []
    for m, model in enumerate(cells.models):
        retest = _retest_variance(judgments, cells, m)
        for condition in judgments.conditions_of(model):
            reference = judgments.reference(model, condition.name)
            if reference is None:
                continue
            c, r = (cells.conditions.index(n) for n in (condition.name, reference))
            pairs = _pairs(cells, m, c, r)
            if not pairs.item.size:
                continue
            variance, noise = pairs.variance, pairs.noise
            if variance is None and retest is not None and condition.role != "retest":
                variance, noise = retest, "retest"
            found = None
            if variance is not None:
                error = variance / pairs.judged
                found = shrink(pairs.change, error, cells.loading[pairs.item], level=level)
            size = np.abs(pairs.change if found is None else found.estimate)
            first = np.lexsort((pairs.item, -np.round(size, 12)))[:most]
            missing = np.full(first.size, np.nan)
            parts.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "condition": condition.name,
                        "reference": reference,
                        "rank": np.arange(1, first.size + 1),
                        "item": [cells.items[i] for i in pairs.item[first]],
                        "scenario": [
                            cells.scenarios[s] for s in cells.item_scenario[pairs.item[first]]
                        ],
                        "values": [
                            _written(cells.loading[i], cells.values) for i in pairs.item[first]
                        ],
                        "before": pairs.before[first] + middle,
                        "after": pairs.after[first] + middle,
                        "change": pairs.change[first],
                        "shrunken": missing if found is None else found.estimate[first],
                        "lo": missing if found is None else found.lo[first],
                        "hi": missing if found is None else found.hi[first],
                        "level": level,
                        "judged": pairs.judged[first],
                        "noise": "" if found is None else noise,
                        "n_items": pairs.item.size,
                    }
                )
            )
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def shrink(
    change: Floats, error: Floats, loading: Floats, *, level: float = 0.9
) -> Shrunken | None:
    """Shrink the changes of single items towards what the values' mean shifts make of them.

    Parameters
    ----------
    change : ndarray, shape (item,)
        Observed changes, in rating points.
    error : ndarray, shape (item,)
        The variance of their noise.
    loading : ndarray, shape (item, value)
        Signed loadings; the centre of an item is a linear function of them, fitted by least
        squares with an intercept for a change of all ratings alike.
    level : float
        Probability of the intervals.

    Returns
    -------
    Shrunken or None
        None with too few items to know how far they spread.

    Notes
    -----
    The normal empirical Bayes estimate (Morris 1983), its spread by the method of moments. The
    largest of many noisy changes is too large on average; the shrunken ones are as exact among the
    largest as among all, if the normal form fits (Efron 2011). The uncertainty of the spread
    itself is left out, and so is what the items of one scenario share.

    References
    ----------
    Morris (1983). Parametric empirical Bayes inference. JASA 78, 47-55.
    Efron (2011). Tweedie's formula and selection bias. JASA 106, 1602-1614.
    """
    design = np.column_stack([np.ones(len(change)), loading])
    u, s, _ = np.linalg.svd(design, full_matrices=False)
    basis = u[:, s > s[0] * 1e-9]
    df = len(change) - basis.shape[1]
    if df < _LEAST_DF:
        return None
    centre = basis @ (basis.T @ change)
    residual = float(np.sum((change - centre) ** 2) / df)
    spread = max(residual - float(error.mean()), 0.0)
    kept = np.divide(spread, spread + error, out=np.zeros_like(error), where=error + spread > 0)
    kept[error == 0] = 1.0
    # The centre is an estimate too, and matters most where little of the change is kept.
    of_centre = (basis**2).sum(1) * residual
    sd = np.sqrt(kept * error + (1 - kept) ** 2 * of_centre)
    estimate = centre + kept * (change - centre)
    reach = norm.ppf((1 + level) / 2) * sd
    return Shrunken(estimate, estimate - reach, estimate + reach, float(np.sqrt(spread)))


def _pairs(cells: Cells, m: int, c: int, r: int) -> _Pairs:
    """Pair the items of a condition with its reference, prompt by prompt where they share some."""
    both = _cells_of(cells, m, c).merge(
        _cells_of(cells, m, r), on=["item", "prompt"], suffixes=("", "_before")
    )
    noise = "prompts"
    if both.empty:  # a retest with a wording of its own
        both = _scores_of(cells, m, c).merge(
            _scores_of(cells, m, r), on="item", suffixes=("", "_before")
        )
        both["prompt"] = 0
    both["change"] = both["score"] - both["score_before"]
    by_item = both.groupby("item")
    means = by_item[["score_before", "score"]].mean()
    judged: NDArray[np.int64] = np.asarray(by_item.size(), dtype=np.int64)
    variance = _between_prompts(both)
    if variance is None and "variance" in both:
        variance, noise = _within_cells(both), "repeats"
    return _Pairs(
        item=means.index.to_numpy(dtype=np.int64),
        before=means["score_before"].to_numpy(),
        after=means["score"].to_numpy(),
        judged=judged,
        variance=variance,
        noise=noise,
    )


def _cells_of(cells: Cells, m: int, c: int) -> pd.DataFrame:
    """Return item, prompt, score and the variance of its mean, of the cells with an answer."""
    mine = np.flatnonzero(
        (cells.cell_model == m) & (cells.cell_condition == c) & ~np.isnan(cells.cell_score)
    )
    frame = pd.DataFrame(
        {
            "item": cells.cell_item[mine],
            "prompt": cells.cell_prompt[mine],
            "score": cells.cell_score[mine],
        }
    )
    if cells.readout == "ratings":
        counts = cells.counts[mine]
        n = counts.sum(1).astype(float)
        rating = np.arange(1, cells.n_categories + 1)
        mean = counts @ rating / n
        squares = counts @ rating**2 - n * mean**2
        more = n > 1
        frame["variance"] = np.divide(
            squares, (n - 1) * n, out=np.full(n.shape, np.nan), where=more
        )
    return frame


def _scores_of(cells: Cells, m: int, c: int) -> pd.DataFrame:
    mine = np.flatnonzero((cells.score_model == m) & (cells.score_condition == c))
    return pd.DataFrame({"item": cells.score_item[mine], "score": cells.score[mine]})


def _between_prompts(both: pd.DataFrame) -> float | None:
    """Return the variance of one pair's change over prompts, beside what a prompt does to all."""
    n_prompts = both["prompt"].nunique()
    df = len(both) - both["item"].nunique() - (n_prompts - 1)
    if n_prompts < 2 or df < _LEAST_DF:
        return None
    rest = both["change"] - both.groupby("prompt")["change"].transform("mean")
    rest = rest - rest.groupby(both["item"]).transform("mean")
    return float((rest**2).sum() / df)


def _within_cells(both: pd.DataFrame) -> float | None:
    known = (both["variance"] + both["variance_before"]).dropna()
    return float(known.mean()) if len(known) >= _LEAST_DF else None


def _retest_variance(judgments: Judgments, cells: Cells, m: int) -> float | None:
    """Return the variance of the changes that a retest shows: at least the noise of one."""
    model = cells.models[m]
    for condition in judgments.conditions_of(model):
        reference = judgments.reference(model, condition.name)
        if condition.role != "retest" or reference is None:
            continue
        c, r = (cells.conditions.index(n) for n in (condition.name, reference))
        change = _pairs(cells, m, c, r).change
        if len(change) > _LEAST_DF:
            return float(np.var(change, ddof=1))
    return None


def _written(loading: Floats, values: tuple[str, ...]) -> str:
    """Return an item's loadings in words: ``benevolence``, ``-power``, ``0.5 security``."""
    parts = []
    for i in np.flatnonzero(loading):
        w = float(loading[i])
        size = "" if abs(w) == 1 else f"{abs(w):g} "
        parts.append(f"{'-' if w < 0 else ''}{size}{values[i]}")
    return ", ".join(parts)
