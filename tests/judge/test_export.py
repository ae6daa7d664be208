"""A network that has learned nothing must still be the same network in llama.cpp."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.training.export import read_gguf, write_gguf
from models.training.network import Params, Shape, Tree, forward, initialise, logits
from models.training.reference import LlamaJudge, chat_spans
from models.training.tokenizer import ANSWERS, Encoder, train_tokenizer

TEXTS = [
    "Imani, a former bus driver, is about to copy a telephone number.\n\nAction:",
    " Write the note with a blue pen.",
    "\n\nHow much do you approve?\n1 = not at all\n5 = very much\nAnswer with one number only.",
    " ".join(ANSWERS),
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(train_tokenizer(TEXTS * 3, 400))


@pytest.fixture(scope="module")
def shape(encoder: Encoder) -> Shape:
    return Shape(encoder.size, width=64, layers=3, heads=2, hidden=96)


@pytest.fixture(scope="module")
def params(shape: Shape) -> Params:
    # Larger weights than at the start of training, so that attention is not flat.
    return jax.tree.map(lambda x: x * 1.7 if x.ndim == 2 else x, initialise(shape, 5))


@pytest.fixture(scope="module")
def path(
    tmp_path_factory: pytest.TempPathFactory, params: Params, shape: Shape, encoder: Encoder
) -> Path:
    path = tmp_path_factory.mktemp("judge") / "tiny.gguf"
    write_gguf(path, params, shape, encoder, name="tiny", about="a random network")
    return path


def chances(params: Params, shape: Shape, ids: list[int], cut: int) -> np.ndarray:
    """Probabilities of the next token, with the chat cut into a padded prefix and a branch."""
    branch = ids[cut:]
    tree = Tree(
        jnp.asarray([ids[:cut] + [0] * 7]),
        jnp.asarray([cut]),
        jnp.asarray([[branch + [0] * 3, branch + [1] * 3]]),
        jnp.asarray([[[len(branch) - 1]] * 2]),
    )
    run = jax.jit(lambda p, t: jax.nn.softmax(logits(p, forward(p, shape, t).final)))
    out = np.asarray(run(params, tree))[0, :, 0]
    np.testing.assert_allclose(out[0], out[1], atol=1e-7)
    return out[0]


def test_round_trip_equals_the_forward_pass(path, params, shape, encoder):
    judge = LlamaJudge(path)
    ids = judge.tokens(chat_spans("You like tea. <|end|>", "".join(TEXTS[:3])))
    ours = encoder.prefix(["You like tea. <|end|>"], TEXTS[:1])
    assert ids == [*ours, *encoder.segment(TEXTS[1]), *encoder.rest(TEXTS[2:3])]
    expected = judge.chances(ids)
    for cut in (1, len(ids) - 2):
        np.testing.assert_allclose(chances(params, shape, ids, cut), expected, atol=1e-5)


def test_reading_back_gives_the_same_judge(path, params, shape, encoder):
    again, same_shape, same_encoder = read_gguf(path)
    assert same_shape == shape
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), again, params))
    assert same_encoder.tokens() == encoder.tokens()
    assert same_encoder.segment(TEXTS[0]) == encoder.segment(TEXTS[0])


def test_bytes_outside_the_training_texts_are_tokenised_alike(path, encoder):
    judge = LlamaJudge(path)
    text = "Ünüsual — 日本語 text\twith 12345 blanks  and\n\n\nlines, don't you'll; €5 \U0001f600."
    assert judge.tokens([(text, False)]) == list(encoder.segment(text))
