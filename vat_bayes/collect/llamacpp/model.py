"""Opening a GGUF file, with one sentence for every way in which that can fail."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from vat_bayes.collect.llamacpp.library import complaints, library
from vat_bayes.errors import InputError

_MAGIC = b"GGUF"
_HEADER_BYTES = 24


class LoadedModel:
    """A model in memory.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str
        What messages call the model.
    n_gpu_layers : int
        Layers to keep on a GPU; -1 for all of them.

    Raises
    ------
    InputError
        When the file is no GGUF file, is damaged, or holds no model that can answer a chat.
    """

    def __init__(self, path: Path, *, name: str, n_gpu_layers: int = 0) -> None:
        self.path = path
        self.name = name
        self.handle: Any = None
        _refuse_other_files(path, name)
        lib = library()
        params = lib.llama_model_default_params()
        params.n_gpu_layers = 2**30 if n_gpu_layers < 0 else n_gpu_layers
        # Quantised weights are not repacked for this machine: the kernels for AMX crash on some
        # (llama.cpp issue 20824), and plain kernels give more machines the same answers.
        params.use_extra_bufts = False
        complaints()
        self.handle = lib.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle:
            said = complaints()
            raise InputError(
                f"model '{name}': llama.cpp cannot load {path}" + (f" ({said})" if said else ""),
                hint="is the file complete, and of a kind that this llama.cpp knows?",
            )
        self.vocab: Any = lib.llama_model_get_vocab(self.handle)
        try:
            self._refuse_other_models(lib)
        except InputError:
            self.close()
            raise

    def _refuse_other_models(self, lib: Any) -> None:
        if lib.llama_model_has_encoder(self.handle) or not lib.llama_model_has_decoder(self.handle):
            raise InputError(f"model '{self.name}' is an encoder; a judge is a decoder-only model")
        if lib.llama_vocab_n_tokens(self.vocab) < 1:
            raise InputError(f"model '{self.name}' has no vocabulary")

    @property
    def trained_context(self) -> int:
        """The longest context, in tokens, that the model was trained for."""
        return int(library().llama_model_n_ctx_train(self.handle))

    @property
    def n_parameters(self) -> int:
        """The number of weights."""
        return int(library().llama_model_n_params(self.handle))

    @property
    def n_layers(self) -> int:
        """The number of layers."""
        return int(library().llama_model_n_layer(self.handle))

    @property
    def width(self) -> int:
        """The length of a hidden state."""
        return int(library().llama_model_n_embd(self.handle))

    @property
    def has_recurrent_state(self) -> bool:
        """Whether some layers keep a state that cannot be taken back to an earlier token."""
        lib = library()
        return bool(
            lib.llama_model_is_recurrent(self.handle) or lib.llama_model_is_hybrid(self.handle)
        )

    @property
    def architecture(self) -> str:
        """The architecture, as GGUF files call it."""
        buffer = ctypes.create_string_buffer(256)
        found = library().llama_model_meta_val_str(
            self.handle, b"general.architecture", buffer, len(buffer)
        )
        return buffer.value.decode("utf-8", "replace") if found >= 0 else ""

    @property
    def chat_template(self) -> str | None:
        """The chat template of the file, a Jinja text; None where there is none."""
        found = library().llama_model_chat_template(self.handle, None)
        return found.decode("utf-8", "replace") if found else None

    @property
    def description(self) -> str:
        """The architecture, size and quantisation, in llama.cpp's words."""
        buffer = ctypes.create_string_buffer(256)
        library().llama_model_desc(self.handle, buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace")

    def close(self) -> None:
        """Free the memory."""
        if self.handle:
            library().llama_model_free(self.handle)
            self.handle = None


def _refuse_other_files(path: Path, name: str) -> None:
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as e:
        raise InputError(f"model '{name}': {path} cannot be read ({e.strerror})") from None
    if not header.startswith(_MAGIC):
        raise InputError(
            f"model '{name}': {path} is not a GGUF file (it starts with {header[:4]!r}, "
            f"expected {_MAGIC!r})"
        )
    if len(header) < _HEADER_BYTES:
        raise InputError(f"model '{name}': {path} is cut off after {len(header)} bytes")
