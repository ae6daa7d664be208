"""The order in which scenarios are collected."""

from __future__ import annotations

from vat_bayes.items import ItemSet
from vat_bayes.study.seeds import uniform


def ordered_scenarios(items: ItemSet, *, seed: int) -> tuple[str, ...]:
    """Return the judged scenarios in a random order that is balanced over topics.

    The order is drawn before anything is asked and depends on the seed and the names alone, so that
    the first n scenarios are a random sample whatever made the collection stop there.

    Parameters
    ----------
    items : ItemSet
    seed : int
        The study's.

    Returns
    -------
    tuple of str
        Topics differ by at most one scenario in any beginning of it, as long as none runs out.
    """
    judged = items.judged().table.drop_duplicates("scenario")
    topics = judged["topic"].fillna("").astype(str)
    place: dict[str, tuple[int, float]] = {}
    for topic in sorted(set(topics)):
        names = sorted(judged.loc[topics == topic, "scenario"].astype(str))
        names.sort(key=lambda name: uniform(seed, "scenario", name))
        first = uniform(seed, "topic", topic)
        place |= {name: (turn, first) for turn, name in enumerate(names)}
    return tuple(sorted(place, key=lambda name: (*place[name], name)))
