"""Every kind of intervention obeys the protocol, and examples are drawn as they should be."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from typing import Any

import pandas as pd
import pytest

from vat_bayes.errors import InputError
from vat_bayes.items import ItemSet, neutral_examples
from vat_bayes.study import KINDS, Intervention, Prepared, Setting, Study
from vat_bayes.study.interventions import read_intervention
from vat_bayes.study.interventions.shots import ShotsIntervention

VALUES = ("benevolence", "power", "security")
KEYS: dict[str, dict[str, Any]] = {
    "none": {},
    "prompt": {"text": "Be kind."},
    "instruction": {"text": "Be kind."},
    "persona": {"persona": "a nurse"},
    "shots": {"shots": 4},
    "adapter": {"path": "kind.gguf", "scale": 0.5},
    "steering": {"path": "kind.gguf", "strength": 2.0, "layers": [2, 3], "random": True},
    "checkpoint": {"path": "step-100.gguf"},
    "combination": {
        "parts": [
            {"kind": "prompt", "text": "Be kind."},
            {"kind": "adapter", "path": "kind.gguf", "scale": 0.5, "random": True},
        ]
    },
}


def item_set(n: int = 6) -> ItemSet:
    rows = [
        (f"s{s}-{v}{sign:+d}", f"s{s}", "t", v, sign, f"Scene {s}.", f"Do {v} {sign} {s}.", split)
        for s in range(n)
        for v in VALUES
        for sign in (1, -1)
        for split in ["shots"]
    ]
    columns = "item scenario topic value polarity scenario_text action_text split".split()
    return ItemSet(pd.DataFrame(rows, columns=columns), None, "table")


def setting(**changes: Any) -> Setting:
    given: dict[str, Any] = {
        "condition": "c",
        "target": ("power",),
        "direction": 1,
        "labels": ("1", "2", "3", "4", "5"),
        "items": item_set(),
        "seed": 7,
    }
    return Setting(**(given | changes))


def drawn(n: int, **changes: Any) -> list[tuple[str, str, str]]:
    prepared = ShotsIntervention(shots=n).prepare(setting(**changes))
    return [(e.scenario_text, e.action_text, e.label) for e in prepared.examples]


def made(kind: str, **changes: Any) -> Intervention:
    """Return an intervention as a study file would have it."""
    data = {"kind": kind, **KEYS[kind], **changes}
    return read_intervention({k: tuple(x) if isinstance(x, list) else x for k, x in data.items()})


def sign_of(action: str) -> int:
    return int(action.split()[2])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_obeys_the_protocol(kind: str) -> None:
    cls = KINDS[kind]
    assert issubclass(cls, Intervention)
    assert cls.kind == kind
    intervention = made(kind)
    first = intervention.prepare(setting())
    assert isinstance(first, Prepared)
    assert intervention.prepare(setting()) == first
    assert intervention.changes_nothing == (first == Prepared())
    assert intervention.natural_dose is None or isinstance(intervention.natural_dose, float)
    with pytest.raises(ValueError, match="unknown key 'colour'"):
        cls.model_validate({**KEYS[kind], "colour": "red"})
    moved = intervention.with_paths(lambda path: f"../{path}")
    assert moved.files == tuple(f"../{path}" for path in intervention.files)
    assert moved.with_paths(lambda path: path.removeprefix("../")) == intervention
    weights = first.weights
    assert bool(weights) == bool(intervention.files)
    assert [weights.checkpoint, *weights.adapters, *weights.vectors].count(None) == 1 or (
        weights.checkpoint in intervention.files
    )
    assert json.loads(json.dumps(weights.to_dict())) == weights.to_dict()
    if "random" in type(intervention).model_fields:
        # The draw depends on the study's seed, and not on the condition: doses share it.
        seeds = [
            tuple(x.seed for x in (*w.adapters, *w.vectors))
            for w in (
                made(kind, random=True).prepare(setting()).weights,
                made(kind, random=True).prepare(setting(condition="other")).weights,
                made(kind, random=False).prepare(setting()).weights,
            )
        ]
        assert seeds[0] == seeds[1] == ((setting().seed, kind),)
        assert seeds[2] == (None,)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_stands_in_a_study_and_comes_back(kind: str) -> None:
    role = {"role": "retest"} if kind == "none" else {"role": "intervention", "target": "power"}
    data = {
        "name": "s",
        "seed": 1,
        "models": [{"name": "m", "path": "m.gguf"}],
        "conditions": [
            {"name": "baseline", "role": "baseline"},
            {"name": "c", **role, "kind": kind, **KEYS[kind]},
        ],
    }
    study = Study.from_dict(data)
    assert study.conditions[1].intervention == made(kind)
    assert Study.from_dict(study.to_dict()) == study
    assert Study.from_dict(tomllib.loads(study.to_toml())) == study
    written = study.to_dict()["conditions"][1]
    for key, found in {"kind": kind, **KEYS[kind]}.items():
        assert written[key] == found


def test_examples_answer_as_the_direction_says() -> None:
    promoted, suppressed = drawn(6), drawn(6, direction=-1)
    for _, action, label in promoted:
        assert label == ("5" if sign_of(action) == 1 else "1")
    assert [e[:2] for e in promoted] == [e[:2] for e in suppressed]
    assert all({a[2], b[2]} == {"1", "5"} for a, b in zip(promoted, suppressed, strict=True))


def test_examples_are_balanced_in_every_run_of_a_round() -> None:
    examples = drawn(12, target=("power", "security"))
    for start in range(0, 12, 4):
        cells = Counter((a.split()[1], sign_of(a)) for _, a, _ in examples[start : start + 4])
        assert set(cells.values()) == {1}
        assert len(cells) == 4
    assert len({a for _, a, _ in examples}) == 12


def test_doses_are_nested_and_scenarios_are_not_repeated_while_there_are_others() -> None:
    assert drawn(8)[:2] == drawn(2)
    assert len({scene for scene, _, _ in drawn(6)}) == 6


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    items = item_set()
    shuffled = ItemSet(items.table.sample(frac=1, random_state=3), None, "table")
    assert drawn(6) == drawn(6, items=shuffled)
    assert drawn(6) != drawn(6, seed=8)


def test_only_examples_held_out_are_shown() -> None:
    table = item_set().table
    table.loc[table["scenario"] == "s0", "split"] = "judged"
    items = ItemSet(table, None, "table")
    assert all(scene != "Scene 0." for scene, _, _ in drawn(10, items=items))


@pytest.mark.parametrize(
    ("n", "target", "allowed"), [(13, ("power",), 12), (1, ("tradition",), 0), (20, VALUES, 36)]
)
def test_too_few_examples(n: int, target: tuple[str, ...], allowed: int) -> None:
    if n <= allowed:
        assert len(drawn(n, target=target)) == n
        return
    with pytest.raises(InputError, match=rf"condition 'c': {n} examples .* allow {allowed}"):
        drawn(n, target=target)


def test_a_placebo_shows_as_many_examples_with_the_same_answers() -> None:
    placebo, real = drawn(8, target=()), drawn(8)
    assert Counter(e[2] for e in placebo) == Counter(e[2] for e in real) == {"1": 4, "5": 4}
    known = neutral_examples(8, seed=7)
    assert {e[1] for e in placebo} == {action for _, action in known}
    assert drawn(4, target=()) == placebo[:4]
    with pytest.raises(InputError, match="condition 'c': 5000 neutral examples"):
        drawn(5000, target=())


def test_a_text_may_stand_before_the_examples() -> None:
    prepared = ShotsIntervention(shots=2, text="Look:").prepare(setting())
    assert prepared.text == "Look:"
    assert len(prepared.examples) == 2
