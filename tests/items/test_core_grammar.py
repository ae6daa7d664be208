"""The grammar, what is composed from it, and the bundled core set."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vat_bayes.bundled import data_path
from vat_bayes.errors import InputError
from vat_bayes.items import (
    Grammar,
    compose,
    item_quality,
    load_grammar,
    load_items,
    neutral_examples,
)
from vat_bayes.items.build_core import core_items, write_core
from vat_bayes.items.cues import ANY_VALUE_WORD, EVALUATIVE_WORD, words
from vat_bayes.values import VALUES


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return load_grammar()


def _tiny(folder: Path, topics: tuple[str, ...] = ("cooking", "sailing")) -> Path:
    """Write a grammar of two topics with two of everything."""
    (folder / "topics").mkdir(parents=True)
    (folder / "actors.toml").write_text(
        'actors = [{ name = "Ada", descriptor = "a cook" }, { name = "Bo", descriptor = "a cox" }]'
    )
    (folder / "neutral.toml").write_text(
        'situations = ["is waiting"]\ncomplications = ["It is noon."]\n'
        'actions = ["Use a pen.", "Use a pencil."]'
    )
    for topic in topics:
        banks = "\n".join(
            f'[actions.{v}]\nsupport = ["Do {v} {topic}.", "Do more {v} {topic}."]\n'
            f'violate = ["Drop {v} {topic}.", "Drop all {v} {topic}."]'
            for v in VALUES
        )
        (folder / "topics" / f"{topic}.toml").write_text(
            f'topic = "{topic}"\ntitle = "{topic.title()}"\n'
            f'situations = ["is {topic}", "is planning {topic}"]\n'
            f'complications = ["It rains.", "It snows."]\n{banks}\n'
        )
    return folder


def test_the_bundled_grammar_has_the_size_that_the_datasheet_states(grammar: Grammar) -> None:
    assert len(grammar.topics) == 12
    assert len(grammar.actors) == 64
    assert sum(grammar.scenarios_per_topic().values()) == 61_440
    for topic in grammar.topics:
        assert (len(topic.situations), len(topic.complications)) == (10, 8)
        assert {len(bank) for bank in topic.actions.values()} == {6}


def test_the_texts_of_the_grammar_fit_together(grammar: Grammar) -> None:
    for topic in grammar.topics:
        assert all(s[0].islower() and s[-1] not in ".!?" for s in topic.situations)
        assert all(c[0].isupper() and c[-1] == "." for c in topic.complications)
        actions = [a for bank in topic.actions.values() for a in bank]
        assert all(a[0].isupper() and a[-1] == "." for a in actions)
        assert len(set(actions)) == len(actions) == 120
    names = [a.name for a in grammar.actors]
    assert len(set(names)) == len(names)


def test_no_text_that_values_share_names_a_value_or_judges(grammar: Grammar) -> None:
    shared = [f"{a.name} {a.descriptor}" for a in grammar.actors]
    shared += [*grammar.neutral.situations, *grammar.neutral.complications]
    shared += grammar.neutral.actions
    for topic in grammar.topics:
        shared += [*topic.situations, *topic.complications]
    assert [t for t in shared if ANY_VALUE_WORD.search(t) or EVALUATIVE_WORD.search(t)] == []


def test_the_bundled_file_is_what_the_grammar_gives(tmp_path: Path) -> None:
    built = write_core(tmp_path / "core_items.csv")
    bundled = data_path("core_items.csv")
    assert (tmp_path / "core_items.csv").read_bytes() == bundled.read_bytes(), (
        "the grammar was changed: run python -m vat_bayes.items.build_core"
    )
    assert load_items("core").sha256() == built.sha256()


def test_the_core_set_is_a_complete_factorial_design() -> None:
    items = load_items("core")
    table = items.table
    assert len(table) == 1200
    assert table.groupby(["scenario", "value", "polarity"]).size().eq(1).all()
    scenarios = table.drop_duplicates("scenario")
    assert (
        scenarios.groupby(["topic", "split"]).size().unstack().to_numpy().tolist() == [[4, 1]] * 12
    )
    assert scenarios["scenario_text"].is_unique
    assert table["action_text"].is_unique
    assert scenarios["scenario_text"].str.split(",").str[0].nunique() == 60


def test_the_core_set_passes_every_quality_check() -> None:
    report = item_quality(load_items("core"))
    assert report.loc[report["verdict"] != "pass", ["check", "why"]].to_numpy().tolist() == []
    assert len(report) == 12


@settings(max_examples=25)
@given(n=st.integers(1, 150), seed=st.integers(0, 2**32), data=st.data())
def test_any_draw_is_factorial_balanced_and_repeatable(
    n: int, seed: int, data: st.DataObject
) -> None:
    shots = data.draw(st.integers(0, n))
    items = compose(n, seed=seed, shots=shots)
    table = items.table
    assert table["item"].is_unique
    assert table.groupby(["scenario", "value", "polarity"]).size().eq(1).all()
    scenarios = table.drop_duplicates("scenario")
    assert len(scenarios) == n
    assert (scenarios["split"] == "shots").sum() == shots
    per_topic = scenarios.groupby("topic").size()
    assert per_topic.max() - per_topic.min() <= 1 or len(per_topic) == n
    pd.testing.assert_frame_equal(compose(n, seed=seed, shots=shots).table, table)


def test_no_action_repeats_before_all_of_its_bank_were_used() -> None:
    table = compose(72, seed=11).table
    assert table["action_text"].is_unique
    again = compose(144, seed=11).table
    assert again.groupby("action_text").size().eq(2).all()


def test_an_item_id_means_the_same_text_in_every_draw() -> None:
    one, two = (compose(600, seed=s).table.set_index("item") for s in (1, 2))
    both = one.index.intersection(two.index)
    scenarios = set(one["scenario"]) & set(two["scenario"])
    assert scenarios
    assert len(both)
    texts = ["scenario", "scenario_text", "action_text"]
    assert one.loc[both, texts].equals(two.loc[both, texts])


def test_a_population_of_2000_scenarios_is_quick_and_all_different() -> None:
    start = time.perf_counter()
    items = compose(2000, seed=5)
    assert time.perf_counter() - start < 2
    assert len(items) == 40_000
    assert len(items.scenarios()) == 2000


def test_the_whole_population_of_a_small_grammar_can_be_drawn(tmp_path: Path) -> None:
    tiny = load_grammar(_tiny(tmp_path / "g"))
    assert tiny.scenarios_per_topic() == {"cooking": 8, "sailing": 8}
    table = compose(16, seed=0, grammar=tiny).table
    assert table["scenario_text"].nunique() == 16
    assert "Ada, a cook, is planning sailing. It snows." in set(table["scenario_text"])
    with pytest.raises(InputError, match="the topic 'cooking'; its texts give 8"):
        compose(17 + 1, seed=0, grammar=tiny)


@pytest.mark.parametrize(("n", "shots"), [(0, 0), (-3, 0), (5, 6), (5, -1)])
def test_impossible_draws_are_refused(n: int, shots: int) -> None:
    with pytest.raises(InputError):
        compose(n, seed=0, shots=shots)


def test_neutral_examples_are_nested_distinct_and_as_long_as_items(grammar: Grammar) -> None:
    few, many = neutral_examples(4, seed=3), neutral_examples(40, seed=3)
    assert few == many[:4]
    scenes, actions = zip(*many, strict=True)
    assert len(set(actions)) == 40
    core = core_items().table
    for texts, column in ((actions, "action_text"), (scenes, "scenario_text")):
        words = sum(len(text.split()) for text in texts) / len(texts)
        assert words == pytest.approx(core[column].str.split().str.len().mean(), rel=0.2)
    assert not set(actions) & set(core["action_text"])
    with pytest.raises(InputError, match="there are 40 neutral actions"):
        neutral_examples(len(grammar.neutral.actions) + 1, seed=3)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("topics/cooking.toml", "situations =", "situation =", "did you mean 'situations'"),
        ("topics/cooking.toml", "[actions.power]", "[actions.powr]", "did you mean 'power'"),
        ("topics/cooking.toml", 'topic = "cooking"', 'topic = "x"', "expected the file's name"),
        ("topics/cooking.toml", '"Do power cooking."', '""', "actions.power.support[1]"),
        ("topics/cooking.toml", '"Do power cooking."', '"Do more power cooking."', "here twice"),
        ("topics/cooking.toml", 'complications = ["It rains.", "It snows."]', "", "is missing"),
        ("topics/cooking.toml", '["is cooking", "is planning cooking"]', "[]", "a list of texts"),
        ("topics/cooking.toml", 'title = "', "title = ", "not TOML"),
        ("actors.toml", "descriptor", "description", "did you mean 'descriptor'"),
        ("actors.toml", '{ name = "Ada", descriptor = "a cook" }', '"Ada"', "actors[1]"),
        ("neutral.toml", '"is waiting"', "7", "situations[1]: found 7"),
    ],
)
def test_a_faulty_grammar_is_told_with_file_and_key(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    folder = _tiny(tmp_path / "g")
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_grammar(folder)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_folder_without_grammar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no topic file"):
        load_grammar(tmp_path)
    folder = _tiny(tmp_path / "g")
    (folder / "actors.toml").unlink()
    with pytest.raises(InputError, match="there is no such file"):
        load_grammar(folder)


def test_the_datasheet_states_the_figures_that_the_checks_give() -> None:
    lines = data_path("README.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `")]
    stated = {r[0].split("`")[1]: (float(r[1]), float(r[2])) for r in rows if len(r) == 3}
    report = item_quality(load_items("core"))
    found = {r.check: (round(r.figure, 2), r.threshold) for r in report.itertuples()}
    assert stated == found


def test_words_learned_in_eleven_topics_tell_the_value_in_the_twelfth(grammar: Grammar) -> None:
    bank = [
        (topic.name, value, set(words(action)))
        for topic in grammar.topics
        for (value, _), actions in topic.actions.items()
        for action in actions
    ]
    vocabulary = {w: i for i, w in enumerate(sorted(set().union(*(b for _, _, b in bank))))}
    present = np.zeros((len(bank), len(vocabulary)))
    for row, (_, _, bag) in enumerate(bank):
        present[row, [vocabulary[w] for w in bag]] = 1
    topics = np.array([topic for topic, _, _ in bank])
    truth = np.array([VALUES.index(value) for _, value, _ in bank])
    hits = 0
    for topic in np.unique(topics):
        rest = topics != topic
        share = np.array(
            [
                (present[rest & (truth == v)].sum(axis=0) + 0.5) / ((truth[rest] == v).sum() + 1)
                for v in range(len(VALUES))
            ]
        )
        test = present[~rest]
        scores = test @ np.log(share).T + (1 - test) @ np.log1p(-share).T
        hits += int((scores.argmax(axis=1) == truth[~rest]).sum())
    assert round(hits / len(bank), 2) == 0.88
