"""Exact decoding: what is shared with the prompt before is kept, and every bit stays the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.llamacpp.context import SMALLEST_CHUNK, Context
from vat_bayes.collect.llamacpp.groups import shared_length
from vat_bayes.collect.llamacpp.model import LoadedModel

BATCH = 512
"""How many tokens are evaluated at a time, where nobody asks for another number."""


class ExactDecoder(Context):
    """One context that evaluates one prompt at a time.

    The tokens that a prompt shares with the one before stay in the cache. The rest is evaluated in
    chunks of at least two tokens, without flash attention and with a full-size cache for sliding
    windows: under these settings the logits are the same, bit for bit, as without the cache. That
    is measured on the prompts of a run by `differs_from_fresh`, not taken for granted.

    Parameters
    ----------
    model : LoadedModel
        The model; it must stay open.
    n_ctx : int
        The longest prompt, in tokens.
    threads : int
        CPU threads.
    n_batch : int
        How many tokens are evaluated at a time at most.
    """

    def __init__(
        self, model: LoadedModel, *, n_ctx: int, threads: int, n_batch: int = BATCH
    ) -> None:
        super().__init__(model, n_ctx=n_ctx, threads=threads, n_batch=n_batch)
        self._previous: list[int] = []

    def logits(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Return the logits of the token that follows a prompt.

        Parameters
        ----------
        tokens : sequence of int
            The prompt, not empty and no longer than the context.

        Returns
        -------
        float array (n_vocab,)
        """
        start = self._roll_back(tokens)
        for a, b in _chunks(start, len(tokens), self.n_batch):
            wanted = (b - a - 1,) if b == len(tokens) else ()
            self._evaluate(tokens[a:b], range(a, b), [(0,)] * (b - a), wanted)
        self._previous = list(tokens)
        return self._row(-1)

    def forget(self) -> None:
        """Empty the cache."""
        super().forget()
        self._previous = []

    def differs_from_fresh(self, prompts: Sequence[Sequence[int]]) -> float:
        """Return the largest difference that the cache makes to any logit of these prompts.

        The prompts are evaluated in their order with the cache, then each with an empty one.

        Returns
        -------
        float
            Exactly 0 when every bit is the same.
        """
        self.forget()
        cached = [self.logits(p) for p in prompts]
        worst = 0.0
        for tokens, logits in zip(prompts, cached, strict=True):
            self.forget()
            worst = max(worst, apart(self.logits(tokens), logits))
        self.forget()
        return worst

    def _roll_back(self, tokens: Sequence[int]) -> int:
        """Drop what is not shared from the cache; return the first position to evaluate."""
        shared = shared_length(self._previous, tokens)
        start = max(0, min(shared, len(tokens) - SMALLEST_CHUNK)) if self.reuse else 0
        # A model with a recurrent state cannot go back to the middle, and says so.
        if start and self._lib.llama_memory_seq_rm(self._memory, 0, start, -1):
            return start
        self.forget()
        return 0


def apart(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the largest difference of two rows of logits; exactly 0 when every bit is the same."""
    if np.array_equal(a, b, equal_nan=True):
        return 0.0
    difference = np.nan_to_num(np.abs(a - b), nan=np.inf)
    return max(float(difference.max()), np.finfo(float).tiny)


def _chunks(start: int, stop: int, size: int) -> list[tuple[int, int]]:
    """Cut a range into chunks of at most `size`, none of them of one token if that can be."""
    edges = [*range(start, stop, size), stop]
    if len(edges) > 2 and edges[-1] - edges[-2] < SMALLEST_CHUNK < size:
        edges[-2] -= SMALLEST_CHUNK - (edges[-1] - edges[-2])
    return list(zip(edges, edges[1:], strict=False))
