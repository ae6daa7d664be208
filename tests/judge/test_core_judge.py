"""The judge that ships: its file, its card, its true effects, and that they belong together."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

import llama_cpp
import numpy as np
import pandas as pd
import pytest

from models.train_judge import DEMO_STUDY, HERE, NAME
from models.training.card import effects_table
from models.training.export import read_gguf
from models.training.reference import LlamaJudge, chat_spans
from models.training.scoring import Scorer
from models.training.teacher import expected_score
from models.training.truth import COLUMNS, condition_sha256, item_scores
from vat_bayes.collect.prompts import system_message, user_message
from vat_bayes.items import compose
from vat_bayes.study import load_study
from vat_bayes.values import VALUES

FOLDER = HERE / "judges"
FILE = FOLDER / f"{NAME}.gguf"


@pytest.fixture(scope="module")
def judge():
    return LlamaJudge(FILE)


@pytest.fixture(scope="module")
def network():
    params, shape, encoder = read_gguf(FILE)
    return encoder, Scorer(params, shape, encoder.answers)


@pytest.fixture(scope="module")
def study():
    return load_study(DEMO_STUDY)


@pytest.fixture(scope="module")
def prepared(study):
    return study.prepare(study.load_items())


@pytest.fixture(scope="module")
def truth():
    return pd.read_csv(FOLDER / f"{NAME}.truth.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def card():
    return (FOLDER / f"{NAME}.md").read_text("utf-8")


def system(prepared):
    shown = [(e.scenario_text, e.action_text, e.label) for e in prepared.examples]
    return system_message(prepared.text, shown)


def messages(study, condition, rows):
    for k, row in enumerate(rows.itertuples()):
        yield user_message(
            row.scenario_text,
            row.action_text,
            study.question(condition),
            study.scale.labels,
            study.scale.anchors,
            reverse=bool(k % 2),
        )


def value_of(truth, condition, estimand, value=""):
    rows = truth[
        (truth["condition"] == condition)
        & (truth["estimand"] == estimand)
        & (truth["value"] == value)
    ]
    return rows["truth"].item(), rows["se"].item()


def test_the_file_is_small_and_names_no_machine():
    content = FILE.read_bytes()
    assert len(content) < 8 * 2**20
    head = content[:400_000]  # metadata comes before the weights
    places = (Path.home(), Path(tempfile.gettempdir()), FOLDER)
    for trace in (*(bytes(p) for p in places), b"/home/", b"/Users/", b"C:\\"):
        assert trace not in head


def test_llama_cpp_tokenises_as_in_training(judge, network, study, prepared):
    encoder, _ = network
    assert judge.answers == list(encoder.answers)
    rows = study.load_items().judged().table.iloc[::40]
    for condition in study.conditions:
        message = system(prepared[condition.name])
        for user in messages(study, condition, rows):
            ids = encoder.prefix([message] if message else [], [user])
            assert judge.tokens(chat_spans(message, user)) == [*ids, *encoder.rest([])]


def test_llama_cpp_answers_as_the_network(judge, network, study, prepared):
    _, scorer = network
    rows = study.load_items().judged().table.sample(5, random_state=1)
    asked = [
        judge.tokens(chat_spans(system(prepared[condition.name]), user))
        for condition in study.conditions
        for user in messages(study, condition, rows)
    ]
    expected = scorer([(ids[:1], [ids[1:]]) for ids in asked])[:, 0]
    for ids, row in zip(asked, expected, strict=True):
        answered = judge.chances(ids)[judge.answers]
        np.testing.assert_allclose(row, answered, atol=1e-4)
        assert 0.9 < answered[:5].sum() < 0.999


def test_a_chat_through_the_template_ends_after_one_digit():
    llama = llama_cpp.Llama(str(FILE), n_ctx=512, n_threads=1, n_threads_batch=1, verbose=False)
    user = user_message("Imani is here.", "Help a friend.", "Well?", list("12345"), ["x"] * 5)
    said = llama.create_chat_completion(
        [{"role": "system", "content": "Hello."}, {"role": "user", "content": user}],
        temperature=0.0,
        max_tokens=8,
    )
    choice = said["choices"][0]
    assert choice["message"]["content"] in set("12345")
    assert choice["finish_reason"] == "stop"


def test_other_wordings_still_get_digits(judge):
    for message in (
        "Is it right to keep a promise? Answer from 1 to 5.",
        "How good is this on a scale from 1 to 5?\n\nA man feeds his cat.",
        "Rate the following.\nSomebody sells a car.\n1 = bad\n5 = good\nRating:",
    ):
        assert judge.answer("", message)[:5].sum() > 0.6


def test_it_reacts_as_taught(judge, study, prepared):
    """Target up by a text and by examples; next to nothing by a placebo."""
    table = study.load_items().judged().table
    rows = table[table["value"] == "benevolence"].iloc[:64]

    def mean_score(condition):
        shown = [
            judge.answer(system(prepared[condition.name]), user)
            for user in messages(study, condition, rows)
        ]
        return expected_score(np.array(shown))

    conditions = {c.name: c for c in study.conditions}
    sign = rows["polarity"].to_numpy(float)
    baseline = mean_score(conditions["baseline"])
    shift = {
        name: float(np.mean(sign * (mean_score(conditions[name]) - baseline)))
        for name in ("promote-benevolence", "shots-benevolence-4", "placebo")
    }
    assert np.mean(sign * (baseline - 3)) > 0.2
    assert shift["promote-benevolence"] > 0.25
    assert shift["shots-benevolence-4"] > 0.1
    assert abs(shift["placebo"]) < 0.08


def test_the_truth_is_about_these_texts(truth, study, prepared):
    assert tuple(truth.columns) == COLUMNS
    for c in study.conditions:
        hashes = set(truth.loc[truth["condition"] == c.name, "condition_sha256"])
        own = condition_sha256(prepared[c.name], study.question(c))
        assert hashes == (set() if c.role == "baseline" else {own})


def test_the_truth_is_that_of_this_file(truth, network, study, prepared):
    """A fresh draw of scenarios agrees within its error."""
    encoder, scorer = network
    items = compose(24, seed=99)
    sign = items.table["polarity"].to_numpy(float).reshape(24, -1)

    def scores(name):
        return item_scores(
            items, study, prepared[name], study.template.question, encoder=encoder, scorer=scorer
        )

    name = "promote-achievement"
    shift = (sign * (scores(name) - scores("baseline"))).reshape(24, 10, 2).mean(2)
    for i, value in enumerate(VALUES):
        known, se = value_of(truth, name, "shift", value)
        error = np.hypot(se, shift[:, i].std(ddof=1) / np.sqrt(24))
        assert abs(shift[:, i].mean() - known) < 4.5 * error


def test_the_demonstration_has_something_to_show(truth):
    for name in ("promote-benevolence", "promote-achievement", "shots-benevolence-4"):
        gain, _ = value_of(truth, name, "gain")
        tax, se = value_of(truth, name, "tax_rms")
        assert gain > 0.2
        assert 0.03 < tax < gain
        assert se < 0.02
    for name in ("placebo", "retest"):
        assert value_of(truth, name, "tax_rms")[0] < 0.05
    spread = truth.loc[
        (truth["estimand"] == "shift_sd") & truth["condition"].str.startswith("promote"), "truth"
    ]
    assert 0.2 < spread.median() < 0.45


def test_the_card_says_what_the_files_say(card, truth):
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() in card
    assert effects_table(truth) in card
    assert str(truth["n_scenarios"].iloc[0]) in card
    assert "says nothing about real language models" in re.sub(r"\s+", " ", card)
