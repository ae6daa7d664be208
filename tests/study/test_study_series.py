"""Series of doses: what they stand for, and how bad ones are refused."""

from __future__ import annotations

from typing import Any

import pytest

from vat_bayes.errors import InputError
from vat_bayes.study import Study


def study(*conditions: dict[str, Any]) -> Study:
    return Study.from_dict(
        {
            "name": "s",
            "seed": 1,
            "models": [{"name": "m", "path": "m.gguf"}],
            "conditions": [{"name": "baseline", "role": "baseline"}, *conditions],
        },
        where="study.toml",
    )


def adapter(name: str = "kind", role: str = "intervention", **more: Any) -> dict[str, Any]:
    return {"name": name, "role": role, "kind": "adapter", "path": "a.gguf", **more}


SCALES = {"key": "scale", "values": [0.5, 1, 2]}


def test_a_series_stands_for_its_doses() -> None:
    made = study(adapter(target="power", series=SCALES))
    assert [(c.name, c.dose) for c in made.as_conditions()[1:]] == [
        ("kind-0.5", 0.5),
        ("kind-1", 1.0),
        ("kind-2", 2.0),
    ]
    assert [c.intervention.natural_dose for c in made.conditions[1:]] == [0.5, 1, 2]
    assert all(c.target == ("power",) for c in made.conditions[1:])
    assert Study.from_dict(made.to_dict()) == made


def test_checkpoints_have_doses_of_their_own() -> None:
    series = {"key": "path", "values": ["a.gguf", "b.gguf"], "doses": [100, 200]}
    made = study({"name": "sft", "role": "intervention", "kind": "checkpoint", "series": series})
    assert [(c.name, c.dose) for c in made.as_conditions()[1:]] == [
        ("sft-100", 100.0),
        ("sft-200", 200.0),
    ]
    assert [c.intervention.files for c in made.conditions[1:]] == [("a.gguf",), ("b.gguf",)]


def test_a_part_of_a_combination_can_be_varied() -> None:
    parts = [{"kind": "prompt", "text": "x"}, {"kind": "adapter", "path": "a.gguf"}]
    made = study(
        {
            "name": "both",
            "role": "intervention",
            "kind": "combination",
            "parts": parts,
            "series": {"key": "parts.2.scale", "values": [0.5, 2]},
        }
    )
    assert [c.intervention.natural_dose for c in made.conditions[1:]] == [0.5, 2.0]


def test_placebos_of_a_series() -> None:
    vectors = {"kind": "steering", "path": "v.gguf"}
    series = {"key": "strength", "values": [1, 2]}
    given = {"name": "v", "role": "intervention", **vectors, "series": series}
    random = {"name": "r", "role": "placebo", **vectors, "random": True}

    def placebos(*conditions: dict[str, Any]) -> dict[str, str | None]:
        return {
            c.name: c.placebo
            for c in study(*conditions).as_conditions()
            if c.role == "intervention"
        }

    assert placebos(given, {**random, "series": series}) == {"v-1": "r-1", "v-2": "r-2"}
    assert placebos(given, {**random, "series": series, "placebo_for": ["v"]}) == {
        "v-1": "r-1",
        "v-2": "r-2",
    }
    assert placebos(given, {**random, "strength": 2, "placebo_for": ["v"]}) == {
        "v-1": "r",
        "v-2": "r",
    }


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"series": 3}, "'series' is a table with 'key' and 'values'"),
        ({"series": {"key": "scale"}}, "'series' needs 'key'"),
        ({"series": {"key": "scale", "values": []}}, "'series' needs 'key'"),
        ({"series": {"kye": "scale", "values": [1]}}, "unknown key 'kye'; did you mean 'key'?"),
        ({"series": {"key": "path", "values": ["a"]}}, "give 'doses', a number for each value"),
        ({"series": {**SCALES, "doses": [1]}}, "'series' has 3 values; give as many 'doses'"),
        ({"series": {**SCALES, "doses": [1, 2, 2]}}, "two doses of the series are the same"),
        ({"series": SCALES, "dose": 3}, "'dose' can't stand beside it"),
        ({"series": {"key": "parts.2.scale", "values": [1]}}, "'adapter' has no key 'parts'"),
        ({"series": {"key": "path.x", "values": [1]}}, "there is no 'x' to vary"),
        ({"series": {"key": "scal", "values": [1]}}, "did you mean 'scale'?"),
        ({"series": {"key": "scale", "values": [1, "a"], "doses": [1, 2]}}, "expected a number"),
    ],
)
def test_bad_series_are_refused(more: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as e:
        study(adapter(**more))
    assert expected in str(e.value)
    assert str(e.value).startswith("study.toml: [[conditions]] ")
    assert " 'kind" in str(e.value)
    assert "\n" not in str(e.value)


def condition(kind: str, role: str = "intervention", **more: Any) -> dict[str, Any]:
    return {"name": "c", "role": role, "kind": kind, **more}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (condition("adapter", path="a", scale=0), "this 'adapter' has no effect .* 'placebo'"),
        (condition("steering", path="a", strength=0.0), "this 'steering' has no effect"),
        (condition("adapter"), "'path': the key is missing"),
        (condition("adapter", path="a", strength=1), "kind 'adapter' has no key 'strength'"),
        (condition("steering", path="a", layers=[3, 2]), "'layers' begins at 3 and ends at 2"),
        (condition("steering", path="a", layers=[0, 2]), "'layers' number 1: expected at least 1"),
        (condition("steering", path="a", layers=[1]), "'layers'"),
        (condition("persona", persona=" "), "'persona': the text is empty"),
        (condition("combination", parts=[]), "0 parts; a combination has two or more"),
        (condition("combination", parts=[{"kind": "promt"}]), "part 1: 'promt' is not a kind"),
        (condition("combination", parts=[{"text": "x"}]), "part 1: the key 'kind' is missing"),
        (condition("combination", parts=[{"kind": "prompt"}]), "part 1: 'text': the key is miss"),
        (condition("combination", parts=[{"kind": "none"}]), "part 1: 'none' can't be a part"),
        (condition("combination", parts=7), "'parts': expected a list, found 7"),
        (
            condition("combination", parts=[{"kind": "shots", "shots": 1}] * 2),
            "'shots' stands 2 times in the parts; once at most",
        ),
    ],
)
def test_kinds_refuse_what_makes_no_sense(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected) as e:
        study(given)
    assert str(e.value).startswith("study.toml: [[conditions]] 2 'c': ")
    assert "\n" not in str(e.value)


def test_a_placebo_may_have_no_effect() -> None:
    made = study(adapter(target="power"), adapter("zero", "placebo", scale=0.0))
    assert made.as_conditions()[1].placebo == "zero"
    assert made.conditions[2].intervention.changes_nothing
