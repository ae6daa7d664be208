"""``plan``: what it prints, and what it refuses."""

from __future__ import annotations

import json

import pytest

from vat_bayes.cli import main


def test_plan_answers_with_a_table_and_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "--effect-sd", "0.3", "--item-sd", "0.2", "--readout", "distribution"]
    words += ["--scenarios", "24,48", "--until", "width(gain) < 0.1"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "with what was declared in place of it" in out
    assert "width(gain) < 0.1: " in out
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [d["scenarios"] for d in found["designs"]] == [24, 48]
    assert found["designs"][0]["judgments"] == 24 * 20 * 3
    answer = found["answers"][0]
    # 2 * 1.6545 * sqrt((.09 + .02) / S) is first below .1 at S = 121.
    assert answer["scenarios"] == 121
    assert answer["judgments"] == 121 * 20 * 3
    assert found["designs"][0]["width_excess"] > found["designs"][1]["width_excess"] > 0
    assert found["question"]["placebo_tax"] == 0.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scenarios", "2"], "--scenarios is '2', expected whole numbers from 4 on"),
        (["--repeats", "many"], "--repeats is 'many'"),
        (["--assume", "priors"], "expected prior or simulated; did you mean 'prior'?"),
        (["--power", "1"], "--power is 1, expected above 0.05 and below 1"),
        (["--condition", "kind"], "there is no --pilot"),
        (["--until", "decided"], "plan can't tell when a budget decides"),
        (["--until", "width(gain, kind) < 1"], "without a condition"),
        (["--until", "width(shift[power]) < 1"], "without a condition or value"),
        (["--pilot", "nowhere"], "no such run folder"),
    ],
)
def test_a_mistake_gives_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
