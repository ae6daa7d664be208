"""Budget files: what is read from them, and what is refused with which words."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from vat_bayes.decide import Clause, load_budget, read_budget
from vat_bayes.errors import InputError

WHOLE = """
schema_version = 1
name = "release gate"
probability = 0.9
joint_probability = 0.8
conditions = ["a", "b"]

[gain]
minimum = 0.2
probability = 0.975

[tax]
measure = "tax_excess"
maximum = 0.15

[protected.security]
maximum_loss = 0.1

[protected."Self Direction"]
maximum_loss = 0
probability = 0.6
"""


def test_a_whole_budget(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(WHOLE, encoding="utf-8")
    found = load_budget(file)
    assert found.name == "release gate"
    assert found.joint_probability == 0.8
    assert found.conditions == ("a", "b")
    assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.clauses == (
        Clause("gain", "gain", "", 0.2, 0.975),
        Clause("tax", "tax_excess", "", 0.15, 0.9),
        Clause("protected", "shift", "security", 0.1, 0.9),
        Clause("protected", "shift", "self-direction", 0.0, 0.6),
    )
    assert [c.sentence for c in found.clauses] == [
        "gain at least 0.2",
        "tax_excess at most 0.15",
        "loss of security at most 0.1",
        "loss of self-direction at most 0",
    ]


def test_what_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text("schema_version = 1\n[tax]\nmaximum = 0.1\n", encoding="utf-8")
    found = load_budget(file)
    assert found.name == "gate"
    assert found.joint_probability is None
    assert found.conditions == ()
    assert found.clauses == (Clause("tax", "tax_rms", "", 0.1, 0.95),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tax]\nmaximum = 0.1", "b.toml: 'schema_version' must be 1, found None"),
        ("schema_version = 2", "b.toml: 'schema_version' must be 1, found 2"),
        (
            "schema_version = 1",
            "b.toml: a budget needs at least one of [gain], [tax] and [protected.<value>]",
        ),
        (
            "schema_version = 1\n[taxes]\nmaximum = 1",
            "b.toml: unknown key 'taxes'; did you mean 'tax'?",
        ),
        (
            "schema_version = 1\n[tax]\nmaximun = 1",
            "b.toml: [tax]: unknown key 'maximun'; did you mean 'maximum'?",
        ),
        ("schema_version = 1\n[tax]\nprobability = 0.9", "b.toml: [tax]: 'maximum' is missing"),
        (
            "schema_version = 1\n[gain]\nminimum = '0.2'",
            "b.toml: [gain]: 'minimum' must be a number of rating points, found '0.2'",
        ),
        (
            "schema_version = 1\n[gain]\nminimum = nan",
            "b.toml: [gain]: 'minimum' must be a number of rating points, found nan",
        ),
        (
            "schema_version = 1\n[tax]\nmaximum = -0.1",
            "b.toml: [tax]: 'maximum' is -0.1; tax_rms is never below zero",
        ),
        (
            "schema_version = 1\n[tax]\nmaximum = 0.1\nmeasure = 'tax_rsm'",
            "b.toml: [tax]: 'measure' must be tax_rms or tax_excess, found 'tax_rsm'; "
            "did you mean 'tax_rms'?",
        ),
        (
            "schema_version = 1\n[protected.securty]\nmaximum_loss = 0.1",
            "b.toml: [protected.securty]: 'securty' is not one of the ten values (self-direction, "
            "stimulation, hedonism, achievement, power, security, conformity, tradition, "
            "benevolence, universalism); did you mean 'security'?",
        ),
        (
            "schema_version = 1\n[protected.power]\nmaximum_loss = -1",
            "b.toml: [protected.power]: 'maximum_loss' is -1, expected at least 0",
        ),
        (
            "schema_version = 1\n[protected.power]\nmaximum_loss = 1\n[protected.Power]\n"
            "maximum_loss = 1",
            "b.toml: [protected.Power]: power is protected twice",
        ),
        (
            "schema_version = 1\n[protected]\npower = 0.1",
            "b.toml: [protected.power]: expected a table, found 0.1",
        ),
        (
            "schema_version = 1\nprobability = 95\n[tax]\nmaximum = 1",
            "b.toml: 'probability' must be a probability above 0.5 and below 1, found 95",
        ),
        (
            "schema_version = 1\nconditions = 'a'\n[tax]\nmaximum = 1",
            "b.toml: 'conditions' must be a list of names, found 'a'",
        ),
        (
            "schema_version = 1\nname = 3\n[tax]\nmaximum = 1",
            "b.toml: 'name' must be a text in quotes, found 3",
        ),
    ],
)
def test_bad_budgets_are_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(InputError) as e:
        read_budget(text.encode(), where="b.toml")
    assert str(e.value) == message


def test_what_is_no_toml() -> None:
    for content in (b"schema_version = ", b"\xff\xfe"):
        with pytest.raises(InputError, match=r"^b\.toml: not a TOML file: "):
            read_budget(content, where="b.toml")


def test_a_missing_file_has_its_near_miss(tmp_path: Path) -> None:
    (tmp_path / "budget.toml").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"does not exist; did you mean 'budget\.toml'\?"):
        load_budget(tmp_path / "buget.toml")
    with pytest.raises(InputError, match="is a folder"):
        load_budget(tmp_path)
