"""The judge itself: exact to the bit, and clear about what it cannot do."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import prompts_of
from tiny_models import write_model

from vat_bayes.collect import Chat, Judge, LlamaCppJudge
from vat_bayes.collect.llamacpp.decoder import ExactDecoder, _chunks
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.errors import InputError

Opener = Callable[..., LlamaCppJudge]

CHATS = [
    Chat(f"Ann {a} the {b}.\n\nHow much?\n1 = no\n5 = yes\nAnswer with one number only.", system)
    for system in ("", "Be kind.")
    for a in ("helps", "hinders")
    for b in ("boy", "boat", "old man")
]


def test_it_obeys_the_protocol(any_model: Path, open_judge: Opener) -> None:
    judge = open_judge(any_model, chats=CHATS)
    assert isinstance(judge, Judge)
    for chat in CHATS:
        reading = judge.read(chat)
        assert len(reading.probabilities) == 5
        assert abs(sum(reading.probabilities) - 1) < 1e-12
        assert min(reading.probabilities) >= 0
        assert 0 <= reading.p_valid <= 1


def test_a_reading_depends_on_the_chat_alone(any_model: Path, open_judge: Opener) -> None:
    judge = open_judge(any_model, chats=CHATS)
    fresh = {}
    for chat in CHATS:
        judge.forget()
        fresh[chat] = judge.read(chat)
    judge.forget()
    for chat in [*CHATS, *reversed(CHATS), *CHATS[::2], *CHATS[::3]]:
        assert judge.read(chat) == fresh[chat]
    told = judge.describe()["prefix_reuse"]
    assert told["used"] is told["bit_identical"] is True
    assert told["largest_logit_difference"] == 0.0
    assert told["verified_prompts"] == 8


def test_a_reading_is_the_softmax_of_the_logits(any_model: Path, open_judge: Opener) -> None:
    judge = open_judge(any_model, chats=CHATS)
    model = LoadedModel(any_model, name="tiny")
    decoder = ExactDecoder(model, n_ctx=512, threads=1)
    for chat in CHATS[:3]:
        p = np.exp(decoder.logits(judge.tokens(chat)).astype(float))
        p /= p.sum()
        by_label = np.array([sum(p[t] for (t,) in paths) for paths in judge._paths])
        reading = judge.read(chat)
        np.testing.assert_allclose(reading.p_valid, by_label.sum(), rtol=1e-9)
        np.testing.assert_allclose(reading.probabilities, by_label / by_label.sum(), rtol=1e-9)
    decoder.close()
    model.close()


def test_sharing_saves_work(tiny_bpe: Path) -> None:
    model = LoadedModel(tiny_bpe, name="tiny")
    decoder = ExactDecoder(model, n_ctx=64, threads=1)
    decoder.logits([1, *range(20, 50), 3])
    assert decoder.n_evaluated == 32
    decoder.logits([1, *range(20, 50), 4])
    assert decoder.n_evaluated == 34  # never one token alone, or the rounding would change
    decoder.logits([1, *range(20, 50), 4])
    assert decoder.n_evaluated == 36
    decoder.close()
    model.close()


@pytest.mark.parametrize("quantised", [False, True])
def test_sharing_is_exact_across_chunks_threads_and_contexts(
    tmp_path: Path, quantised: bool
) -> None:
    path = write_model(tmp_path / "wide.gguf", width=128, layers=3, quantised=quantised)
    model = LoadedModel(path, name="wide")
    rng = np.random.default_rng(1)

    def draw(n: int) -> list[int]:
        return [int(t) for t in rng.integers(270, 460, n)]

    base = draw(1100)
    prompts = [
        base[:shared] + draw(own)
        for shared, own in itertools.product((1, 2, 255, 256, 510, 511, 512, 1023), (1, 2, 3, 60))
    ]
    decoder = ExactDecoder(model, n_ctx=1200, threads=1)
    assert decoder.differs_from_fresh(prompts) == 0.0
    one = [decoder.logits(p) for p in prompts[:8]]
    decoder.close()
    other = ExactDecoder(model, n_ctx=2000, threads=2)
    assert all(np.array_equal(a, other.logits(p)) for a, p in zip(one, prompts[:8], strict=True))
    other.close()
    model.close()


def test_chunks_are_of_two_tokens_or_more() -> None:
    for start, n, size in itertools.product((0, 3), range(2, 40), (2, 3, 8)):
        chunks = _chunks(start, start + n, size)
        assert [i for a, b in chunks for i in range(a, b)] == list(range(start, start + n))
        assert all(b - a <= size for a, b in chunks)
        if size > 2:
            assert all(b - a >= 2 for a, b in chunks)
    assert _chunks(0, 1, 8) == [(0, 1)]


def test_without_reuse_every_prompt_is_evaluated_whole(tiny_bpe: Path) -> None:
    model = LoadedModel(tiny_bpe, name="tiny")
    decoder = ExactDecoder(model, n_ctx=64, threads=1)
    decoder.reuse = False
    for _ in range(3):
        decoder.logits(list(range(20, 50)))
    assert decoder.n_evaluated == 90
    decoder.close()
    model.close()


def test_the_context_is_as_long_as_the_longest_prompt(tiny_spm: Path, open_judge: Opener) -> None:
    judge = open_judge(tiny_spm, chats=CHATS)
    told = judge.describe()
    assert told["n_ctx"] == told["longest_prompt"] == max(len(judge.tokens(c)) for c in CHATS)
    assert open_judge(tiny_spm, chats=CHATS, n_ctx=700).describe()["n_ctx"] == 700


def test_a_prompt_that_does_not_fit_is_refused_before_the_first_question(
    tiny_spm: Path, open_judge: Opener
) -> None:
    long = Chat("word " * 500)
    judge = open_judge(tiny_spm, n_ctx=300)
    with pytest.raises(
        InputError,
        match=r"condition 'c', item 'i12' \(forward\): the prompt needs \d{4} tokens and the "
        r"context holds 300 \(n_ctx\); raise n_ctx",
    ):
        judge.prepare(prompts_of([*CHATS, long]))
    judge = open_judge(tiny_spm)
    with pytest.raises(InputError, match="holds 2048 .*trained for"):
        judge.prepare(prompts_of([Chat("word " * 1000)]))


def test_files_that_are_no_models_are_refused(tmp_path: Path, tiny_spm: Path) -> None:
    whole = tiny_spm.read_bytes()
    cases = {
        "empty": (b"", "is not a GGUF file"),
        "text": (b"#!/bin/sh\necho hello\n" * 9, r"is not a GGUF file \(it starts with b'#!/b'"),
        "header": (whole[:20], "is cut off after 20 bytes"),
        "keys": (whole[:5000], "llama.cpp cannot load .*is the file complete"),
        "half": (whole[: len(whole) // 2], "not within the file bounds"),
        "almost": (whole[:-1], "not within the file bounds"),
    }
    for name, (content, expected) in cases.items():
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(content)
        with pytest.raises(InputError, match=expected) as e:
            LlamaCppJudge(path, name="tiny", labels="123")
        assert "\n" not in str(e.value)
    with pytest.raises(InputError, match="cannot be read"):
        LlamaCppJudge(tmp_path / "none.gguf", name="tiny", labels="123")


def test_llama_cpp_is_silent(
    tiny_spm: Path, open_judge: Opener, capfd: pytest.CaptureFixture[str]
) -> None:
    open_judge(tiny_spm, chats=CHATS).read(CHATS[0])
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_reading_before_preparing_is_a_mistake_of_the_programmer(
    tiny_spm: Path, open_judge: Opener
) -> None:
    with pytest.raises(RuntimeError, match="call prepare"):
        open_judge(tiny_spm).read(CHATS[0])


def test_logits_that_are_not_finite_are_refused(tmp_path: Path, open_judge: Opener) -> None:
    path = write_model(tmp_path / "huge.gguf", vocab_scale=float("nan"))
    judge = open_judge(path, chats=CHATS)
    with pytest.raises(InputError, match="logits that are not finite"):
        judge.read(CHATS[0])
