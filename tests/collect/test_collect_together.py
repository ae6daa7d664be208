"""Mode batched: the same prompts, several at a time, and what that does to the answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import prompts_of
from hypothesis import given
from hypothesis import strategies as st
from tiny_adapters import random_adapter
from typer.testing import CliRunner

from vat_bayes.bundled import model_path
from vat_bayes.cli.app import app
from vat_bayes.collect import Chat, LlamaCppJudge, SilentProgress, collect, reproduce
from vat_bayes.collect.llamacpp import settings
from vat_bayes.collect.llamacpp.groups import grouped, shared_length
from vat_bayes.collect.llamacpp.together import BatchedDecoder
from vat_bayes.collect.manifest import told_settings
from vat_bayes.errors import InputError
from vat_bayes.study import Adapter, Study, Weights

Opener = Callable[..., LlamaCppJudge]
RATINGS = [f"p{k}" for k in range(1, 6)]
CHATS = [
    Chat(f"Ann {a} the {b}.\n\nHow much?\n1 = no\n5 = yes\nAnswer with one number only.", system)
    for system in ("", "Be kind, and say so.")
    for a in ("helps", "hinders")
    for b in ("boy", "boat", "old man", "king", "child")
]


def read_all(judge: LlamaCppJudge, chats: list[Chat]) -> dict[Chat, Any]:
    found = {}
    for group in judge.plan(chats):
        own = [chats[i] for i in group.places]
        found |= dict(zip(own, judge.read_together(own, group.cuts), strict=True))
    return found


def apart(a: Any, b: Any) -> float:
    return float(np.abs(np.subtract(a.probabilities, b.probabilities)).sum() / 2)


@given(
    prompts=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=30),
    room=st.integers(4, 30),
    most=st.integers(1, 8),
    more=st.integers(0, 2),
    seed=st.integers(0, 9),
)
def test_groups_hold_every_prompt_once_and_fit(
    prompts: list[list[int]], room: int, most: int, more: int, seed: int
) -> None:
    groups = grouped(prompts, room=room, most=most, more=more)
    assert sorted(i for g in groups for i in g.places) == list(range(len(prompts)))
    for g in groups:
        own = [prompts[i] for i in g.places]
        start = g.cuts[-1] if g.cuts else 0
        assert list(g.cuts) == sorted(set(g.cuts))
        assert len(own) <= most
        assert all(p[:start] == own[0][:start] and len(p) > start for p in own)
        nodes = {tuple(p[:n]) for p in own for n in range(start + 1, len(p) + 1)}
        assert len(nodes) + more * len(own) <= room
    # Whoever shuffles the rows gets the same groups.
    order = np.random.default_rng(seed).permutation(len(prompts))
    again = grouped([prompts[i] for i in order], room=room, most=most, more=more)
    told = [([tuple(prompts[i]) for i in g.places], g.cuts) for g in groups]
    assert told == [([tuple(prompts[order[i]]) for i in g.places], g.cuts) for g in again]


def test_hardly_a_token_is_evaluated_twice(tiny_bpe: Path, open_judge: Opener) -> None:
    judge = open_judge(tiny_bpe, chats=CHATS, mode="batched", n_batch=160)
    decoder = judge._batched
    assert decoder is not None
    before = decoder.n_evaluated
    own = CHATS[10:]
    groups = judge.plan(own)
    assert 1 < len(groups) < len(own)
    read_all(judge, own)
    prompts = sorted(judge.tokens(c) for c in own)
    unique = len(prompts[0]) + sum(len(b) - shared_length(a, b) for a, b in pairwise(prompts))
    assert unique <= decoder.n_evaluated - before <= unique + len(groups)


@pytest.mark.parametrize("n_batch", [64, 512])
def test_answers_are_those_of_mode_exact_but_for_rounding(
    any_model: Path, open_judge: Opener, n_batch: int
) -> None:
    exact = open_judge(any_model, chats=CHATS)
    batched = open_judge(any_model, chats=CHATS, mode="batched", n_batch=n_batch)
    found = read_all(batched, CHATS)
    alone = {chat: exact.read(chat) for chat in CHATS}
    distances = [apart(alone[chat], found[chat]) for chat in CHATS]
    others = [apart(alone[a], alone[b]) for a in CHATS for b in CHATS if a != b]
    told = batched.describe()
    assert told["mode"] == "batched"
    # Keys and values are kept in 16 bits, and random weights blow up what that changes. A branch
    # that saw another one would be as far off as another prompt is.
    assert max(distances) < 1e-2
    assert np.median(distances) < 0.01 * np.median(others)
    assert told["difference_from_exact"]["prompts"] >= (1 if n_batch == 64 else 2)
    assert told["difference_from_exact"]["largest_total_variation"] <= max(distances) + 1e-12


def test_what_was_read_before_does_not_matter(any_model: Path, open_judge: Opener) -> None:
    judge = open_judge(any_model, chats=CHATS, mode="batched", n_batch=160)
    first = read_all(judge, CHATS)
    groups = judge.plan(CHATS)
    assert len(groups) > 3
    for group in [*reversed(groups), *groups[::2]]:
        own = [CHATS[i] for i in group.places]
        assert judge.read_together(own, group.cuts) == [first[c] for c in own]
    for group in groups:
        judge.forget()
        own = [CHATS[i] for i in group.places]
        assert judge.read_together(own, group.cuts) == [first[c] for c in own]
    assert judge.describe()["prefix_reuse"]["bit_identical"] is True


def test_labels_of_several_tokens_are_read_together(tiny_spm: Path, open_judge: Opener) -> None:
    labels = tuple(str(k) for k in range(1, 12))
    exact = open_judge(tiny_spm, labels=labels, chats=CHATS)
    batched = open_judge(tiny_spm, labels=labels, chats=CHATS, mode="batched")
    found = read_all(batched, CHATS)
    assert max(apart(exact.read(chat), found[chat]) for chat in CHATS) < 1e-2


def test_a_switch_empties_the_cache(
    tiny_spm: Path, tmp_path: Path, open_judge: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    lora = Weights(
        adapters=(Adapter(str(random_adapter(tmp_path / "a.gguf", tiny_spm, scale=1.0)), 1.0),)
    )
    fresh = open_judge(tiny_spm, chats=CHATS, mode="batched", n_batch=160)
    told = fresh.switch(lora)
    assert 0 < told["difference_from_exact"]["largest_total_variation"] < 1e-2
    expected = read_all(fresh, CHATS)
    judge = open_judge(tiny_spm, chats=CHATS, mode="batched", n_batch=160)
    plain = read_all(judge, CHATS)
    judge.switch(lora)
    assert read_all(judge, CHATS) == expected != plain
    judge.switch(Weights())
    assert read_all(judge, CHATS) == plain
    # Without that, what was evaluated before the switch would be taken for the adapter's.
    group = judge.plan(CHATS)[-1]
    own = [CHATS[i] for i in group.places]
    assert judge.read_together(own, group.cuts) == [plain[c] for c in own]
    monkeypatch.setattr(BatchedDecoder, "forget", lambda _: None)
    monkeypatch.setattr(judge, "_groups", [])
    judge.switch(lora)
    assert judge.read_together(own, group.cuts) != [expected[c] for c in own]


class _Stop(SilentProgress):
    def __init__(self, after: int) -> None:
        self._left = after

    def step(self, label: str) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


@pytest.fixture
def judged(tmp_path: Path) -> dict[str, Any]:
    """Return a study of the bundled judge with 40 judgments."""
    return {
        "name": "judged",
        "seed": 3,
        "models": [{"name": "core-judge", "path": str(model_path("judges", "core-judge.gguf"))}],
        "items": {"source": "core", "scenarios": 1},
        "scale": {"orders": ["forward"]},
        "conditions": [
            {"name": "baseline", "role": "baseline"},
            {"name": "kind", "role": "intervention", "target": "benevolence", "kind": "prompt"}
            | {"text": "Be kind."},
        ],
    }


def test_a_batched_run_of_the_bundled_judge(judged: dict[str, Any], tmp_path: Path) -> None:
    study = Study.from_dict(judged)
    exact = pd.read_parquet(collect(study, out=tmp_path / "exact").judgments)
    batched = study.with_engine(mode="batched", threads=1)
    whole = collect(batched, out=tmp_path / "batched")
    found = pd.read_parquet(whole.judgments)
    off = np.abs(exact[RATINGS].to_numpy() - found[RATINGS].to_numpy()).sum(axis=1) / 2
    assert 0 < off.max() < 1e-3
    told = json.loads(whole.manifest.read_text())
    assert told["models"]["core-judge"]["mode"] == "batched"
    assert told["models"]["core-judge"]["difference_from_exact"]["largest_total_variation"] < 1e-3
    # Interrupted in the middle of a group, the table is the same to the last bit.
    with pytest.raises(KeyboardInterrupt):
        collect(batched, out=tmp_path / "again", progress=_Stop(17))
    with pytest.raises(InputError, match="'mode' was 'batched' and is 'exact'"):
        collect(study.with_engine(mode="exact", threads=1), out=tmp_path / "again")
    again = collect(batched, out=tmp_path / "again")
    assert again.judgments.read_bytes() == whole.judgments.read_bytes()
    assert reproduce(again.root, n=7).agrees


def test_the_command_line_chooses_and_shows(judged: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(Study.from_dict(judged).to_toml())
    words = ["collect", str(file), "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(
        app, [*words, "--mode", "batched", "--threads", "1", "--batch", "256", "--context", "600"]
    )
    assert done.exit_code == 0, done.output
    assert "mode batched, 1 thread, batches of 256 tokens, context 600" in done.stderr
    assert "differ from mode exact by" in done.stderr
    with pytest.raises(InputError, match="'exact' or 'batched'"):
        Study.from_dict(judged).with_engine(mode="fast")


def test_the_words_about_a_gpu() -> None:
    told = {"mode": "exact", "threads": 2, "n_batch": 512, "n_ctx": 300}
    cases = [
        (0, False, "context 300"),
        (0, True, "a GPU could be used: --gpu-layers -1, or n_gpu_layers = -1 in the study"),
        (5, True, "5 layers on the GPU"),
        (-1, True, "every layer on the GPU"),
        (-1, False, "no GPU is used, because this llama.cpp was built without one"),
    ]
    for layers, offload, expected in cases:
        words = told_settings(told | {"n_gpu_layers": layers, "gpu_offload": offload})
        assert words.startswith("mode exact, 2 threads, batches of 512 tokens, context 300")
        assert words.endswith(expected)


def test_settings_that_cannot_be_are_refused(judged: dict[str, Any]) -> None:
    writes = judged | {"readout": {"mode": "generate"}}
    with pytest.raises(InputError, match="mode 'batched' of model 'core-judge'"):
        Study.from_dict(writes).with_engine(mode="batched")
    served = judged | {"models": [{"name": "a", "server": "http://127.0.0.1:1"}]}
    with pytest.raises(InputError, match="'mode' is for a model in a file"):
        Study.from_dict(served).with_engine(mode="batched")
    served["models"][0]["mode"] = "batched"
    with pytest.raises(InputError, match="'mode' is for a model in a file"):
        Study.from_dict(served)


def test_threads_follow_cores_and_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cpu in range(4):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{cpu % 2},{cpu % 2 + 2}\n")
    monkeypatch.setattr(settings, "_CORES", tmp_path)
    monkeypatch.setattr(settings, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)), raising=False)
    assert settings.automatic_threads(10**9) == 2
    assert settings.automatic_threads(10**6) == 1
    for text, expected in (("max 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("?", 2)):
        (tmp_path / "cpu.max").write_text(text)
        assert settings.automatic_threads(10**9) == expected
    assert settings.automatic_batch(0) < settings.automatic_batch(-1)


def test_a_prompt_is_asked_as_prompts_of(tiny_spm: Path, open_judge: Opener) -> None:
    judge = open_judge(tiny_spm, mode="batched")
    judge.prepare(prompts_of(CHATS[:1]))
    assert judge.read(CHATS[0]) == read_all(judge, CHATS[:1])[CHATS[0]]
