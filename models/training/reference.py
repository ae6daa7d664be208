"""The finished file in llama.cpp, held against the network that was trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import llama_cpp
import numpy as np

from models.training.teacher import Floats
from models.training.tokenizer import ANSWERS

# (text, whether markers in it are markers)
Spans = Sequence[tuple[str, bool]]


def chat_spans(system: str, user: str) -> list[tuple[str, bool]]:
    """Return a chat as the template lays it out, with the users' texts apart from the markers."""
    parts = [("<|begin|>", True)]
    if system:
        parts += [("<|system|>", True), (system, False), ("<|end|>", True)]
    return [*parts, ("<|user|>", True), (user, False), ("<|end|><|assistant|>", True)]


class LlamaJudge:
    """A judge's file, run by llama.cpp, one chat at a time.

    Parameters
    ----------
    path : pathlib.Path
        The GGUF file.
    half_cache : bool
        Keep keys and values in 16 bits, as llama.cpp does unless told otherwise.
    """

    def __init__(self, path: Path, *, half_cache: bool = False) -> None:
        kind = llama_cpp.GGML_TYPE_F16 if half_cache else llama_cpp.GGML_TYPE_F32
        self.llama = llama_cpp.Llama(
            str(path),
            n_ctx=2048,
            n_threads=1,
            n_threads_batch=1,
            type_k=kind,
            type_v=kind,
            verbose=False,
        )
        self.answers = [self.tokens([(a, False)])[0] for a in ANSWERS]

    def tokens(self, spans: Spans) -> list[int]:
        """Return the ids of a chat, span by span."""
        return [
            i
            for text, special in spans
            for i in self.llama.tokenize(text.encode(), add_bos=False, special=special)
        ]

    def chances(self, tokens: Sequence[int]) -> Floats:
        """Return the probabilities of all tokens after a chat."""
        self.llama.reset()
        self.llama.eval(list(tokens))
        pointer = llama_cpp.llama_get_logits_ith(self.llama.ctx, -1)
        scores = np.ctypeslib.as_array(pointer, shape=(self.llama.n_vocab(),)).astype(np.float64)
        raised = np.exp(scores - scores.max())
        chances: Floats = raised / raised.sum()
        return chances

    def answer(self, system: str, user: str) -> Floats:
        """Return the probabilities of the answers to a chat: the digits and the refusal."""
        return self.chances(self.tokens(chat_spans(system, user)))[self.answers]
