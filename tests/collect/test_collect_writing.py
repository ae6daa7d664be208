"""Models that write before they answer: what counts as a rating, and that nothing is dropped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import prompts_of
from test_collect_run import Recorder, manifest, sha256

from vat_bayes.collect import Chat, LlamaCppJudge, collect
from vat_bayes.collect.llamacpp.grammar import draw_token, label_grammar, leading_label
from vat_bayes.collect.llamacpp.vocabulary import Span
from vat_bayes.collect.llamacpp.writing import Writer
from vat_bayes.errors import InputError
from vat_bayes.judgments import load_judgments
from vat_bayes.study import Study

Opener = Callable[..., LlamaCppJudge]
CHAT = Chat("Ann helps the boy.\n\nHow much?")
ELEVEN = tuple(str(i) for i in range(11))


class Scripted:
    """A decoder that writes a text, whatever it is asked; after it every label is as likely."""

    def __init__(self, judge: LlamaCppJudge, text: list[int], prompt: int) -> None:
        self._text, self._prompt = text, prompt
        self._size = len(judge._vocabulary)
        self.asked: list[list[int]] = []

    def logits(self, tokens: list[int]) -> np.ndarray:
        self.asked.append(list(tokens))
        x = np.full(self._size, -50.0, dtype=np.float32)
        done = len(tokens) - self._prompt
        if done < len(self._text) and tokens[self._prompt :] == self._text[:done]:
            x[self._text[done]] = 50.0
        else:
            x[:] = 0.0
        return x


def scripted(
    judge: LlamaCppJudge, text: str, *, budget: int = 100, end: bool = True, begun: str = ""
) -> tuple[Any, Scripted]:
    v = judge._vocabulary
    prompt = v.encode([Span(f"Hello. {begun}", True)])
    tokens = v.encode([Span(text, True)], begins=False) + ([2] if end else [])
    decoder = Scripted(judge, tokens, len(prompt))
    judge._budget = 1
    judge.answer(CHAT, temperature=1.0, seed=("x",))
    assert judge._grammar is not None
    writer = Writer(decoder, v, judge._labels, judge._reader, judge._grammar)  # type: ignore[arg-type]
    return writer.answer(prompt, budget=budget, temperature=1.0, seed=(1,)), decoder


@pytest.fixture
def judge(tiny_bpe: Path, open_judge: Opener) -> LlamaCppJudge:
    found = open_judge(tiny_bpe)
    found.prepare(prompts_of([CHAT]), budget=16)
    return found


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("4", 4),
        (" 4.", 4),
        ("4 because", None),
        ("I would rather not.", None),
        ("", None),
        ("44", None),
        ("It helps. 4", None),
        ("Well.\nSo the Answer: 4", None),
    ],
)
def test_a_turn_that_ends_is_read_as_it_stands(
    judge: LlamaCppJudge, text: str, rating: int | None
) -> None:
    answer, _ = scripted(judge, text)
    assert answer.reading.ended == "end"
    assert answer.reading.rating == rating
    assert answer.reading.probabilities == ()
    assert answer.reading.p_valid is None
    assert answer.text == text


CUES = ["Answer:", "It helps.\nAnswer:", "Hm.\n\n**Answer:", "\n> Answer:"]


@pytest.mark.parametrize("cue", CUES)
def test_the_cue_at_the_beginning_of_a_line_ends_the_text(judge: LlamaCppJudge, cue: str) -> None:
    answer, _ = scripted(judge, f"{cue} nonsense")
    assert answer.reading.ended == "cue"
    assert answer.text == cue
    assert answer.reading.p_valid is not None
    assert len(answer.reading.probabilities) == 5


def test_a_cue_within_a_thought_is_not_meant(judge: LlamaCppJudge) -> None:
    text = "<think>I could say\nAnswer: 1\nor not</think>\nAnswer:"
    answer, _ = scripted(judge, f"{text} 3")
    assert (answer.reading.ended, answer.text) == ("cue", text)
    # A template may have opened the thought already.
    answer, _ = scripted(judge, f"{text[7:]} 3", begun="<think>")
    assert (answer.reading.ended, answer.text) == ("cue", text[7:])


def test_a_budget_that_is_used_up_ends_the_thought(judge: LlamaCppJudge) -> None:
    v = judge._vocabulary
    for begun, closed in (("<think>", True), ("", False)):
        answer, decoder = scripted(judge, "a b c d e f g h", budget=6, end=False, begun=begun)
        assert answer.reading.ended == "budget"
        assert answer.text == v.text(decoder._text[:6])
        asked = v.text(decoder.asked[6])
        assert asked.endswith("\n</think>\n\nAnswer:" if closed else "\n\nAnswer:")


def test_labels_at_the_beginning_of_a_text() -> None:
    assert leading_label(" 4.", "12345") == 4
    assert leading_label("44", "12345") is None
    assert leading_label("10, surely", ELEVEN) == 11
    assert leading_label("1 0", ELEVEN) == 2
    assert leading_label("agree strongly", ("disagree", "agree")) == 2
    assert leading_label("agreeable", ("disagree", "agree")) is None
    assert leading_label("", "12") is None


def test_the_grammar_quotes_what_it_is_given() -> None:
    assert 'label ::= "a\\"b" | "c\\\\d"' in label_grammar(('a"b', "c\\d"))


def test_a_token_is_drawn_by_its_probability() -> None:
    x = np.array([0.0, 1.0, -np.inf, 0.5], dtype=np.float32)
    grid = (np.arange(4000) + 0.5) / 4000
    for heat in (1.0, 0.5):
        p = np.exp(x / heat) / np.exp(x / heat).sum()
        drawn = Counter(draw_token(x, heat, u) for u in grid)
        np.testing.assert_allclose([drawn[i] / 4000 for i in range(4)], p, atol=1e-3)


def test_ratings_under_the_grammar_follow_the_distribution(
    tiny_spm: Path, open_judge: Opener
) -> None:
    judge = open_judge(tiny_spm, labels=ELEVEN)
    judge.prepare(prompts_of([CHAT]), budget=2)
    judge.answer(CHAT, temperature=1.0, seed=("x",))
    grammar, decoder = judge._grammar, judge._decoder
    assert grammar is not None
    assert decoder is not None
    prompt = judge.tokens(CHAT)
    known: dict[tuple[int, ...], np.ndarray] = {}

    def logits(path: tuple[int, ...]) -> np.ndarray:
        if path not in known:
            known[path] = decoder.logits([*prompt, *path])
        return known[path]

    rng = np.random.default_rng(0)
    drawn = [
        grammar.draw(logits, temperature=1.0, uniform=lambda _: float(rng.random()))
        for _ in range(1500)
    ]
    assert None not in drawn
    share = np.bincount([d - 1 for d in drawn if d], minlength=11) / len(drawn)
    expected = np.array(judge.read(CHAT).probabilities)
    # The grammar also knows ways to spell a label that the tokenizer would not choose.
    assert np.abs(share - expected).sum() / 2 < 0.12


def test_an_answer_depends_on_its_prompt_and_seed_alone(
    any_model: Path, open_judge: Opener
) -> None:
    judge = open_judge(any_model)
    judge.prepare(prompts_of([CHAT]), budget=12)
    first = judge.answer(CHAT, temperature=1.0, seed=(1, "a"))
    assert judge.answer(CHAT, temperature=1.0, seed=(1, "b")) != first
    assert judge.answer(CHAT, temperature=1.0, seed=(1, "a")) == first
    judge.forget()
    assert judge.answer(CHAT, temperature=1.0, seed=(1, "a")) == first


@pytest.fixture
def written(study_data: dict[str, Any]) -> Study:
    study_data["readout"] = {"mode": "generate", "budget": 6, "replicates": 2}
    study_data["conditions"] = [study_data["conditions"][i] for i in (0, 1, 4)]
    study_data["scale"] = {"orders": ["forward"]}
    return Study.from_dict(study_data)


def test_a_run_of_written_answers(written: Study, tmp_path: Path) -> None:
    run = collect(written, out=tmp_path / "run")
    table = pd.read_parquet(run.judgments)
    assert "p1" not in table.columns
    assert len(table) == 3 * 16 * 2
    assert sorted(set(table["replicate"])) == [1, 2]
    refused = int(table["rating"].isna().sum())
    assert 0 < refused < len(table)
    assert sum(c["refusals"] for c in manifest(run)["counts"]) == refused
    judgments = load_judgments(run.root)
    assert not judgments.has_distributions
    assert len(judgments.table) == len(table)

    # What was written is kept, one text for each judgment.
    lines = [json.loads(x) for f in run.thoughts.iterdir() for x in f.read_text().splitlines()]
    keys = {(x["model"], x["condition"], x["item"], x["order"], x["replicate"]) for x in lines}
    assert len(keys) == len(lines) == len(table)
    asked = manifest(run)["prompts"]["baseline"]["first_question"]
    assert asked.endswith("end with a line that reads 'Answer:' and one number only.")
    assert "root ::=" in manifest(run)["models"]["tiny"]["grammar"]

    with pytest.raises(KeyboardInterrupt):
        collect(written, out=tmp_path / "cut", progress=Recorder(stop_after=41))
    again = collect(written, out=tmp_path / "cut")
    assert sha256(again.judgments) == sha256(run.judgments)
    with pytest.raises(InputError, match="answers are written; set replicates"):
        collect(written, out=tmp_path / "run", sample=3)
