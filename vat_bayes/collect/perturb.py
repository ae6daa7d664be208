"""A placebo of a checkpoint: the model changed as much as by it, in random directions."""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.llamacpp.controlvector import gguf_library
from vat_bayes.collect.store import whole
from vat_bayes.errors import InputError

Floats = NDArray[np.float64]

# Rounds of turning: after one, what was a single entry is still a column of one shape.
_ROUNDS = 2


@dataclass(frozen=True)
class Perturbed:
    """A file with a randomly changed model.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    changed : int
        How many of its tensors are changed.
    tensors : int
        How many there are.
    norm : float
        The root of the sum of the squared Frobenius norms of the changes.
    relative : float
        The same, over that of the model.
    retyped : int
        How many tensors are written in 16 bits because the model's own numbers are quantised.
    """

    path: Path
    changed: int
    tensors: int
    norm: float
    relative: float
    retyped: int


def perturb(model: str | Path, like: str | Path, out: str | Path, *, seed: int = 0) -> Perturbed:
    """Write a model whose weights are changed as much as a checkpoint's, in random directions.

    A checkpoint changes a matrix of the model by ``D``. Here it is changed by ``P D Q'``, where
    ``P`` and ``Q`` are random orthogonal matrices: permutations, signs and cosine transforms, one
    after the other. Rank, singular values and every unitarily invariant norm of the change stay as
    they are, as in the random counterpart of an adapter. A matrix that the checkpoint leaves alone
    is left alone.

    Parameters
    ----------
    model : path
        The GGUF file of the audited model.
    like : path
        The checkpoint of it.
    out : path
        The GGUF file to write. Quantised numbers are written in 16 bits, since rounding to few bits
        would change what was drawn.
    seed : int
        What is drawn depends on it and on the names of the tensors.

    Raises
    ------
    InputError
        When a file can't be read, or the two have other tensors, or the same weights.
    """
    out = Path(out)
    gguf = gguf_library()
    ours, theirs = _read(gguf, Path(model)), _read(gguf, Path(like))
    others = {t.name: t for t in theirs.tensors}
    _refuse_other_tensors(ours, others, Path(model), Path(like))
    quantised = {t.name for t in ours.tensors if t.tensor_type.name not in ("F32", "F16", "BF16")}
    squares = whole_squares = 0.0
    changed = 0
    with whole(out) as part, _writing(gguf, part, ours) as writer:
        _copy_header(gguf, writer, ours, without={"general.file_type"} if quantised else set())
        for t in ours.tensors:
            before = gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64)
            other = others[t.name]
            change = gguf.quants.dequantize(other.data, other.tensor_type) - before
            if np.any(change):
                changed += 1
                squares += float(np.sum(change**2))
                change = turned(change, (seed, t.name))
            whole_squares += float(np.sum(before**2))
            kind = gguf.GGMLQuantizationType.F16 if t.name in quantised else t.tensor_type
            data = gguf.quants.quantize((before + change).astype(np.float32), kind)
            writer.add_tensor(t.name, data, raw_dtype=kind)
        if not changed:
            raise InputError(f"{like} has the same weights as {model}; there is nothing to match")
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    return Perturbed(
        path=out,
        changed=changed,
        tensors=len(ours.tensors),
        norm=float(np.sqrt(squares)),
        relative=float(np.sqrt(squares / whole_squares)),
        retyped=len(quantised),
    )


def turned(change: Floats, seed: Sequence[str | int]) -> Floats:
    """Return a matrix with the same singular values and random directions.

    Parameters
    ----------
    change : float array (..., n, m) or (n,)
        The matrix, or several that are turned alike; a vector is turned to one of its length.
    seed : sequence of str or int
        What is drawn depends on it.
    """
    from scipy.fft import dct

    text = json.dumps([*seed, *change.shape], separators=(",", ":"))
    rng = np.random.default_rng(list(hashlib.sha256(text.encode("ascii")).digest()))
    found = change
    for axis in range(max(0, change.ndim - 2), change.ndim):
        n = change.shape[axis]
        for _ in range(_ROUNDS):
            order = rng.permutation(n)
            signs = rng.choice((-1.0, 1.0), n)
            shape = [n if i == axis else 1 for i in range(change.ndim)]
            found = np.take(found, order, axis=axis) * signs.reshape(shape)
            found = dct(found, norm="ortho", axis=axis)
    return found


@contextlib.contextmanager
def _writing(gguf: Any, path: Path, like: Any) -> Iterator[Any]:
    architecture = like.get_field("general.architecture").contents()
    # Through a file, because a model may be larger than the memory.
    writer = gguf.GGUFWriter(path, architecture, use_temp_file=True)
    try:
        yield writer
    finally:
        writer.close()
        if writer.temp_file is not None:
            writer.temp_file.close()


def _read(gguf: Any, path: Path) -> Any:
    try:
        return gguf.GGUFReader(path)
    except OSError as e:
        raise InputError(f"cannot be read ({e.strerror})", where=str(path)) from None
    # The reader has no error of its own: a cut or foreign file fails wherever it is looked at.
    except (ValueError, LookupError, TypeError, AttributeError, struct.error) as e:
        said = " ".join(str(e).split())[:120]
        raise InputError(f"not a whole GGUF file ({said})", where=str(path)) from None


def _refuse_other_tensors(ours: Any, others: dict[str, Any], model: Path, like: Path) -> None:
    own = {t.name: tuple(map(int, t.shape)) for t in ours.tensors}
    for name in dict.fromkeys([*own, *others]):
        there = tuple(map(int, others[name].shape)) if name in others else None
        if own.get(name) != there:
            raise InputError(
                f"not a checkpoint of {model}: the tensor '{name}' has the shape "
                f"{there or 'none'} here and {own.get(name) or 'none'} there",
                where=str(like),
            )


def _copy_header(gguf: Any, writer: Any, file: Any, *, without: set[str]) -> None:
    """Write what a file says of its model: tokens, template and shape."""
    skipped = {"general.architecture", *without}
    for name, field in file.fields.items():
        if name in skipped or name.startswith("GGUF."):
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
