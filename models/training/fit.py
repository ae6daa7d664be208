"""Training the network on the teacher's answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from models.training.network import Params, Shape, States, forward, initialise, logits
from models.training.sampling import Batch, Heard, Sampler
from models.training.teacher import SCENE
from models.training.wordings import NO_VALUE
from vat_bayes.values import VALUES

_LOSSES = (
    "answer",
    "end",
    "action",
    "shown",
    "said",
    "text",
    "example",
    "scene",
    "move",
    "parts",
)


class Layout(NamedTuple):
    """One kind of batch, and how often it comes.

    Attributes
    ----------
    share : float
        Share of the steps.
    groups, branches : int
        Chats that share a beginning, and how many there are of each.
    shots : int
        The most examples in a system message.
    prefix, room : int
        Lengths to which prefixes and branches are padded.
    """

    share: float
    groups: int
    branches: int
    shots: int
    prefix: int
    room: int


@dataclass(frozen=True)
class Recipe:
    """How the judge is trained: first to read, by its lower half alone, and then to answer.

    Parameters
    ----------
    reading, answering : int
        Batches of either stage.
    rate : float
        Highest learning rate; it falls to 0 along a cosine.
    weight_decay : float
        Decoupled weight decay.
    side : float
        Weight of the reading losses while answering; it fades to 0 in the second half.
    texts, examples : (int, int)
        How many system texts, and single examples, are read by themselves in every batch of the
        first stage, and the lengths to which they are padded.
    """

    reading: int = 1500
    answering: int = 2200
    rate: float = 3e-3
    weight_decay: float = 0.02
    side: float = 0.5
    texts: tuple[int, int] = (128, 44)
    examples: tuple[int, int] = (32, 104)
    reading_layouts: tuple[Layout, ...] = (
        Layout(0.75, 16, 6, 0, 128, 32),
        Layout(0.25, 6, 8, 2, 256, 32),
    )
    answering_layouts: tuple[Layout, ...] = (
        Layout(0.80, 4, 10, 0, 128, 80),
        Layout(0.04, 4, 10, 1, 160, 80),
        Layout(0.06, 3, 10, 2, 256, 80),
        Layout(0.06, 2, 10, 4, 400, 80),
        Layout(0.04, 1, 16, 8, 704, 80),
    )


def _heads(width: int) -> Params:
    return {
        "action": jnp.zeros((width, NO_VALUE + 1)),
        "vote": jnp.zeros((width, NO_VALUE + 1)),
        "scene": jnp.zeros((width, SCENE)),
        "move": jnp.zeros((width, len(VALUES))),
        "parts": jnp.zeros((width, 3)),
    }


def _class_loss(x: jax.Array, head: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    scores = jax.nn.log_softmax(x @ head)
    got = jnp.take_along_axis(scores, target[..., None], axis=-1)[..., 0]
    return -(got * mask).sum() / jnp.maximum(mask.sum(), 1)


def _reading_losses(heads: Params, states: States, batch: Batch) -> jax.Array:
    """Ask the states on the way for what they should know by then, one step in each block.

    Two blocks below the last but one: what an action is about, what a text or an example says, and
    the scenario. One block higher: what the system message does in the scenario. In the last block
    but one, where the action ends: the parts of the attitude to it.
    """
    words = states.prefix[-3]
    rows = jnp.arange(words.shape[0])[:, None]
    prefix_end = batch.tree.prefix_length - 1
    ends = batch.action_end[..., None, None]
    action = jnp.take_along_axis(states.branch[-3], ends, axis=2)[:, :, 0]
    attitude = jnp.take_along_axis(states.branch[-1], ends, axis=2)[:, :, 0]
    shown, said = words[rows, batch.shown_end], words[rows, batch.said_end]
    scene, move = words[rows[:, 0], prefix_end], states.prefix[-2][rows[:, 0], prefix_end]
    return jnp.stack(
        [
            _class_loss(action, heads["action"], batch.action_class, batch.action_end > 0),
            0.5 * _class_loss(shown, heads["action"], batch.shown_class, batch.shown_end > 0),
            _class_loss(said, heads["vote"], batch.said_vote, batch.said_end > 0),
            0.2 * ((scene @ heads["scene"] - batch.scene) ** 2).sum(-1).mean(),
            0.5 * ((move @ heads["move"] - batch.move) ** 2).sum(-1).mean(),
            2.0 * ((attitude @ heads["parts"] - batch.parts) ** 2).sum(-1).mean(),
        ]
    )


def _heard_loss(both: Params, shape: Shape, heard: Heard) -> jax.Array:
    """Ask the state at the end of a system message what was said, as `_reading_losses` does."""
    words = forward(both["net"], shape, heard.tree, ending=False).prefix[-3]
    rows = jnp.arange(words.shape[0])[:, None]
    everywhere = jnp.ones(heard.vote.shape)
    return _class_loss(words[rows, heard.end], both["heads"]["vote"], heard.vote, everywhere)


def divergence(log_probabilities: jax.Array, wanted: jax.Array) -> jax.Array:
    """Kullback-Leibler divergence of the answers from what was wanted, one for each chat."""
    return (wanted * (jnp.log(wanted) - log_probabilities)).sum(-1)


def train(
    shape: Shape, sampler: Sampler, recipe: Recipe, seed: int, say: Callable[[str], None] = print
) -> Params:
    """Train the network.

    Parameters
    ----------
    shape : Shape
        Its sizes.
    sampler : Sampler
        Where batches come from.
    recipe : Recipe
        Lengths, rates and weights.
    seed : int
        Seed of the first weights and of the order of layouts.
    say : callable
        Takes a line of progress now and then.

    Returns
    -------
    dict
        The weights.
    """
    answers, end = jnp.asarray(sampler.encoder.answers), sampler.encoder.end
    steps = recipe.reading + recipe.answering
    schedule = optax.warmup_cosine_decay_schedule(0.0, recipe.rate, min(100, steps // 10), steps)
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(schedule, b2=0.98, weight_decay=recipe.weight_decay),
    )

    def objective(
        both: Params, batch: Batch, heard: tuple[Heard, ...], side: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        # Messages by themselves come while reading, when the last block is not run.
        states = forward(both["net"], shape, batch.tree, ending=not heard)
        read = _reading_losses(both["heads"], states, batch)
        alone = [_heard_loss(both, shape, h) for h in heard] or [jnp.zeros(())] * 2
        read = jnp.concatenate([read[:3], jnp.stack(alone), read[3:]])
        if states.final is None:
            return read.sum(), jnp.concatenate([jnp.zeros(2), read])
        scores = jax.nn.log_softmax(logits(both["net"], states.final))
        answer = divergence(scores[:, :, 0, answers], batch.answer).mean()
        ending = -scores[:, :, 1, end].mean()
        total = 4 * answer + 0.05 * ending + side * read.sum()
        return total, jnp.concatenate([jnp.stack([answer, ending]), read])

    @jax.jit
    def step(
        both: Params,
        state: optax.OptState,
        batch: Batch,
        heard: tuple[Heard, ...],
        side: jax.Array,
    ) -> tuple[Params, optax.OptState, jax.Array]:
        gradient, parts = jax.grad(objective, has_aux=True)(both, batch, heard, side)
        update, state = optimiser.update(gradient, state, both)
        return optax.apply_updates(both, update), state, parts

    both = {"net": initialise(shape, seed), "heads": _heads(shape.width)}
    state = optimiser.init(both)
    began, log = time.perf_counter(), []
    for i, (layout, reading) in enumerate(_plan(recipe, seed)):
        batch: Batch = sampler.batch(*layout[1:], actions_only=reading)
        heard = (
            (sampler.heard(*recipe.texts), sampler.heard(*recipe.examples, examples=True))
            if reading
            else ()
        )
        fade = min(1.0, 2 * (1 - (i - recipe.reading) / max(recipe.answering, 1)))
        on_device = jax.tree.map(_to_device, (batch, heard))
        both, state, parts = step(both, state, *on_device, recipe.side * fade)
        log.append(parts)
        if (i + 1) % 100 == 0 or i + 1 == steps:
            seconds = time.perf_counter() - began
            means = np.mean([np.asarray(x) for x in log], axis=0)
            told = "  ".join(f"{n} {m:.4f}" for n, m in zip(_LOSSES, means, strict=True))
            say(f"step {i + 1:5d} of {steps}  {seconds:5.0f} s  {told}")
            log = []
    return both["net"]


def _plan(recipe: Recipe, seed: int) -> Iterator[tuple[Layout, bool]]:
    rng = np.random.default_rng([seed, 3])
    for reading, steps, layouts in (
        (True, recipe.reading, recipe.reading_layouts),
        (False, recipe.answering, recipe.answering_layouts),
    ):
        shares = np.array([x.share for x in layouts])
        for k in rng.choice(len(layouts), size=steps, p=shares / shares.sum()):
            yield layouts[int(k)], reading


def _to_device(x: np.ndarray) -> jax.Array:
    return jnp.asarray(x, jnp.float32 if x.dtype.kind == "f" else jnp.int32)
