"""Classical twins: paired differences, clustered errors, bootstraps and permutation nulls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from vat_bayes.estimands.arms import ArmInfo, find_arm
from vat_bayes.estimands.norms import Floats
from vat_bayes.model.access import array, labels

# Numbers in the resamples of the rank correlations that are computed together.
_BLOCK = 1_000_000


@dataclass(frozen=True)
class PairedShifts:
    """Signed paired differences, summed by scenario.

    Parameters
    ----------
    total : ndarray, shape (arm, scenario, value)
        Sum over items of loading times (score under the condition - score under its reference).
    weight : ndarray, shape (arm, scenario, value)
        Sum of the absolute loadings of the items that both were judged on.
    """

    total: Floats
    weight: Floats

    @property
    def mean(self) -> Floats:
        """Shift of every value in points, shape (arm, value); NaN without items."""
        weight = self.weight.sum(1)
        missing = np.full(weight.shape, np.nan)
        return np.asarray(np.divide(self.total.sum(1), weight, out=missing, where=weight > 0))

    @property
    def by_scenario(self) -> Floats:
        """Shift of every value in every scenario, shape (arm, scenario, value)."""
        missing = np.full(self.total.shape, np.nan)
        return np.asarray(np.divide(self.total, self.weight, out=missing, where=self.weight > 0))

    @property
    def influence(self) -> Floats:
        """What each scenario adds to the error of the mean, shape (arm, scenario, value)."""
        weight = self.weight.sum(1, keepdims=True)
        residual = self.total - np.nan_to_num(self.mean)[:, None] * self.weight
        none = np.zeros_like(residual)
        return np.asarray(np.divide(residual, weight, out=none, where=weight > 0))

    @property
    def clusters(self) -> Floats:
        """Number of scenarios behind each mean, shape (arm, value)."""
        return np.asarray((self.weight > 0).sum(1), dtype=float)

    @property
    def standard_error(self) -> Floats:
        """Scenario-clustered standard error, shape (arm, value)."""
        n = self.clusters
        small = np.divide(n, n - 1, out=np.full(n.shape, np.nan), where=n > 1)
        return np.asarray(np.sqrt(small * (self.influence**2).sum(1)))


def paired_shifts(tree: xr.DataTree, arms: list[ArmInfo]) -> PairedShifts:
    """Pair every item with itself under the reference condition.

    Parameters
    ----------
    tree : DataTree
    arms : list of ArmInfo
        Fitted arms.

    Returns
    -------
    PairedShifts
    """
    table = array(tree, "observed_data", "score")
    states = labels(tree, "observed_data", "state")
    models = labels(tree, "posterior", "model")
    loading = array(tree, "constant_data", "loading")
    scenario = array(tree, "constant_data", "item_scenario").astype(int)
    n_scenarios = int(scenario.max()) + 1
    totals, weights = [], []
    for arm in arms:
        reference = find_arm(arms, arm.model, arm.condition.reference)
        base = states.index(reference.label) if reference else models.index(arm.model)
        difference = table[states.index(arm.label)] - table[base]
        both = ~np.isnan(difference)
        total = np.zeros((n_scenarios, loading.shape[1]))
        weight = np.zeros_like(total)
        np.add.at(total, scenario[both], loading[both] * difference[both, None])
        np.add.at(weight, scenario[both], np.abs(loading[both]))
        totals.append(total)
        weights.append(weight)
    return PairedShifts(np.stack(totals), np.stack(weights))


def sampling_draws(paired: PairedShifts, n: int, *, seed: int) -> Floats:
    """Joint normal draws of all shifts around their means, from the clustered errors.

    Parameters
    ----------
    paired : PairedShifts
    n : int
    seed : int

    Returns
    -------
    ndarray, shape (n, arm, value)
        Their covariance over arms and values is the scenario-clustered one.
    """
    # Of so many scenarios as are behind each value, as in its standard error.
    clusters = np.maximum(paired.clusters, 2.0)
    influence = paired.influence * np.sqrt(clusters / (clusters - 1))[:, None]
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(n, influence.shape[1]))
    return np.asarray(paired.mean + np.einsum("ns,asv->nav", weight, influence))


def scenario_bootstrap(paired: PairedShifts, n: int, *, seed: int) -> Floats:
    """Resample scenarios with replacement.

    Parameters
    ----------
    paired : PairedShifts
    n : int
        Number of resamples.
    seed : int

    Returns
    -------
    ndarray, shape (n, arm, value)
        The mean paired difference of each resample.
    """
    rng = np.random.default_rng(seed)
    n_scenarios = paired.total.shape[1]
    count = rng.multinomial(n_scenarios, np.full(n_scenarios, 1 / n_scenarios), size=n)
    total = np.einsum("ns,asv->nav", count, paired.total)
    weight = np.einsum("ns,asv->nav", count, paired.weight)
    missing = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, weight, out=missing, where=weight > 0))


@dataclass(frozen=True)
class RawCoupling:
    """The paper's coupling: rank correlations of the observed shifts across scenarios.

    Parameters
    ----------
    norm : float
        ``||R||_F / sqrt(V)``, diagonal included as in the paper.
    bootstrap : ndarray, shape (resample,)
        The same over resampled scenarios.
    null : ndarray, shape (permutation,)
        The same after random sign flips, which leave each value's shifts as large as they are and
        remove what they have in common.
    n : int
        Number of scenarios with every value.
    """

    norm: float
    bootstrap: Floats
    null: Floats
    n: int


def raw_coupling(by_scenario: Floats, *, n_resamples: int, seed: int) -> RawCoupling | None:
    """Spearman coupling of one arm's shifts, with its null and its scenario bootstrap.

    Parameters
    ----------
    by_scenario : ndarray, shape (scenario, value)
        Observed shifts.
    n_resamples, seed : int

    Returns
    -------
    RawCoupling or None
        None when fewer than four scenarios have every value.

    References
    ----------
    Chen, Shen (2026). Value Alignment Tax. arXiv:2602.12134 (nVAT).
    """
    whole = by_scenario[~np.isnan(by_scenario).any(1)]
    n = len(whole)
    if n < 4:
        return None
    rng = np.random.default_rng(seed)
    centred = whole - np.median(whole, axis=0)
    null, boot = np.empty(n_resamples), np.empty(n_resamples)
    # Many at a time, as many as leave the memory as it is.
    block = max(1, _BLOCK // whole.size)
    for first in range(0, n_resamples, block):
        here = slice(first, min(first + block, n_resamples))
        signs = rng.choice([-1.0, 1.0], size=(here.stop - first, *whole.shape))
        null[here] = _norms(centred * signs)
        boot[here] = _norms(whole[rng.integers(0, n, (here.stop - first, n))])
    return RawCoupling(float(_norms(whole[None])[0]), boot, null, n)


def _norms(shifts: Floats) -> Floats:
    """Norms of the rank correlations, shape (sample,), of shifts (sample, scenario, value)."""
    ranks = rankdata(shifts, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    length = np.sqrt((ranks**2).sum(1, keepdims=True))
    # A value whose shift is the same everywhere has no rank correlation; it counts as none.
    unit = np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0)
    correlation = np.swapaxes(unit, 1, 2) @ unit
    n_values = correlation.shape[-1]
    correlation[:, np.arange(n_values), np.arange(n_values)] = 1.0
    return np.asarray(np.sqrt((correlation**2).sum((1, 2)) / n_values))
