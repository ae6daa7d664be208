"""LoRA adapters and control vectors for the tiny models, written as GGUF files."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np


def write_adapter(
    path: Path,
    matrices: dict[str, tuple[np.ndarray, np.ndarray]],
    *,
    architecture: str = "llama",
    alpha: float = 1.0,
    kind: str = "lora",
) -> Path:
    """Write an adapter; each matrix has the factors A (rank, in) and B (out, rank)."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", kind)
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, (a, b) in matrices.items():
        writer.add_tensor(f"{name}.lora_a", np.ascontiguousarray(a, dtype=np.float32))
        writer.add_tensor(f"{name}.lora_b", np.ascontiguousarray(b, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def random_adapter(
    path: Path,
    model: Path,
    *,
    rank: int = 2,
    seed: int = 0,
    scale: float = 0.3,
    layers: tuple[int, ...] = (0, 1),
) -> Path:
    """Write a random low-rank adapter of the query and down projections of a model."""
    rng = np.random.default_rng(seed)
    shapes = {t.name: tuple(map(int, t.shape)) for t in gguf.GGUFReader(model).tensors}
    names = [f"blk.{i}.{part}.weight" for i in layers for part in ("attn_q", "ffn_down")]
    return write_adapter(
        path,
        {
            name: (
                rng.normal(0, scale, (rank, shapes[name][0])),
                rng.normal(0, scale, (shapes[name][1], rank)),
            )
            for name in names
        },
    )


def with_adapter(path: Path, model: Path, adapter: Path, scale: float) -> Path:
    """Write a model whose 32-bit weights have an adapter of alpha = rank added to them."""
    reader, lora = gguf.GGUFReader(model), gguf.GGUFReader(adapter)
    parts = {t.name: np.array(t.data) for t in lora.tensors}
    raw = bytearray(model.read_bytes())
    for t in reader.tensors:
        a, b = parts.get(f"{t.name}.lora_a"), parts.get(f"{t.name}.lora_b")
        if a is None or b is None:
            continue
        merged = np.array(t.data) + np.float32(scale) * (b @ a)
        raw[t.data_offset : t.data_offset + t.n_bytes] = merged.astype(np.float32).tobytes()
    path.write_bytes(raw)
    return path


def write_vector(path: Path, directions: dict[int, np.ndarray], **more: str) -> Path:
    """Write a control vector by the gguf package alone, as other programs do."""
    writer = gguf.GGUFWriter(path, more.get("architecture", "controlvector"))
    writer.add_string("controlvector.model_hint", "llama")
    writer.add_uint32("controlvector.layer_count", len(directions))
    for layer, direction in directions.items():
        name = more.get("prefix", "direction")
        writer.add_tensor(f"{name}.{layer}", direction.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
