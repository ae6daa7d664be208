"""The judge's true effects: its answers on far more scenarios than any study of it uses.

Truth here is a fact about the finished network and not about its teacher: every chat of a large
fresh draw from the grammar is scored, and the means are taken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.training.scoring import Scorer
from models.training.teacher import Floats, expected_score
from models.training.tokenizer import Encoder
from models.training.wordings import Example, system_segments, user_segments
from vat_bayes.items import ItemSet, compose
from vat_bayes.study import Study
from vat_bayes.study.interventions import Prepared
from vat_bayes.values import VALUES

COLUMNS = (
    "condition",
    "estimand",
    "value",
    "truth",
    "se",
    "n_scenarios",
    "condition_sha256",
)


def condition_sha256(prepared: Prepared, question: str) -> str:
    """Return the SHA-256 of what a condition puts before the judge.

    It is taken over the JSON object with the keys ``examples`` (a list of scenario, action and
    label), ``question`` and ``text``, sorted, without blanks, non-ASCII characters escaped.
    """
    content = {
        "examples": [[e.scenario_text, e.action_text, e.label] for e in prepared.examples],
        "question": question,
        "text": prepared.text,
    }
    line = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(line.encode("ascii")).hexdigest()


def item_scores(
    items: ItemSet,
    study: Study,
    prepared: Prepared,
    question: str,
    *,
    encoder: Encoder,
    scorer: Scorer,
) -> Floats:
    """Return the judge's expected ratings under one condition.

    Parameters
    ----------
    items : ItemSet
        Composed items: twenty rows for each scenario, one scenario after the other.
    study : Study
        Its scale is used.
    prepared : Prepared
        The condition's system message.
    question : str
        The condition's question.
    encoder, scorer : Encoder, Scorer
        The judge.

    Returns
    -------
    float array (scenarios, actions)
        Means over the option orders of the study.
    """
    # Only the texts of an example matter here; what it is about is the teacher's business.
    examples = [Example(e.scenario_text, e.action_text, int(e.label), 0) for e in prepared.examples]
    system = system_segments(prepared.text, examples)
    table = items.table
    actions = table["action_text"].to_numpy().reshape(-1, 2 * len(VALUES))
    scenes = table["scenario_text"].to_numpy()[:: actions.shape[1]]
    total = np.zeros(actions.shape)
    for order in study.scale.orders:
        start, lead, tail = user_segments(
            question, study.scale.anchors, reverse=order == "reversed"
        )
        chats = [
            (
                encoder.prefix(system, [start + scene, lead]),
                [[*encoder.segment(f" {a}"), *encoder.rest([tail])] for a in own],
            )
            for scene, own in zip(scenes, actions, strict=True)
        ]
        total += expected_score(scorer(chats))
    return total / len(study.scale.orders)


def true_effects(
    study: Study, encoder: Encoder, scorer: Scorer, *, scenarios: int, seed: int
) -> pd.DataFrame:
    """Score every condition of a study on a fresh draw of scenarios.

    Parameters
    ----------
    study : Study
        The demo study.
    encoder, scorer : Encoder, Scorer
        The judge.
    scenarios : int
        How many scenarios to draw; 20 actions each.
    seed : int
        Seed of the draw; another one than the core set's.

    Returns
    -------
    pandas.DataFrame
        The columns `COLUMNS`: one row for each condition and estimand (`shift` of each value, its
        standard deviation over scenarios `shift_sd`, `gain`, `tax_rms` and `style_acquiescence`,
        the mean change of all ratings whatever the polarity), in rating points.
    """
    items = compose(scenarios, seed=seed)
    prepared = study.prepare(study.load_items())
    polarity = items.table["polarity"].to_numpy(np.int64).reshape(scenarios, -1)
    value = items.table["value"].map(VALUES.index).to_numpy(np.int64).reshape(scenarios, -1)
    expected = np.repeat(np.arange(len(VALUES)), 2)
    if not (value == expected).all():
        raise ValueError("composed items are not in the order of the values")
    scores = {
        c.name: item_scores(
            items,
            study,
            prepared[c.name],
            study.question(c),
            encoder=encoder,
            scorer=scorer,
        )
        for c in study.conditions
    }
    baseline = scores[study.baseline.name]
    rows: list[tuple[object, ...]] = []
    for c in study.conditions:
        if c.role == "baseline":
            continue
        change = scores[c.name] - baseline
        signed = (polarity * change).reshape(scenarios, len(VALUES), 2).mean(axis=2)
        digest = condition_sha256(prepared[c.name], study.question(c))
        rows += [
            (c.name, *row, scenarios, digest)
            for row in _summaries(signed, change.mean(axis=1), c.target, c.direction)
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _summaries(
    signed: Floats, common: Floats, target: Sequence[str], direction: int
) -> list[tuple[str, str, float, float]]:
    n = len(signed)
    shift = signed.mean(axis=0)
    error = signed.std(axis=0, ddof=1) / np.sqrt(n)
    spread = signed.std(axis=0, ddof=1)
    rows = [("shift", v, float(shift[i]), float(error[i])) for i, v in enumerate(VALUES)]
    rows += [
        ("shift_sd", v, float(spread[i]), float(spread[i] / np.sqrt(2 * (n - 1))))
        for i, v in enumerate(VALUES)
    ]
    on = [VALUES.index(v) for v in target]
    off = [i for i in range(len(VALUES)) if i not in on]
    if on:
        gain = direction * signed[:, on].mean(axis=1)
        rows.append(("gain", "", float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(n))))
    tax = float(np.sqrt(np.mean(shift[off] ** 2)))
    # The delta method, with the scenarios as the sample.
    influence = (signed[:, off] - shift[off]) @ shift[off] / (len(off) * max(tax, 1e-12))
    rows.append(("tax_rms", "", tax, float(influence.std(ddof=1) / np.sqrt(n))))
    rows.append(
        ("style_acquiescence", "", float(common.mean()), float(common.std(ddof=1) / np.sqrt(n)))
    )
    return rows


def effects_by_value(truth: pd.DataFrame) -> Mapping[str, pd.Series]:
    """Return the shifts of each condition by value, for a table."""
    shifts = truth[truth["estimand"] == "shift"]
    return {
        str(name): part.set_index("value")["truth"]
        for name, part in shifts.groupby("condition", sort=False)
    }
