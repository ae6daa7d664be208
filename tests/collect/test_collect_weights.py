"""Adapters and control vectors on one loaded model: exact, switched cleanly, refused clearly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from conftest import prompts_of
from tiny_adapters import random_adapter, with_adapter, write_adapter, write_vector
from tiny_models import write_model

from vat_bayes.bundled import model_path
from vat_bayes.collect import Chat, LlamaCppJudge
from vat_bayes.collect.llamacpp.adapting import Adapting
from vat_bayes.collect.llamacpp.controlvector import (
    random_directions,
    read_control_vector,
    write_control_vector,
)
from vat_bayes.collect.llamacpp.decoder import ExactDecoder
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.collect.llamacpp.randomadapter import write_random_adapter
from vat_bayes.errors import InputError
from vat_bayes.study import Adapter, ControlVector, Weights

Opener = Callable[..., LlamaCppJudge]
CHATS = [Chat(f"Ann {what} the boy. How much?\n1 = no\n5 = yes") for what in ("helps", "hits")]
PROMPT = [1, *range(280, 340)]
WIDTH = 32


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("weights") / "m.gguf", layers=3)


@pytest.fixture(scope="module")
def adapter(model_file: Path) -> Path:
    return random_adapter(model_file.with_name("a.gguf"), model_file, layers=(0, 1, 2))


@pytest.fixture(scope="module")
def vector(model_file: Path) -> Path:
    rng = np.random.default_rng(3)
    directions = {layer: rng.normal(0, 1, WIDTH) for layer in (1, 2)}
    return write_vector(model_file.with_name("v.gguf"), directions)


class Loaded:
    """A model with one context."""

    def __init__(self, path: Path) -> None:
        self.model = LoadedModel(path, name="tiny")
        self.decoder = ExactDecoder(self.model, n_ctx=128, threads=1)
        self.adapting = Adapting(self.model)

    def set(self, weights: Weights) -> None:
        self.decoder.switch(self.adapting.ready(weights))

    def logits(self, weights: Weights | None = None) -> np.ndarray:
        if weights is not None:
            self.set(weights)
        return self.decoder.logits(PROMPT)

    def close(self) -> None:
        self.decoder.close()
        self.model.close()


@pytest.fixture
def loaded(model_file: Path, request: pytest.FixtureRequest) -> Loaded:
    found = Loaded(model_file)
    request.addfinalizer(found.close)
    return found


def fresh(path: Path, weights: Weights) -> np.ndarray:
    """Return the logits of a model that was loaded for this alone."""
    other = Loaded(path)
    try:
        return other.logits(weights)
    finally:
        other.close()


def states(adapter: Path, vector: Path) -> dict[str, Weights]:
    return {
        "adapter": Weights(adapters=(Adapter(str(adapter), 0.5),)),
        "twice": Weights(adapters=(Adapter(str(adapter), 0.5), Adapter(str(adapter), 1))),
        "vector": Weights(vectors=(ControlVector(str(vector), 0.5),)),
        "one layer": Weights(vectors=(ControlVector(str(vector), 0.5, (1, 1)),)),
        "random": Weights(vectors=(ControlVector(str(vector), 0.5, None, (1,)),)),
        "both": Weights(
            adapters=(Adapter(str(adapter), 0.5),), vectors=(ControlVector(str(vector), -1),)
        ),
    }


def test_switching_on_one_loaded_model_is_a_fresh_load_to_the_bit(
    loaded: Loaded, model_file: Path, adapter: Path, vector: Path
) -> None:
    base = fresh(model_file, Weights())
    assert np.array_equal(loaded.logits(), base)
    seen = [base]
    for weights in states(adapter, vector).values():
        logits = loaded.logits(weights)
        assert np.array_equal(logits, fresh(model_file, weights))
        assert all(np.abs(logits - other).max() > 1e-4 for other in seen)
        seen.append(logits)
        assert np.array_equal(loaded.logits(Weights()), base)


def test_the_embedded_judge_is_as_loaded_afresh_with_an_adapter_and_with_a_vector(
    tmp_path: Path,
) -> None:
    judge = model_path("judges", "core-judge.gguf")
    adapter = random_adapter(tmp_path / "a.gguf", judge)
    rng = np.random.default_rng(5)
    vector = write_vector(tmp_path / "v.gguf", {i: rng.normal(0, 1, 128) for i in (1, 3)})
    kept = Loaded(judge)
    base = fresh(judge, Weights())
    for weights in states(adapter, vector).values():
        logits = kept.logits(weights)
        assert np.array_equal(logits, fresh(judge, weights))
        assert np.abs(logits - base).max() > 1e-3
        assert np.array_equal(kept.logits(Weights()), base)
    # And it does what an adapter does; alpha over rank is a half.
    merged = with_adapter(tmp_path / "merged.gguf", judge, adapter, 0.5 / 2)
    ours = kept.logits(Weights(adapters=(Adapter(str(adapter), 0.5),)))
    kept.close()
    theirs = fresh(merged, Weights())
    # The sums are rounded apart from each other, and the cache has 16 bits.
    assert np.abs(ours - theirs).max() < 5e-3 * np.abs(theirs - base).max()


def test_a_stale_prefix_would_be_wrong_and_switching_drops_it(
    loaded: Loaded, adapter: Path, vector: Path
) -> None:
    for weights in states(adapter, vector).values():
        right = loaded.logits(weights)
        loaded.logits(Weights())
        # The same switch with the cache left as it is, as llama.cpp itself does it.
        forget, loaded.decoder.forget = loaded.decoder.forget, lambda: None
        loaded.set(weights)
        stale = loaded.decoder.logits(PROMPT)
        loaded.decoder.forget = forget
        assert np.abs(stale - right).max() > 1e-3
        assert np.array_equal(loaded.logits(weights), right)


@pytest.mark.parametrize("scale", [0.5, -1.0])
def test_an_adapter_is_the_sum_of_the_weights(
    loaded: Loaded, model_file: Path, adapter: Path, tmp_path: Path, scale: float
) -> None:
    # The file's alpha is 1 and its rank 2, so llama.cpp halves what the factors give.
    merged = with_adapter(tmp_path / "merged.gguf", model_file, adapter, scale / 2)
    ours = loaded.logits(Weights(adapters=(Adapter(str(adapter), scale),)))
    theirs = fresh(merged, Weights())
    assert np.abs(ours - theirs).max() < 1e-3 * np.abs(theirs - loaded.logits(Weights())).max()


def test_an_adapter_named_twice_has_the_sum_of_its_scales(loaded: Loaded, adapter: Path) -> None:
    parts = Weights(adapters=(Adapter(str(adapter), 0.5), Adapter(str(adapter), 1.0)))
    whole = Weights(adapters=(Adapter(str(adapter), 1.5),))
    assert np.array_equal(loaded.logits(parts), loaded.logits(whole))


def test_nothing_is_nothing(loaded: Loaded, adapter: Path, vector: Path) -> None:
    base = loaded.logits(Weights())
    assert np.array_equal(loaded.logits(Weights(adapters=(Adapter(str(adapter), 0.0),))), base)
    assert np.array_equal(loaded.logits(Weights(vectors=(ControlVector(str(vector), 0.0),))), base)


def test_a_control_vector_is_added_to_the_state_of_its_layer(model_file: Path) -> None:
    # At the last layer what follows is known: a norm and the output matrix.
    rng = np.random.default_rng(4)
    direction = rng.normal(0, 1, WIDTH).astype(np.float32)
    path = write_vector(model_file.with_name("last.gguf"), {2: direction})
    tensors = {t.name: np.array(t.data) for t in gguf.GGUFReader(model_file).tensors}

    from vat_bayes.collect.llamacpp.states import StateReader

    model = LoadedModel(model_file, name="tiny")
    reader = StateReader(model, n_ctx=128, threads=1)
    state = reader.read(PROMPT)[-1].astype(float)
    reader.close()
    model.close()

    def output(x: np.ndarray) -> np.ndarray:
        return tensors["output.weight"] @ (x / np.sqrt((x**2).mean() + 1e-5))

    for strength in (0.0, 2.0, -3.0):
        logits = fresh(model_file, Weights(vectors=(ControlVector(str(path), strength),)))
        np.testing.assert_allclose(logits, output(state + strength * direction), atol=2e-3)


def test_random_directions_have_the_lengths_of_those_they_stand_for(vector: Path) -> None:
    real = read_control_vector(vector, "x")
    drawn = random_directions(real, (7, "steering"))
    assert drawn.keys() == real.keys()
    for layer, direction in real.items():
        np.testing.assert_allclose(
            np.linalg.norm(drawn[layer]), np.linalg.norm(direction), rtol=1e-6
        )
        cosine = drawn[layer] @ direction / np.linalg.norm(direction) ** 2
        assert abs(cosine) < 5 / np.sqrt(WIDTH)
    again = random_directions(real, (7, "steering"))
    assert all(np.array_equal(drawn[i], again[i]) for i in drawn)
    other = random_directions(real, (8, "steering"))
    assert not any(np.array_equal(drawn[i], other[i]) for i in drawn)


def test_a_control_vector_is_written_as_others_read_it(tmp_path: Path, vector: Path) -> None:
    real = read_control_vector(vector, "x")
    path = tmp_path / "again.gguf"
    write_control_vector(path, real, model_hint="llama", about={"value": "power"})
    file = gguf.GGUFReader(path)
    assert file.get_field("general.architecture").contents() == "controlvector"
    assert file.get_field("controlvector.model_hint").contents() == "llama"
    assert file.get_field("controlvector.layer_count").contents() == 2
    assert [t.name for t in file.tensors] == ["direction.1", "direction.2"]
    again = read_control_vector(path, "x")
    assert all(np.array_equal(real[i], again[i]) for i in real)


def test_a_judge_tells_what_it_applied(
    model_file: Path, adapter: Path, vector: Path, open_judge: Opener
) -> None:
    judge = open_judge(model_file, chats=CHATS)
    assert judge.switch(Weights()) == {}
    told = judge.switch(states(adapter, vector)["both"])
    assert told["largest_logit_difference"] == 0.0
    assert told["adapters"][0]["scale"] == 0.5
    assert told["adapters"][0]["metadata"]["adapter.type"] == "lora"
    (steered,) = told["control_vectors"]
    assert steered["strength"] == -1
    assert steered["length_by_layer"].keys() == {"1", "2"}


def test_files_that_cannot_be_used_are_refused_in_one_sentence(
    model_file: Path, adapter: Path, vector: Path, tmp_path: Path, open_judge: Opener
) -> None:
    rng = np.random.default_rng(0)
    wide = {"blk.0.attn_q.weight": (rng.normal(size=(2, 8)), rng.normal(size=(8, 2)))}
    odd = {"blk.0.attn_q.weight": (rng.normal(size=(2, 32)), rng.normal(size=(32, 2)))}
    half = tmp_path / "half.gguf"
    half.write_bytes(vector.read_bytes()[:-40])
    text = tmp_path / "text.gguf"
    text.write_text("hello")
    row = rng.normal(size=WIDTH)

    def lora(path: Path) -> Weights:
        return Weights(adapters=(Adapter(str(path), 1.0),))

    def steer(path: Path, *layers: int) -> Weights:
        return Weights(vectors=(ControlVector(str(path), 1.0, layers or None),))

    cases = [
        (lora(text), "cannot use the adapter"),
        (lora(model_file), "cannot use the adapter"),
        (lora(vector), "cannot use the adapter"),
        (lora(write_adapter(tmp_path / "w.gguf", wide)), "cannot use the adapter"),
        (
            lora(write_adapter(tmp_path / "q.gguf", odd, architecture="qwen2")),
            "cannot use the adapter",
        ),
        (steer(text), "is not a GGUF file that can be read"),
        (steer(half), "is not a GGUF file that can be read"),
        (steer(model_file), "is no control vector .its architecture is 'llama'"),
        (steer(adapter), "is no control vector"),
        (steer(write_vector(tmp_path / "0.gguf", {0: row})), "'direction.0'; expected"),
        (
            steer(write_vector(tmp_path / "p.gguf", {1: row}, prefix="way")),
            "'way.1'; expected 'direction.<layer>', from 1",
        ),
        (
            steer(write_vector(tmp_path / "n.gguf", {1: row * np.nan})),
            "no row of finite 32-bit numbers",
        ),
        (
            steer(write_vector(tmp_path / "9.gguf", {9: row})),
            "direction for layer 9; the layers of this model that can be steered are 1 to 2",
        ),
        (
            steer(write_vector(tmp_path / "s.gguf", {1: row[:8]})),
            "have 8 numbers and the model's hidden states 32",
        ),
        (steer(vector, 3, 5), "for the layers 1 to 2, none from 3 to 5"),
    ]
    judge = open_judge(model_file, chats=CHATS)
    before = [judge.read(c) for c in CHATS]
    for weights, expected in cases:
        with pytest.raises(InputError, match=expected) as e:
            judge.switch(weights)
        assert "\n" not in str(e.value)
        assert str(e.value).startswith("model 'tiny'")
    judge.switch(Weights())
    assert [judge.read(c) for c in CHATS] == before


def products(path: Path) -> dict[str, np.ndarray]:
    """Return what an adapter adds to each matrix, before alpha and scale."""
    parts = {t.name: np.array(t.data, dtype=np.float64) for t in gguf.GGUFReader(path).tensors}
    names = {name.rpartition(".lora_")[0] for name in parts}
    found = {}
    for name in names:
        a, b = parts[f"{name}.lora_a"], parts[f"{name}.lora_b"]
        found[name] = a @ b.T if name.startswith("token_embd") else b @ a
    return found


def test_a_random_adapter_changes_as_much_in_other_directions(
    model_file: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    rows = len(gguf.GGUFReader(model_file).tensors[0].data)
    own = write_adapter(
        tmp_path / "own.gguf",
        {
            "blk.0.attn_q.weight": (rng.normal(size=(3, WIDTH)), rng.normal(size=(WIDTH, 3))),
            "blk.1.ffn_down.weight": (rng.normal(size=(40, 64)), rng.normal(size=(WIDTH, 40))),
            "token_embd.weight": (rng.normal(size=(rows, 2)), rng.normal(size=(WIDTH, 2))),
        },
        alpha=8.0,
    )
    told = write_random_adapter(tmp_path / "random.gguf", own, (1, "adapter"), "m")
    before, after = products(own), products(tmp_path / "random.gguf")
    assert before.keys() == after.keys()
    assert told["matrices"] == 3
    total = sum(np.sum(change**2) for change in before.values())
    np.testing.assert_allclose(told["norm"], np.sqrt(total), rtol=1e-6)
    for name, change in before.items():
        sizes = [np.linalg.svd(x, compute_uv=False) for x in (change, after[name])]
        np.testing.assert_allclose(*sizes, rtol=1e-4, atol=1e-4 * sizes[0][0])
        norms = np.linalg.norm(change) * np.linalg.norm(after[name])
        assert abs(np.sum(change * after[name])) < 0.2 * norms
    write_random_adapter(tmp_path / "again.gguf", own, (1, "adapter"), "m")
    assert (tmp_path / "again.gguf").read_bytes() == (tmp_path / "random.gguf").read_bytes()
    write_random_adapter(tmp_path / "other.gguf", own, (2, "adapter"), "m")
    assert (tmp_path / "other.gguf").read_bytes() != (tmp_path / "random.gguf").read_bytes()
    # llama.cpp takes both, with the factors of every shape, and applies them.
    loaded = Loaded(model_file)
    plain = loaded.logits()
    lora = Weights(adapters=(Adapter(str(own), 1.0),))
    found = [
        loaded.logits(w)
        for w in (
            lora,
            Weights(adapters=(Adapter(str(tmp_path / "random.gguf"), 1.0),)),
            Weights(adapters=(Adapter(str(own), 1.0, (1, "adapter")),)),
        )
    ]
    assert np.array_equal(found[1], found[2])
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], plain)
    # Both at once are two adapters and not one with two scales.
    facts = loaded.adapting.ready(
        Weights(adapters=(*lora.adapters, Adapter(str(own), 0.5, (1, "adapter"))))
    ).facts["adapters"]
    assert [f["scale"] for f in facts] == [1.0, 0.5]
    assert [f.get("random", {}).get("matrices") for f in facts] == [None, 3]
    assert np.array_equal(loaded.logits(Weights()), plain)
    loaded.close()


def test_the_cache_is_verified_under_an_adapter_too(
    model_file: Path, adapter: Path, open_judge: Opener
) -> None:
    judge = open_judge(model_file)
    judge.prepare(prompts_of(CHATS))
    told = judge.switch(Weights(adapters=(Adapter(str(adapter), 1.0),)))
    assert told["largest_logit_difference"] == 0.0
