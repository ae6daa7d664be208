"""A random counterpart of a LoRA adapter: the same matrices changed as much, in any direction."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.llamacpp.controlvector import gguf_library
from vat_bayes.errors import InputError

Floats = NDArray[np.float64]

_ALPHA = "adapter.lora.alpha"
# llama.cpp keeps the two factors of this matrix the other way about.
_TURNED = "token_embd.weight"


def write_random_adapter(
    path: Path, adapter: Path, seed: Sequence[str | int], owner: str
) -> dict[str, Any]:
    """Write an adapter whose changes have the sizes of another's and random directions.

    An adapter adds the product ``B A`` of two thin matrices to each matrix that it changes. Here
    ``B A = U S V'`` is replaced by ``P S Q'`` with the same singular values ``S`` and with bases
    ``P`` and ``Q`` drawn uniformly from the Stiefel manifolds (the orthonormal factor of a matrix
    of normal numbers; Stewart 1980, SIAM J. Numer. Anal. 17(3), sec. 3). Rank and every unitarily
    invariant norm of the change stay as they are.

    Parameters
    ----------
    path : pathlib.Path
        The GGUF file to write.
    adapter : pathlib.Path
        The adapter whose place it takes.
    seed : sequence of str or int
        What the draw depends on.
    owner : str
        Whose file it is, for messages.

    Returns
    -------
    dict
        ``matrices``, how many are changed, and ``norm``, the root of the sum of their squared
        Frobenius norms before alpha and scale.

    Raises
    ------
    InputError
        When the file is not one whose factors can be read.
    """
    gguf = gguf_library()
    try:
        file = gguf.GGUFReader(adapter)
        architecture = file.get_field("general.architecture").contents()
        field = file.get_field(_ALPHA)
        # Without one llama.cpp divides nothing by the rank, as it does at 0.
        alpha = float(field.contents()) if field else 0.0
        factors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in file.tensors}
        names = [name.removesuffix(".lora_a") for name in factors if name.endswith(".lora_a")]
        pairs = {name: (factors[f"{name}.lora_a"], factors[f"{name}.lora_b"]) for name in names}
    # The reader has no error of its own: a cut or foreign file fails wherever it is looked at.
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error) as e:
        said = " ".join(str(e).split())[:120]
        raise InputError(f"{owner}: the factors in {adapter} cannot be read ({said})") from None
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32(_ALPHA, alpha)
    squares = 0.0
    for name, (a, b) in pairs.items():
        turned = name == _TURNED
        left = (a if turned else b).astype(np.float64)
        right = (b.T if turned else a).astype(np.float64)
        sizes = singular_values(left, right)
        squares += float(np.sum(sizes**2))
        new_left, new_right = _random_factors(left.shape[0], right.shape[1], sizes, (*seed, name))
        new_a, new_b = (new_left, new_right.T) if turned else (new_right, new_left)
        writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(new_a, dtype=np.float32))
        writer.add_tensor(f"{name}.lora_b", np.ascontiguousarray(new_b, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {"matrices": len(pairs), "norm": float(np.sqrt(squares))}


def singular_values(left: Floats, right: Floats) -> Floats:
    """Return the singular values of a product of thin matrices, without forming it.

    Parameters
    ----------
    left : float array (n, rank)
        One factor.
    right : float array (rank, m)
        The other.

    Returns
    -------
    float array (rank,)
        The largest first.
    """
    r_left, r_right = np.linalg.qr(left, mode="r"), np.linalg.qr(right.T, mode="r")
    found: Floats = np.linalg.svd(r_left @ r_right.T, compute_uv=False)
    # A factor that is no longer than the rank has fewer.
    return np.pad(found, (0, left.shape[1] - len(found)))


def _random_factors(
    n: int, m: int, sizes: Floats, seed: Sequence[str | int]
) -> tuple[Floats, Floats]:
    text = json.dumps([*seed, n, m], separators=(",", ":"))
    rng = np.random.default_rng(list(hashlib.sha256(text.encode("ascii")).digest()))
    rank = len(sizes)
    # Values beyond the size of the matrix are 0, and any directions will do for them.
    used = min(n, m, rank)
    root = np.sqrt(sizes[:used])
    left, right = np.zeros((n, rank)), np.zeros((rank, m))
    left[:, :used] = np.linalg.qr(rng.standard_normal((n, used)))[0] * root
    right[:used] = (np.linalg.qr(rng.standard_normal((m, used)))[0] * root).T
    return left, right
