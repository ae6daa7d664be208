"""The layout of ``summary.json``: what it holds, as types, and as the JSON schema made of them.

``python -m vat_bayes.report.schema`` prints the schema; ``docs/summary.schema.json`` is its copy.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1
"""Version of the layout; it rises when something that is there is renamed, moved or removed."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Number(_Part):
    """An estimate; the numbers of one that is withheld are null, and `status` says why."""

    median: float | None = Field(description="Posterior median; for classical twins the estimate.")
    lo: float | None = Field(description="Lower end of the equal-tailed interval.")
    hi: float | None = Field(description="Upper end of it.")
    level: float | None = Field(description="Probability of the interval.")
    unit: str = Field(description="Unit in words, e.g. 'rating points'.")
    p_positive: float | None = Field(description="Probability that it is above zero.")
    status: str = Field(description="'ok', or why it is withheld or to be read with care.")


class Said(_Part):
    """What the report says of one intervention."""

    tone: Literal["gain", "unclear", "wrong-way", "no-target", "withheld"]
    text: str


class Item(_Part):
    """One item that a condition moved; picked by the size of its change."""

    item: str
    scenario: str
    values: str = Field(description="Its loadings: 'benevolence' for 1, '-power' for -1.")
    scenario_text: str | None = Field(description="Null where the run folder has no texts.")
    action_text: str | None
    before: float = Field(description="Mean rating.")
    after: float = Field(description="Mean rating.")
    change: float = Field(description="Rating points; too large on average in items picked by it.")
    without_noise: float | None = Field(description="Shrunken; null where the noise is unknown.")
    lo: float | None
    hi: float | None
    level: float
    judged: int = Field(description="Pairs of judgments behind the change.")
    noise: str = Field(description="Taken from 'prompts', 'repeats', 'retest', or '' if unknown.")


class ArmSummary(_Part):
    """One model under one condition other than its baseline."""

    key: str = Field(description="Its mark in the figures.")
    model: str
    condition: str
    role: str = Field(description="'intervention', 'placebo' or 'retest'.")
    target: list[str]
    direction: int = Field(description="1 to promote the target, -1 to suppress it.")
    placebo: str | None = Field(description="The condition that is its placebo.")
    finding: Said | None = Field(description="Interventions only.")
    estimates: dict[str, Number] = Field(description="By name as in estimands.csv.")
    shifts: dict[str, Number] = Field(description="By value, in rating points.")
    example_items: list[Item] = Field(description="Those that it moved most, the largest first.")


class Step(_Part):
    """One dose of a series."""

    condition: str
    dose: float
    gain: Number
    tax_rms: Number
    gain_change: Number | None = Field(description="Since the next lower dose.")
    tax_change: Number | None = Field(description="Since the next lower dose.")


class Trajectory(_Part):
    """Gain and tax of one series over its doses."""

    model: str
    series: str
    steps: list[Step] = Field(description="By increasing dose.")
    p_monotone_gain: Number = Field(description="Probability that the gain falls at no step.")
    p_monotone_tax: Number


class ClauseSummary(_Part):
    """One clause of the budget under one condition."""

    kind: str = Field(description="'gain', 'tax' or 'protected'.")
    estimand: str
    value: str | None = Field(description="The protected value.")
    bound: float = Field(description="Rating points.")
    text: str = Field(description="The clause in words.")
    required: float
    probability: float | None = Field(description="That it is kept.")
    status: str
    kept: bool
    broken: bool


class DecisionSummary(_Part):
    """The verdict on one condition."""

    model: str
    condition: str
    verdict: Literal["accept", "reject", "undecided"]
    why: str
    joint_probability: float | None = Field(description="That every clause is kept.")
    clauses: list[ClauseSummary]


class BudgetSummary(_Part):
    """The budget, and when it was there."""

    name: str
    sha256: str = Field(description="Of the budget file.")
    joint_probability: float | None = Field(description="Required of all clauses at once.")
    file: str = ""
    file_changed: str = Field("", description="ISO 8601.")
    first_used: str = Field("", description="On this run; ISO 8601.")


class Decided(_Part):
    """The decision by a declared budget."""

    verdict: Literal["accept", "reject", "undecided"] = Field(description="The worst of all.")
    budget: BudgetSummary
    budgets_used: int = Field(description="How many different budgets were used on this run.")
    decisions: list[DecisionSummary]


class Disagreement(_Part):
    """An estimate more than one posterior standard deviation from its classical twin."""

    model: str
    condition: str
    estimand: str
    value: str
    posterior: Number
    classical: Number


class Truth(_Part):
    """Estimates beside the truth, where a study has one."""

    compared: int
    inside: int = Field(description="How many true values lie inside their intervals.")


class Summary(_Part):
    """The report of one run of vat-bayes, for programs."""

    schema_version: Literal[1]
    generator: str = Field(description="The program and its version.")
    study: str
    level: float = Field(description="Probability of the intervals.")
    alerts: list[str] = Field(description="What has to be read before any number.")
    opening: str
    checks: dict[str, int] = Field(description="How many checks got which verdict.")
    arms: list[ArmSummary]
    trajectories: list[Trajectory]
    decision: Decided | None = Field(description="Null where no budget was declared.")
    disagreements: list[Disagreement]
    truth: Truth | None


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of ``summary.json``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Summary.model_json_schema(),
    }


def json_schema_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(json_schema_text(), end="")
