"""Deriving control vectors: what the states are, and that steering moves what it was made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vat_bayes.bundled import data_path, model_path
from vat_bayes.cli.main import main
from vat_bayes.collect import LlamaCppJudge, Schedule
from vat_bayes.collect.llamacpp.controlvector import read_control_vector
from vat_bayes.collect.llamacpp.decoder import ExactDecoder
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.collect.llamacpp.states import StateReader
from vat_bayes.collect.steer import steer
from vat_bayes.errors import InputError
from vat_bayes.study import ControlVector, Study, Weights, load_study

PROMPT = [1, *range(20, 80)]


def test_states_do_not_disturb_and_depend_on_the_prompt_alone(any_model: Path) -> None:
    model = LoadedModel(any_model, name="tiny")
    plain = ExactDecoder(model, n_ctx=128, threads=1)
    before = plain.logits(PROMPT)
    reader = StateReader(model, n_ctx=128, threads=1)
    first = reader.read(PROMPT)
    assert first.shape == (model.n_layers - 1, model.width)
    assert not np.array_equal(reader.read(PROMPT[:40]), first)
    assert np.array_equal(reader.read(PROMPT), first)
    plain.forget()
    assert np.array_equal(plain.logits(PROMPT), before)
    reader.close()
    plain.close()
    model.close()


def test_a_long_prompt_is_read_at_its_end(tiny_spm: Path) -> None:
    model = LoadedModel(tiny_spm, name="tiny")
    long = [1, *(280 + i % 60 for i in range(700))]
    reader = StateReader(model, n_ctx=800, threads=1)
    whole = reader.read(long)
    # Chunks of another size round otherwise, and no more than that.
    reader._chunk = 100
    np.testing.assert_allclose(reader.read(long), whole, atol=1e-3)
    reader.close()
    model.close()


@pytest.fixture(scope="module")
def demo() -> Study:
    return load_study(data_path().parent / "examples" / "demo_study.toml")


def target_state(judge: LlamaCppJudge, study: Study, value: str, n_scenarios: int) -> float:
    """Return the mean of polarity times expected rating over judged items of a value."""
    items = study.load_items()
    table = items.judged().table
    table = table[table["value"] == value]
    kept = table[table["scenario"].isin(sorted(table["scenario"].unique())[:n_scenarios])]
    sign = dict(zip(kept["item"], kept["polarity"], strict=True))
    prompts = [p for p in Schedule(study, items).of(study.baseline) if p.item in sign]
    ratings = np.arange(1, 6)
    return float(
        np.mean([sign[p.item] * (ratings @ judge.read(p.chat).probabilities) for p in prompts])
    )


def test_steering_moves_the_value_that_the_vector_was_derived_for(
    demo: Study, tmp_path: Path
) -> None:
    value = "benevolence"
    made = steer(demo, tmp_path / "v.gguf", condition=f"promote-{value}", against="placebo")
    assert made.pairs == 24
    assert made.scenarios == 12
    layers = read_control_vector(made.path, "x")
    assert made.lengths == pytest.approx({i: float(np.linalg.norm(d)) for i, d in layers.items()})
    assert max(made.consistency.values()) > 0.3

    judge = LlamaCppJudge(
        model_path("judges", "core-judge.gguf"), name="core-judge", labels=demo.scale.labels
    )
    judge.prepare(list(Schedule(demo, demo.load_items()).of(demo.baseline))[:8])
    states = []
    for strength in (-0.6, 0.0, 0.6):
        judge.switch(Weights(vectors=(ControlVector(str(made.path), strength),)))
        states.append(target_state(judge, demo, value, 4))
    judge.close()
    assert states == sorted(states)
    assert states[-1] - states[0] > 0.05


def test_the_value_contrast_is_supporting_less_violating(
    tiny_spm: Path, study_data: dict[str, Any], tmp_path: Path
) -> None:
    study = Study.from_dict(study_data | {"conditions": study_data["conditions"][:2]})
    made = steer(study, tmp_path / "v.gguf", value="power")
    assert made.pairs == made.scenarios == 2
    # By hand: the same states, through the judge's own tokens.
    judge = LlamaCppJudge(tiny_spm, name="tiny", labels=study.scale.labels)
    reader = StateReader(judge.model, n_ctx=512, threads=1)
    held = study.load_items().shots()
    from vat_bayes.items import ItemSet

    shown = ItemSet(held.table.assign(split="judged"), None, "table")
    prompts = {
        (p.item, p.order): reader.read(judge.tokens(p.chat))[0]
        for p in Schedule(study, shown).of(study.baseline)
    }
    reader.close()
    judge.close()
    differences = []
    for scenario, order in (("s4", "forward"), ("s5", "reversed")):

        def side(value: str, scenario: str = scenario, order: str = order) -> np.ndarray:
            up, down = (prompts[f"{scenario}-{value}{sign:+d}", order] for sign in (1, -1))
            return up - down

        differences.append(side("power") - side("benevolence"))
    expected = np.mean(differences, axis=0)
    np.testing.assert_allclose(read_control_vector(made.path, "x")[1], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "from a condition or for a value; name one"),
        ({"condition": "promote", "value": "power"}, "name one"),
        ({"condition": "promot"}, "no condition 'promot'; did you mean 'promote'?"),
        ({"condition": "promote", "against": "promote"}, "contrasted with itself"),
        ({"condition": "baseline", "against": "retest"}, "the same hidden states"),
        ({"value": "powr"}, "did you mean 'power'?"),
        ({"value": "security"}, "for and one against security"),
        ({"value": "power", "against": "retest"}, "'against' belongs to a contrast of conditions"),
        ({"value": "power", "model": "tinny"}, "no model 'tinny'; did you mean 'tiny'?"),
        ({"value": "power", "layers": (4, 9)}, "can be steered at 1 to 1"),
    ],
)
def test_refusals(study: Study, tmp_path: Path, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as e:
        steer(study, tmp_path / "v.gguf", **options)
    assert expected in str(e.value)
    assert "\n" not in str(e.value)
    assert not list(tmp_path.glob("v.gguf*"))


def test_the_command(study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "study.toml"
    file.write_text(study.to_toml(), encoding="utf-8")
    out = tmp_path / "v.gguf"
    words = ["steer", str(file), "--out", str(out)]
    assert main([*words, "--condition", "promote", "--against", "placebo"]) == 0
    assert read_control_vector(out, "x").keys() == {1}
    assert "pairs from 2 scenarios" in capsys.readouterr().out
    assert main([*words, "--condition", "promote", "--layers", "a-b"]) == 2
    assert "expected FIRST-LAST" in capsys.readouterr().err
