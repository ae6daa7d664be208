"""What is simulated: the settings under which coverage is counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vat_bayes.conditions import Condition
from vat_bayes.simulate import Scatter, World, draw_world

CONDITIONS = (
    Condition("baseline", "baseline"),
    Condition("promote", "intervention", ("benevolence",), placebo="placebo"),
    Condition("placebo", "placebo"),
)

Twist = Literal["none", "null", "ceiling", "extremity"]


@dataclass(frozen=True)
class Setting:
    """How the studies of one row of the tables are drawn and fitted.

    Parameters
    ----------
    suite : str
        The table that they stand in.
    readout : {"ratings", "distribution"}
    scenarios : int
    scatter : {"normal", "skewed-items", "heavy-scenarios"}
        See `vat_bayes.simulate.World`.
    twist : {"none", "null", "ceiling", "extremity"}
        ``null``: the intervention does exactly what the placebo does. ``ceiling``: most ratings are
        at the upper end. ``extremity``: the intervention sharpens answers by half as much again.
    coupling : float, optional
        True root mean square coupling; otherwise as it is drawn.
    backend, engine : str
        What they are fitted with.
    """

    suite: str
    readout: Literal["ratings", "distribution"]
    scenarios: int
    scatter: Scatter = "normal"
    twist: Twist = "none"
    coupling: float | None = None
    backend: Literal["numpyro", "pymc"] = "numpyro"
    engine: Literal["auto", "fast", "nuts"] = "auto"

    @property
    def label(self) -> str:
        """What is special about the studies, in words."""
        parts = [self.scatter if self.scatter != "normal" else "", self.twist]
        parts = [p for p in parts if p not in {"", "none"}]
        return ", ".join(parts) or "reference"

    @property
    def key(self) -> str:
        """A name that is a file name too."""
        coupling = "drawn" if self.coupling is None else f"{self.coupling:.1f}"
        parts = [self.suite, self.readout, f"S{self.scenarios}", self.scatter, self.twist]
        return "-".join([*parts, coupling, self.backend, self.engine])

    def world(self, seed: int) -> World:
        """Draw the parameters of one study."""
        world = draw_world(
            seed=seed, conditions=CONDITIONS, scatter=self.scatter, coupling=self.coupling
        )
        if self.twist == "null":
            delta, scale = world.delta.copy(), world.u_scale.copy()
            coupling = world.coupling.copy()
            delta[1], scale[1], coupling[1] = delta[2], scale[2], coupling[2]
            still = np.zeros_like(world.beta)
            return replace(
                world, delta=delta, u_scale=scale, coupling=coupling, beta=still, lambda_=still
            )
        if self.twist == "ceiling":
            # Yes-saying under every condition: the cutpoints move down.
            return replace(world, cutpoint=world.cutpoint - 1.5)
        if self.twist == "extremity":
            return replace(world, lambda_=np.log([1.0, 1.5, 1.0]))
        return world


def planned() -> list[Setting]:
    """Return all settings, the most asked for first."""
    both = ("distribution", "ratings")
    found = [Setting("coverage", r, s) for s in (24, 48, 96) for r in both]
    found += [Setting("null", r, s, twist="null") for s in (24, 48, 96) for r in both]
    found += [
        Setting("misspecified", r, 48, scatter=scatter, twist=twist)
        for scatter, twist in (
            ("skewed-items", "none"),
            ("heavy-scenarios", "none"),
            ("normal", "ceiling"),
            ("normal", "extremity"),
        )
        for r in both
    ]
    # Scores drawn from the ordinal model have no coupling of their own to be covered.
    found += [
        Setting("coupling", "ratings", s, coupling=c) for s in (24, 48, 96) for c in (0.0, 0.2, 0.4)
    ]
    found += [
        Setting("coupling", "ratings", 264, coupling=c, engine="fast") for c in (0.0, 0.2, 0.4)
    ]
    found += [Setting("coverage", r, 24, backend="pymc") for r in both]
    found += [Setting("coverage", "distribution", s, engine="fast") for s in (24, 48)]
    return found
