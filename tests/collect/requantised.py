"""Copies of a model in other kinds of numbers, as quantisations of it are published."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np


def requantised(path: Path, model: Path, kind: gguf.GGMLQuantizationType) -> Path:
    """Write a model whose matrices have another kind of numbers.

    Parameters
    ----------
    path : pathlib.Path
        The GGUF file to write.
    model : pathlib.Path
        The model.
    kind : gguf.GGMLQuantizationType
        What its matrices are to be.
    """
    reader = gguf.GGUFReader(model)
    writer = gguf.GGUFWriter(path, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_array(name, field.contents())
        else:
            writer.add_key_value(name, field.contents(), field.types[0])
    for tensor in reader.tensors:
        whole = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if whole.ndim == 2:
            writer.add_tensor(tensor.name, gguf.quants.quantize(whole, kind), raw_dtype=kind)
        else:
            writer.add_tensor(tensor.name, np.ascontiguousarray(whole))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
