"""The judge as a GGUF file that any llama.cpp can run: writing it, and reading it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import jax
import jax.numpy as jnp
import numpy as np

from models.training.network import Params, Shape
from models.training.tokenizer import (
    BOS,
    CHAT_TEMPLATE,
    END,
    MARKERS,
    Encoder,
    restore_tokenizer,
)

_BLOCK = {
    "attn_norm": "attn_norm",
    "wq": "attn_q",
    "wk": "attn_k",
    "wv": "attn_v",
    "wo": "attn_output",
    "ffn_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def write_gguf(
    path: Path, params: Params, shape: Shape, encoder: Encoder, *, name: str, about: str
) -> None:
    """Write weights and tokenizer as a GGUF file of the llama architecture, in 32-bit floats.

    The forward pass rotates neighbouring pairs, which is what llama.cpp does for this
    architecture, so that no head is permuted here. There is no output matrix: llama.cpp then uses
    the embedding, as the forward pass does.

    Parameters
    ----------
    path : pathlib.Path
        The file; overwritten.
    params : dict
        Weights.
    shape : Shape
        Their sizes.
    encoder : Encoder
        The tokenizer.
    name, about : str
        Name and description in the file's metadata.
    """
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_description(about)
    writer.add_license("apache-2.0")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_tokenizer(writer, encoder)
    host = jax.device_get(params)
    writer.add_tensor("token_embd.weight", np.asarray(host["embedding"], np.float32))
    writer.add_tensor("output_norm.weight", np.asarray(host["norm"], np.float32))
    for i, block in enumerate(host["blocks"]):
        for ours, theirs in _BLOCK.items():
            weight = np.asarray(block[ours], np.float32)
            # A matrix is applied from the right here and from the left there.
            stored = np.ascontiguousarray(weight.T) if weight.ndim == 2 else weight
            writer.add_tensor(f"blk.{i}.{theirs}.weight", stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, encoder: Encoder) -> None:
    tokens = encoder.tokens()
    types = [gguf.TokenType.CONTROL if t in MARKERS else gguf.TokenType.NORMAL for t in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(encoder.merges())
    writer.add_bos_token_id(MARKERS.index(BOS))
    writer.add_eos_token_id(MARKERS.index(END))
    writer.add_pad_token_id(MARKERS.index(END))
    # The template writes the first marker itself.
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def read_gguf(path: Path) -> tuple[Params, Shape, Encoder]:
    """Read a file of `write_gguf` back: weights, sizes and tokenizer."""
    reader = gguf.GGUFReader(path)

    def field(name: str) -> Any:
        content = reader.fields[name].contents()
        # Numbers are stored in 32 bits; the shortest decimal is what was meant.
        return float(str(np.float32(content))) if isinstance(content, float) else content

    shape = Shape(
        vocabulary=field("llama.vocab_size"),
        width=field("llama.embedding_length"),
        layers=field("llama.block_count"),
        heads=field("llama.attention.head_count"),
        hidden=field("llama.feed_forward_length"),
        context=field("llama.context_length"),
        rope_base=field("llama.rope.freq_base"),
        epsilon=field("llama.attention.layer_norm_rms_epsilon"),
    )
    stored = {t.name: np.array(t.data) for t in reader.tensors}
    params = {
        "embedding": jnp.asarray(stored["token_embd.weight"]),
        "norm": jnp.asarray(stored["output_norm.weight"]),
        "blocks": [
            {
                ours: jnp.asarray(stored[f"blk.{i}.{theirs}.weight"].T)
                for ours, theirs in _BLOCK.items()
            }
            for i in range(shape.layers)
        ],
    }
    tokens, merges = field("tokenizer.ggml.tokens"), field("tokenizer.ggml.merges")
    return params, shape, Encoder(restore_tokenizer(tokens, merges))
