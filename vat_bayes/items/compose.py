"""Scenario-action items composed from the grammar: any number of scenarios, from a seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from string import ascii_lowercase

import numpy as np

from vat_bayes.errors import InputError
from vat_bayes.items.columns import CORE_COLUMNS
from vat_bayes.items.grammar import Actor, Grammar, Topic, load_grammar
from vat_bayes.items.itemset import ItemSet
from vat_bayes.values import VALUES

_SIGNS = {1: "+", -1: "-"}


def compose(
    n_scenarios: int, *, seed: int, shots: int = 0, grammar: Grammar | None = None
) -> ItemSet:
    """Draw scenarios, each with a supporting and a violating action for every value.

    Topics are balanced. Within a topic, situations, complications and the actions of each value and
    polarity are dealt like cards: none comes again before all have come once. Actors are dealt over
    the whole draw. Scenarios are all different.

    Parameters
    ----------
    n_scenarios : int
        How many scenarios to draw.
    seed : int
        Seed of the draw; the same seed and grammar give the same items.
    shots : int
        How many of them are held out for examples (`split` ``"shots"``), balanced over topics too.
    grammar : Grammar, optional
        The bundled grammar by default.

    Returns
    -------
    ItemSet
        Twenty items for each scenario, ordered by topic, value and polarity. An id says what the
        item is made of, so that it means the same in every draw from one grammar:
        ``workplace-03b17/power+4`` is situation 3, complication b and actor 17 of the topic, with
        the fourth supporting action for power.

    Raises
    ------
    InputError
        When the numbers are out of range, or the grammar cannot give so many scenarios.
    """
    grammar = load_grammar() if grammar is None else grammar
    if n_scenarios < 1:
        raise InputError(f"{n_scenarios} scenarios were asked for; expected at least 1")
    if not 0 <= shots <= n_scenarios:
        raise InputError(f"{shots} of {n_scenarios} scenarios cannot be held out for examples")
    rng = np.random.default_rng(seed)
    counts = _spread(n_scenarios, len(grammar.topics), rng)
    held_out = _spread_within(shots, counts, rng)
    actors = _deal(len(grammar.actors), n_scenarios, rng)
    rows: list[tuple[object, ...]] = []
    for topic, n, n_shots in zip(grammar.topics, counts, held_out, strict=True):
        capacity = grammar.scenarios_per_topic()[topic.name]
        if n > capacity:
            raise InputError(
                f"{n} scenarios were asked of the topic '{topic.name}'; its texts give {capacity}"
            )
        dealt, actors = actors[:n], actors[n:]
        scenarios = _scenarios(topic, dealt, len(grammar.actors), rng)
        rows += _rows(topic, scenarios, grammar.actors, n_shots, rng)
    columns = dict(zip(CORE_COLUMNS, zip(*rows, strict=True), strict=True))
    return ItemSet(columns, None, "composed")


def scenario_text(actor: Actor, situation: str, complication: str) -> str:
    """Return the text of a scenario."""
    return f"{actor.name}, {actor.descriptor}, {situation}. {complication}"


def _spread(n: int, bins: int, rng: np.random.Generator) -> list[int]:
    counts = np.full(bins, n // bins)
    counts[rng.permutation(bins)[: n % bins]] += 1
    return [int(c) for c in counts]


def _spread_within(n: int, limits: list[int], rng: np.random.Generator) -> list[int]:
    counts = np.zeros(len(limits), dtype=int)
    while (left := n - int(counts.sum())) > 0:
        room = np.flatnonzero(counts < np.array(limits))
        counts[rng.permutation(room)[:left]] += 1
    return [int(c) for c in counts]


def _deal(size: int, n: int, rng: np.random.Generator) -> list[int]:
    rounds = [rng.permutation(size) for _ in range(math.ceil(n / size))]
    return [int(card) for card in np.concatenate(rounds)[:n]] if rounds else []


def _scenarios(
    topic: Topic, actors: list[int], n_actors: int, rng: np.random.Generator
) -> list[tuple[int, int, int]]:
    n_situations, n_complications = len(topic.situations), len(topic.complications)
    situations = _deal(n_situations, len(actors), rng)
    complications = _deal(n_complications, len(actors), rng)
    drawn: dict[tuple[int, int, int], None] = {}
    for scenario in zip(situations, complications, actors, strict=True):
        if scenario in drawn:
            free = [
                (s, c, a)
                for s in range(n_situations)
                for c in range(n_complications)
                for a in range(n_actors)
                if (s, c, a) not in drawn
            ]
            drawn[free[int(rng.integers(len(free)))]] = None
        else:
            drawn[scenario] = None
    return list(drawn)


def _rows(
    topic: Topic,
    scenarios: list[tuple[int, int, int]],
    actors: tuple[Actor, ...],
    n_shots: int,
    rng: np.random.Generator,
) -> Iterator[tuple[object, ...]]:
    cells = [(value, polarity) for value in VALUES for polarity in (1, -1)]
    dealt = {cell: _deal(len(topic.actions[cell]), len(scenarios), rng) for cell in cells}
    for i, (situation, complication, actor) in enumerate(scenarios):
        name = f"{topic.name}-{situation + 1:02d}{_letter(complication)}{actor + 1:02d}"
        text = scenario_text(
            actors[actor], topic.situations[situation], topic.complications[complication]
        )
        split = "shots" if i < n_shots else "judged"
        for value, polarity in cells:
            number = dealt[value, polarity][i]
            item = f"{name}/{value}{_SIGNS[polarity]}{number + 1}"
            action = topic.actions[value, polarity][number]
            yield item, name, topic.name, value, polarity, text, action, split


def _letter(index: int) -> str:
    # a, b, ..., z, aa, ab, ...
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = ascii_lowercase[rest] + letters
    return letters
