"""The judge's card: everything in it that is a number is written here and not by hand."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from models.training.evaluate import Agreement
from models.training.network import Shape
from vat_bayes.values import VALUES


@dataclass(frozen=True)
class Facts:
    """What the trainer knows about a finished judge.

    Parameters
    ----------
    gguf : pathlib.Path
        The file.
    shape : Shape
        Sizes of the network.
    weights : int
        How many weights it has.
    seed : int
        Seed of everything.
    steps : tuple of int
        Batches of the two stages.
    judgments : int
        How many judgments it was trained on.
    minutes, cpu_minutes : float
        Time of the training alone, by the clock and summed over cores.
    agreements : sequence of Agreement
        Teacher against student.
    differences : mapping of str to float
        Largest difference in probability between the network and llama.cpp, by the kind of cache.
    truth : pandas.DataFrame
        The true effects.
    """

    gguf: Path
    shape: Shape
    weights: int
    seed: int
    steps: tuple[int, int]
    judgments: int
    minutes: float
    cpu_minutes: float
    agreements: Sequence[Agreement]
    differences: Mapping[str, float]
    truth: pd.DataFrame


def write_card(path: Path, facts: Facts, *, refusal: float) -> None:
    """Write the card.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    facts : Facts
        What it says.
    refusal : float
        The teacher's probability of a refusal.
    """
    content = facts.gguf.read_bytes()
    template = (Path(__file__).parent / "card.template.md").read_text("utf-8")
    text = template.format(
        size=len(content) / 2**20,
        digest=hashlib.sha256(content).hexdigest(),
        layers=facts.shape.layers,
        width=facts.shape.width,
        heads=facts.shape.heads,
        hidden=facts.shape.hidden,
        context=facts.shape.context,
        vocabulary=facts.shape.vocabulary,
        weights=facts.weights,
        reading=facts.steps[0],
        answering=facts.steps[1],
        judgments=facts.judgments,
        minutes=facts.minutes,
        cpu_minutes=facts.cpu_minutes,
        seed=facts.seed,
        refusal=refusal,
        agreements="\n".join(_agreement_row(a) for a in facts.agreements),
        differences=", ".join(f"{d:.1e} with {kind}" for kind, d in facts.differences.items()),
        scenarios=int(facts.truth["n_scenarios"].iloc[0]),
        effects=effects_table(facts.truth),
    )
    path.write_text(text, encoding="utf-8")


def _agreement_row(a: Agreement) -> str:
    cells = (
        a.what,
        str(a.chats),
        f"{a.score_r:.3f}",
        f"{a.score_error:.3f}",
        _or_dash(a.shift_r, 3),
        _or_dash(a.shift_slope, 2),
        f"{a.shift_rms:.3f}",
        f"{a.valid:.3f}",
    )
    return f"| {' | '.join(cells)} |"


def _or_dash(x: float, digits: int) -> str:
    return "-" if math.isnan(x) else f"{x:.{digits}f}"


def effects_table(truth: pd.DataFrame) -> str:
    """Return the true effects as a table, one column for each condition."""
    names = list(dict.fromkeys(truth["condition"]))
    lines = [f"| | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
    wanted = [("shift", v) for v in VALUES]
    wanted += [(e, "") for e in ("gain", "tax_rms", "style_acquiescence")]
    for estimand, value in wanted:
        cells = []
        for name in names:
            here = (
                (truth["condition"] == name)
                & (truth["estimand"] == estimand)
                & (truth["value"] == value)
            )
            cells.append(f"{truth.loc[here, 'truth'].iloc[0]:.3f}" if here.any() else "-")
        label = f"shift of {value}" if value else estimand
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)
