"""A context of llama.cpp: a cache of its own, and batches that are evaluated on it."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.llamacpp.adapting import Switched
from vat_bayes.collect.llamacpp.library import complaints, library
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.errors import InputError

SMALLEST_CHUNK = 2
"""llama.cpp multiplies a single token by other kernels than several, with other rounding."""


class Context:
    """What the decoders have in common.

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
    sequences : int
        How many sequences the cache can tell apart. With more than one it has room for a batch
        beside the longest prompt.
    flash : bool
        Whether flash attention is used where the model allows it.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        n_ctx: int,
        threads: int,
        n_batch: int,
        sequences: int = 1,
        flash: bool = False,
    ) -> None:
        self._lib = lib = library()
        self._model = model
        self.reuse = True
        self.n_evaluated = 0
        cells = n_ctx if sequences == 1 else n_ctx + n_batch
        self.n_batch = max(SMALLEST_CHUNK, min(n_batch, cells))
        params = lib.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = self.n_batch
        params.n_seq_max = sequences
        params.kv_unified = True
        # Few rows of logits at a time: room for a whole batch of them is most of what a small model
        # with a large vocabulary needs.
        params.n_outputs_max = sequences
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = (
            lib.LLAMA_FLASH_ATTN_TYPE_AUTO if flash else lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        params.swa_full = True
        params.no_perf = True
        complaints()
        self._context: Any = lib.llama_init_from_model(model.handle, params)
        if not self._context:
            raise InputError(
                f"model '{model.name}': no memory for a context of {cells} tokens ({complaints()})",
                hint="set a smaller n_ctx in its [[models]] table",
            )
        self._memory = lib.llama_get_memory(self._context)
        self._n_vocab = int(lib.llama_vocab_n_tokens(model.vocab))
        self._batch = lib.llama_batch_init(self.n_batch, 0, sequences)
        size = (self.n_batch,)
        self._tokens = np.ctypeslib.as_array(self._batch.token, shape=size)
        self._positions = np.ctypeslib.as_array(self._batch.pos, shape=size)
        self._wanted = np.ctypeslib.as_array(self._batch.logits, shape=size)

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
        self._lib.llama_memory_clear(self._memory, True)

    def close(self) -> None:
        """Free the memory."""
        if self._context:
            self._lib.llama_batch_free(self._batch)
            self._lib.llama_free(self._context)
            self._context = None

    def _evaluate(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        sequences: Sequence[Sequence[int]],
        wanted: Collection[int],
    ) -> None:
        """Evaluate one batch.

        Parameters
        ----------
        tokens, positions : sequence of int
            No more than a batch holds.
        sequences : sequence of sequence of int
            For each token, the sequences that it belongs to.
        wanted : collection of int
            The places of the tokens whose logits are computed.
        """
        n = len(tokens)
        self._tokens[:n] = tokens
        self._positions[:n] = positions
        self._wanted[:n] = 0
        self._wanted[list(wanted)] = 1
        for i, own in enumerate(sequences):
            self._batch.n_seq_id[i] = len(own)
            for k, s in enumerate(own):
                self._batch.seq_id[i][k] = s
        self._batch.n_tokens = n
        self.n_evaluated += n
        code = self._lib.llama_decode(self._context, self._batch)
        if code != 0:
            self.forget()
            said = complaints()
            raise InputError(
                f"model '{self._model.name}': llama.cpp could not evaluate {n} tokens from token "
                f"{positions[0] + 1} of a prompt on (code {code}{'; ' + said if said else ''})"
            )

    def _row(self, place: int) -> NDArray[np.float32]:
        """Return the logits at a place of the last batch, or the last ones for -1."""
        found = self._lib.llama_get_logits_ith(self._context, place)
        return np.ctypeslib.as_array(found, shape=(self._n_vocab,)).copy()
