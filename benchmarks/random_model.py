"""A model of a realistic shape with random weights, for measuring speed alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import gguf
import numpy as np

_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_CONTROL = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>")
_Q8 = gguf.GGMLQuantizationType.Q8_0


def write_random_model(
    path: Path,
    texts: Iterable[str],
    *,
    width: int = 768,
    layers: int = 12,
    hidden: int = 3072,
    heads: int = 12,
    vocabulary: int = 32_000,
    context: int = 4096,
    seed: int = 0,
) -> int:
    """Write a llama model in Q8_0 whose vocabulary has the words of some texts.

    A vocabulary that did not know the words would cut them into letters, and prompts would be
    several times as long as they are for a real model.

    Parameters
    ----------
    path : pathlib.Path
        The GGUF file to write.
    texts : iterable of str
        Where the words come from.
    width, layers, hidden, heads, vocabulary, context : int
        The shape of the model.
    seed : int
        Of the weights.

    Returns
    -------
    int
        The number of weights.
    """
    tokens, scores, types = _vocabulary(texts, vocabulary)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("random")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_rope_dimension_count(width // heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(vocabulary)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(4)
    writer.add_chat_template(_CHATML)
    rng = np.random.default_rng(seed)
    n = 0

    def matrix(name: str, rows: int, columns: int) -> None:
        nonlocal n
        weights = rng.standard_normal((rows, columns), dtype=np.float32)
        weights /= np.float32(np.sqrt(columns))
        writer.add_tensor(name, gguf.quants.quantize(weights, _Q8), raw_dtype=_Q8)
        n += weights.size

    def ones(name: str) -> None:
        writer.add_tensor(name, np.ones(width, dtype=np.float32))

    matrix("token_embd.weight", vocabulary, width)
    matrix("output.weight", vocabulary, width)
    ones("output_norm.weight")
    for i in range(layers):
        ones(f"blk.{i}.attn_norm.weight")
        ones(f"blk.{i}.ffn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"blk.{i}.{part}.weight", width, width)
        matrix(f"blk.{i}.ffn_gate.weight", hidden, width)
        matrix(f"blk.{i}.ffn_up.weight", hidden, width)
        matrix(f"blk.{i}.ffn_down.weight", width, hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return n


def _vocabulary(texts: Iterable[str], size: int) -> tuple[list[str], list[float], list[int]]:
    """Return a sentence-piece vocabulary: bytes, characters, words with all their beginnings."""
    T = gguf.TokenType
    tokens = [*_CONTROL, *(f"<0x{b:02X}>" for b in range(256))]
    types = [T.UNKNOWN, *([T.CONTROL] * (len(_CONTROL) - 1)), *([T.BYTE] * 256)]
    words = sorted({f"\u2581{word}" for text in texts for word in text.split()}, key=len)
    # A word is put together from the left, so every beginning of it must be a token as well.
    pieces = dict.fromkeys(["\u2581", *(chr(c) for c in range(33, 127))])
    for word in words:
        pieces |= dict.fromkeys(word[:n] for n in range(2, len(word) + 1))
    pieces = dict.fromkeys([p for p in pieces if p not in tokens][: size - len(tokens)])
    tokens += pieces
    types += [T.NORMAL] * len(pieces)
    unused = size - len(tokens)
    tokens += [f"<unused{i}>" for i in range(unused)]
    types += [T.UNUSED] * unused
    return tokens, [-float(i) for i in range(size)], types
