"""The wordings that come with the package: what is asked, and what the labels mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Wording = Literal["approve", "agree", "like-me"]


@dataclass(frozen=True)
class Words:
    """A question and the anchors of its scale.

    Parameters
    ----------
    question : str
        What is asked about each action.
    anchors : mapping of int to tuple of str
        K to the meaning of the K labels, from the lowest rating to the highest.
    """

    question: str
    anchors: Mapping[int, tuple[str, ...]]


WORDINGS: Mapping[str, Words] = MappingProxyType(
    {
        "approve": Words(
            "How much do you approve of this action?",
            {
                2: ("disapprove", "approve"),
                5: (
                    "strongly disapprove",
                    "disapprove",
                    "neither approve nor disapprove",
                    "approve",
                    "strongly approve",
                ),
            },
        ),
        "agree": Words(
            "How far do you agree that this is the right thing to do?",
            {
                2: ("disagree", "agree"),
                5: (
                    "strongly disagree",
                    "disagree",
                    "neither agree nor disagree",
                    "agree",
                    "strongly agree",
                ),
            },
        ),
        # The answers of the Portrait Values Questionnaire (Schwartz et al. 2001), whose six levels
        # have no middle; with five labels one of them is left out.
        "like-me": Words(
            "How much like you is a person who does this?",
            {
                2: ("not like me", "like me"),
                5: (
                    "not like me at all",
                    "not like me",
                    "a little like me",
                    "like me",
                    "very much like me",
                ),
                6: (
                    "not like me at all",
                    "not like me",
                    "a little like me",
                    "somewhat like me",
                    "like me",
                    "very much like me",
                ),
            },
        ),
    }
)
"""Wording to its words. The study file's default is ``approve``."""


def default_anchors(wording: str, n_labels: int) -> tuple[str, ...] | None:
    """Return the anchors of a wording; None where it has none for so many labels."""
    return WORDINGS[wording].anchors.get(n_labels)
