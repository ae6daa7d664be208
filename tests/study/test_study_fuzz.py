"""Anything in the place of any part of a study file: a study, or one sentence."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from vat_bayes.errors import InputError
from vat_bayes.study import load_study

STUDY: dict[str, Any] = {
    "name": "small",
    "seed": 11,
    "models": [{"name": "judge", "path": "judge.gguf", "mode": "exact", "threads": 1}],
    "items": {"source": "core", "scenarios": 6},
    "scale": {"labels": ["1", "2", "3"], "orders": ["forward"]},
    "readout": {"mode": "generate", "budget": 6, "replicates": 2},
    "conditions": [
        {"name": "baseline", "role": "baseline"},
        {
            "name": "kind",
            "role": "intervention",
            "target": "benevolence",
            "kind": "prompt",
            "text": "Be kind.",
        },
        {"name": "shots", "role": "intervention", "target": "power", "kind": "shots", "shots": 2},
        {"name": "lora", "role": "intervention", "kind": "adapter", "path": "a.gguf", "scale": 0.5},
    ],
}
_WORD = st.sampled_from(["", "baseline", "placebo", "kind", "generate", "core", "../x", "\x1b[31m"])
_TOML = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=4) | _WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


def _places(thing: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys: Any = thing if isinstance(thing, dict) else ()
    if isinstance(thing, list):
        keys = range(len(thing))
    return [path, *(p for k in keys for p in _places(thing[k], (*path, k)))]


@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from(_places(STUDY)[1:]), found=_TOML, key=st.none() | _WORD)
def test_any_part_may_be_anything(
    path: tuple[Any, ...], found: Any, key: str | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = copy.deepcopy(STUDY)
    inside: Any = data
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = found
    if key is not None and isinstance(inside, dict):
        inside[key] = found
    file: Path = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    file.write_text(tomli_w.dumps(data), encoding="utf-8")
    try:
        load_study(file)
    except InputError as told:
        assert "\n" not in str(told)


@settings(max_examples=150, deadline=None)
@given(text=st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode()))
def test_any_bytes_are_refused(text: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "bytes.toml"
    file.write_bytes(text)
    with pytest.raises(InputError):
        load_study(file)
