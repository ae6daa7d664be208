"""How well the network has learned what it was taught, on scenarios that it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.training.messages import Preamble
from models.training.sampling import Group, Sampler
from models.training.scoring import Scorer
from models.training.teacher import Floats, expected_score


@dataclass(frozen=True)
class Agreement:
    """Teacher and student compared over held-out chats.

    Parameters
    ----------
    what : str
        Which system messages.
    chats : int
        How many chats.
    score_r, score_error : float
        Correlation and root mean square difference of the expected ratings.
    shift_r, shift_slope : float
        Correlation of the changes of the expected rating against no system message, and the slope
        of the student's on the teacher's.
    shift_rms : float
        Root mean square of the student's changes, in rating points.
    valid : float
        Mean probability of the five digits together.
    """

    what: str
    chats: int
    score_r: float
    score_error: float
    shift_r: float
    shift_slope: float
    shift_rms: float
    valid: float


def compare(
    what: str,
    sampler: Sampler,
    scorer: Scorer,
    draw: Callable[[], Preamble],
    *,
    groups: int,
    branches: int = 10,
) -> Agreement:
    """Compare teacher and student under system messages and without one.

    Parameters
    ----------
    what : str
        A label.
    sampler : Sampler
        Draws scenarios; its messages are made with ``held_out=True``.
    scorer : Scorer
        The student.
    draw : callable
        Draws a system message.
    groups, branches : int
        How many scenarios, and chats of each.
    """
    with_message, without = [], []
    for _ in range(groups):
        message = draw()
        state = sampler.messages.rng.bit_generator.state
        with_message.append(sampler.group(message, branches))
        sampler.messages.rng.bit_generator.state = state
        without.append(sampler.group(Preamble(), branches))
    chances, before = (_student(scorer, g) for g in (with_message, without))
    student, base = expected_score(chances), expected_score(before)
    taught = np.stack([expected_score(g.answer) for g in with_message])
    shift = taught - np.stack([expected_score(g.answer) for g in without])
    moved = student - base
    return Agreement(
        what,
        student.size,
        _correlation(student, taught),
        float(np.sqrt(np.mean((student - taught) ** 2))),
        _correlation(moved, shift),
        float((moved * shift).sum() / max((shift**2).sum(), 1e-12)),
        float(np.sqrt(np.mean(moved**2))),
        float(chances[..., :5].sum(-1).mean()),
    )


def _student(scorer: Scorer, groups: list[Group]) -> Floats:
    return scorer([(g.prefix, [ids[:-1] for ids, _ in g.branches]) for g in groups])


def _correlation(a: Floats, b: Floats) -> float:
    if a.std() < 1e-9 or b.std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
