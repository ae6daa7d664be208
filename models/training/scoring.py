"""Scoring many chats with the network, in the same tree form in which it is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from models.training.network import Params, Shape, Tree, forward, logits
from models.training.teacher import Floats

# One beginning, as token ids, and its continuations up to the answer position.
Chats = tuple[Sequence[int], Sequence[Sequence[int]]]


class Scorer:
    """Answers of a network.

    Parameters
    ----------
    params : dict
        Weights.
    shape : Shape
        Their sizes.
    answers : sequence of int
        Ids of the answers whose probabilities are wanted.
    """

    def __init__(self, params: Params, shape: Shape, answers: Sequence[int]) -> None:
        @jax.jit
        def run(tree: Tree) -> jax.Array:
            final = forward(params, shape, tree).final
            assert final is not None
            chances = jax.nn.softmax(logits(params, final[:, :, 0]))
            return chances[..., jnp.asarray(tuple(answers))]

        self._run: Callable[[Tree], jax.Array] = run
        self._answers = len(answers)

    def __call__(self, chats: Sequence[Chats], *, at_once: int = 8) -> Floats:
        """Return the answers' probabilities.

        Parameters
        ----------
        chats : sequence of (prefix, branches)
            All with the same number of branches.
        at_once : int
            How many are run together.

        Returns
        -------
        float array (chats, branches, answers)
            Probabilities in the whole vocabulary; they need not sum to 1.
        """
        branches = len(chats[0][1])
        out = np.empty((len(chats), branches, self._answers))
        # Similar lengths together, and lengths rounded up: little padding and few compilations.
        order = np.argsort([len(p) for p, _ in chats], kind="stable")
        room = _round_up(max(len(b) for _, bs in chats for b in bs), 16)
        for start in range(0, len(order), at_once):
            part = [chats[i] for i in order[start : start + at_once]]
            part += [part[-1]] * (at_once - len(part))
            length = _round_up(max(len(p) for p, _ in part), 64)
            tree = Tree(
                jnp.asarray([_padded(p, length) for p, _ in part]),
                jnp.asarray([len(p) for p, _ in part]),
                jnp.asarray([[_padded(b, room) for b in bs] for _, bs in part]),
                jnp.asarray([[[len(b) - 1] for b in bs] for _, bs in part]),
            )
            chances = np.asarray(self._run(tree), np.float64)
            kept = order[start : start + at_once]
            out[kept] = chances[: len(kept)]
        return out


def _round_up(n: int, step: int) -> int:
    return -(-n // step) * step


def _padded(ids: Sequence[int], length: int) -> list[int]:
    return [*ids, *[0] * (length - len(ids))]
