"""Exact decoding: what is shared with the prompt before is kept, and every bit stays the same."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.llamacpp.adapting import Switched
from vat_bayes.collect.llamacpp.library import complaints, library
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.errors import InputError

_BATCH = 512
# llama.cpp multiplies a single token by other kernels than several, with other rounding.
_SMALLEST_CHUNK = 2


class ExactDecoder:
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
    """

    def __init__(self, model: LoadedModel, *, n_ctx: int, threads: int) -> None:
        self._lib = lib = library()
        self._model = model
        self._previous: list[int] = []
        self.reuse = True
        self.n_evaluated = 0
        params = lib.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = self._chunk = max(_SMALLEST_CHUNK, min(_BATCH, n_ctx))
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.swa_full = True
        params.no_perf = True
        complaints()
        self._context: Any = lib.llama_init_from_model(model.handle, params)
        if not self._context:
            raise InputError(
                f"model '{model.name}': no memory for a context of {n_ctx} tokens ({complaints()})",
                hint="set a smaller n_ctx in its [[models]] table",
            )
        self._memory = lib.llama_get_memory(self._context)
        self._n_vocab = int(lib.llama_vocab_n_tokens(model.vocab))
        self._batch = lib.llama_batch_init(self._chunk, 0, 1)
        for i in range(self._chunk):
            self._batch.n_seq_id[i] = 1
            self._batch.seq_id[i][0] = 0
        size = (self._chunk,)
        self._tokens = np.ctypeslib.as_array(self._batch.token, shape=size)
        self._positions = np.ctypeslib.as_array(self._batch.pos, shape=size)
        self._wanted = np.ctypeslib.as_array(self._batch.logits, shape=size)

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
        for a, b in _chunks(start, len(tokens), self._chunk):
            self._decode(tokens, a, b)
        self._previous = list(tokens)
        found = self._lib.llama_get_logits_ith(self._context, -1)
        return np.ctypeslib.as_array(found, shape=(self._n_vocab,)).copy()

    def switch(self, to: Switched) -> None:
        """Set the adapters and the control vector, and empty the cache.

        llama.cpp itself keeps the cache: what was evaluated before would stay as it was without
        the adapter, and silently be wrong.

        Raises
        ------
        InputError
            When llama.cpp refuses.
        """
        lib, n = self._lib, len(to.adapters)
        handles = (lib.llama_adapter_lora_p_ctypes * n)(*(handle for handle, _ in to.adapters))
        scales = (ctypes.c_float * n)(*(scale for _, scale in to.adapters))
        given = (handles, n, scales) if n else (None, 0, None)
        codes = [lib.llama_set_adapters_lora(self._context, *given)]
        if to.vector is None:
            codes.append(lib.llama_set_adapter_cvec(self._context, None, 0, 0, 0, 0))
        else:
            rows, width = to.vector.shape
            data = np.ascontiguousarray(to.vector, dtype=np.float32)
            pointer = data.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            codes.append(
                lib.llama_set_adapter_cvec(self._context, pointer, data.size, width, 1, rows)
            )
        self.forget()
        if any(codes):
            said = complaints()
            raise InputError(
                f"model '{self._model.name}': llama.cpp could not switch its adapters"
                + (f" ({said})" if said else "")
            )

    def forget(self) -> None:
        """Empty the cache."""
        self._previous = []
        self._lib.llama_memory_clear(self._memory, True)

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
            fresh = self.logits(tokens)
            if not np.array_equal(fresh, logits, equal_nan=True):
                difference = np.nan_to_num(np.abs(fresh - logits), nan=np.inf)
                worst = max(worst, float(difference.max()), np.finfo(float).tiny)
        self.forget()
        return worst

    def close(self) -> None:
        """Free the memory."""
        if self._context:
            self._lib.llama_batch_free(self._batch)
            self._lib.llama_free(self._context)
            self._context = None

    def _roll_back(self, tokens: Sequence[int]) -> int:
        """Drop what is not shared from the cache; return the first position to evaluate."""
        pairs = zip(self._previous, tokens, strict=False)
        shared = sum(1 for _ in takewhile(lambda p: p[0] == p[1], pairs))
        start = max(0, min(shared, len(tokens) - _SMALLEST_CHUNK)) if self.reuse else 0
        # A model with a recurrent state cannot go back to the middle, and says so.
        if start and self._lib.llama_memory_seq_rm(self._memory, 0, start, -1):
            return start
        self.forget()
        return 0

    def _decode(self, tokens: Sequence[int], a: int, b: int) -> None:
        n = b - a
        self._tokens[:n] = tokens[a:b]
        self._positions[:n] = np.arange(a, b)
        self._wanted[:n] = 0
        self._wanted[n - 1] = b == len(tokens)
        self._batch.n_tokens = n
        self.n_evaluated += n
        code = self._lib.llama_decode(self._context, self._batch)
        if code != 0:
            self.forget()
            said = complaints()
            raise InputError(
                f"model '{self._model.name}': llama.cpp could not evaluate a prompt of "
                f"{len(tokens)} tokens (code {code}{'; ' + said if said else ''})"
            )


def _chunks(start: int, stop: int, size: int) -> list[tuple[int, int]]:
    """Cut a range into chunks of at most `size`, none of them of one token if that can be."""
    edges = [*range(start, stop, size), stop]
    if len(edges) > 2 and edges[-1] - edges[-2] < _SMALLEST_CHUNK < size:
        edges[-2] -= _SMALLEST_CHUNK - (edges[-1] - edges[-2])
    return list(zip(edges, edges[1:], strict=False))
