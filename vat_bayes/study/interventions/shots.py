"""The kind that shows worked examples before it asks: few-shot alignment, and its placebo."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from vat_bayes.errors import InputError
from vat_bayes.study.interventions.base import Example, Intervention, Prepared, Setting
from vat_bayes.study.seeds import shuffled
from vat_bayes.study.tables import Text

if TYPE_CHECKING:
    from vat_bayes.items import ItemSet

Drawn = tuple[str, str, int]
"""A scenario's text, an action's text, and the action's polarity."""


class ShotsIntervention(Intervention):
    """Worked examples: of the target where there is one, of no value where there is none.

    Examples of a target come from the scenarios that the item set holds out for this. An action
    that supports the target is answered with the highest rating and one that violates it with the
    lowest, or the other way about when the target is to be suppressed. Examples without a target
    are about nothing that a value speaks to. They are answered with the same two ratings equally
    often, so that a placebo shares the number of the examples, their layout and the distribution
    of their answers, and differs in their content alone.

    With one seed, fewer examples are the first ones of more, so doses are nested; and promoting
    and suppressing show the same examples with the answers exchanged. Every run of examples holds
    each target and polarity equally often, in random order.

    Parameters
    ----------
    shots : int
        How many examples.
    text : str, optional
        A text to put before them.
    """

    kind: ClassVar[str] = "shots"
    shots: Annotated[int, Field(ge=1)]
    text: Text | None = None

    @property
    def natural_dose(self) -> float:
        """The number of examples."""
        return float(self.shots)

    def prepare(self, setting: Setting) -> Prepared:
        """Draw the examples."""
        if setting.target:
            drawn = _of_target(setting, self.shots)
        else:
            drawn = _neutral(setting, self.shots)
        low, high = setting.labels[0], setting.labels[-1]
        examples = tuple(
            Example(scenario, action, high if sign * setting.direction > 0 else low)
            for scenario, action, sign in drawn
        )
        return Prepared(text=self.text or "", examples=examples)


def _of_target(setting: Setting, n: int) -> list[Drawn]:
    held_out = _texts(setting.items.shots())
    pools: dict[tuple[str, int], Sequence[tuple[str, str, str]]] = {}
    for value in setting.target:
        for sign in (1, -1):
            own = held_out.get((value, sign), [])
            pools[value, sign] = shuffled(own, setting.seed, "shots", value, sign)
    rounds = -(-n // len(pools))
    if fewest := [pool for pool in pools.values() if len(pool) < rounds]:
        available = min(map(len, fewest)) * len(pools)
        raise InputError(
            f"{n} examples of {', '.join(setting.target)} are wanted; the items held out for "
            f"examples (split 'shots') allow {available}",
            where=f"condition '{setting.condition}'",
        )
    drawn = _balanced(pools, setting.seed, *setting.target)
    return [next(drawn) for _ in range(n)]


def _texts(items: ItemSet) -> dict[tuple[str, int], list[tuple[str, str, str]]]:
    """Return scenario, its text and the action's text, by value and polarity."""
    names = ("item", "scenario", "scenario_text", "action_text", "value", "polarity")
    texts: dict[tuple[str, int], list[tuple[str, str, str]]] = {}
    # Sorted, so that the order of the file's rows does not influence what is drawn.
    for _, scenario, scene, action, value, sign in sorted(items.rows(*names), key=itemgetter(0)):
        texts.setdefault((value, sign), []).append((scenario, scene or "", action))
    return texts


def _balanced(
    pools: Mapping[tuple[str, int], Sequence[tuple[str, str, str]]], *seed: str | int
) -> Iterator[Drawn]:
    """Yield examples in rounds that hold one of each pool, scenarios not yet shown first."""
    left = {key: deque(pool) for key, pool in pools.items()}
    shown: set[str] = set()
    turn = 0
    while True:
        for value, sign in shuffled(left, *seed, "round", turn):
            pool = left[value, sign]
            fresh = next((e for e in pool if e[0] not in shown), pool[0])
            pool.remove(fresh)
            shown.add(fresh[0])
            yield fresh[1], fresh[2], sign
        turn += 1


def _neutral(setting: Setting, n: int) -> list[Drawn]:
    from vat_bayes.items import neutral_examples

    try:
        examples = neutral_examples(n, seed=setting.seed)
    except InputError as e:
        raise InputError(e.message, where=f"condition '{setting.condition}'") from None
    signs = [
        sign
        for turn in range(-(-n // 2))
        for sign in shuffled((1, -1), setting.seed, "shots", "neutral", turn)
    ]
    return [(scene, action, sign) for (scene, action), sign in zip(examples, signs, strict=False)]
