"""The judge's network: a small llama-type transformer in plain JAX.

Many judgments share their beginning (system message, scenario), so the forward pass takes a *tree*:
one prefix and several branches that continue it. A branch sees the prefix and itself, at the
positions it would have in a chat of its own, so every branch gets what a plain pass would give it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Params = dict[str, Any]

_NEVER = -1e30


@dataclass(frozen=True)
class Shape:
    """The sizes of a network, named as the llama architecture names them.

    Parameters
    ----------
    vocabulary : int
        Number of tokens; the output layer is tied to the embedding.
    width : int
        Size of the residual stream.
    layers, heads : int
        Blocks, and attention heads per block (no grouped queries).
    hidden : int
        Size of the gated feed-forward layer.
    context : int
        Longest chat, in tokens, that the file promises to handle.
    """

    vocabulary: int
    width: int = 128
    layers: int = 4
    heads: int = 4
    hidden: int = 320
    context: int = 2048
    rope_base: float = 10000.0
    epsilon: float = 1e-5

    @property
    def head(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads


class Tree(NamedTuple):
    """A batch of prefixes with branches, padded on the right.

    Attributes
    ----------
    prefix : int array (B, P)
    prefix_length : int array (B,)
    branch : int array (B, A, T)
    read : int array (B, A, R)
        Positions inside each branch at which the final state is wanted.
    """

    prefix: jax.Array
    prefix_length: jax.Array
    branch: jax.Array
    read: jax.Array


class States(NamedTuple):
    """What a forward pass returns.

    Attributes
    ----------
    final : float array (B, A, R, width)
        Normalised states at the positions to be read.
    middle_prefix : float array (B, P, width)
    middle_branch : float array (B, A, T, width)
        States half way up, for the auxiliary losses.
    """

    final: jax.Array
    middle_prefix: jax.Array
    middle_branch: jax.Array


def initialise(shape: Shape, seed: int) -> Params:
    """Draw a network's weights; residual outputs are scaled down with depth."""
    rng = np.random.default_rng(seed)

    def draw(rows: int, columns: int, gain: float = 1.0) -> jax.Array:
        return jnp.asarray(rng.normal(0, gain / np.sqrt(rows), (rows, columns)), jnp.float32)

    out = 1 / np.sqrt(2 * shape.layers)
    blocks = [
        {
            "attn_norm": jnp.ones(shape.width),
            "wq": draw(shape.width, shape.width),
            "wk": draw(shape.width, shape.width),
            "wv": draw(shape.width, shape.width),
            "wo": draw(shape.width, shape.width, out),
            "ffn_norm": jnp.ones(shape.width),
            "gate": draw(shape.width, shape.hidden),
            "up": draw(shape.width, shape.hidden),
            "down": draw(shape.hidden, shape.width, out),
        }
        for _ in range(shape.layers)
    ]
    embedding = rng.normal(0, 1 / np.sqrt(shape.width), (shape.vocabulary, shape.width))
    return {
        "embedding": jnp.asarray(embedding, jnp.float32),
        "blocks": blocks,
        "norm": jnp.ones(shape.width),
    }


def _rms_norm(x: jax.Array, weight: jax.Array, epsilon: float) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight


def _rotate(x: jax.Array, position: jax.Array, base: float) -> jax.Array:
    """Rotary embedding over neighbouring pairs, the order that llama.cpp calls 'normal'."""
    size = x.shape[-1]
    frequency = base ** (-jnp.arange(0, size, 2, dtype=jnp.float32) / size)
    angle = (position[..., None].astype(jnp.float32) * frequency)[..., None, :]
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = jnp.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1)
    return turned.reshape(x.shape)


def _softmax_two(first: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Softmax over two score arrays taken together along their last axes."""
    top = jnp.maximum(first.max(-1, keepdims=True), second.max(-1, keepdims=True))
    a, b = jnp.exp(first - top), jnp.exp(second - top)
    total = a.sum(-1, keepdims=True) + b.sum(-1, keepdims=True)
    return a / total, b / total


def _feed_forward(block: Params, x: jax.Array, epsilon: float) -> jax.Array:
    h = _rms_norm(x, block["ffn_norm"], epsilon)
    return x + (jax.nn.silu(h @ block["gate"]) * (h @ block["up"])) @ block["down"]


def forward(params: Params, shape: Shape, tree: Tree) -> States:
    """Run the network over a tree of chats.

    Parameters
    ----------
    params : dict
        Weights from `initialise`.
    shape : Shape
        The sizes they were drawn with.
    tree : Tree
        Prefixes, branches and where to read.

    Returns
    -------
    States
        Final states where asked for, and the states half way up.
    """
    prefix, length, branch, read = tree
    at_prefix = jnp.broadcast_to(jnp.arange(prefix.shape[1]), prefix.shape)
    at_branch = length[:, None, None] + jnp.broadcast_to(jnp.arange(branch.shape[2]), branch.shape)
    at_read = length[:, None, None] + read
    # Padding stands on the right of a prefix: only branches need to be kept from seeing it.
    sees_prefix = jnp.arange(prefix.shape[1])[None] < length[:, None]

    def heads(x: jax.Array) -> jax.Array:
        return x.reshape(*x.shape[:-1], shape.heads, shape.head)

    def flat(x: jax.Array) -> jax.Array:
        return x.reshape(*x.shape[:-2], shape.width)

    x, y = params["embedding"][prefix], params["embedding"][branch]
    middle_x, middle_y = x, y
    causal = jnp.tril(jnp.ones((prefix.shape[1],) * 2, bool))
    scale = 1 / np.sqrt(shape.head)
    for depth, block in enumerate(params["blocks"]):
        last = depth == shape.layers - 1
        if depth == shape.layers // 2:
            middle_x, middle_y = x, y
        hx = _rms_norm(x, block["attn_norm"], shape.epsilon)
        hy = _rms_norm(y, block["attn_norm"], shape.epsilon)
        kx = _rotate(heads(hx @ block["wk"]), at_prefix, shape.rope_base)
        ky = _rotate(heads(hy @ block["wk"]), at_branch, shape.rope_base)
        vx, vy = heads(hx @ block["wv"]), heads(hy @ block["wv"])
        if not last:
            qx = _rotate(heads(hx @ block["wq"]), at_prefix, shape.rope_base)
            s = jnp.einsum("bqhd,bkhd->bhqk", qx, kx) * scale
            a = jax.nn.softmax(jnp.where(causal, s, _NEVER), axis=-1)
            x = x + flat(jnp.einsum("bhqk,bkhd->bqhd", a, vx)) @ block["wo"]
            x = _feed_forward(block, x, shape.epsilon)
        else:
            # Nothing reads the last block but the answer: do its work only there.
            y = jnp.take_along_axis(y, read[..., None], axis=2)
            hy = _rms_norm(y, block["attn_norm"], shape.epsilon)
        at_query = at_read if last else at_branch
        qy = _rotate(heads(hy @ block["wq"]), at_query, shape.rope_base)
        before = jnp.einsum("baqhd,bkhd->bhaqk", qy, kx) * scale
        before = jnp.where(sees_prefix[:, None, None, None, :], before, _NEVER)
        within = jnp.einsum("baqhd,bakhd->bhaqk", qy, ky) * scale
        seen = at_query[:, None, :, :, None] >= at_branch[:, None, :, None, :]
        p, q = _softmax_two(before, jnp.where(seen, within, _NEVER))
        mixed = jnp.einsum("bhaqk,bkhd->baqhd", p, vx) + jnp.einsum("bhaqk,bakhd->baqhd", q, vy)
        y = y + flat(mixed) @ block["wo"]
        y = _feed_forward(block, y, shape.epsilon)
    return States(_rms_norm(y, params["norm"], shape.epsilon), middle_x, middle_y)


def logits(params: Params, states: jax.Array) -> jax.Array:
    """Scores of every token; the output layer is the embedding."""
    return states @ params["embedding"].T


def count(params: Params) -> int:
    """Count the weights."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))
