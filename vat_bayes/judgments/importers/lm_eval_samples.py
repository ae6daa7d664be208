"""The importer `lm-eval`: sample files of lm-eval, one for each condition.

Source
------
The Language Model Evaluation Harness, ``--log_samples``: https://github.com/EleutherAI/lm-evaluation-harness.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vat_bayes.errors import InputError
from vat_bayes.judgments.importers.base import Imported
from vat_bayes.judgments.importers.logs import (
    Log,
    Sample,
    flat,
    import_logs,
    label_list,
    log_files,
    read_bytes,
)
from vat_bayes.judgments.words import listed, shown

_NAME = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.-]+)")
_NO_SAMPLES = "this is no sample file of lm-eval"


def import_lm_eval(
    path: str | Path | Sequence[str | Path],
    *,
    columns: Mapping[str, str] | None = None,
    fill: Mapping[str, str] | None = None,
    conditions: Mapping[str, str] | None = None,
    labels: Sequence[str] | str | None = None,
    n_categories: int | None = None,
    reverse_scale: bool = False,
    filter: str | None = None,  # what lm-eval calls it
    items: str | Path | None = None,
    loadings: str | Path | None = None,
) -> Imported:
    """Import sample files of lm-eval (``--log_samples``).

    Parameters
    ----------
    path : path or sequence of path
        Files ``samples_<task>_<date>.jsonl``, or folders of them.
    columns : mapping, optional
        The judgments contract's column -> a field of the samples: ``doc_id, doc.<key>, target,
        answer, file, folder, task, model`` or a metric by its name. Without it, an item is
        ``doc.item``, ``doc.id`` or ``doc_id``, and ``condition, scenario, value, polarity,
        subvalue, role, target, ...`` are taken from the document where they are. The model stands
        in the results file of the same moment, or else is the folder.
    fill : mapping, optional
        Column -> one text for all rows.
    conditions : mapping, optional
        Condition -> the file of it, by its name. Without it and without ``doc.condition`` the
        conditions are called as the tasks.
    labels : sequence of str or str, optional
        The answers that are ratings, from the lowest; a text has them separated by commas. Needed
        for answers in writing. Tasks of several choices need none: their choices are the ratings,
        and the log-likelihoods give the distribution.
    n_categories : int, optional
        K; the labels are 1 to K then, unless they are given.
    reverse_scale : bool
        Whether the last label or choice means the least.
    filter : str, optional
        Which filter's answers are taken, where the task has several.
    items : path or "core", optional
        A table with ``item`` and what else is known of it (``scenario, value, polarity``).
    loadings : path, optional
        A table ``item, value, weight`` for items that load on several values.

    Returns
    -------
    Imported
        One row for each answer.

    Raises
    ------
    InputError
        When a file is no sample file, or the files do not say what is needed.
    """
    wanted = label_list(labels, n_categories)
    files = log_files(path, "sample file of lm-eval", "samples_*.jsonl")
    logs = [_read(file, filter) for file in files]
    choices = {len(s.probabilities) for log in logs for s in log.samples if s.probabilities}
    if choices:
        k = max(choices)
        if len(choices) > 1 or (wanted is not None and len(wanted) != k):
            raise InputError(
                f"found tasks with {listed([str(c) for c in sorted(choices)])} choices, expected "
                f"{'one number' if wanted is None else len(wanted)}",
                where=str(files[0]),
            )
        wanted = wanted or [str(i + 1) for i in range(k)]
    first: set[str] = set(logs[0].samples[0].fields) if logs[0].samples else set()
    named = [f for f in ("doc.item", "doc.id") if f in first]
    return import_logs(
        logs,
        defaults={"model": "model", "item": named[0] if named else "doc_id"}
        | ({"replicate": "replicate"} if _several_answers(logs) else {}),
        within=("doc.",),
        labels=wanted,
        n_categories=n_categories,
        columns=columns,
        fill=fill,
        conditions=conditions,
        items=items,
        reverse_scale=reverse_scale,
        loadings=loadings,
    )


def _read(file: Path, chosen: str | None) -> Log:
    lines = read_bytes(file).split(b"\n")
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise InputError(
                f"{_NO_SAMPLES}: it is no JSON", where=f"{file}, line {number}"
            ) from None
        if not isinstance(row, dict) or not {"doc", "resps"} <= set(row):
            raise InputError(
                f"{_NO_SAMPLES}: it has no 'doc' and 'resps'", where=f"{file}, line {number}"
            )
        rows.append((number, row))
    filters = list(dict.fromkeys(str(row.get("filter", "none")) for _, row in rows))
    if chosen is None and len(filters) > 1:
        raise InputError(
            f"there are the answers of several filters ({listed(filters)})",
            where=str(file),
            hint=f"choose one: --opt filter={filters[0]}",
        )
    if chosen is not None and chosen not in filters:
        raise InputError(f"no filter '{chosen}', found {listed(filters)}", where=str(file))
    named = _NAME.fullmatch(file.stem)
    task = named["task"] if named else file.stem
    common = {
        "file": file.stem,
        "folder": file.resolve().parent.name,
        "task": task,
        "model": _model(file, named["date"] if named else None),
    }
    log = Log(file, task, [])
    for number, row in rows:
        if chosen in (None, str(row.get("filter", "none"))):
            log.samples += _samples(row, common, f"{file}, line {number}")
    return log


def _model(file: Path, date: str | None) -> str:
    """Return the model that the results of the same moment name, or else the folder."""
    if date is not None:
        try:
            told = json.loads(file.with_name(f"results_{date}.json").read_bytes())
            name = told.get("model_name") or told.get("config", {}).get("model")
            if isinstance(name, str) and name:
                return name
        except (OSError, ValueError, AttributeError):
            pass  # the samples may have been moved alone
    return file.resolve().parent.name


def _samples(row: Mapping[str, Any], common: Mapping[str, Any], where: str) -> list[Sample]:
    known = {k: v for k, v in row.items() if k not in ("doc", "resps", "filtered_resps")}
    doc = row["doc"] if isinstance(row["doc"], dict) else {}
    fields = {**flat(known, ""), **common, **flat(doc, "doc")}
    fields["doc_id"] = str(row.get("doc_id", ""))
    answers = row.get("filtered_resps", row["resps"])
    if not isinstance(answers, list) or not answers:
        raise InputError("there is no answer", where=where)
    pairs = [_log_likelihood(a) for a in answers]
    if all(p is not None for p in pairs) and len(pairs) > 1:
        return [_chosen(fields, [p for p in pairs if p is not None], where)]
    texts = answers[0] if isinstance(answers[0], list) else answers
    found = []
    for n, text in enumerate(texts, start=1):
        if text is not None and not isinstance(text, str):
            raise InputError(f"the answer is {shown(text)}, expected a text", where=where)
        found.append(Sample({**fields, "answer": text, "replicate": n}, answer=text or ""))
    return found


def _log_likelihood(answer: Any) -> float | None:
    """Return the log-likelihood of a choice; lm-eval writes it beside "is it the likeliest"."""
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, list) and len(answer) == 2 and str(answer[1]) in ("True", "False"):
        try:
            return float(answer[0])
        except (TypeError, ValueError):
            return None
    return None


def _chosen(fields: dict[str, Any], logs: Sequence[float], where: str) -> Sample:
    if not all(math.isfinite(x) and x <= 1e-6 for x in logs):
        raise InputError(
            f"the log-likelihoods are {listed([f'{x:.4g}' for x in logs], limit=11)}, expected "
            "finite numbers of at most 0",
            where=where,
        )
    if all(x == 0 for x in logs):
        raise InputError(
            "every choice has log-likelihood 0, so the server that was asked left them out",
            where=where,
            hint="lm-eval drops the last token of a reply; some servers do not add one",
        )
    # What all choices have in common would make the sum of their probabilities vanish.
    top = max(logs)
    shares = [math.exp(x - top) for x in logs]
    total = sum(shares)
    return Sample(
        fields,
        probabilities=[s / total for s in shares],
        p_valid=min(1.0, math.exp(top) * total),
        rating=logs.index(top) + 1,
    )


def _several_answers(logs: Sequence[Log]) -> bool:
    return any(s.fields.get("replicate", 1) != 1 for log in logs for s in log.samples)
