"""The design as a whole: every condition has what it is compared with, on the same items."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from vat_bayes.conditions import ROLES, Condition
from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.coerce import Ints, Text
from vat_bayes.judgments.place import Place
from vat_bayes.judgments.rows import Rows
from vat_bayes.judgments.words import counted, listed, shown
from vat_bayes.values import parse_value


def check_given(
    conditions: Sequence[Condition], condition: Text, place: Place
) -> tuple[tuple[Condition, ...], list[str]]:
    """Match the conditions of a study with those of a table.

    Returns
    -------
    conditions : tuple of Condition
        Those with judgments, in the order given, targets in kebab case.
    notes : list of str
        The conditions without judgments.

    Raises
    ------
    InputError
        When a condition can't be what it says, is given twice, or the table has one more.
    """
    names = [c.name for c in conditions]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"condition {listed(twice)} is given twice", where="conditions")
    checked = [_check_condition(c) for c in conditions]
    for code, name in enumerate(condition.names):
        if name not in names:
            row = int(np.flatnonzero(condition.codes == code)[0])
            raise InputError(
                f"condition {shown(name)} is not in the study, which has {listed(names)}",
                where=place.at(row, "condition"),
                hint=near_miss(name, names),
            )
    absent = [n for n in names if n not in condition.names]
    notes = [f"no judgments for condition {listed(absent)}"] if absent else []
    return tuple(c for c in checked if c.name in condition.names), notes


def _check_condition(condition: Condition) -> Condition:
    where = f"condition {shown(condition.name)}"
    if condition.role not in ROLES:
        raise InputError(
            f"found role {shown(condition.role)}, expected one of {', '.join(ROLES)}",
            where=where,
            hint=near_miss(str(condition.role), ROLES),
        )
    if condition.direction not in {1, -1}:
        raise InputError(
            f"found direction {condition.direction}, expected 1 (promote) or -1 (suppress)",
            where=where,
        )
    if condition.dose is not None and not math.isfinite(condition.dose):
        raise InputError(f"found dose {condition.dose}, expected a finite number", where=where)
    try:
        target = tuple(dict.fromkeys(parse_value(t) for t in condition.target))
    except InputError as error:
        raise InputError(error.message, where=f"{where}, target", hint=error.hint) from error
    return dataclasses.replace(condition, target=target)


def check_design(
    conditions: tuple[Condition, ...], rows: Rows, answered: Ints, place: Place
) -> tuple[tuple[Condition, ...], list[str]]:
    """Check the conditions against each other and against the judgments of each model.

    Parameters
    ----------
    conditions : tuple of Condition
        The conditions of the table.
    rows : Rows
        Its rows.
    answered : int array (row,)
        How many judgments of the row have a rating.
    place : Place
        Where the rows come from.

    Returns
    -------
    conditions : tuple of Condition
        With placebos resolved, and a baseline's target and placebo left out.
    notes : list of str
        What was left out, ignored or could not be resolved.

    Raises
    ------
    InputError
        When a model lacks a baseline or has two, a condition lacks its reference or shares no item
        with it, or none of its ratings is there.
    """
    source = place.source
    by_name = {c.name: c for c in conditions}
    present = _present(rows)
    _check_references(conditions, source)
    _check_baselines(by_name, present, source)
    _check_answers(rows, answered, place)
    notes = _check_pairs(by_name, present, rows, place)
    conditions, more = _plain_baselines(conditions)
    notes += more
    conditions, more = resolve_placebos(conditions, present, source)
    return conditions, notes + more


def _present(rows: Rows) -> dict[str, list[str]]:
    """Model -> the names of its conditions, both sorted."""
    n = len(rows.condition.names)
    keys = np.unique(rows.model.codes * n + rows.condition.codes)
    found: dict[str, list[str]] = {model: [] for model in sorted(rows.model.names)}
    for key in keys:
        found[rows.model.names[key // n]].append(rows.condition.names[key % n])
    return {model: sorted(names) for model, names in found.items()}


def _check_references(conditions: tuple[Condition, ...], source: str) -> None:
    by_name = {c.name: c for c in conditions}
    referring = [c for c in conditions if c.reference is not None]
    for c in referring:
        if c.reference not in by_name:
            raise InputError(
                f"the reference {shown(c.reference)} is not a condition, "
                f"expected one of {listed(list(by_name))}",
                where=f"{source}, condition {shown(c.name)}",
                hint=near_miss(str(c.reference), by_name),
            )
    for c in referring:
        where = f"{source}, condition {shown(c.name)}"
        if c.role == "baseline":
            if c.reference != c.name:
                raise InputError(
                    f"a baseline has no reference, found {shown(c.reference)}", where=where
                )
            continue
        chain = [c.name]
        at_end = c
        while at_end.reference is not None and at_end.role != "baseline":
            if at_end.reference in chain:
                raise InputError(
                    "the reference is the condition itself, expected another condition"
                    if len(chain) == 1
                    else f"references go in a circle: {' -> '.join([*chain, at_end.reference])}",
                    where=where,
                )
            chain.append(at_end.reference)
            at_end = by_name[at_end.reference]


def _check_baselines(
    by_name: dict[str, Condition], present: dict[str, list[str]], source: str
) -> None:
    for model, names in present.items():
        baselines = [n for n in names if by_name[n].role == "baseline"]
        if not baselines:
            raise InputError(
                f"model {shown(model)} has no baseline, only {listed(names)}", where=source
            )
        if len(baselines) > 1:
            raise InputError(
                f"model {shown(model)} has {len(baselines)} baselines ({listed(baselines)}), "
                "expected one",
                where=source,
            )
    if all(len(names) == 1 for names in present.values()):
        raise InputError(
            "there is no condition but the baseline, so there is nothing to compare", where=source
        )


def _check_answers(rows: Rows, answered: Ints, place: Place) -> None:
    n = len(rows.condition.names)
    key = rows.model.codes * n + rows.condition.codes
    total = np.bincount(key, weights=place.count)
    heard = np.bincount(key, weights=answered)
    for silent in np.flatnonzero((total > 0) & (heard == 0)):
        model, condition = rows.model.names[silent // n], rows.condition.names[silent % n]
        raise InputError(
            f"all {total[silent]:.0f} ratings of model {shown(model)} under "
            f"condition {shown(condition)} are missing",
            where=place.at(None, "rating"),
        )


def _check_pairs(
    by_name: dict[str, Condition], present: dict[str, list[str]], rows: Rows, place: Place
) -> list[str]:
    notes = []
    shape = (len(rows.model.names), len(rows.condition.names), len(rows.item.names))
    # One bit per judged item; a study of 30,000 items under 50 conditions takes 1.5 MB a model.
    judged = np.zeros(shape, dtype=bool)
    judged[rows.model.codes, rows.condition.codes, rows.item.codes] = True
    for model, names in present.items():
        items = judged[rows.model.names.index(model)]
        baseline = next(n for n in names if by_name[n].role == "baseline")
        if len(names) == 1:
            notes.append(f"model {shown(model)} has no condition but its baseline")
        for name in names:
            if name == baseline:
                continue
            reference = by_name[name].reference or baseline
            if reference not in names:
                raise InputError(
                    f"condition {shown(name)} of model {shown(model)} has the reference "
                    f"{shown(reference)}, under which this model has no judgments",
                    where=place.source,
                )
            mine = items[rows.condition.names.index(name)]
            theirs = items[rows.condition.names.index(reference)]
            unpaired = int((mine ^ theirs).sum())
            if not (mine & theirs).any():
                raise InputError(
                    f"condition {shown(name)} of model {shown(model)} shares no item with its "
                    f"reference {shown(reference)}, expected the same items in both",
                    where=place.at(None, "item"),
                )
            if unpaired:
                notes.append(
                    f"model {shown(model)}: {counted(unpaired, 'item')} under only one of "
                    f"{shown(name)} and its reference {shown(reference)}"
                )
    return notes


def _plain_baselines(
    conditions: tuple[Condition, ...],
) -> tuple[tuple[Condition, ...], list[str]]:
    """Drop what a baseline can't have: tables often fill a column in every row."""
    kept: list[Condition] = []
    notes: list[str] = []
    for c in conditions:
        if c.role != "baseline":
            kept.append(c)
            continue
        if c.target or c.placebo:
            notes.append(f"the target and placebo of baseline {shown(c.name)} are not used")
        kept.append(dataclasses.replace(c, target=(), reference=None, placebo=None))
    return tuple(kept), notes


def resolve_placebos(
    conditions: tuple[Condition, ...], present: dict[str, list[str]], source: str
) -> tuple[tuple[Condition, ...], list[str]]:
    """Say for every intervention which placebo it is contrasted with.

    The declared one; else the only placebo that every model of the intervention has; else the only
    one of those with the same dose; else none, with a note.

    Parameters
    ----------
    conditions : tuple of Condition
        The conditions of the table.
    present : dict
        Model -> the names of its conditions.
    source : str
        The place, for errors.

    Returns
    -------
    conditions : tuple of Condition
        In the same order.
    notes : list of str
        The interventions that stay without a placebo, and why.

    Raises
    ------
    InputError
        When a declared placebo is not a condition with that role.
    """
    by_name = {c.name: c for c in conditions}
    placebos = [c for c in conditions if c.role == "placebo"]
    resolved: list[Condition] = []
    notes: list[str] = []
    if not placebos and any(c.role == "intervention" for c in conditions):
        notes.append("there is no placebo condition, so no tax in excess of a placebo's")
    for c in conditions:
        where = f"{source}, condition {shown(c.name)}"
        if c.placebo is not None and c.placebo not in by_name:
            raise InputError(
                f"the placebo {shown(c.placebo)} is not a condition",
                where=where,
                hint=near_miss(c.placebo, by_name),
            )
        if c.placebo is not None and by_name[c.placebo].role != "placebo":
            raise InputError(
                f"{shown(c.placebo)} is declared as the placebo but has the role "
                f"{by_name[c.placebo].role}",
                where=where,
            )
        if c.role != "intervention" or c.placebo is not None or not placebos:
            resolved.append(c)
            continue
        mine = [names for names in present.values() if c.name in names]
        shared = [p for p in placebos if all(p.name in names for names in mine)]
        same_dose = [p for p in shared if c.dose is not None and p.dose == c.dose]
        chosen = shared if len(shared) == 1 else same_dose
        if len(chosen) == 1:
            resolved.append(dataclasses.replace(c, placebo=chosen[0].name))
            continue
        why = (
            f"several ({listed([p.name for p in shared])}) and none declared"
            if shared
            else "no placebo in every model"
        )
        notes.append(f"intervention {shown(c.name)} has no placebo: {why}")
        resolved.append(c)
    return tuple(resolved), notes
