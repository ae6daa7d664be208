"""Reading a model's hidden states, layer by layer, while llama.cpp evaluates a prompt."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.llamacpp.library import complaints, library
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.errors import InputError

# llama.cpp calls the output of a layer so, in nearly every architecture; a control vector is added
# to just this tensor.
_LAYER_OUTPUT = "l_out-"
_BATCH = 512


class StateReader:
    """A context that tells what every layer gives at the last token of a prompt.

    llama.cpp offers each tensor of its graph to a callback of the caller before and after it is
    computed. The outputs of the layers are asked for there, so the states are those that the
    evaluation itself uses.

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
        if model.n_layers < 2:
            raise InputError(f"model '{model.name}' has one layer; none of it can be steered")
        self._ggml = _ggml(lib)
        self._found: dict[int, NDArray[np.float32]] = {}
        self._wanted = False
        self._failed: Exception | None = None
        params = lib.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = self._chunk = min(_BATCH, n_ctx)
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.swa_full = True
        params.no_perf = True
        # Kept as long as the context, which calls it.
        self._callback = lib.ggml_backend_sched_eval_callback(self._look)
        params.cb_eval = self._callback
        complaints()
        self._context: Any = lib.llama_init_from_model(model.handle, params)
        if not self._context:
            raise InputError(
                f"model '{model.name}': no memory for a context of {n_ctx} tokens ({complaints()})"
            )

    def read(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Return the output of the layers from 1 on at the last token.

        Parameters
        ----------
        tokens : sequence of int
            The prompt, not empty and no longer than the context.

        Returns
        -------
        float array (n_layers - 1, n_embd)
            Row i is layer i + 1: layer 0 cannot be steered.

        Raises
        ------
        InputError
            When llama.cpp can't evaluate the prompt, or has other names for the states.
        """
        lib = self._lib
        lib.llama_memory_clear(lib.llama_get_memory(self._context), True)
        self._found = {}
        for a in range(0, len(tokens), self._chunk):
            part = tokens[a : a + self._chunk]
            self._wanted = a + len(part) == len(tokens)
            buffer = (lib.llama_token * len(part))(*part)
            code = lib.llama_decode(self._context, lib.llama_batch_get_one(buffer, len(part)))
            if code != 0 or self._failed:
                raise InputError(
                    f"model '{self._model.name}': the hidden states of a prompt of {len(tokens)} "
                    f"tokens could not be read ({self._failed or f'code {code}'})"
                )
        missing = [i for i in range(1, self._model.n_layers) if i not in self._found]
        if missing:
            raise InputError(
                f"model '{self._model.name}': llama.cpp does not show the hidden states of layer "
                f"{missing[0]} of this architecture ({self._model.architecture})"
            )
        return np.stack([self._found[i] for i in range(1, self._model.n_layers)])

    def close(self) -> None:
        """Free the memory."""
        if self._context:
            self._lib.llama_free(self._context)
            self._context = None

    def _look(self, tensor: int, ask: bool, _user_data: object) -> bool:
        name = self._ggml.ggml_get_name(tensor).decode("utf-8", "replace")
        layer = name.removeprefix(_LAYER_OUTPUT)
        if not self._wanted or layer == name or not layer.isdecimal():
            return not ask
        if not ask:
            # An exception in a callback would be printed and forgotten.
            try:
                self._found[int(layer)] = self._last_row(tensor)
            except ValueError as e:
                self._failed = e
        return True

    def _last_row(self, tensor: int) -> NDArray[np.float32]:
        row = np.empty(self._model.width, dtype=np.float32)
        size = self._ggml.ggml_nbytes(tensor)
        n = self._ggml.ggml_nelements(tensor)
        if size != n * row.itemsize or n % len(row):
            raise ValueError(f"{n} numbers in {size} bytes are no rows of 32-bit numbers")
        self._ggml.ggml_backend_tensor_get(tensor, row.ctypes.data, size - row.nbytes, row.nbytes)
        return row


def _ggml(lib: Any) -> Any:
    """Return ggml, whose functions the bindings don't name, through the library that uses it."""
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    ggml = lib.llama_cpp._lib
    try:
        for name, result, arguments in (
            ("ggml_get_name", ctypes.c_char_p, [pointer]),
            ("ggml_nbytes", size, [pointer]),
            ("ggml_nelements", ctypes.c_int64, [pointer]),
            ("ggml_backend_tensor_get", None, [pointer, pointer, size, size]),
        ):
            function = getattr(ggml, name)
            function.restype, function.argtypes = result, arguments
    except AttributeError as e:
        raise InputError(f"this build of llama.cpp does not show hidden states ({e})") from None
    return ggml
