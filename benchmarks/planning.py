"""Predicted beside realised widths of simulated studies.

Realised are the 90 % intervals of the studies that ``python -m benchmarks.validation`` has fitted
(``--studies FOLDER`` for those of another version). Predicted are those of `vat_bayes.plan`, from
the true parameters of each study's model, and with ``--pilots N`` from the posterior of a pilot: a
study of 24 other scenarios of the same model, which is fitted here.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.validation.settings import Setting
from benchmarks.validation.tasks import ROOT, collect, digest
from benchmarks.written import write_between
from vat_bayes.judgments import load_judgments
from vat_bayes.model import fit
from vat_bayes.plan import Components, Design, Question, pilot_components, predict, world_components
from vat_bayes.simulate import simulate

PILOT = 24
# Position of the placebo among the conditions of a study.
PLACEBO = 2


def predicted(
    components: Components, placebo: Components | None, scenarios: int, taxes: tuple[float, float]
) -> dict[str, float]:
    """Return the predicted widths by estimand, given the true taxes of condition and placebo."""
    question = Question(tax=taxes[0], placebo_tax=taxes[1])
    found = predict(components, Design(scenarios), question, placebo=placebo)
    widths = {"gain": found.width_gain, "shift": found.width_shift, "tax_rms": found.width_tax}
    return widths | ({} if placebo is None else {"tax_excess": found.width_excess})


def pilot_of(setting: Setting, seed: int) -> Components:
    """Fit a small study of the same model, with scenarios of its own."""
    made = simulate(PILOT, seed=10_000 + seed, readout=setting.readout, world=setting.world(seed))
    tree = fit(
        load_judgments(made.judgments, n_categories=5), seed=seed, draws=300, tune=250, chains=1
    )
    return pilot_components(tree, "promote")[0]


def compared(rows: pd.DataFrame, pilots: int, kept: Path) -> pd.DataFrame:
    """Return predicted and realised widths of every study that converged."""
    rows = rows[rows["scale"] == "points"]
    of_placebo = rows[(rows["condition"] == "placebo") & (rows["estimand"] == "tax_rms")]
    small = of_placebo.set_index(["key", "seed"])["truth"]
    rows = rows[rows["condition"] == "promote"]
    rows = rows[rows["key"].str.startswith("coverage-") & (rows["failed"] == "")]
    found = []
    for (key, seed), study in rows.groupby(["key", "seed"]):
        setting = Setting(**json.loads(study["setting"].iloc[0]))
        if setting.backend != "numpyro" or setting.twist != "none":
            continue
        truth = study.set_index("estimand")["truth"]
        realised = (study["hi"] - study["lo"]).groupby(study["estimand"]).mean()
        world = setting.world(seed)
        sources: dict[str, tuple[Components, Components | None]] = {
            "truth": (
                world_components(world, setting.readout),
                world_components(world, setting.readout, condition=PLACEBO),
            )
        }
        if setting.readout == "distribution" and setting.scenarios > PILOT and seed <= pilots:
            sources["pilot"] = (_kept_pilot(setting, seed, kept), None)
        taxes = (float(truth["tax_rms"]), float(small[key, seed]))
        for source, (components, placebo) in sources.items():
            widths = predicted(components, placebo, setting.scenarios, taxes)
            found += [
                {
                    "source": source, "readout": setting.readout, "scenarios": setting.scenarios,
                    "estimand": name, "seed": seed, "key": key,
                    "predicted": width, "realised": realised[name],
                }
                for name, width in widths.items()
                if name in realised
            ]  # fmt: skip
    return pd.DataFrame(found)


def _kept_pilot(setting: Setting, seed: int, kept: Path) -> Components:
    """Fit a pilot once: what it says of the components is kept."""
    file = kept / f"pilot-{setting.readout}-{seed:04d}.json"
    if not file.is_file():
        c = pilot_of(setting, seed)
        content: dict[str, Any] = {
            "effect": c.effect.tolist(), "item": c.item.tolist(), "rating": c.rating.tolist(),
            "wording": c.wording.tolist(), "target": list(c.target), "source": c.source,
        }  # fmt: skip
        kept.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content), encoding="utf-8")
        print(f"pilot {seed} fitted", flush=True)
    read = json.loads(file.read_text(encoding="utf-8"))
    arrays = {k: np.array(read[k]) for k in ("effect", "item", "rating", "wording")}
    return Components(**arrays, target=tuple(read["target"]), source=read["source"])


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning", description=__doc__)
    parser.add_argument("--studies", type=Path, help="a folder of finished studies")
    parser.add_argument("--pilots", type=int, default=0, help="fit pilots of the first N seeds")
    parser.add_argument("--write", action="store_true", help="put the table into docs/plan.md")
    options = parser.parse_args()
    folder = options.studies or ROOT / ".build" / "validation" / digest()
    rows = collect(folder).get("studies")
    if rows is None:
        parser.error(f"no finished studies in {folder}")
    table = compared(rows, options.pilots, ROOT / ".build" / "planning" / digest())
    table["ratio"] = table["predicted"] / table["realised"]
    lines = [
        "| from | read-out | S | estimand | studies | predicted | realised | ratio of means | "
        "studies within 15 % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, group in table.groupby(["source", "readout", "scenarios", "estimand"]):
        p, r = group["predicted"].mean(), group["realised"].mean()
        near = (group["ratio"].sub(1).abs() <= 0.15).mean()
        cells = [*map(str, key), str(len(group)), f"{p:.3f}", f"{r:.3f}", f"{p / r:.2f}"]
        lines.append(f"| {' | '.join([*cells, f'{near:.0%}'])} |")
    print("\n".join(lines))
    if options.write:
        print(write_between("plan.md", "planned widths", "\n".join(lines)))


if __name__ == "__main__":
    main()
