"""Adapters and control vectors of a study, made ready for one loaded model."""

from __future__ import annotations

import ctypes
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.llamacpp.controlvector import random_directions, read_control_vector
from vat_bayes.collect.llamacpp.library import complaints, library
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.collect.llamacpp.randomadapter import write_random_adapter
from vat_bayes.errors import InputError
from vat_bayes.study import ControlVector, Weights

_Which = tuple[str, tuple[str | int, ...] | None]
"""An adapter's file, and the seed of its random counterpart."""


@dataclass(frozen=True)
class Switched:
    """What is to be set in a context.

    Parameters
    ----------
    adapters : tuple of (handle, float)
        The adapters of the model, with their scales.
    vector : float array (n_layers - 1, n_embd), optional
        What is added to the hidden states, from layer 1 on.
    facts : dict
        What a reader of the manifest must know.
    """

    adapters: tuple[tuple[Any, float], ...]
    vector: NDArray[np.float32] | None
    facts: dict[str, Any]


class Adapting:
    """Loads adapters and control vectors once each, and puts them together.

    Parameters
    ----------
    model : LoadedModel
        The model; it must stay open, and frees the adapters with itself.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._adapters: dict[_Which, Any] = {}
        self._drawn: dict[_Which, dict[str, Any]] = {}

    def ready(self, weights: Weights) -> Switched:
        """Return what is to be set for a condition's weights.

        Raises
        ------
        InputError
            When a file can't be used with this model.
        """
        facts: dict[str, Any] = {}
        # llama.cpp knows an adapter once, with one scale.
        scales: dict[_Which, float] = {}
        for a in weights.adapters:
            which = (a.path, a.seed)
            scales[which] = scales.get(which, 0.0) + a.scale
        adapters = tuple((self._adapter(*which), scale) for which, scale in scales.items())
        if adapters:
            facts["adapters"] = [
                {
                    "scale": scale,
                    "metadata": _metadata(handle),
                    **({} if which not in self._drawn else {"random": self._drawn[which]}),
                }
                for which, (handle, scale) in zip(scales, adapters, strict=True)
            ]
        vector, told = self._vector(weights.vectors)
        if told:
            facts["control_vectors"] = told
        return Switched(adapters, vector, facts)

    def _adapter(self, path: str, seed: tuple[str | int, ...] | None) -> Any:
        which = (path, seed)
        if which in self._adapters:
            return self._adapters[which]
        # The file itself comes first, so that one that cannot be used is told as such.
        handle = self._load(path)
        if seed is not None:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "random.gguf"
                owner = f"model '{self._model.name}'"
                self._drawn[which] = write_random_adapter(file, Path(path), seed, owner)
                handle = self._load(str(file))
        self._adapters[which] = handle
        return handle

    def _load(self, path: str) -> Any:
        lib = library()
        complaints()
        handle = lib.llama_adapter_lora_init(self._model.handle, path.encode())
        if not handle:
            said = complaints()
            raise InputError(
                f"model '{self._model.name}': llama.cpp cannot use the adapter {path}"
                + (f" ({said})" if said else ""),
                hint="was it made for this model, and converted to GGUF?",
            )
        if lib.llama_adapter_get_alora_n_invocation_tokens(handle):
            raise InputError(
                f"model '{self._model.name}': the adapter {path} is an aLoRA, which acts from "
                "a word in the text on; only plain LoRA adapters are supported"
            )
        return handle

    def _vector(
        self, vectors: tuple[ControlVector, ...]
    ) -> tuple[NDArray[np.float32] | None, list[dict[str, Any]]]:
        if not vectors:
            return None, []
        n_layers, width = self._model.n_layers, self._model.width
        total = np.zeros((n_layers - 1, width), dtype=np.float32)
        told = []
        for v in vectors:
            owner = f"model '{self._model.name}'"
            directions = read_control_vector(Path(v.path), owner)
            self._refuse_other_shapes(Path(v.path), directions)
            if v.seed is not None:
                directions = random_directions(directions, v.seed)
            first, last = v.layers or (min(directions), max(directions))
            used = {layer: d for layer, d in directions.items() if first <= layer <= last}
            if not used:
                raise InputError(
                    f"{owner}: the control vector {v.path} has directions for the layers "
                    f"{min(directions)} to {max(directions)}, none from {first} to {last}"
                )
            for layer, direction in used.items():
                total[layer - 1] += np.float32(v.strength) * direction
            told.append(
                {
                    "strength": v.strength,
                    "random": v.seed is not None,
                    "length_by_layer": {
                        str(layer): float(np.linalg.norm(d.astype(np.float64)))
                        for layer, d in used.items()
                    },
                }
            )
        return total, told

    def _refuse_other_shapes(self, path: Path, directions: dict[int, NDArray[np.float32]]) -> None:
        name, n_layers, width = self._model.name, self._model.n_layers, self._model.width
        if (last := max(directions)) >= n_layers:
            raise InputError(
                f"model '{name}': the control vector {path} has a direction for layer {last}; the "
                f"layers of this model that can be steered are 1 to {n_layers - 1}"
            )
        widths = {len(d) for d in directions.values()}
        if widths != {width}:
            raise InputError(
                f"model '{name}': the directions of the control vector {path} have "
                f"{', '.join(map(str, sorted(widths)))} numbers and the model's hidden states "
                f"{width}"
            )


def _metadata(adapter: Any) -> dict[str, str]:
    lib = library()
    found = {}
    for i in range(lib.llama_adapter_meta_count(adapter)):
        texts = []
        for read in (lib.llama_adapter_meta_key_by_index, lib.llama_adapter_meta_val_str_by_index):
            buffer = ctypes.create_string_buffer(1024)
            read(adapter, i, buffer, len(buffer))
            texts.append(buffer.value.decode("utf-8", "replace"))
        found[texts[0]] = texts[1]
    return found
