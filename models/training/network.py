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
    layers: int = 5
    heads: int = 4
    hidden: int = 256
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
        Normalised states at the positions to be read; none when the pass stops before the end.
    prefix : list of float arrays (B, P, width)
        States of the prefixes: the embedding, then after each block but the last.
    branch : list of float arrays (B, A, T, width)
        The same for the branches.
    """

    final: jax.Array | None
    prefix: list[jax.Array]
    branch: list[jax.Array]


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
    """Rotary embedding over neighbouring pairs, the order that llama.cpp calls 'normal'.

    Parameters
    ----------
    x : float array (..., heads, size)
    position : int array (...)
    base : float
    """
    size = x.shape[-1]
    frequency = base ** (-jnp.arange(0, size, 2, dtype=jnp.float32) / size)
    angle = (position[..., None].astype(jnp.float32) * frequency)[..., None, :]
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = jnp.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1)
    return turned.reshape(x.shape)


def _attend_prefix(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    """Attend causally inside prefixes, (B, P, heads, size)."""
    q, k, v = (jnp.swapaxes(x, 1, 2) for x in (q, k, v))
    hidden = jnp.where(jnp.tril(jnp.ones((q.shape[2],) * 2, bool)), 0.0, _NEVER)
    weight = jax.nn.softmax(q @ jnp.swapaxes(k, 2, 3) + hidden, axis=-1)
    return jnp.swapaxes(weight @ v, 1, 2)


def _attend_branch(
    q: jax.Array,
    before: tuple[jax.Array, jax.Array],
    within: tuple[jax.Array, jax.Array],
    unseen_before: jax.Array,
    unseen_within: jax.Array,
) -> jax.Array:
    """Attend from branches to their prefix and to themselves.

    Parameters
    ----------
    q : float array (B, A, Q, heads, size)
    before : keys and values, (B, P, heads, size)
    within : keys and values, (B, A, T, heads, size)
    unseen_before : float array (B, P)
        0 where a prefix may be seen, hugely negative where it is padding.
    unseen_within : float array (B, A, Q, T)
        The same for the branch.
    """
    b, a, n, h, d = q.shape
    # Plain batched products over merged axes: CPU code for anything else is several times slower.
    q = q.transpose(0, 3, 1, 2, 4)
    k, v = (x.transpose(0, 3, 1, 2, 4) for x in within)
    k0, v0 = (x.transpose(0, 2, 1, 3) for x in before)
    s0 = q.reshape(b, h, a * n, d) @ jnp.swapaxes(k0, 2, 3) + unseen_before[:, None, None]
    s1 = q @ jnp.swapaxes(k, 3, 4) + unseen_within[:, None]
    top = jnp.maximum(s0.max(-1).reshape(b, h, a, n), s1.max(-1))
    top = jax.lax.stop_gradient(top)
    e0 = jnp.exp(s0 - top.reshape(b, h, a * n, 1))
    e1 = jnp.exp(s1 - top[..., None])
    total = e0.sum(-1).reshape(b, h, a, n) + e1.sum(-1)
    mixed = ((e0 @ v0).reshape(b, h, a, n, d) + e1 @ v) / total[..., None]
    return mixed.transpose(0, 2, 3, 1, 4)


def _feed_forward(block: Params, x: jax.Array, epsilon: float) -> jax.Array:
    h = _rms_norm(x, block["ffn_norm"], epsilon)
    return x + (jax.nn.silu(h @ block["gate"]) * (h @ block["up"])) @ block["down"]


def forward(params: Params, shape: Shape, tree: Tree, *, ending: bool = True) -> States:
    """Run the network over a tree of chats.

    Parameters
    ----------
    params : dict
        Weights from `initialise`.
    shape : Shape
        The sizes they were drawn with.
    tree : Tree
        Prefixes, branches and where to read.
    ending : bool
        Run the last block too.

    Returns
    -------
    States
        Final states where asked for, and the states on the way.
    """
    prefix, length, branch, read = tree
    (b, p), (_, a, t) = prefix.shape, branch.shape
    at_prefix = jnp.broadcast_to(jnp.arange(p), (b, p))
    at_branch = jnp.broadcast_to(length[:, None, None] + jnp.arange(t), (b, a, t))
    at_read = length[:, None, None] + read
    # Padding stands on the right, so only branches need to be kept from seeing a prefix's.
    unseen_before = jnp.where(jnp.arange(p) < length[:, None], 0.0, _NEVER)

    def cut(flat: jax.Array) -> tuple[jax.Array, jax.Array]:
        return flat[: b * p].reshape(b, p, -1), flat[b * p :].reshape(b, a, -1, flat.shape[-1])

    def heads(x: jax.Array) -> jax.Array:
        return x.reshape(*x.shape[:-1], shape.heads, shape.head)

    def unseen_within(at_query: jax.Array) -> jax.Array:
        return jnp.where(at_query[..., :, None] >= at_branch[..., None, :], 0.0, _NEVER)

    def read_only(flat: jax.Array) -> jax.Array:
        return jnp.take_along_axis(cut(flat)[1], read[..., None], axis=2)

    # All tokens stand in one long matrix; only attention needs to know which is which.
    z = params["embedding"][jnp.concatenate([prefix.reshape(-1), branch.reshape(-1)])]
    scale = 1 / np.sqrt(shape.head)
    levels = [cut(z)]
    for depth, block in enumerate(params["blocks"]):
        last = depth == shape.layers - 1
        if last and not ending:
            return States(None, [x for x, _ in levels], [y for _, y in levels])
        h = _rms_norm(z, block["attn_norm"], shape.epsilon)
        keys, values = cut(h @ block["wk"]), cut(h @ block["wv"])
        k0 = _rotate(heads(keys[0]), at_prefix, shape.rope_base)
        k1 = _rotate(heads(keys[1]), at_branch, shape.rope_base)
        v0, v1 = heads(values[0]), heads(values[1])
        if last:
            # Nothing reads the last block but the answer: do the rest of its work only there.
            z, q1 = read_only(z).reshape(-1, shape.width), read_only(h).reshape(-1, shape.width)
            q1 = (q1 @ block["wq"]).reshape(b, a, -1, shape.width)
            mixed = []
        else:
            q0, q1 = cut(h @ block["wq"])
            q0 = _rotate(heads(q0), at_prefix, shape.rope_base) * scale
            mixed = [_attend_prefix(q0, k0, v0).reshape(b * p, -1)]
        at_query = at_read if last else at_branch
        q1 = _rotate(heads(q1), at_query, shape.rope_base) * scale
        y = _attend_branch(q1, (k0, v0), (k1, v1), unseen_before, unseen_within(at_query))
        mixed.append(y.reshape(-1, shape.width))
        z = z + jnp.concatenate(mixed) @ block["wo"]
        z = _feed_forward(block, z, shape.epsilon)
        if not last:
            levels.append(cut(z))
    final = _rms_norm(z, params["norm"], shape.epsilon)
    final = final.reshape(b, a, -1, shape.width)
    return States(final, [x for x, _ in levels], [y for _, y in levels])


def logits(params: Params, states: jax.Array) -> jax.Array:
    """Scores of every token; the output layer is the embedding."""
    return states @ params["embedding"].T


def count(params: Params) -> int:
    """Count the weights."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(params))
