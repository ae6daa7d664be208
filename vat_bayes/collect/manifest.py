"""The manifest: what a run was made from and how, and whether it can be taken up again."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vat_bayes.errors import InputError
from vat_bayes.items import ItemSet
from vat_bayes.study import Study

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
"""Version of the manifest's layout."""

_LIBRARIES = ("vat-bayes", "llama-cpp-python", "jinja2", "numpy", "pandas", "pyarrow", "pydantic")
# Where a run is written, where its files lie and how fast it goes do not change what it measures.
_FREE = {"out", "items"}
_FREE_OF_MODEL = {"path", "threads", "key_env", "parallel", "timeout", "tries", "endpoints"}
_HASHED = {
    "model files": "the file of model",
    "prompts": "the prompts of condition",
    "condition files": "a file of condition",
}


def identity(
    study: Study,
    items: ItemSet,
    model_hashes: Mapping[str, str],
    prompts: Mapping[str, Mapping[str, Any]],
    condition_hashes: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Return what must stay the same for a run to be taken up again.

    Parameters
    ----------
    study : Study
        The study.
    items : ItemSet
        Its items.
    model_hashes : mapping
        Model to SHA-256 of its file.
    prompts : mapping
        Condition to a mapping with the SHA-256 of everything that is asked under it.
    condition_hashes : mapping
        Condition to the SHA-256 of each file that it reads.
    """
    data = {key: found for key, found in study.to_dict().items() if key not in _FREE}
    data["models"] = {
        m["name"]: {k: v for k, v in m.items() if k not in _FREE_OF_MODEL} for m in data["models"]
    }
    data["conditions"] = {c["name"]: _without_paths(c) for c in data["conditions"]}
    return {
        "study": data,
        "model files": dict(model_hashes),
        "items": items.sha256(),
        "prompts": {condition: told["sha256"] for condition, told in prompts.items()},
        "condition files": {c: list(files.values()) for c, files in condition_hashes.items()},
    }


def _without_paths(condition: Any) -> Any:
    if isinstance(condition, Mapping):
        return {k: _without_paths(x) for k, x in condition.items() if k != "path"}
    return [_without_paths(x) for x in condition] if isinstance(condition, list) else condition


def refuse_changes(
    before: Any,
    now: Any,
    *,
    asked: Set[str],
    where: Path,
    refused: str = "this run cannot go on",
    hint: str = "restore it or choose another out; the run is kept as it is",
) -> None:
    """Raise an `InputError` that says what is not as it was when the run began.

    Parameters
    ----------
    before : mapping
        The identity in the run's manifest.
    now : mapping
        The identity of what is to be collected.
    asked : set of str
        The models with judgments. Another may be new, gone or mended: nothing depends on it.
    where : pathlib.Path
        The run folder.
    refused, hint : str
        What cannot be done, and what to do.
    """
    change = _first_change(_of_models(before, asked), _of_models(now, asked), [])
    if change is not None:
        raise InputError(
            f"{refused}, because something changed since it began: {change}",
            where=str(where),
            hint=hint,
        )


def _of_models(told: Any, asked: Set[str]) -> Any:
    if not isinstance(told, Mapping):
        return told
    kept = {**told, "study": dict(told["study"])}
    for table, key in ((kept["study"], "models"), (kept, "model files")):
        table[key] = {name: x for name, x in table[key].items() if name in asked}
    return kept


def _first_change(before: Any, now: Any, path: list[str]) -> str | None:
    if before == now:
        return None
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(k for k in now if k not in before)]:
            here = [*path, str(key)]
            if key not in before:
                return f"{_called(here)} is new"
            if key not in now:
                return f"{_called(here)} is gone"
            if (change := _first_change(before[key], now[key], here)) is not None:
                return change
    return f"{_called(path)} was {_short(before)} and is {_short(now)}"


def _called(path: list[str]) -> str:
    head, *rest = path or ["it"]
    if head == "items":
        return "the items (SHA-256)"
    if head in _HASHED and rest:
        return f"{_HASHED[head]} '{rest[0]}' (SHA-256)"
    return f"the study's {' '.join(repr(p) for p in rest)}"


def _short(found: Any) -> str:
    text = repr(found)
    return text if len(text) <= 80 else f"{text[:77]}..."


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a run depends on."""
    found = {
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
    }
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def counts(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return, for each model and condition, how many judgments there are and how many refusals.

    Parameters
    ----------
    table : pandas.DataFrame
        The judgments table.

    Returns
    -------
    list of dict
        ``refusals`` counts empty ratings; ``mean_p_valid`` is the mean mass on the ratings, and
        ``p_valid_below_half`` the number of prompts whose likeliest answer may be no rating.
    """
    told = []
    for (model, condition), rows in table.groupby(["model", "condition"], sort=False):
        prompts = rows[rows["replicate"] == 1]
        told.append(
            {
                "model": model,
                "condition": condition,
                "judgments": len(rows),
                "prompts": len(prompts),
                "refusals": int(rows["rating"].isna().sum()),
                "mean_p_valid": _mean(prompts["p_valid"]),
                "p_valid_below_half": int((prompts["p_valid"] < 0.5).sum()),
            }
        )
    return told


def told_settings(told: Mapping[str, Any]) -> str:
    """Return how llama.cpp was set up, in words for the user.

    Parameters
    ----------
    told : mapping
        What the judge says of itself.
    """
    layers, offload = told["n_gpu_layers"], told["gpu_offload"]
    parts = [
        f"mode {told['mode']}",
        f"{told['threads']} thread{'s' if told['threads'] > 1 else ''}",
        f"batches of {told['n_batch']} tokens",
        f"context {told['n_ctx']}",
    ]
    if apart := told.get("difference_from_exact"):
        parts.append(
            f"probabilities differ from mode exact by {apart['largest_total_variation']:.1g} at "
            f"most in {apart['prompts']} prompts (total variation)"
        )
    if layers and offload:
        parts.append("every layer on the GPU" if layers < 0 else f"{layers} layers on the GPU")
    elif layers:
        parts.append("no GPU is used, because this llama.cpp was built without one")
    elif offload:
        parts.append("a GPU could be used: --gpu-layers -1, or n_gpu_layers = -1 in the study")
    return ", ".join(parts)


def _mean(column: pd.Series) -> float | None:
    return None if column.isna().all() else float(column.mean())


def changed_versions(sessions: Iterable[Mapping[str, Any]], now: Mapping[str, str]) -> list[str]:
    """Return the libraries whose version is not that of the session before."""
    earlier = [s["versions"] for s in sessions]
    if not earlier:
        return []
    return [name for name, version in now.items() if earlier[-1].get(name) != version]
