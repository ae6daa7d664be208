"""Nulls from real ratings: reworded questions, and random parts of the same ratings.

Each of ValuePortrait's 27 models answered every item in six variants, three wordings of the prompt
in two orders of the options. Two kinds of comparison within one model, by paired differences with
scenario-clustered errors and the debiased tax of `vat_bayes.estimands`:

- one wording (or order) against another: nothing was done to the model, but the question changed;
- a random part of each item's six variants against another part. Here nothing differs at all, so
  the tax must contain zero and its excess over a second such part must not raise an alarm.

Halves hold each wording once, in orders drawn by coin; thirds hold one variant in each order, of
wordings drawn at random. With ``--fits`` the parts are fitted as well: the first part is the
baseline, and the second a retest (halves) or an intervention with the third as its placebo.

The data are not part of this package: ``valueportrait_ratings.csv.gz`` and, beside it,
``valueportrait_items.csv``, from https://github.com/holi-lab/ValuePortrait.

    python -m benchmarks.release_nulls PATH/valueportrait_ratings.csv.gz --splits 20 --fits 27
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import beta
from scipy.stats import t as student

import vat_bayes as vb
from vat_bayes.estimands.classical import PairedShifts, sampling_draws
from vat_bayes.estimands.contrasts import debiased_difference
from vat_bayes.estimands.norms import Floats, debiased_mean_square
from vat_bayes.model.structure import Ints

WORDINGS = ("v1", "v2", "v3")
ORDERS = ("forward", "reversed")
MODEL_FILE = Path(__file__).resolve().parents[1] / "examples" / "release_model.toml"
_DRAWS = 2000
# What is compared, as indices into `WORDINGS` and into `ORDERS`, before and after.
CHANGES = {
    "v1 to v2": ([0], [0, 1], [1], [0, 1]),
    "v1 to v3": ([0], [0, 1], [2], [0, 1]),
    "v2 to v3": ([1], [0, 1], [2], [0, 1]),
    "forward to reversed": ([0, 1, 2], [0], [0, 1, 2], [1]),
}


@dataclass(frozen=True)
class Ratings:
    """Ratings of all models.

    Parameters
    ----------
    models, items, scenarios : list of str
    scenario : ndarray of int, shape (item,)
        Index of the item's scenario.
    loading : ndarray, shape (item, value)
    rating : ndarray, shape (model, item, wording, order)
        NaN where there is none.
    loadings : DataFrame
        The loadings as a table.
    """

    models: list[str]
    items: list[str]
    scenarios: list[str]
    scenario: Ints
    loading: Floats
    rating: Floats
    loadings: pd.DataFrame


def read(path: Path) -> Ratings:
    """Read the ratings of every model on the items that load on a value.

    Parameters
    ----------
    path : Path
        The ratings file.

    Returns
    -------
    Ratings
    """
    models = sorted(pd.read_csv(path, usecols=["model"])["model"].unique())
    imported = vb.import_judgments(
        "valueportrait", path, baseline=models[0], interventions=models[1:], prompts=WORDINGS
    )
    table, loadings = imported.table, imported.loadings
    if loadings is None:
        raise vb.InputError("no item loads on a value", where=str(path))
    table = table.astype({"item": str, "scenario": str, "prompt": str, "condition": str})
    of_item = table.groupby("item")["scenario"].first()
    items = list(of_item.index)
    scenario, scenarios = pd.factorize(of_item, sort=True)
    number = {item: i for i, item in enumerate(items)}
    loading = np.zeros((len(items), len(vb.VALUES)))
    rows, columns = loadings["item"].map(number), loadings["value"].map(vb.VALUES.index)
    loading[rows, columns] = loadings["weight"]
    order = table["prompt"].str.partition("/")[2].map(ORDERS.index)
    rating = np.full((len(models), len(items), len(WORDINGS), len(ORDERS)), np.nan)
    rating[
        table["condition"].map(models.index),
        table["item"].map(number),
        table["wording"].astype(str).map(WORDINGS.index),
        order,
    ] = table["rating"]
    return Ratings(models, items, list(scenarios), scenario, loading, rating, loadings)


def paired(data: Ratings, *differences: Floats) -> PairedShifts:
    """Sum differences of items, one array (item,) for each arm, by scenario and value.

    Parameters
    ----------
    data : Ratings
    *differences : ndarray, shape (item,)

    Returns
    -------
    PairedShifts
    """
    total = np.zeros((len(differences), len(data.scenarios), data.loading.shape[1]))
    weight = np.zeros_like(total)
    for arm, difference in enumerate(differences):
        both = ~np.isnan(difference)
        np.add.at(total[arm], data.scenario[both], data.loading[both] * difference[both, None])
        np.add.at(weight[arm], data.scenario[both], np.abs(data.loading[both]))
    return PairedShifts(total, weight)


def interval(draws: Floats) -> tuple[float, float, float]:
    """Return the median and the bounds of a 90 % interval."""
    lo, median, hi = np.quantile(draws, [0.05, 0.5, 0.95])
    return float(median), float(lo), float(hi)


def reworded(data: Ratings, seed: int) -> pd.DataFrame:
    """Compare wordings and orders: the common shift, the tax, and the tax without the common shift.

    Parameters
    ----------
    data : Ratings
    seed : int

    Returns
    -------
    DataFrame
        One row for each change and model. ``common`` is the mean shift over values; ``rest`` is the
        debiased norm of the shifts after their mean is taken off.
    """
    rows = []
    for name, (wordings, orders, other_wordings, other_orders) in CHANGES.items():
        before = data.rating[:, :, wordings][..., orders].reshape(*data.rating.shape[:2], -1)
        after = data.rating[:, :, other_wordings][..., other_orders].reshape(before.shape)
        # Only variants that were answered on both sides are a pair.
        change = _mean(after - before)
        for model, difference in zip(data.models, change, strict=True):
            draws = sampling_draws(paired(data, difference), _DRAWS, seed=seed)[:, 0]
            common = draws.mean(1)
            tax = interval(np.sqrt(debiased_mean_square(draws)))
            rest = interval(np.sqrt(debiased_mean_square(draws - common[:, None])))
            rows.append((name, model, *interval(common), *tax, *rest))
    columns = [f"{w}{end}" for w in ("common", "tax", "rest") for end in ("", "_lo", "_hi")]
    return pd.DataFrame(rows, columns=["change", "model", *columns])


def parts(rng: np.random.Generator, n_items: int, n_parts: int) -> Ints:
    """Divide the six variants of every item at random.

    Parameters
    ----------
    rng : Generator
    n_items : int
    n_parts : {2, 3}

    Returns
    -------
    ndarray of int, shape (item, wording, order)
        The part that each variant is in.
    """
    shape = (n_items, len(WORDINGS), len(ORDERS))
    if n_parts == 2:
        coin = rng.integers(0, 2, shape[:2])
        return np.stack([coin, 1 - coin], axis=2)
    return np.asarray(rng.permuted(np.broadcast_to(np.arange(3)[:, None], shape), axis=1))


def part_means(rating: Floats, part: Ints) -> list[Floats]:
    """Average the ratings of each item in each part, shape (item,)."""
    own = [np.where(part == p, rating, np.nan) for p in range(part.max() + 1)]
    return [_mean(x.reshape(len(x), -1)) for x in own]


def _mean(x: Floats) -> Floats:
    """Average over the last axis what is there; NaN where nothing is."""
    there = ~np.isnan(x)
    n = there.sum(-1)
    return np.asarray(np.where(n > 0, np.where(there, x, 0.0).sum(-1) / np.maximum(n, 1), np.nan))


def split(data: Ratings, splits: int, seed: int) -> pd.DataFrame:
    """Compare random parts by paired differences.

    Parameters
    ----------
    data : Ratings
    splits : int
        Random divisions of each model.
    seed : int

    Returns
    -------
    DataFrame
        One row for each model and division: whether the tax of the halves holds zero, how many of
        the ten shifts do, P(excess > 0) of one third over another and whether its interval holds
        zero.
    """
    rows = []
    for number in range(splits):
        for index, model in enumerate(data.models):
            rng = np.random.default_rng([seed, number, index])
            rating = data.rating[index]
            first, second = part_means(rating, parts(rng, len(rating), 2))
            halves = paired(data, second - first)
            tax = interval(np.sqrt(debiased_mean_square(_draws(halves, number)[:, 0])))
            limit = student.ppf(0.95, halves.clusters[0] - 1) * halves.standard_error[0]
            one, two, three = part_means(rating, parts(rng, len(rating), 3))
            both = _draws(paired(data, two - one, three - one), number)
            excess = debiased_difference(both[:, 0], both[:, 1])
            _, low, high = interval(excess)
            rows.append(
                {
                    "model": model,
                    "split": number,
                    "holds": tax[1] <= 0,
                    "shifts": int((np.abs(halves.mean[0]) <= limit).sum()),
                    "p_excess": float((excess > 0).mean()),
                    "excess_holds": low <= 0 <= high,
                }
            )
    return pd.DataFrame(rows)


def _draws(shifts: PairedShifts, seed: int) -> Floats:
    return sampling_draws(shifts, _DRAWS, seed=seed)


def judgments(data: Ratings, model: int, part: Ints) -> vb.Judgments:
    """Return the parts of one model's ratings as conditions, each variant a prompt.

    Parameters
    ----------
    data : Ratings
    model : int
    part : ndarray of int, shape (item, wording, order)

    Returns
    -------
    Judgments
        Halves are a baseline and a retest; thirds a baseline, an intervention and its placebo.
    """
    names = ("first", "second", "third")
    roles = ("baseline", "retest") if part.max() == 1 else ("baseline", "intervention", "placebo")
    item, wording, order = (x.ravel() for x in np.indices(part.shape))
    table = pd.DataFrame(
        {
            "model": data.models[model],
            "condition": np.array(names)[part.ravel()],
            "role": np.array(roles)[part.ravel()],
            "item": np.array(data.items)[item],
            "scenario": np.array(data.scenarios)[data.scenario[item]],
            "prompt": [f"{WORDINGS[w]}/{ORDERS[o]}" for w, o in zip(wording, order, strict=True)],
            "rating": data.rating[model].ravel(),
        }
    )
    return vb.load_judgments(table, loadings=data.loadings, n_categories=6)


def fitted(
    data: Ratings, model: int, n_parts: int, *, draws: int, seed: int, spec: str = str(MODEL_FILE)
) -> dict[str, object]:
    """Fit random parts of one model's ratings and report the tax.

    Parameters
    ----------
    data : Ratings
    model, n_parts : int
    draws, seed : int
    spec : str
        The model file.

    Returns
    -------
    dict
        The interval of the tax of the second part, how many of its shifts' intervals hold zero,
        P(excess > 0) where there is a third, and which checks of the sampler failed.
    """
    part = parts(np.random.default_rng([seed, model, n_parts]), len(data.items), n_parts)
    tree = vb.fit(
        judgments(data, model, part), spec=spec, draws=draws, tune=500, chains=2, seed=seed
    )
    estimands = vb.compute_estimands(tree)
    checks = vb.run_checks(tree, estimands)
    table = estimands.table
    points = table[(table["condition"] == "second") & (table["scale"] == "points")]
    by_name = points.set_index("estimand")
    shifts = points[points["estimand"] == "shift"]
    tax = by_name.loc["tax_rms"]
    sampler = ("r_hat", "ess_bulk", "ess_tail", "divergences", "bfmi")
    return {
        "model": data.models[model],
        "parts": n_parts,
        "tax": tax["median"],
        "lo": tax["lo"],
        "hi": tax["hi"],
        "shifts": int(((shifts["lo"] <= 0) & (shifts["hi"] >= 0)).sum()),
        "p_excess": by_name.loc["tax_excess"]["p_positive"] if n_parts == 3 else np.nan,
        "failed": " ".join(c.check for c in checks if c.check in sampler and c.verdict == "fail"),
        "ess": next(c.figure for c in checks if c.check == "ess_bulk"),
        "seconds": tree.attrs["seconds"],
    }


def share(hits: int, n: int) -> str:
    """Write a share with its 95 % Clopper-Pearson bounds."""
    lo = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    hi = beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    return f"{hits} of {n} ({hits / n:.3f}; {lo:.3f} to {hi:.3f})"


def main() -> None:
    """Print all of it from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ratings", type=Path)
    parser.add_argument("--splits", type=int, default=10, help="random divisions of each model")
    parser.add_argument("--fits", type=int, default=0, help="models whose parts are fitted")
    parser.add_argument("--draws", type=int, default=500, help="of each of two chains")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    data = read(asked.ratings)
    with pd.option_context("display.width", 200, "display.max_rows", 200):
        words = reworded(data, asked.seed)
        print(words.round(2).to_string(index=False))
    for change, own in words.groupby("change", sort=False):
        print(
            f"{change}: mean |common shift| {own['common'].abs().mean():.2f}, tax excludes zero in "
            f"{(own['tax_lo'] > 0).sum()} models, without the common shift in "
            f"{(own['rest_lo'] > 0).sum()}"
        )
    found = split(data, asked.splits, asked.seed)
    n = len(found)
    print(f"halves: tax holds zero {share(int(found['holds'].sum()), n)}")
    print(f"halves: shifts hold zero {share(int(found['shifts'].sum()), 10 * n)}")
    print(f"thirds: excess holds zero {share(int(found['excess_holds'].sum()), n)}")
    print(f"thirds: P(excess > 0) > .95 {share(int((found['p_excess'] > 0.95).sum()), n)}")
    for n_parts in (2, 3) if asked.fits else ():
        models = range(min(asked.fits, len(data.models)))
        fits = pd.DataFrame(
            [fitted(data, m, n_parts, draws=asked.draws, seed=asked.seed) for m in models]
        )
        print(fits.round(3).to_string(index=False))
        # No number counts that a run would have withheld.
        fits = fits[fits["failed"] == ""]
        print(f"fitted: tax holds zero {share(int((fits['lo'] <= 0).sum()), len(fits))}")
        print(f"fitted: shifts hold zero {share(int(fits['shifts'].sum()), 10 * len(fits))}")


if __name__ == "__main__":
    main()
