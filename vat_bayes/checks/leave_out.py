"""Do intervals hold for scenarios that the fit has not seen: K-fold cross-validation by refits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr

from vat_bayes.checks.check import Check, graded
from vat_bayes.judgments import Judgments
from vat_bayes.judgments import Readout as JudgmentReadout
from vat_bayes.model.build import Prepared, prepare
from vat_bayes.model.effects import Draws
from vat_bayes.model.kinds import new_ratings
from vat_bayes.model.predictive import replicated_scores
from vat_bayes.model.priors import Link
from vat_bayes.model.ratings import RatingsDesign
from vat_bayes.model.scores import ScoresDesign
from vat_bayes.model.structure import Floats, Ints

NAME = "leave_scenario_out"
_N_REPLICATES = 400
_LEVEL = 0.9

Refit = Callable[[Judgments], xr.DataTree]


def check_leave_out(
    judgments: Judgments,
    refit: Refit,
    *,
    folds: int = 5,
    seed: int = 0,
    readout: JudgmentReadout = "auto",
    say: Callable[[str], None] = lambda _: None,
) -> Check:
    """Refit without a part of the scenarios, and predict the mean shifts in that part.

    This is the question that every interval answers: what would another set of scenarios show.
    The prediction includes new scenarios, new items and the noise of their judgments.

    Parameters
    ----------
    judgments : Judgments
        All of them.
    refit : callable
        Fits judgments as the run was fitted.
    folds : int
        Number of parts, and of fits.
    seed : int
        Seed of the parts and of the replicates.
    readout : {"auto", "distribution", "ratings"}
        As the run was fitted.
    say : callable
        Takes a sentence before each fit.

    Returns
    -------
    Check
        Its figure is the share of the left-out mean shifts (one for each part, arm and value)
        inside their 90% predictive intervals; warns under .8 and fails under .6. Shifts of one part
        share scenarios, so the share scatters more than its count suggests.
    """
    prepared = prepare(judgments, readout)
    scenarios = prepared.design.structure.scenarios
    folds = min(folds, len(scenarios) // 2)
    if folds < 2:
        why = f"{len(scenarios)} scenarios can't be parted"
        return Check(NAME, "not-run", None, None, why)
    part = np.random.default_rng(seed).permutation(len(scenarios)) % folds
    observed = _observed(prepared)
    inside, total = 0, 0
    missed: dict[str, int] = {}
    labels = [a.label for a in prepared.design.structure.arms]
    for fold in range(folds):
        held = np.flatnonzero(part == fold)
        say(f"fit {fold + 1} of {folds}, without {len(held)} of {len(scenarios)} scenarios")
        tree = refit(_without(judgments, {scenarios[i] for i in held}))
        problem = _incomparable(tree, labels, prepared)
        if problem:
            return Check(NAME, "not-run", None, None, f"without part of the scenarios, {problem}")
        found = _shifts(prepared, observed, held)
        predicted = np.stack(
            [_shifts(prepared, x, held) for x in _replicates(prepared, tree, seed=seed + fold)]
        )
        lo, hi = np.quantile(predicted, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
        known = ~np.isnan(found)
        hit = (found >= lo) & (found <= hi) & known
        inside, total = inside + int(hit.sum()), total + int(known.sum())
        for a, label in enumerate(labels):
            missed[label] = missed.get(label, 0) + int((known[a] & ~hit[a]).sum())
    worst = max(missed, key=lambda k: missed[k])
    return graded(
        NAME,
        inside / total,
        warn=0.8,
        fail=0.6,
        low_is_good=False,
        why=f"share of {total} mean shifts in scenarios that were left out, {folds} parts in turn, "
        f"inside their 90% predictive intervals (most misses: {missed[worst]}, {worst})",
    )


def _without(judgments: Judgments, scenarios: set[str]) -> Judgments:
    return judgments.of_scenarios(set(judgments.tally.scenarios) - scenarios)


def _incomparable(tree: xr.DataTree, labels: list[str], prepared: Prepared) -> str | None:
    """Say why a refit can't predict for the whole design; None when it can."""
    posterior = tree["posterior"].to_dataset()
    if [a["label"] for a in json.loads(tree.attrs["arms"])] != labels:
        return "a condition can't be told from its baseline"
    if "wording" in posterior.sizes and posterior.sizes["wording"] != len(
        prepared.design.structure.prompts
    ):
        return "a prompt is missing"
    if not isinstance(prepared.design, RatingsDesign):
        return None
    if prepared.design.has_repeats != ("repeat_scale" in posterior):
        return "no item has repeats"
    subvalues = len(prepared.design.structure.subvalues)
    if posterior.sizes.get("subvalue_name", subvalues) != subvalues:
        return "a sub-value is missing"
    return None


def _replicates(prepared: Prepared, tree: xr.DataTree, *, seed: int) -> Iterator[Floats]:
    """Scores of every item in every state, as if scenarios and items were new; (state, item)."""
    posterior = tree["posterior"].to_dataset()
    n = posterior.sizes["chain"] * posterior.sizes["draw"]
    keep = np.unique(np.linspace(0, n - 1, min(_N_REPLICATES, n)).round().astype(int))
    draws: Draws = {
        str(k): np.asarray(v.values, dtype=float).reshape(n, *v.shape[2:])[keep]
        for k, v in posterior.data_vars.items()
        if k != "u"
    }
    design = prepared.design
    df = float(tree.attrs.get("scenario_df", 0.0)) or None
    if isinstance(design, ScoresDesign):
        for score in replicated_scores(design, draws, seed=seed, df=df):
            yield _table(design, score)
        return
    rng = np.random.default_rng(seed)
    asked = design.counts.sum(1)
    link: Link = "probit" if tree.attrs.get("link") == "probit" else "logistic"
    for d in range(len(keep)):
        one = {name: x[d : d + 1] for name, x in draws.items()}
        new = new_ratings(design, one, asked, rng, link=link, df=df)
        yield _mean_ratings(design, new[0])


def _observed(prepared: Prepared) -> Floats:
    design = prepared.design
    if isinstance(design, ScoresDesign):
        return _table(design, design.score)
    return _mean_ratings(design, design.counts)


def _table(design: ScoresDesign, score: Floats) -> Floats:
    table = np.full((design.structure.n_states, len(design.structure.items)), np.nan)
    table[design.state, design.item] = score
    return table


def _mean_ratings(design: RatingsDesign, counts: Ints) -> Floats:
    s = design.structure
    total, n = (np.zeros((s.n_states, len(s.items))) for _ in range(2))
    place = (design.cell_state, design.cell_item)
    np.add.at(total, place, counts @ np.arange(1, s.n_categories + 1))
    np.add.at(n, place, counts.sum(1))
    return np.asarray(np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0))


def _shifts(prepared: Prepared, table: Floats, scenarios: Ints) -> Floats:
    """Mean paired difference, signed by the loading, in some scenarios; shape (arm, value)."""
    s = prepared.design.structure
    here = np.isin(s.item_scenario, scenarios)
    n_models = len(s.models)
    base = table[s.state_model[n_models:]][:, here]
    difference = table[n_models:][:, here] - base
    both = ~np.isnan(difference)
    loading = s.loading[here]
    total = np.where(both, difference, 0.0) @ loading
    weight = both.astype(float) @ np.abs(loading)
    missing = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, weight, out=missing, where=weight > 0))
