"""Every unusable study is refused in one sentence that names the place."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vat_bayes.errors import InputError
from vat_bayes.study import Study

VALID: dict[str, Any] = {
    "name": "demo",
    "seed": 1,
    "models": [{"name": "judge", "path": "judge.gguf"}],
    "items": {"source": "core"},
    "conditions": [
        {"name": "baseline", "role": "baseline"},
        {
            "name": "promote",
            "role": "intervention",
            "target": "benevolence",
            "kind": "prompt",
            "text": "Be kind.",
        },
        {
            "name": "shots-4",
            "role": "intervention",
            "target": ["power"],
            "kind": "shots",
            "shots": 4,
        },
        {"name": "placebo", "role": "placebo", "kind": "prompt", "text": "Be here."},
        {"name": "retest", "role": "retest", "kind": "none"},
    ],
}
GONE = object()


def changed(path: str, found: Any) -> dict[str, Any]:
    """Return the valid study with one entry set, or taken out."""
    data = copy.deepcopy(VALID)
    *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    at: Any = data
    for p in parents:
        at = at.setdefault(p, {}) if isinstance(at, dict) else at[p]
    if found is GONE:
        del at[last]
    else:
        at[last] = found
    return data


@pytest.mark.parametrize(
    ("path", "found", "expected"),
    [
        ("sede", 1, "study.toml: unknown key 'sede'; did you mean 'seed'?"),
        ("scale.label", ["1"], "study.toml: [scale]: unknown key 'label'; did you mean 'labels'?"),
        ("template.qestion", "x", "[template]: unknown key 'qestion'; did you mean 'question'?"),
        ("items.pth", "x", "[items]: unknown key 'pth'; did you mean 'path'?"),
        ("models.0.n_cxt", 1, "[[models]] 1 'judge': unknown key 'n_cxt'; did you mean 'n_ctx'?"),
        (
            "conditions.1.txet",
            "x",
            "study.toml: [[conditions]] 2 'promote': unknown key 'txet'; did you mean 'text'?",
        ),
        ("conditions.1.intervention", {}, "unknown key 'intervention'"),
        (
            "conditions.4.text",
            "x",
            "kind 'none' has no key 'text'; it belongs to prompt, inst",
        ),
        ("conditions.1.text", GONE, "[[conditions]] 2 'promote': 'text': the key is missing"),
        ("conditions.1.text", " \n", "[[conditions]] 2 'promote': 'text': the text is empty"),
        ("conditions.1.kind", GONE, "the key 'kind' is missing; one of none, prompt, instruction"),
        ("conditions.1.kind", "promt", "did you mean 'prompt'?"),
        ("conditions.1.kind", "none", "kind 'none' has no key 'text'"),
        ("conditions.1.kind", 7, "7 is not a kind of intervention"),
        ("conditions.1.role", "placbo", "found 'placbo'; did you mean 'placebo'?"),
        ("conditions.1.target", "benevolance", "did you mean 'benevolence'?"),
        ("conditions.1.target", 3, "'target': expected a list, found 3"),
        ("conditions.1.target", [3], "'target' number 1: expected a text in quotes, found 3"),
        ("conditions.1.target", ["power", "Power"], "'target': a value stands twice"),
        ("conditions.1.direction", 2, "expected 1 to promote the target or -1 to suppress it"),
        ("conditions.1.direction", True, "'direction': expected a whole number, found true"),
        ("conditions.0.direction", -1, "there is no target"),
        ("conditions.1.dose", float("nan"), "'dose': expected a finite number"),
        ("conditions.1.question", "x", "'question' is for a retest"),
        ("conditions.1.reference", "baselin", "did you mean 'baseline'?"),
        ("conditions.1.reference", "promote", "[[conditions]] 2 'promote': the references go in"),
        ("conditions.0.reference", "promote", "a baseline has no 'reference'"),
        ("conditions.1.placebo", "placeb", "did you mean 'placebo'?"),
        ("conditions.3.placebo_for", ["promte"], "not an intervention; did you mean 'promote'?"),
        ("conditions.1.placebo_for", ["promote"], "'placebo_for' belongs to a placebo"),
        ("conditions.3.placebo", "promote", "'placebo' belongs to an intervention"),
        ("conditions.3.target", "power", "'target' belongs to an intervention"),
        ("conditions.2.shots", 0, "'shots': expected at least 1, found 0"),
        ("conditions.2.shots", -2, "'shots': expected at least 1, found -2"),
        ("conditions.2.shots", 2.5, "'shots': expected a whole number, found 2.5"),
        ("conditions.1.name", "shots-4", "the name 'shots-4' is already that of number 2"),
        ("conditions.1.name", "a/b", "[[conditions]] 2 'a/b': 'name': 'a/b' is no name"),
        ("conditions.1.name", "a\\b", "path separator"),
        ("conditions.1.name", "..", "is no name"),
        ("conditions.1.name", "", "[[conditions]] 2: 'name'"),
        ("conditions.1.name", "a\nb", "control character"),
        ("conditions.0.role", "retest", "role 'baseline'; found none"),
        ("conditions.0", 5, "[[conditions]] 1: expected a table, found 5"),
        ("conditions", [], "there is no [[conditions]]"),
        ("conditions", {"a": 1}, "expected a list of tables, each headed [[conditions]]"),
        ("models", [], "there is no [[models]]"),
        ("models", 3, "expected a list of tables, each headed [[models]]"),
        (
            "models.0.path",
            GONE,
            "[[models]] 1 'judge': a model needs the key 'path', or 'server' for one on a server",
        ),
        ("models.0.threads", 0, "'threads': expected at least 1, found 0"),
        ("models.0.chat", "none", "'chat': expected 'auto' or 'plain', found 'none'"),
        ("seed", "a", "'seed': expected a whole number, found 'a'"),
        ("seed", True, "'seed': expected a whole number, found true"),
        ("seed", -1, "'seed': expected at least 0"),
        ("seed", GONE, "'seed': the key is missing"),
        ("schema_version", 2, "'schema_version': expected 1, found 2"),
        ("scale", 3, "'scale': expected a table, found 3"),
        ("scale.labels", ["1", "2", "3"], "[scale]: key 'anchors' is missing"),
        ("scale.labels", ["1", "2", "3", "3", "5"], "[scale]: label '3' stands twice"),
        ("scale.labels", ["1", "2", "3", " 4", "5"], "has a blank at an end"),
        ("scale.labels", [1, 2, 3, 4, 5], "'labels' number 1: expected a text in quotes, found 1"),
        ("scale.anchors", ["a"], "[scale]: 1 anchors for 5 labels"),
        ("scale", {"labels": ["1"], "anchors": ["a"]}, "1 labels; a scale has 2 to 11"),
        (
            "scale",
            {"labels": list("ABCDEFGHIJKL"), "anchors": list("ABCDEFGHIJKL")},
            "12 labels; a scale has 2 to 11",
        ),
        ("scale.orders", ["foward"], "found 'foward'; did you mean 'forward'?"),
        ("scale.orders", [], "no orders"),
        ("scale.orders", ["forward", "forward"], "'forward' stands twice in orders"),
        ("items.source", "tabel", "did you mean 'table'?"),
        ("items.source", "table", "source 'table' needs the key 'path'"),
        ("items.path", "x.csv", "source 'core' takes no 'path'"),
        ("items.scenarios", 0, "'scenarios': expected at least 1"),
        ("out", "", "'out': the text is empty"),
    ],
)
def test_refusals(path: str, found: Any, expected: str) -> None:
    data = changed(path, found)
    with pytest.raises(InputError) as e:
        Study.from_dict(data, where="study.toml")
    text = str(e.value)
    assert expected in text
    assert text.startswith("study.toml: ")
    assert "\n" not in text
    assert "pydantic" not in text


def test_two_baselines_are_refused() -> None:
    data = copy.deepcopy(VALID)
    data["conditions"].append({"name": "again", "role": "baseline"})
    with pytest.raises(InputError, match="exactly one .* found 2: 'baseline', 'again'"):
        Study.from_dict(data)


@pytest.mark.parametrize("role", ["intervention", "placebo"])
def test_what_changes_nothing_is_a_retest(role: str) -> None:
    data = changed("conditions.1", {"name": "c", "role": role, "kind": "none"})
    with pytest.raises(InputError, match=rf"cannot be a {role}.* use role = 'retest'"):
        Study.from_dict(data)


def test_two_models_of_one_name_are_refused() -> None:
    data = copy.deepcopy(VALID)
    data["models"] *= 2
    with pytest.raises(InputError, match="models]] 2 'judge': the name 'judge' is already"):
        Study.from_dict(data)


def test_a_retest_repeats_its_reference() -> None:
    data = changed("conditions.4", {"name": "r", "role": "retest", "kind": "prompt", "text": "x"})
    with pytest.raises(InputError, match="a retest repeats its reference, 'baseline'"):
        Study.from_dict(data)
    data["conditions"][4] |= {"text": "Be kind.", "reference": "promote"}
    assert Study.from_dict(data).as_conditions()[4].reference == "promote"


def test_references_in_a_circle_are_refused() -> None:
    data = changed("conditions.1.reference", "shots-4")
    data["conditions"][2]["reference"] = "promote"
    with pytest.raises(InputError, match="the references go in a circle"):
        Study.from_dict(data)


def test_several_errors_are_counted() -> None:
    data = changed("seed", "a")
    data["models"][0]["threads"] = 0
    with pytest.raises(InputError, match="and 1 more error"):
        Study.from_dict(data)


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["power", "baseline", "placebo", "prompt", "shots", "none", "forward"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["name", "role", "kind", "text", "labels"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)


def places(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every entry at any depth."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(data, dict):
        pairs = list(data.items())
    elif isinstance(data, list):
        pairs = list(enumerate(data))
    return [p for key, x in pairs for p in [(*here, key), *places(x, (*here, key))]]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_study_it_is_read_or_refused_in_a_sentence(
    data: st.DataObject,
) -> None:
    study = copy.deepcopy(VALID)
    for _ in range(data.draw(st.integers(1, 3))):
        *parents, last = data.draw(st.sampled_from(places(study)))
        at: Any = study
        for p in parents:
            at = at[p]
        new = data.draw(junk)
        how = data.draw(st.sampled_from(["set", "add", "drop"]))
        if how == "set":
            at[last] = new
        elif how == "drop":
            del at[last]
        elif isinstance(at, dict):
            at[data.draw(st.text(max_size=6))] = new
        else:
            at.append(new)
        if not places(study):
            break
    try:
        read = Study.from_dict(study)
    except InputError as e:
        assert "\n" not in str(e)
    else:
        assert Study.from_dict(read.to_dict()) == read
