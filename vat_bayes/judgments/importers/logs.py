"""What logs of evaluation libraries have in common: their samples as rows, and rows as judgments.

A sample becomes a row of named fields, e.g. ``id``, ``metadata.scenario``. Fields that are named as
the columns of judgments are taken for these; others have to be mapped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.columns import rename_columns
from vat_bayes.judgments.contract import CONDITION_COLUMNS, ITEM_COLUMNS, MAX_CATEGORIES
from vat_bayes.judgments.importers.base import Imported
from vat_bayes.judgments.loadings import read_loadings
from vat_bayes.judgments.read import read_table, table_file, unreadable
from vat_bayes.judgments.words import counted, listed, shown

# What is known of an item. A column `prompt` or `rating` may be anything in a foreign data set.
_OF_ITEMS = ("scenario", *ITEM_COLUMNS, "subvalue")
_TAKEN = ("item", *_OF_ITEMS, "condition", *CONDITION_COLUMNS)


@dataclass
class Sample:
    """One sample of a log.

    Parameters
    ----------
    fields : dict
        Name to what is known of it; nested mappings have names with dots.
    answer : str or None
        The text of the answer, where there is one.
    probabilities : sequence of float or None
        The distribution over the ratings, where the log tells it.
    p_valid : float or None
        Their mass before they were renormalised.
    rating : int or None
        The rating, where the log tells it without a text to be read.
    """

    fields: dict[str, Any]
    answer: str | None = None
    probabilities: Sequence[float] | None = None
    p_valid: float | None = None
    rating: int | None = None


@dataclass
class Log:
    """A log file and what is in it.

    Parameters
    ----------
    file : pathlib.Path
        The file.
    task : str
        The name of the task.
    samples : list of Sample
        Its samples.
    notes : list of str
        What was left out.
    """

    file: Path
    task: str
    samples: list[Sample]
    notes: list[str] = field(default_factory=list)


def log_files(path: str | Path | Sequence[str | Path], kind: str, *patterns: str) -> list[Path]:
    """Return the logs that are named, those in a folder for a folder.

    Parameters
    ----------
    path : path or sequence of path
        Files and folders.
    kind : str
        What they are, for errors.
    *patterns : str
        What the names of logs look like.

    Raises
    ------
    InputError
        When one does not exist, is named twice, or a folder has none.
    """
    found: list[Path] = []
    for given in [path] if isinstance(path, str | Path) else path:
        if not Path(given).is_dir():
            found.append(table_file(Path(given)))
            continue
        inside = sorted({f for p in patterns for f in Path(given).rglob(p)})
        if not inside:
            raise InputError(
                f"no {kind} in this folder, expected {' or '.join(patterns)}", where=str(given)
            )
        found += inside
    if not found:
        raise InputError(f"no {kind} is named")
    twice = [f for n, f in enumerate(found) if f.resolve() in {g.resolve() for g in found[:n]}]
    if twice:
        raise InputError("this file is named twice", where=str(twice[0]))
    return found


def read_bytes(file: Path) -> bytes:
    """Return the content of a file.

    Raises
    ------
    InputError
        When the system withholds it.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise unreadable(error, file) from error


def flat(thing: Any, name: str) -> dict[str, Any]:
    """Return the texts, numbers and truth values in nested mappings, by their names with dots."""
    if isinstance(thing, Mapping):
        found: dict[str, Any] = {}
        for key, inner in thing.items():
            found |= flat(inner, f"{name}.{key}" if name else str(key))
        return found
    return {name: thing} if isinstance(thing, str | int | float) else {}


def label_list(labels: Sequence[str] | str | None, n_categories: int | None) -> list[str] | None:
    """Return the labels, ``1`` to ``K`` where only K is known, and None where nothing is.

    Raises
    ------
    InputError
        When there are too few or too many, or two are the same.
    """
    if labels is None:
        return None if n_categories is None else [str(k + 1) for k in range(n_categories)]
    found = [x.strip() for x in (labels.split(",") if isinstance(labels, str) else labels)]
    if not 2 <= len(found) <= MAX_CATEGORIES or "" in found or len(set(found)) < len(found):
        raise InputError(
            f"labels are {listed(found, limit=MAX_CATEGORIES)}; expected 2 to {MAX_CATEGORIES} "
            "different ones from the lowest rating to the highest, as in 1,2,3,4,5"
        )
    if n_categories not in (None, len(found)):
        raise InputError(f"n_categories is {n_categories}, but there are {len(found)} labels")
    return found


def import_logs(
    logs: Sequence[Log],
    *,
    defaults: Mapping[str, str],
    within: Sequence[str],
    labels: Sequence[str] | None,
    n_categories: int | None,
    columns: Mapping[str, str] | None,
    fill: Mapping[str, str] | None,
    conditions: Mapping[str, str] | None,
    items: str | Path | None,
    reverse_scale: bool,
    loadings: str | Path | None,
) -> Imported:
    """Turn logs into judgments.

    Parameters
    ----------
    logs : sequence of Log
        The logs.
    defaults : mapping
        Column of judgments to the field that has it unless `columns` says otherwise.
    within : sequence of str
        Beginnings of fields in which columns of judgments are looked for, the first one wins.
    labels : sequence of str or None
        The answers that are ratings.
    n_categories, columns, fill, conditions, items, reverse_scale, loadings
        See the importers.

    Raises
    ------
    InputError
        When the logs do not say what is needed, or an option does not fit them.
    """
    source = str(logs[0].file) if len(logs) == 1 else f"{logs[0].file} and {len(logs) - 1} more"
    notes = [f"{log.file.name}: {note}" for log in logs for note in log.notes]
    samples = [s for log in logs for s in log.samples]
    if not samples:
        raise InputError("there are no answered samples", where=source)
    fields = pd.DataFrame.from_records([s.fields for s in samples]).astype(object)
    mapped = dict(columns or {})
    if conditions:
        if "condition" in mapped:
            raise InputError("conditions names the conditions; columns must not name them again")
        fields["conditions"] = _named(logs, conditions)
        mapped["condition"] = "conditions"
    mapped = _found(list(fields.columns), defaults, within) | mapped
    if "condition" not in {*mapped, *(fill or {})}:
        notes.append(_condition_from_tasks(logs, source))
        mapped["condition"] = "task"
    frame, more = rename_columns(fields, mapped, source)
    frame = frame[list(mapped)]
    notes += more
    for column, text in (fill or {}).items():
        if column in frame.columns:
            raise InputError(f"column '{column}' can't be filled: the logs have it", where=source)
        frame[column] = text
        notes.append(f"every row has {column} {shown(text)}, as told")
    frame["item"] = [None if pd.isna(i) else str(i) for i in frame["item"]]
    if items is not None:
        frame = _joined(frame, items, source)
    k = n_categories if labels is None else len(labels)
    if "rating" not in frame.columns:
        frame, more = _rated(frame, samples, labels, source)
        notes += more
    else:
        frame["rating"] = _known_numbers(frame["rating"])
    if reverse_scale:
        frame, k = _reversed(frame, k, source)
    return Imported(
        table=frame.reset_index(drop=True),
        loadings=None if loadings is None else read_loadings(loadings)[0],
        n_categories=k,
        source=source,
        notes=tuple(notes),
    )


def _found(
    fields: Sequence[str], defaults: Mapping[str, str], within: Sequence[str]
) -> dict[str, str]:
    """Return the columns of judgments that are among the fields, without being told."""
    found = {column: at for column, at in defaults.items() if at in fields}
    for column in _TAKEN:
        # What the data say comes before a place in the log, such as a number.
        at = next((f"{w}{column}" for w in within if f"{w}{column}" in fields), None)
        if at is not None:
            found[column] = at
    return found


def _named(logs: Sequence[Log], conditions: Mapping[str, str]) -> list[str]:
    """Return the condition of every sample by the file that it is in."""
    by_log: dict[Path, str] = {}
    for name, told in conditions.items():
        fits = [log.file for log in logs if _is_file(log.file, told)]
        if len(fits) != 1:
            files = listed([log.file.name for log in logs], limit=12)
            raise InputError(
                f"condition '{name}' is {shown(told)}, which fits {counted(len(fits), 'log')} "
                f"({files})",
                hint=near_miss(Path(told).name, [log.file.name for log in logs]),
            )
        if fits[0] in by_log:
            raise InputError(
                f"conditions '{by_log[fits[0]]}' and '{name}' name the same log",
                where=str(fits[0]),
            )
        by_log[fits[0]] = name
    if left := [log.file.name for log in logs if log.file not in by_log]:
        raise InputError(f"conditions names no condition for {listed(left)}")
    return [by_log[log.file] for log in logs for _ in log.samples]


def _is_file(file: Path, told: str) -> bool:
    """Say whether a file is meant: by its path, the end of it, or its name without a suffix."""
    parts = Path(told).parts
    return file.parts[-len(parts) :] == parts or told in (file.stem, str(file))


def _condition_from_tasks(logs: Sequence[Log], source: str) -> str:
    tasks = [log.task for log in logs]
    if len(logs) > 1 and len(set(tasks)) == len(tasks):
        return "the conditions are called as the tasks of the logs"
    raise InputError(
        "nothing in the logs says of which condition they are"
        + (f" (task {listed(sorted(set(tasks)))})"),
        where=source,
        hint="name them as in --opt conditions.baseline=FILE, or map columns.condition to a field",
    )


def _joined(frame: pd.DataFrame, items: str | Path, source: str) -> pd.DataFrame:
    """Add what a table of items knows, where the logs do not."""
    if str(items) == "core":
        from vat_bayes.items import load_items

        known, told = load_items("core").table, "the bundled items"
    else:
        known, told = read_table(table_file(Path(items))), str(items)
    if "item" not in known.columns:
        raise InputError("missing column 'item'", where=told, hint=near_miss("item", known.columns))
    known = known.assign(item=known["item"].astype(str))
    if known["item"].duplicated().any():
        twice = known.loc[known["item"].duplicated(), "item"].iloc[0]
        raise InputError(f"item {shown(twice)} is there twice", where=told)
    if len(missing := frame.loc[~frame["item"].isin(known["item"]), "item"]):
        raise InputError(
            f"item {shown(missing.iloc[0])} is not in {told} (nor are "
            f"{missing.nunique() - 1} others of the logs)",
            where=source,
            hint=near_miss(str(missing.iloc[0]), list(known["item"])),
        )
    new = [c for c in _OF_ITEMS if c in known.columns and c not in frame.columns]
    rows = known.set_index("item").loc[frame["item"], new]
    return frame.assign(**{c: rows[c].to_numpy() for c in new})


def _rated(
    frame: pd.DataFrame, samples: Sequence[Sample], labels: Sequence[str] | None, source: str
) -> tuple[pd.DataFrame, list[str]]:
    """Read the ratings and, where all answers have one, the distributions."""
    if labels is None:
        raise InputError(
            "nothing says which answers are ratings",
            where=source,
            hint="give labels as in --opt labels=1,2,3,4,5, or map columns.rating to a field: "
            f"{listed(sorted({f for s in samples for f in s.fields}), limit=20)}",
        )
    from vat_bayes.collect.llamacpp.writing import written_rating

    ratings = [s.rating if s.answer is None else written_rating(s.answer, labels) for s in samples]
    frame = frame.assign(rating=np.array([np.nan if r is None else r for r in ratings], float))
    told = [s for s in samples if s.p_valid is not None]
    notes = []
    if len(told) < len(samples):
        if told:
            notes.append(
                f"{len(samples) - len(told)} of {len(samples)} answers have no distribution, so "
                "the ratings alone are taken"
            )
    else:
        k = len(labels)
        p = np.array([s.probabilities or [np.nan] * k for s in samples], float)
        frame = frame.assign(**{f"p{i + 1}": p[:, i] for i in range(k)})
        frame["p_valid"] = [s.p_valid for s in samples]
        # An answer in which no label is likely is none, whatever was drawn.
        frame.loc[np.isnan(p[:, 0]), "rating"] = np.nan
    return frame, notes


def _known_numbers(cells: Iterable[Any]) -> list[Any]:
    """Return cells in which NaN, as a score that is none, is empty."""
    return [None if isinstance(c, float) and np.isnan(c) else c for c in cells]


def _reversed(frame: pd.DataFrame, k: int | None, source: str) -> tuple[pd.DataFrame, int]:
    if k is None:
        raise InputError("reverse_scale needs labels or n_categories", where=source)
    ours = [f"p{i + 1}" for i in range(k)]
    if ours[0] in frame.columns:
        frame = frame.assign(**dict(zip(ours, frame[ours[::-1]].to_numpy().T, strict=True)))
    return frame.assign(rating=k + 1 - frame["rating"].astype(float)), k
