"""Whether stopping by a rule spoils the intervals, and what it saves.

Simulated studies are collected in blocks and looked at after each, as ``vat-bayes collect --until``
does, until ``width(gain) < --width``. The effects of a study vary over scenarios by an amount that
is drawn for each study (log-normal around 0.4 logits, sd of the log 0.5): nobody knows it before.
A look is a paired comparison first; within `NEAR` of the width the model is fitted, and only a fit
stops. The looks of every study that ended are appended to ``docs/calibration/looks.jsonl``, with
the digest of the code, and a run that is cut goes on from them on any machine. ``--paired`` does
the same with the paired comparison alone, for thousands of studies in a minute, and for the rule
``decided`` at true values exactly at the bound.

The fixed design of equal width has the number of scenarios that would have reached the width in
90 % of the same studies: whoever fixes it before the data are seen must plan for more than the
average.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta, t

from benchmarks.in_turn import finished
from benchmarks.validation.settings import CONDITIONS
from benchmarks.validation.tasks import digest
from benchmarks.written import write_between
from vat_bayes.estimands import compute_estimands
from vat_bayes.judgments import Judgments, load_judgments
from vat_bayes.judgments.cells import to_cells
from vat_bayes.model import fit
from vat_bayes.sequential import NEAR
from vat_bayes.simulate import World, draw_world, simulate, true_effects
from vat_bayes.stopping import look_probabilities, paired_widths, parse_rule, widths

ROOT = Path(__file__).resolve().parents[1]
LOOKS = tuple(range(24, 193, 12))
SPREAD = 0.5
GUARANTEE = 0.9
FITTED: dict[str, Any] = {"draws": 400, "tune": 250, "chains": 1}


def world_of(seed: int) -> World:
    """Draw the parameters of a study, and how much its effects vary over scenarios."""
    world = draw_world(seed=seed, conditions=CONDITIONS)
    factor = float(np.exp(np.random.default_rng([seed, 77]).normal(0, SPREAD)))
    return replace(world, u_scale=world.u_scale * factor)


def judgments_of(seed: int, scenarios: int) -> Judgments:
    """Return the first scenarios of a study."""
    made = simulate(LOOKS[-1], seed=seed, readout="distribution", world=world_of(seed))
    table = made.judgments
    table = table[table["scenario"].isin(sorted(set(table["scenario"]))[:scenarios])]
    return load_judgments(table, n_categories=5)


@dataclass(frozen=True)
class Study:
    """What is known of a study without a fit: ``(look,)`` arrays of the paired comparison."""

    seed: int
    truth: float
    width: np.ndarray
    mean: np.ndarray
    error: np.ndarray


def study_of(seed: int) -> Study:
    """Simulate a study and compare it in pairs at every look."""
    judgments = judgments_of(seed, LOOKS[-1])
    conditions = {c.name: c for c in judgments.conditions}
    arm = next(
        a
        for a in paired_widths(to_cells(judgments), conditions).arms
        if a.condition.role == "intervention"
    )
    target = list(to_cells(judgments).values).index(arm.condition.target[0])
    each = arm.shifts.by_scenario[0, :, target]
    error = np.array([each[:n].std(ddof=1) / np.sqrt(n) for n in LOOKS])
    mean = np.array([each[:n].mean() for n in LOOKS])
    degrees = np.array(LOOKS) - 1
    effects = true_effects(world_of(seed), "distribution")
    truth = effects[(effects["condition"] == "promote") & (effects["estimand"] == "gain")]["truth"]
    return Study(seed, float(truth.iloc[0]), 2 * t.ppf(0.95, degrees) * error, mean, error)


def fit_look(seed: int, scenarios: int, bound: float) -> dict[str, Any]:
    """Fit a study at one look."""
    start = time.process_time()
    tree = fit(judgments_of(seed, scenarios), seed=seed, **FITTED)
    draws = compute_estimands(tree).draws
    (clause,) = parse_rule(f"width(gain) < {bound}").widths
    lo, hi = np.quantile(draws["gain"].sel(arm="promote"), [0.05, 0.95])
    found = widths(draws, clause)
    return {
        "seed": seed, "bound": bound, "scenarios": scenarios, "width": found.width,
        "lo": float(lo), "hi": float(hi), "cpu": round(time.process_time() - start, 1),
        "code": digest(),
    }  # fmt: skip


def bounds(hits: int, n: int) -> str:
    """Return a share with its 95 % Clopper-Pearson bounds."""
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    return f"{hits / n:.3f} ({low:.3f} to {high:.3f}; {hits} of {n})"


def savings(stops: np.ndarray) -> str:
    """Compare the mean number of scenarios with the fixed designs of equal width."""
    fixed = float(np.quantile(stops, GUARANTEE, method="inverted_cdf"))
    return (
        f"mean {stops.mean():.1f} scenarios, median {np.median(stops):.0f}; fixed design "
        f"{fixed:.0f}: {1 - stops.mean() / fixed:.0%} saved"
    )


def run_fits(seeds: range, bound: float, file: Path, minutes: float, workers: int) -> None:
    """Look at studies until the rule stops each, until the time is up; a study begun is ended."""
    looked = _looked(file, bound)
    left = [s for s in seeds if _ended(looked.get(s, {}), bound) is None]
    work = partial(look_until, bound=bound, looks=looked)
    for seed, future in finished(left, work, workers=workers, minutes=minutes):
        if error := future.exception():
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
            continue
        with file.open("a", encoding="utf-8") as stream:
            for row in future.result():
                stream.write(json.dumps(row) + "\n")
                print(row, flush=True)


def look_until(
    seed: int, bound: float, looks: dict[int, dict[int, dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Look at one study until the rule stops it, after the looks that were had already."""
    mine, more = dict(looks.get(seed, {})), []
    for n, width in zip(LOOKS, study_of(seed).width, strict=True):
        if n in mine or (width >= NEAR * bound and n < LOOKS[-1]):
            continue
        mine[n] = fit_look(seed, n, bound)
        more.append(mine[n])
        if _ended(mine, bound) is not None:
            break
    return more


def _ended(looks: dict[int, dict[str, Any]], bound: float) -> dict[str, Any] | None:
    """Return the look that ended a study."""
    found = [r for r in looks.values() if r["width"] < bound or r["scenarios"] == LOOKS[-1]]
    return min(found, key=lambda r: int(r["scenarios"]), default=None)


def _looked(file: Path, bound: float) -> dict[int, dict[int, dict[str, Any]]]:
    found: dict[int, dict[int, dict[str, Any]]] = {}
    if file.is_file():
        code = digest()
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if (row["bound"], row["code"]) == (bound, code):
                found.setdefault(row["seed"], {})[row["scenarios"]] = row
    return found


def tell_fits(seeds: range, file: Path, bound: float) -> list[str]:
    """Return coverage and savings of the studies up to the first that has not ended.

    Those behind it that have ended are the ones that end early.
    """
    looked = _looked(file, bound)
    stops, hits, n_fits = [], 0, 0
    for seed in seeds:
        last = _ended(looked.get(seed, {}), bound)
        if last is None:
            break
        n_fits += len(looked[seed])
        effects = true_effects(world_of(seed), "distribution")
        gain = effects[(effects["condition"] == "promote") & (effects["estimand"] == "gain")]
        stops.append(last["scenarios"])
        hits += last["lo"] <= float(gain["truth"].iloc[0]) <= last["hi"]
    if not stops:
        return ["- No study has stopped yet."]
    return [
        f"- {len(stops)} studies, `width(gain) < {bound:g}`, {n_fits} real fits",
        f"  - 90 % intervals at the stop cover {bounds(hits, len(stops))}",
        f"  - {savings(np.array(stops))}",
    ]


def tell_paired(studies: list[Study], bound: float) -> list[str]:
    """Return the same for the paired comparison alone, and for verdicts at the bound."""
    width, mean, error = (
        np.stack([getattr(s, k) for s in studies]) for k in ("width", "mean", "error")
    )
    truth = np.array([s.truth for s in studies])
    narrow = width < bound
    narrow[:, -1] = True
    stop = narrow.argmax(1)
    inside = np.abs(mean - truth[:, None]) <= width / 2
    hits = int(inside[np.arange(len(stop)), stop].sum())
    p = t.cdf((mean - truth[:, None]) / error, np.array(LOOKS) - 1)
    shares = [n / LOOKS[-1] for n in LOOKS]
    spent = np.array(look_probabilities(shares, 0.95))
    often, rarely = (int((p >= limit).any(1).sum()) for limit in (0.95, spent))
    return [
        f"- {len(studies)} studies by the paired comparison alone, `width(gain) < {bound:g}`",
        f"  - 90 % intervals at the stop cover {bounds(hits, len(stop))}; at the first look of all "
        f"studies {inside[:, 0].mean():.3f}, at the last {inside[:, -1].mean():.3f}",
        f"  - {savings(np.array(LOOKS)[stop])}",
        f"  - `decided` with the true gain at the bound, {len(LOOKS)} looks: accepted in "
        f"{bounds(rarely, len(p))}; with .95 asked at every look it would be "
        f"{bounds(often, len(p))}",
    ]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sequential", description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--width", type=float, default=0.15)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--paired", action="store_true", help="no fit at all")
    parser.add_argument("--out", type=Path, help="where the looks are kept")
    parser.add_argument("--write", action="store_true", help="put what is there into the docs")
    options = parser.parse_args()
    seeds = range(1, options.studies + 1)
    kept = ROOT / ".build" / "sequential"
    kept.mkdir(parents=True, exist_ok=True)
    paired = kept / "paired.md"
    file = options.out or ROOT / "docs" / "calibration" / "looks.jsonl"
    if options.paired:
        found = tell_paired([study_of(s) for s in seeds], options.width)
        paired.write_text("\n".join(found), encoding="utf-8")
    else:
        run_fits(seeds, options.width, file, options.minutes, options.workers)
        found = tell_fits(seeds, file, options.width)
    print("\n".join(found))
    if options.write:
        lines = tell_fits(seeds, file, options.width)
        lines += paired.read_text(encoding="utf-8").splitlines() if paired.is_file() else []
        print(write_between("collecting.md", "sequential looks", "\n".join(lines)))


if __name__ == "__main__":
    main()
