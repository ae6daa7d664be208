"""The importer `inspect`: logs of Inspect, one for each condition.

Source
------
Inspect (UK AI Security Institute), format of `EvalLog`: https://inspect.aisi.org.uk/eval-logs.html.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vat_bayes.errors import InputError
from vat_bayes.judgments.importers.archive import Archive
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
from vat_bayes.judgments.words import counted, listed

_ATTACHMENT = "attachment://"
_NO_LOG = "this is no log of Inspect"


def import_inspect(
    path: str | Path | Sequence[str | Path],
    *,
    columns: Mapping[str, str] | None = None,
    fill: Mapping[str, str] | None = None,
    conditions: Mapping[str, str] | None = None,
    labels: Sequence[str] | str | None = None,
    n_categories: int | None = None,
    reverse_scale: bool = False,
    items: str | Path | None = None,
    loadings: str | Path | None = None,
) -> Imported:
    """Import the samples of Inspect logs.

    Parameters
    ----------
    path : path or sequence of path
        Logs (``.eval`` or ``.json``), or folders of them.
    columns : mapping, optional
        The judgments contract's column -> a field of the samples: ``id, epoch, answer, file, task,
        model, created, metadata.<key>, task_args.<key>, log.<key>`` (the metadata of the log),
        ``scores.<scorer>``, ``scores.<scorer>.answer``. Without it, an item is the sample's `id`,
        the model is the log's, a replicate is the epoch, and ``condition, scenario, value,
        polarity, subvalue, role, target, ...`` are taken from the sample's metadata, the task's
        arguments or the log's metadata, where they are.
    fill : mapping, optional
        Column -> one text for all rows.
    conditions : mapping, optional
        Condition -> the log of it, by its name, for logs that do not say it.
    labels : sequence of str or str, optional
        The answers that are ratings, from the lowest; a text has them separated by commas. An
        answer is a rating when it is a label, or has one after its last ``Answer:``; any other is a
        refusal. Where every answer is one token with log probabilities, the distribution over the
        labels is taken as well. Without labels the rating is the score of the only scorer.
    n_categories : int, optional
        K, where the ratings are scores.
    reverse_scale : bool
        Whether the last label means the least.
    items : path or "core", optional
        A table with ``item`` and what else is known of it (``scenario, value, polarity``), such as
        a run's ``items.parquet``.
    loadings : path, optional
        A table ``item, value, weight`` for items that load on several values.

    Returns
    -------
    Imported
        One row for each sample that was answered.

    Raises
    ------
    InputError
        When a file is no log of Inspect, or the logs do not say what is needed.
    """
    wanted = None if labels is None else label_list(labels, n_categories)
    files = log_files(path, "log of Inspect", "*.eval", "*.json")
    logs = [_read(file, wanted) for file in files]
    mapped = dict(columns or {})
    if labels is None and "rating" not in mapped:
        mapped["rating"] = _only_score(logs)
    return import_logs(
        logs,
        defaults={"model": "model", "item": "id"}
        | ({"replicate": "epoch"} if _several_epochs(logs) else {}),
        within=("metadata.", "task_args.", "log."),
        labels=wanted,
        n_categories=n_categories,
        columns=mapped,
        fill=fill,
        conditions=conditions,
        items=items,
        reverse_scale=reverse_scale,
        loadings=loadings,
    )


def _read(file: Path, labels: Sequence[str] | None) -> Log:
    try:
        head, samples = _unpack(file)
    except zipfile.BadZipFile as error:
        raise InputError(f"{_NO_LOG}: {error}", where=str(file)) from None
    except (ValueError, RecursionError):
        raise InputError(f"{_NO_LOG}: it is no JSON", where=str(file)) from None
    told = head.get("eval") if isinstance(head, dict) else None
    if not isinstance(told, dict) or not isinstance(told.get("model"), str):
        raise InputError(f"{_NO_LOG}: it names no model", where=str(file))
    log = Log(file, str(told.get("task", file.stem)), [])
    if head.get("status") not in ("success", None):
        log.notes.append(f"the evaluation ended with '{head['status']}'")
    common = {
        "file": file.stem,
        "task": log.task,
        "model": told["model"],
        "created": told.get("created"),
        **flat(told.get("task_args"), "task_args"),
        **flat(told.get("metadata"), "log"),
    }
    failed = 0
    for place, sample in enumerate(samples, start=1):
        if not isinstance(sample, dict) or "id" not in sample:
            raise InputError(f"sample {place} has no id", where=str(file))
        output = _mapping(sample.get("output"))
        if sample.get("error") or not _first(output.get("choices")):
            failed += 1
            continue
        log.samples.append(_sample(sample, output, common, labels))
    if failed:
        log.notes.append(f"{counted(failed, 'sample')} left out: the evaluation has no answer")
    return log


def _unpack(file: Path) -> tuple[Any, list[Any]]:
    """Return the head of a log and its samples."""
    content = read_bytes(file)
    if not content.startswith(b"PK"):
        if file.suffix == ".eval":
            raise zipfile.BadZipFile("it is no ZIP archive")
        whole = json.loads(content)
        samples = whole.get("samples") if isinstance(whole, dict) else None
        return whole, samples if isinstance(samples, list) else []
    with Archive(file) as archive:
        names = archive.names()
        # A log that was cut off has no header; its journal begins with the same.
        heads = [n for n in ("header.json", "_journal/start.json") if n in names]
        head = json.loads(archive.read(heads[0])) if heads else None
        parts = [n for n in names if n.startswith("samples/") and n.endswith(".json")]
        return head, [json.loads(archive.read(n)) for n in parts]


def _sample(
    sample: dict[str, Any],
    output: dict[str, Any],
    common: Mapping[str, Any],
    labels: Sequence[str] | None,
) -> Sample:
    text = _answer(output, sample.get("attachments"))
    fields = {
        **common,
        "id": str(sample["id"]),
        "epoch": sample.get("epoch", 1),
        "answer": text,
        **flat(sample.get("metadata"), "metadata"),
    }
    for name, score in _mapping(sample.get("scores")).items():
        if isinstance(score, dict):
            fields |= flat(score.get("value"), f"scores.{name}")
            fields |= flat(score.get("answer"), f"scores.{name}.answer")
            fields |= flat(score.get("metadata"), f"scores.{name}.metadata")
    found = Sample(fields, answer=text)
    if labels is not None and all(len(label) == 1 for label in labels):
        _add_distribution(found, output, labels)
    return found


def _answer(output: Mapping[str, Any], attachments: Any) -> str:
    text = output.get("completion")
    if not isinstance(text, str):
        # Older logs have it in the message alone, which may come in parts.
        text = _mapping(_first(output.get("choices")).get("message")).get("content")
        if isinstance(text, list):
            text = "".join(str(p.get("text", "")) for p in text if isinstance(p, dict))
    text = text if isinstance(text, str) else ""
    if text.startswith(_ATTACHMENT) and isinstance(attachments, dict):
        return str(attachments.get(text.removeprefix(_ATTACHMENT), text))
    return text


def _add_distribution(found: Sample, output: Mapping[str, Any], labels: Sequence[str]) -> None:
    """Add what the log probabilities say, where the answer is its first token."""
    from vat_bayes.collect.server.toplogprobs import MalformedReplyError, read_reply

    tokens = _mapping(_first(output.get("choices")).get("logprobs")).get("content")
    if not isinstance(tokens, list) or not tokens:
        return
    if len(tokens) != 1 and (found.answer or "").strip() not in labels:
        return
    try:
        reading = read_reply(output, labels).reading
    except MalformedReplyError:
        return
    found.probabilities, found.p_valid = reading.probabilities, reading.p_valid


def _mapping(thing: Any) -> dict[str, Any]:
    return thing if isinstance(thing, dict) else {}


def _first(thing: Any) -> dict[str, Any]:
    return _mapping(thing[0]) if isinstance(thing, list) and thing else {}


def _only_score(logs: Sequence[Log]) -> str:
    fields = {f for log in logs for s in log.samples for f in s.fields if f.startswith("scores.")}
    fields = {f for f in fields if not f.endswith(".answer") and ".metadata." not in f}
    if len(fields) != 1:
        told = listed(sorted(fields), limit=12) if fields else "none"
        raise InputError(
            f"the rating is not clear: there are {len(fields)} scores ({told})",
            where=str(logs[0].file),
            hint="give labels as in --opt labels=1,2,3,4,5, or --opt columns.rating=FIELD",
        )
    return fields.pop()


def _several_epochs(logs: Sequence[Log]) -> bool:
    return any(s.fields["epoch"] != 1 for log in logs for s in log.samples)
