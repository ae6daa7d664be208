"""Which placebo an intervention is contrasted with."""

from __future__ import annotations

from typing import Any

import pytest

from vat_bayes.errors import InputError
from vat_bayes.study import Study


def placebos(*conditions: dict[str, Any]) -> dict[str, str | None]:
    study = Study.from_dict(
        {
            "name": "s",
            "seed": 1,
            "models": [{"name": "m", "path": "m.gguf"}],
            "conditions": [{"name": "baseline", "role": "baseline"}, *conditions],
        }
    )
    return {c.name: c.placebo for c in study.as_conditions() if c.role == "intervention"}


def prompt(name: str, role: str = "intervention", **more: Any) -> dict[str, Any]:
    return {"name": name, "role": role, "kind": "prompt", "text": "x", **more}


def shots(name: str, n: int, role: str = "intervention", **more: Any) -> dict[str, Any]:
    return {"name": name, "role": role, "kind": "shots", "shots": n, **more}


def test_without_a_placebo_there_is_none() -> None:
    assert placebos(prompt("a")) == {"a": None}


def test_a_placebo_serves_every_intervention_without_another() -> None:
    assert placebos(
        prompt("a"), prompt("b"), prompt("p", "placebo"), prompt("q", "placebo", placebo_for=["b"])
    ) == {"a": "p", "b": "q"}
    assert placebos(prompt("a", placebo="q"), prompt("p", "placebo"), prompt("q", "placebo")) == {
        "a": "q"
    }


def test_the_nearest_placebo_is_chosen() -> None:
    assert placebos(
        shots("s2", 2),
        shots("s4", 4),
        shots("s8", 8),
        prompt("a"),
        prompt("pp", "placebo"),
        shots("p4", 4, "placebo"),
        shots("p8", 8, "placebo"),
    ) == {"s2": "p4", "s4": "p4", "s8": "p8", "a": "pp"}
    assert placebos(shots("s2", 2), prompt("pp", "placebo")) == {"s2": "pp"}


def test_two_claims_are_refused() -> None:
    with pytest.raises(InputError, match="'a' has two placebos, 'p' and 'q'"):
        placebos(
            prompt("a"),
            prompt("p", "placebo", placebo_for=["a"]),
            prompt("q", "placebo", placebo_for=["a"]),
        )
