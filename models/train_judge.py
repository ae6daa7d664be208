"""Train the embedded judge from its seed: ``python -m models.train_judge``.

Writes the judge (``core-judge.gguf``), its true effects under the demo study
(``core-judge.truth.csv``) and its card (``core-judge.md``).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from models.training.card import Facts, write_card
from models.training.evaluate import Agreement, compare
from models.training.export import write_gguf
from models.training.fit import Recipe, train
from models.training.messages import Demo, Messages, Preamble
from models.training.network import Shape, count
from models.training.reference import LlamaJudge, chat_spans
from models.training.sampling import Sampler
from models.training.scoring import Scorer
from models.training.teacher import REFUSAL, Teacher, draw_teacher
from models.training.tokenizer import Encoder, train_tokenizer
from models.training.truth import true_effects
from models.training.wordings import load_wordings, training_segments
from vat_bayes.collect.prompts import system_message, user_message
from vat_bayes.items.grammar import Grammar, load_grammar
from vat_bayes.study import Study, load_study
from vat_bayes.values import VALUES

HERE = Path(__file__).parent
NAME = "core-judge"
DEMO_STUDY = HERE.parent / "examples" / "demo_study.toml"
ABOUT = "Demonstration judge of vat-bayes: invented attitudes, trained from scratch; see its card."


@dataclass(frozen=True)
class Plan:
    """Everything that a training run may vary.

    Parameters
    ----------
    seed : int
        Seed of the teacher and of all draws.
    start : int
        Seed of the network's first weights and of the order of its batches.
    vocabulary, width, layers, heads, hidden : int
        Sizes.
    recipe : Recipe
        Lengths and rates.
    truth_scenarios : int
        How many scenarios the true effects are measured on.
    test_groups : int
        How many held-out scenarios there are in each comparison of teacher and student.
    """

    seed: int = 20260101
    start: int = 0
    vocabulary: int = 2048
    width: int = 128
    layers: int = 5
    heads: int = 4
    hidden: int = 256
    recipe: Recipe = Recipe()
    truth_scenarios: int = 600
    test_groups: int = 160


@dataclass(frozen=True)
class Subject:
    """What is taught: the grammar, the teacher's attitudes, and the texts of the demo study."""

    grammar: Grammar
    teacher: Teacher
    demo: list[Demo]
    seed: int


def build(plan: Plan, folder: Path, say: Callable[[str], None] = print) -> Facts:
    """Train a judge, write its three files and return what the card says.

    Parameters
    ----------
    plan : Plan
        Sizes, lengths and the seed.
    folder : pathlib.Path
        Where the files go.
    say : callable
        Takes lines of progress.
    """
    grammar, study = load_grammar(), load_study(DEMO_STUDY)
    subject = Subject(grammar, _teacher(grammar, plan.seed), _demo(study), plan.seed)
    corpus = training_segments(grammar, [d.text for d in subject.demo])
    encoder = Encoder(train_tokenizer(corpus, plan.vocabulary))
    shape = Shape(encoder.size, plan.width, plan.layers, plan.heads, plan.hidden)
    sampler = _sampler(subject, encoder, held_out=False, new_words=False)
    clock, work = time.perf_counter(), time.process_time()
    params = train(shape, sampler, plan.recipe, plan.start, say)
    minutes = (time.perf_counter() - clock) / 60
    cpu_minutes = (time.process_time() - work) / 60
    path = folder / f"{NAME}.gguf"
    write_gguf(path, params, shape, encoder, name=NAME, about=ABOUT)
    say(f"wrote {path.name}; comparing teacher and student")
    scorer = Scorer(params, shape, encoder.answers)
    agreements = _agreements(subject, encoder, scorer, plan.test_groups)
    for a in agreements:
        say(str(a))
    say("scoring the true effects")
    truth = true_effects(study, encoder, scorer, scenarios=plan.truth_scenarios, seed=plan.seed + 1)
    truth.to_csv(folder / f"{NAME}.truth.csv", index=False, float_format="%.6f")
    facts = Facts(
        gguf=path,
        shape=shape,
        weights=count(params),
        seed=plan.seed,
        steps=(plan.recipe.reading, plan.recipe.answering),
        judgments=sampler.judgments,
        minutes=minutes,
        cpu_minutes=cpu_minutes,
        agreements=agreements,
        differences=_differences(path, study, encoder, scorer, plan.seed),
        truth=truth,
    )
    write_card(folder / f"{NAME}.md", facts, refusal=REFUSAL)
    return facts


def _teacher(grammar: Grammar, seed: int) -> Teacher:
    topic = grammar.topics[0]
    return draw_teacher(
        seed,
        topics=len(grammar.topics),
        actors=len(grammar.actors),
        situations=max(len(t.situations) for t in grammar.topics),
        complications=max(len(t.complications) for t in grammar.topics),
        actions=max(len(bank) for bank in topic.actions.values()),
    )


def _demo(study: Study) -> list[Demo]:
    prepared = study.prepare(study.load_items())
    return [
        Demo(prepared[c.name].text, tuple(VALUES.index(v) for v in c.target), c.direction)
        for c in study.conditions
        if prepared[c.name].text
    ]


def _sampler(subject: Subject, encoder: Encoder, *, held_out: bool, new_words: bool) -> Sampler:
    messages = Messages(
        subject.grammar,
        subject.teacher,
        load_wordings(held_out=new_words),
        subject.demo,
        rng=np.random.default_rng([subject.seed, 2, int(held_out), int(new_words)]),
        held_out=held_out,
    )
    return Sampler(messages, encoder)


def _agreements(subject: Subject, encoder: Encoder, scorer: Scorer, groups: int) -> list[Agreement]:
    seen = _sampler(subject, encoder, held_out=True, new_words=False)
    new = _sampler(subject, encoder, held_out=True, new_words=True)
    shots = -(-groups // 2)
    cases: list[tuple[str, Sampler, Callable[[], Preamble], int]] = [
        ("texts for or against a value", seen, seen.messages.for_or_against, groups),
        ("the same in new words", new, new.messages.for_or_against, groups),
        ("texts of the demo study", seen, seen.messages.demo_text, groups),
        ("value-free texts", seen, seen.messages.placebo, groups),
        ("4 examples of a value", seen, partial(seen.messages.examples_of_a_value, 4), shots),
        ("8 examples of a value", seen, partial(seen.messages.examples_of_a_value, 8), shots),
        ("4 value-free examples", seen, partial(seen.messages.neutral_examples, 4), shots),
    ]
    return [compare(what, s, scorer, draw, groups=n) for what, s, draw, n in cases]


def _differences(
    path: Path, study: Study, encoder: Encoder, scorer: Scorer, seed: int
) -> dict[str, float]:
    """Compare the file in llama.cpp with the network, chat by chat, under every condition."""
    items = study.load_items()
    prepared = study.prepare(items)
    table = items.judged().table
    rng = np.random.default_rng([seed, 4])
    worst = {}
    for kind, half in (("a 32-bit cache", False), ("a 16-bit cache", True)):
        judge, largest = LlamaJudge(path, half_cache=half), 0.0
        for c in study.conditions:
            shown = [(e.scenario_text, e.action_text, e.label) for e in prepared[c.name].examples]
            system = system_message(prepared[c.name].text, shown)
            for row in table.iloc[rng.choice(len(table), 12, replace=False)].itertuples():
                user = user_message(
                    row.scenario_text,
                    row.action_text,
                    study.question(c),
                    study.scale.labels,
                    study.scale.anchors,
                    reverse=bool(rng.integers(2)),
                )
                ids = judge.tokens(chat_spans(system, user))
                expected = scorer([(ids[:1], [ids[1:]])])[0, 0]
                got = judge.chances(ids)[judge.answers]
                largest = max(largest, float(np.abs(got - expected).max()))
        worst[kind] = largest
    return worst


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "judges", help="where the files go")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    build(Plan(), folder)


if __name__ == "__main__":
    main()
