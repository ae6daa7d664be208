"""Deriving a control vector from contrasting pairs of prompts, with llama.cpp itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.llamacpp.controlvector import write_control_vector
from vat_bayes.collect.llamacpp.judge import LlamaCppJudge
from vat_bayes.collect.llamacpp.states import StateReader
from vat_bayes.collect.prompts import Chat, system_message, user_message
from vat_bayes.errors import InputError, near_miss
from vat_bayes.study import ModelSource, Study, StudyCondition
from vat_bayes.values import VALUES, parse_value

if TYPE_CHECKING:
    import pandas as pd

States = NDArray[np.float32]
"""float array (prompts, n_layers - 1, n_embd)."""
# An item, the condition it is asked under, and the order of the options. Orders take turns from
# pair to pair, so that they are no part of a difference.
_Row = tuple[Any, StudyCondition, str]


@dataclass(frozen=True)
class Steering:
    """A derived control vector.

    Parameters
    ----------
    path : pathlib.Path
        The file that was written.
    pairs : int
        How many pairs were contrasted.
    scenarios : int
        From how many scenarios.
    lengths : dict of int to float
        Layer to the length of the mean difference, which is the length of the layer's direction.
    consistency : dict of int to float
        Layer to the mean cosine between a pair's difference and the mean of the other pairs':
        near zero where the pairs have nothing in common.
    """

    path: Path
    pairs: int
    scenarios: int
    lengths: dict[int, float]
    consistency: dict[int, float]


def steer(
    study: Study,
    out: str | Path,
    *,
    condition: str | None = None,
    against: str | None = None,
    value: str | None = None,
    model: str | None = None,
    layers: tuple[int, int] | None = None,
) -> Steering:
    """Write a control vector: the mean difference of hidden states at the answer, layer by layer.

    The states are those of the last token of the prompt, of which the answer is read. There are
    two contrasts.

    With `condition`, each item held out for examples, of the condition's target where it has one,
    is read under the condition and under another (`against`, the baseline when absent): what is
    left is what the condition does
    to the state before the answer (a difference of means over pairs, as in Panickssery et al.
    2024, arXiv:2312.06681).

    With `value`, an action that supports the value is contrasted with one that violates it in the
    same scenario, less the same difference for the other values, since supporting actions of any
    value are approved of, and that alone would move every rating in one direction.

    Directions are added by llama.cpp where the states were read, and keep the length of the mean
    difference: strength 1 moves the mean state of one side to that of the other in a layer, were
    that layer steered alone. Layers are steered together, so strengths below 1 are usual.

    Parameters
    ----------
    study : Study
        Its model, items, scale and conditions are used.
    out : path
        The GGUF file to write.
    condition, against : str, optional
        Names of conditions of the study.
    value : str, optional
        One of the ten values; either this or `condition`.
    model : str, optional
        Which of the study's models; the only one when absent.
    layers : tuple of int, optional
        The first and the last layer to keep; all of them when absent.

    Returns
    -------
    Steering
        What was written.

    Raises
    ------
    InputError
        When a name is unknown, or the study has not what the contrast needs.
    """
    if (condition is None) == (value is None):
        raise InputError("a control vector is derived from a condition or for a value; name one")
    source = _model(study, model)
    table, orders = _held_out(study), study.scale.orders
    if condition is not None:
        pair = (_condition(study, condition), _condition(study, against or study.baseline.name))
        if pair[0] == pair[1]:
            raise InputError(f"condition '{condition}' is contrasted with itself")
        # What a text does to its own value shows where the value is at stake.
        table = _about(table, pair[0].target)
        rows = [
            (row, side, orders[i % len(orders)])
            for i, row in enumerate(table.itertuples())
            for side in pair
        ]
    else:
        if against is not None:
            raise InputError("'against' belongs to a contrast of conditions, not of a value")
        value = parse_value(str(value))
        turn = {s: i for i, s in enumerate(sorted(set(table["scenario"])))}
        rows = [
            (row, study.baseline, orders[turn[row.scenario] % len(orders)])
            for row in table.itertuples()
        ]
    states, architecture = _states(study, source, _chats(study, rows))
    if condition is not None:
        differences = states[0::2] - states[1::2]
        scenarios = list(table["scenario"].astype(str))
    else:
        differences, scenarios = _by_value(states, table, str(value))
    mean = differences.mean(axis=0)
    kept = range(1, len(mean) + 1)
    if layers is not None:
        kept = range(max(1, layers[0]), min(len(mean), layers[1]) + 1)
        if not kept:
            raise InputError(
                f"layers {layers[0]} to {layers[1]}: this model can be steered at 1 to {len(mean)}"
            )
    directions = {i: mean[i - 1] for i in kept}
    lengths = {i: float(np.linalg.norm(d.astype(np.float64))) for i, d in directions.items()}
    if not all(np.isfinite(n) for n in lengths.values()) or not any(lengths.values()):
        raise InputError(
            "the two sides of the contrast have the same hidden states, or states that are not "
            "finite; there is no direction"
        )
    about: dict[str, Any] = {
        "study": study.name,
        "model": source.name,
        "contrast": {"condition": condition, "against": against or study.baseline.name}
        if condition is not None
        else {"value": value},
        "pairs": len(differences),
        "scenarios": len(set(scenarios)),
    }
    path = Path(out)
    write_control_vector(path, directions, model_hint=architecture, about=about)
    return Steering(
        path=path,
        pairs=len(differences),
        scenarios=len(set(scenarios)),
        lengths=lengths,
        consistency={i: _consistency(differences[:, i - 1]) for i in directions},
    )


def _model(study: Study, name: str | None) -> ModelSource:
    known = {m.name: m for m in study.models}
    if name is None and len(known) > 1:
        raise InputError(f"the study has {len(known)} models; name one: {', '.join(known)}")
    if name is not None and name not in known:
        raise InputError(f"the study has no model '{name}'", hint=near_miss(name, known))
    return study.models[0] if name is None else known[name]


def _condition(study: Study, name: str) -> StudyCondition:
    known = {c.name: c for c in study.conditions}
    if name not in known:
        raise InputError(f"the study has no condition '{name}'", hint=near_miss(name, known))
    if known[name].intervention.files:
        raise InputError(
            f"condition '{name}' changes the model itself; a control vector is derived from texts"
        )
    return known[name]


def _held_out(study: Study) -> pd.DataFrame:
    table = study.load_items().shots().table
    if table.empty:
        raise InputError(
            "the items hold none out (split 'shots'), and a control vector derived from the "
            "judged ones would be tested on what it was made of"
        )
    return table.sort_values("item", ignore_index=True)


def _about(table: pd.DataFrame, target: tuple[str, ...]) -> pd.DataFrame:
    own = table[table["value"].isin(target)]
    return own.reset_index(drop=True) if len(own) else table


def _chats(study: Study, rows: Sequence[_Row]) -> list[Chat]:
    prepared = study.prepare(study.load_items())
    scale = study.scale
    chats = []
    for row, condition, order in rows:
        given = prepared[condition.name]
        chats.append(
            Chat(
                user=user_message(
                    row.scenario_text if isinstance(row.scenario_text, str) else "",
                    row.action_text,
                    study.question(condition),
                    scale.labels,
                    scale.anchors,
                    reverse=order == "reversed",
                    prefix=given.prefix,
                ),
                system=system_message(
                    given.text,
                    [(e.scenario_text, e.action_text, e.label) for e in given.examples],
                ),
            )
        )
    return chats


def _states(study: Study, source: ModelSource, chats: Sequence[Chat]) -> tuple[States, str]:
    """Return the hidden states at the end of every chat, and the model's architecture."""
    judge = LlamaCppJudge(
        study.model_file(source),
        name=source.name,
        labels=study.scale.labels,
        threads=source.threads,
        n_gpu_layers=source.n_gpu_layers,
        chat=source.chat,
    )
    try:
        prompts = [judge.tokens(chat) for chat in chats]
        longest = max(map(len, prompts))
        if longest > judge.model.trained_context:
            raise InputError(
                f"model '{source.name}': a prompt needs {longest} tokens and the model was trained "
                f"for {judge.model.trained_context}"
            )
        reader = StateReader(judge.model, n_ctx=longest, threads=judge.threads)
        try:
            return np.stack([reader.read(tokens) for tokens in prompts]), judge.model.architecture
        finally:
            reader.close()
    finally:
        judge.close()


def _by_value(states: States, table: pd.DataFrame, value: str) -> tuple[States, list[str]]:
    """Return, for each scenario, supporting less violating of a value, less that of the others."""
    if table["value"].isna().any():
        raise InputError("a contrast for a value needs items with one value and a polarity each")
    differences, scenarios = [], []
    for scenario, rows in table.groupby("scenario", sort=True):
        by_value = {}
        for v in VALUES:
            sides = [
                rows.index[(rows["value"] == v) & (rows["polarity"] == sign)] for sign in (1, -1)
            ]
            if all(len(side) for side in sides):
                by_value[v] = states[sides[0]].mean(axis=0) - states[sides[1]].mean(axis=0)
        own = by_value.pop(value, None)
        if own is not None and by_value:
            differences.append(own - np.mean(list(by_value.values()), axis=0))
            scenarios.append(str(scenario))
    if not differences:
        raise InputError(
            f"no scenario held out for examples has an action for and one against {value} and such "
            "a pair for another value"
        )
    return np.stack(differences), scenarios


def _consistency(differences: NDArray[np.float32]) -> float:
    """Return the mean cosine of each difference with the mean of the others."""
    d = differences.astype(np.float64)
    if len(d) < 2:
        return float("nan")
    others = (d.sum(axis=0) - d) / (len(d) - 1)
    norms = np.linalg.norm(d, axis=1) * np.linalg.norm(others, axis=1)
    return float(np.mean(np.sum(d * others, axis=1) / np.maximum(norms, np.finfo(float).tiny)))
