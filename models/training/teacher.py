"""The attitudes that the embedded judge is taught: an ordinal model with invented, seeded effects.

The form is the measurement model of this package. For an action of value v and polarity p in
scenario s, under condition c and option order o,

    eta = p (theta_v + alpha_sv + delta_cv + u_csv) + kappa + beta_c + position_o
    P(rating <= k) = logistic((tau_k - eta) exp(lambda_c))

and a little probability goes to a refusal. Scenario effects are sums of effects of what can be
read in the scenario (topic, actor, situation, complication), so that scenarios are as many as
their combinations and a study's scenarios are a random sample of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vat_bayes.values import VALUES, cosine

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CUTPOINTS = np.array([-1.5, -0.5, 0.5, 1.5])
SHARPNESS = 1.5
TARGET = 1.0  # latent effect of a promoting text on its target
STRUCTURED = 0.35  # what the circle passes on to the other values, times the cosine
ANOMALOUS = 0.16  # sd of what it does not explain
COUPLED = 0.40  # sd over scenarios of an effect's variation
FACTORS = 3
POSITION = 0.10  # the option listed first is a little more attractive
REFUSAL = 0.020
SCENE = len(VALUES) + FACTORS  # numbers that sum up a scenario: alpha and its factor scores

_THETA = {
    "self-direction": 0.60,
    "stimulation": 0.00,
    "hedonism": 0.10,
    "achievement": 0.30,
    "power": -0.40,
    "security": 0.55,
    "conformity": 0.20,
    "tradition": 0.05,
    "benevolence": 0.90,
    "universalism": 0.80,
}


class Place(NamedTuple):
    """What can be read in scenarios; arrays of the same shape.

    Attributes
    ----------
    topic, actor, situation, complication : int array
        Places in the grammar; situations and complications count within their topic.
    """

    topic: Ints
    actor: Ints
    situation: Ints
    complication: Ints


@dataclass(frozen=True)
class Effect:
    """What a system message does to the attitudes.

    Parameters
    ----------
    delta : float array (10,)
        Mean effect on each value, latent scale.
    strength : float
        Scale of the scenario-dependent part: 0 where nothing moves, negative to suppress.
    acquiescence : float
        Shift of every answer, whatever the polarity.
    extremity : float
        Log of the change in discrimination.
    refusal : float
        Probability of the refusal.
    """

    delta: Floats = field(default_factory=lambda: np.zeros(len(VALUES)))
    strength: float = 0.0
    acquiescence: float = 0.0
    extremity: float = 0.0
    refusal: float = REFUSAL


@dataclass(frozen=True)
class Teacher:
    """All effects, drawn once from a seed.

    Attributes
    ----------
    theta : (10,)
    alpha : dict of arrays (..., 10)
        Baseline effects of topic, actor, situation and complication.
    factor : dict of arrays (..., 3)
        Their scores on the factors along which an intervention's effect varies.
    loading : (10, 3)
        How each value's effect follows the factors; rows have length 1.
    kappa : (topics, 10, 2, actions)
        The action's own effect, shared by all conditions.
    prompt : (2, 10, 10)
        Effects of texts that promote (0) or suppress (1) a value, on each value.
    shots : (10, 10)
        Effects of many examples of a value.
    """

    theta: Floats
    alpha: dict[str, Floats]
    factor: dict[str, Floats]
    loading: Floats
    kappa: Floats
    prompt: Floats
    shots: Floats

    def scenario(self, place: Place) -> tuple[Floats, Floats]:
        """Return alpha (..., 10) and the factor scores (..., 3) of scenarios."""

        def add(effects: dict[str, Floats]) -> Floats:
            total: Floats = (
                effects["topic"][place.topic]
                + effects["actor"][place.actor]
                + effects["situation"][place.topic, place.situation]
                + effects["complication"][place.topic, place.complication]
            )
            return total

        return add(self.alpha), add(self.factor)

    def move(self, score: Floats, effect: Effect) -> Floats:
        """Return how a message moves each value in a scenario with these factor scores, (10,)."""
        return effect.delta + COUPLED * effect.strength * (self.loading @ score)

    def of_text(self, targets: tuple[int, ...], direction: int) -> Effect:
        """Return the effect of a text that names values; none of them is a placebo."""
        if not targets:
            return Effect(acquiescence=0.03, refusal=REFUSAL + 0.002)
        delta = self.prompt[0 if direction > 0 else 1][list(targets)].mean(axis=0)
        beta, refusal = (0.10, 0.005) if direction > 0 else (-0.06, 0.015)
        return Effect(delta, float(direction), beta, 0.08, REFUSAL + refusal)

    def of_examples(self, votes: Floats, n: int) -> Effect:
        """Return the effect of worked examples.

        Parameters
        ----------
        votes : (10,)
            Mean over the examples of their value's unit vector, with the sign of what the answer
            says about the value: 1 where it is endorsed, -1 where it is rejected.
        n : int
            How many examples there are; their effect grows with it and levels off.
        """
        dose = 1.25 * n / (n + 3)
        strength = float(votes.sum())
        moved = min(1.0, float(np.abs(votes).sum()))
        return Effect(
            dose * votes @ self.shots,
            dose * strength,
            dose * (0.03 + 0.07 * strength),
            0.15 * dose * (0.4 + 0.6 * moved),
            REFUSAL + 0.005,
        )

    def probabilities(
        self,
        place: Place,
        value: Ints,
        polarity: Ints,
        *,
        kappa: Floats,
        effect: Effect,
        reverse: bool,
    ) -> Floats:
        """Return the probability of each rating and, last, of a refusal.

        Parameters
        ----------
        place : Place of arrays ()
            One scenario.
        value, polarity : int array (A,)
            Actions: place of the value on the circle; 1 supports it, -1 violates it.
        kappa : (A,)
            Their own effects.
        effect : Effect
            What the system message does.
        reverse : bool
            Whether the options are listed from the last to the first.

        Returns
        -------
        float array (A, 6)
        """
        alpha, score = self.scenario(place)
        own = self.theta + alpha + self.move(score, effect)
        eta = polarity * own[value] + kappa + effect.acquiescence
        eta = eta + (POSITION if reverse else -POSITION)
        sharp = SHARPNESS * np.exp(effect.extremity)
        below = 1 / (1 + np.exp(-sharp * (CUTPOINTS - eta[:, None])))
        edges = np.concatenate([np.zeros((len(eta), 1)), below, np.ones((len(eta), 1))], axis=1)
        rating = np.diff(edges, axis=1) * (1 - effect.refusal)
        return np.concatenate([rating, np.full((len(eta), 1), effect.refusal)], axis=1)


def draw_teacher(
    seed: int, *, topics: int, actors: int, situations: int, complications: int, actions: int
) -> Teacher:
    """Draw the attitudes from a seed; effects belong to places in the grammar, not to wordings."""
    rng = np.random.default_rng([seed, 1])
    n = len(VALUES)
    shapes = {
        "topic": (topics,),
        "actor": (actors,),
        "situation": (topics, situations),
        "complication": (topics, complications),
    }
    sd = {"topic": 0.30, "actor": 0.25, "situation": 0.25, "complication": 0.20}
    # What varies along the factors comes mostly from actor and topic, less from the rest.
    share = {"topic": 0.60, "actor": 0.60, "situation": 0.40, "complication": 0.35}

    def centred(shape: tuple[int, ...], width: int, scale: float) -> Floats:
        drawn = rng.normal(0, scale, (*shape, width))
        return drawn - drawn.mean(axis=tuple(range(len(shape))))

    circle = np.array([[cosine(v, w) for w in VALUES] for v in VALUES])

    def spread(target: float) -> Floats:
        pattern = STRUCTURED * circle + rng.normal(0, ANOMALOUS, (n, n))
        np.fill_diagonal(pattern, 1.0)
        return target * pattern

    loading = rng.normal(0, 1, (n, FACTORS))
    return Teacher(
        theta=np.array([_THETA[v] for v in VALUES]),
        alpha={k: centred(s, n, sd[k]) for k, s in shapes.items()},
        factor={k: centred(s, FACTORS, share[k]) for k, s in shapes.items()},
        loading=loading / np.linalg.norm(loading, axis=1, keepdims=True),
        kappa=rng.normal(0, 0.40, (topics, n, 2, actions)),
        prompt=np.stack([spread(TARGET), spread(-0.85 * TARGET)]),
        shots=spread(TARGET),
    )


def expected_score(probabilities: Floats) -> Floats:
    """Return the expected rating given that one is given; the refusal comes last."""
    rating = probabilities[..., :-1]
    ratings = np.arange(1, rating.shape[-1] + 1)
    return (rating @ ratings) / rating.sum(axis=-1)
