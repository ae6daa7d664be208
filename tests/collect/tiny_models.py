"""Tiny llama models with random weights and a vocabulary of our own, written as GGUF files."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# A template in the way of models without a system role.
NO_SYSTEM = (
    "{{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}"
    "{{ raise_exception('no system role') }}{% endif %}[INST] {{ message.content }} [/INST]"
    "{% endfor %}"
)
IGNORES_SYSTEM = (
    "{% for message in messages if message.role != 'system' %}<|im_start|>{{ message.content }}"
    "<|im_end|>{% endfor %}<|im_start|>"
)
CONTROL = ("<|im_start|>", "<|im_end|>", "[INST]", "[/INST]")
USER_DEFINED = ("<think>",)
_DIGIT_BYTES = {f"<0x{ord(d):02X}>" for d in "123456789"}
WORDS = ("the", "ing", "action", "approve", "one", "number", "is", "of", "you")


def write_model(
    path: Path,
    *,
    template: str | None = CHATML,
    tokenizer: str = "spm",
    digits: bool = True,
    seed: int = 0,
    width: int = 32,
    layers: int = 2,
    context: int = 2048,
    vocab_scale: float = 1.0,
    quantised: bool = False,
) -> Path:
    """Write a random model; the same arguments give the same file."""
    tokens, scores, types, merges = _spm(digits) if tokenizer == "spm" else _bpe()
    heads, hidden, n = 2, 64, len(tokens)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_rope_dimension_count(width // heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(n)
    writer.add_tokenizer_model("llama" if tokenizer == "spm" else "gpt2")
    if tokenizer != "spm":
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_merges(merges)
    writer.add_token_list(tokens)
    if tokenizer == "spm":
        writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(tokenizer == "spm")
    if template is not None:
        writer.add_chat_template(template)
    rng = np.random.default_rng(seed)

    def tensor(name: str, *shape: int, scale: float = 0.3) -> None:
        weights = rng.normal(0, 1, shape).astype(np.float32) * np.float32(scale)
        if quantised:
            q8 = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(weights, q8), raw_dtype=q8)
        else:
            writer.add_tensor(name, weights)

    def ones(name: str) -> None:
        writer.add_tensor(name, np.ones(width, dtype=np.float32))

    tensor("token_embd.weight", n, width, scale=vocab_scale)
    # Digits stand out in the output, so that ratings get a good part of the mass.
    digit = np.array([t.strip("▁Ġ").isdigit() or t in _DIGIT_BYTES for t in tokens])
    writer.add_tensor(
        "output.weight",
        rng.normal(0, np.where(digit, 0.6, 0.02)[:, None], (n, width)).astype(np.float32),
    )
    ones("output_norm.weight")
    for i in range(layers):
        ones(f"blk.{i}.attn_norm.weight")
        ones(f"blk.{i}.ffn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{i}.{part}.weight", width, width)
        tensor(f"blk.{i}.ffn_gate.weight", hidden, width)
        tensor(f"blk.{i}.ffn_up.weight", hidden, width)
        tensor(f"blk.{i}.ffn_down.weight", width, hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


_Vocabulary = tuple[list[str], list[float], list[int], list[str]]


def _added() -> tuple[list[str], list[int]]:
    control = [gguf.TokenType.CONTROL] * len(CONTROL)
    user = [gguf.TokenType.USER_DEFINED] * len(USER_DEFINED)
    return [*CONTROL, *USER_DEFINED], [*control, *user]


def _spm(digits: bool) -> _Vocabulary:
    T = gguf.TokenType
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    types = [T.UNKNOWN, T.CONTROL, T.CONTROL, *([T.BYTE] * 256)]
    letters = [chr(c) for c in range(33, 127) if digits or not chr(c).isdigit()]
    normal = ["▁", *letters, *(f"▁{c}" for c in letters), *WORDS, *(f"▁{w}" for w in WORDS)]
    if not digits:
        # Without the bytes of digits, no token reads as a digit at all.
        for b in range(ord("0"), ord("9") + 1):
            tokens[3 + b] = f"<0x{b + 128:02X}>x"
            types[3 + b] = T.NORMAL
    added, added_types = _added()
    scores = [0.0] * len(tokens) + [-float(i + 1) / 10 for i in range(len(normal))]
    scores += [0.0] * len(added)
    types = [*types, *([T.NORMAL] * len(normal)), *added_types]
    return [*tokens, *normal, *added], scores, types, []


def _bpe() -> _Vocabulary:
    T = gguf.TokenType
    # GPT-2's way to print every byte as a visible character.
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shown = {b: chr(b) for b in plain}
    rest = [b for b in range(256) if b not in shown]
    shown |= {b: chr(256 + i) for i, b in enumerate(rest)}
    space = shown[ord(" ")]
    merges = [f"{space} {d}" for d in "123456789"] + ["t h", "th e", f"{space} the", "i n", "in g"]
    tokens = ["<unk>", "<s>", "</s>", *(shown[b] for b in range(256))]
    tokens += [m.replace(" ", "") for m in merges]
    added, added_types = _added()
    types = [T.UNKNOWN, T.CONTROL, T.CONTROL, *([T.NORMAL] * (256 + len(merges))), *added_types]
    return [*tokens, *added], [], types, merges
