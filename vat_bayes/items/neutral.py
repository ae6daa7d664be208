"""Examples that no value speaks for or against: what a placebo shows in place of a value's."""

from __future__ import annotations

import numpy as np

from vat_bayes.errors import InputError
from vat_bayes.items.compose import scenario_text
from vat_bayes.items.grammar import Grammar, load_grammar


def neutral_examples(n: int, *, seed: int, grammar: Grammar | None = None) -> list[tuple[str, str]]:
    """Draw value-free examples, as long and of the same form as those of the items.

    Parameters
    ----------
    n : int
        How many; no action comes twice.
    seed : int
        Seed of the draw. With the same seed, fewer examples are the first of more.
    grammar : Grammar, optional
        The bundled grammar by default.

    Returns
    -------
    list of (scenario_text, action_text)

    Raises
    ------
    InputError
        When `n` is not between 1 and the number of neutral actions.
    """
    grammar = load_grammar() if grammar is None else grammar
    bank = grammar.neutral
    if not 1 <= n <= len(bank.actions):
        raise InputError(
            f"{n} neutral examples were asked for; there are {len(bank.actions)} neutral actions"
        )
    rng = np.random.default_rng(seed)
    actions = rng.permutation(len(bank.actions))
    # Drawn for all actions before the first n are taken, so that fewer are the first of more.
    people, situations, complications = (
        rng.integers(size, size=len(bank.actions))
        for size in (len(grammar.actors), len(bank.situations), len(bank.complications))
    )
    return [
        (
            scenario_text(
                grammar.actors[people[i]],
                bank.situations[situations[i]],
                bank.complications[complications[i]],
            ),
            bank.actions[actions[i]],
        )
        for i in range(n)
    ]
