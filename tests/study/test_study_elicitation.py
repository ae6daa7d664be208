"""Wordings, paraphrases and read-outs: what they ask, and how bad ones are refused."""

from __future__ import annotations

from typing import Any

import pytest

from vat_bayes.errors import InputError
from vat_bayes.study import Study


def study(**tables: Any) -> Study:
    return Study.from_dict(
        {
            "name": "s",
            "seed": 1,
            "models": [{"name": "m", "path": "m.gguf"}],
            "conditions": [
                {"name": "baseline", "role": "baseline"},
                {"name": "retest", "role": "retest", "question": "Other words?"},
            ],
            **tables,
        },
        where="study.toml",
    )


def test_a_wording_gives_the_question_and_the_anchors() -> None:
    made = study(template={"wording": "agree"})
    assert made.template.question == "How far do you agree that this is the right thing to do?"
    assert made.scale.anchors[0] == "strongly disagree"
    six = study(template={"wording": "like-me"}, scale={"labels": list("ABCDEF")})
    assert six.scale.anchors[0] == "not like me at all"
    assert len(six.scale.anchors) == 6
    own = study(
        template={"wording": "like-me", "question": "Well?"},
        scale={"labels": ["1", "2", "3"], "anchors": ["no", "so", "yes"]},
    )
    assert (own.template.question, own.scale.anchors) == ("Well?", ("no", "so", "yes"))
    for read in (made, six, own):
        assert Study.from_dict(read.to_dict()) == read


def test_paraphrases_are_crossed_with_the_orders() -> None:
    made = study(
        template={
            "paraphrases": [
                {"name": "agree", "wording": "agree"},
                {"name": "own", "question": "Is it good?"},
                {"name": "odd", "question": "Eh?", "anchors": list("abcde")},
            ]
        }
    )
    assert made.prompts == tuple(
        f"{name}{order}"
        for name in ("", "agree-", "own-", "odd-")
        for order in ("forward", "reversed")
    )
    asked = {a.prompt: a for a in made.askings(made.baseline)}
    assert asked["agree-reversed"].anchors[0] == "strongly disagree"
    assert asked["agree-reversed"].reverse
    assert asked["own-forward"].anchors == made.scale.anchors
    assert asked["odd-forward"].question == "Eh?"
    assert asked["odd-forward"].anchors == tuple("abcde")
    # A retest has other words for the question and the same paraphrases.
    again = {a.prompt: a.question for a in made.askings(made.conditions[1])}
    assert again["forward"] == "Other words?"
    assert again["own-forward"] == "Is it good?"
    assert Study.from_dict(made.to_dict()) == made


def test_defaults_of_written_answers() -> None:
    read = study(readout={"mode": "generate"}).readout
    assert (read.tokens, read.repeats, read.heat) == (256, 3, 1.0)
    plain = study().readout
    assert (plain.tokens, plain.repeats) == (0, 1)


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"template": {"wording": "agre"}}, "did you mean 'agree'?"),
        ({"template": {"wording": 3}}, "[template]: 'wording'"),
        (
            {"template": {"wording": "agree"}, "scale": {"labels": ["1", "2", "3"]}},
            "key 'anchors' is missing: one for each of 3 labels; wording 'agree' has them for 2 "
            "and 5 labels",
        ),
        ({"template": {"paraphrases": [{"name": "a"}]}}, "needs a 'question' or a 'wording'"),
        (
            {"template": {"paraphrases": [{"name": "forward", "question": "x"}]}},
            "'forward' is the name of an order",
        ),
        (
            {"template": {"paraphrases": [{"name": "a", "question": "x"}] * 2}},
            "two paraphrases are called 'a'",
        ),
        (
            {"template": {"paraphrases": [{"name": "a", "question": "x", "anchors": ["y"]}]}},
            "paraphrase 'a' has 1 anchors for 5 labels",
        ),
        (
            {
                "template": {"paraphrases": [{"name": "a", "wording": "agree"}]},
                "scale": {"labels": ["1", "2", "3"], "anchors": ["x", "y", "z"]},
            },
            "paraphrase 'a' has no anchors for 3 labels",
        ),
        ({"readout": {"mode": "logit"}}, "did you mean 'logits'?"),
        ({"readout": {"budget": 3}}, "[readout]: 'budget' belongs to mode 'generate'"),
        (
            {"readout": {"mode": "generate", "content_free": True}},
            "'content_free' belongs to mode 'logits'",
        ),
        ({"readout": {"mode": "generate", "replicates": 0}}, "'replicates': expected at least 1"),
        ({"readout": {"mode": "generate", "temperature": 0}}, "'temperature': expected more than"),
    ],
)
def test_refusals(tables: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as e:
        study(**tables)
    assert expected in str(e.value)
    assert str(e.value).startswith("study.toml: ")
    assert "\n" not in str(e.value)
