"""Control vectors as files: GGUF with the architecture ``controlvector``."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vat_bayes.errors import InputError

ARCHITECTURE = "controlvector"
Directions = dict[int, NDArray[np.float32]]
"""Layer to its direction, float array (n_embd,). llama.cpp cannot steer layer 0."""


def read_control_vector(path: Path, owner: str) -> Directions:
    """Read the directions of a control vector.

    Parameters
    ----------
    path : pathlib.Path
        A GGUF file with tensors ``direction.<layer>``.
    owner : str
        Whose file it is, for messages.

    Raises
    ------
    InputError
        When it is no control vector.
    """
    gguf = gguf_library()
    try:
        file = gguf.GGUFReader(path)
        field = file.get_field("general.architecture")
        architecture = field.contents() if field else None
        tensors = {t.name: np.array(t.data) for t in file.tensors}
    # The reader has no error of its own: a cut or foreign file fails wherever it is looked at.
    except (OSError, ValueError, IndexError, KeyError, TypeError, struct.error, MemoryError) as e:
        said = " ".join(str(e).split())[:120]
        raise InputError(f"{owner}: {path} is not a GGUF file that can be read ({said})") from None
    if architecture != ARCHITECTURE:
        raise InputError(
            f"{owner}: {path} is no control vector (its architecture is '{architecture}')"
        )
    found: Directions = {}
    for name, data in tensors.items():
        head, _, layer = name.partition(".")
        if head != "direction" or not layer.isdecimal() or int(layer) < 1:
            raise InputError(
                f"{owner}: {path} has a tensor '{name}'; expected 'direction.<layer>', from 1"
            )
        if data.ndim != 1 or data.dtype != np.float32 or not np.isfinite(data).all():
            raise InputError(f"{owner}: '{name}' in {path} is no row of finite 32-bit numbers")
        found[int(layer)] = data
    if not found:
        raise InputError(f"{owner}: {path} has no directions")
    return dict(sorted(found.items()))


def write_control_vector(
    path: Path, directions: Mapping[int, NDArray[np.float32]], *, model_hint: str, about: Any
) -> None:
    """Write a control vector as llama.cpp reads it.

    Parameters
    ----------
    path : pathlib.Path
        The file to write.
    directions : mapping
        Layer to direction, float array (n_embd,).
    model_hint : str
        The architecture of the model that it was derived from.
    about : JSON value
        How it was derived.
    """
    gguf = gguf_library()
    part = path.with_name(f"{path.name}.part")
    writer = gguf.GGUFWriter(part, ARCHITECTURE)
    writer.add_string(f"{ARCHITECTURE}.model_hint", model_hint)
    writer.add_uint32(f"{ARCHITECTURE}.layer_count", len(directions))
    writer.add_string("general.description", json.dumps(about, ensure_ascii=False))
    for layer, direction in sorted(directions.items()):
        writer.add_tensor(f"direction.{layer}", np.ascontiguousarray(direction, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(path)


def random_directions(directions: Directions, seed: Sequence[str | int]) -> Directions:
    """Return random directions, each of the length of the one in its place.

    Parameters
    ----------
    directions : mapping
        The directions whose lengths are taken.
    seed : sequence of str or int
        What the draw depends on.
    """
    drawn: Directions = {}
    for layer, direction in directions.items():
        text = json.dumps([*seed, layer, len(direction)], separators=(",", ":"))
        digest = hashlib.sha256(text.encode("ascii")).digest()
        rng = np.random.default_rng(list(digest))
        random = rng.standard_normal(len(direction))
        length = np.linalg.norm(direction.astype(np.float64))
        drawn[layer] = (random * (length / np.linalg.norm(random))).astype(np.float32)
    return drawn


def gguf_library() -> Any:
    """Return the package that reads and writes GGUF files.

    Raises
    ------
    InputError
        When it is not installed.
    """
    try:
        import gguf
    except ImportError as e:
        raise InputError(
            f"control vectors need the package gguf ({e})", hint="pip install 'vat-bayes[collect]'"
        ) from None
    return gguf
