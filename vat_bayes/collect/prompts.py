"""What the judge is asked: one chat per condition, item and option order, as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EXAMPLES_HEADER = "Examples of how to answer:"
CUE = "Answer:"
"""Stands before the rating of a model that writes first."""


@dataclass(frozen=True, slots=True)
class Chat:
    """One chat, before any template of a model is applied.

    Parameters
    ----------
    user : str
        The user's message.
    system : str
        The system message; empty when there is none.
    """

    user: str
    system: str = ""


def user_message(
    scenario_text: str,
    action_text: str,
    question: str,
    labels: Sequence[str],
    anchors: Sequence[str],
    *,
    reverse: bool = False,
    prefix: str = "",
    think: bool = False,
) -> str:
    """Ask for a rating of one action in one scenario.

    Parameters
    ----------
    scenario_text, action_text : str
        The item; a source of items without scenarios leaves the first one empty.
    question : str
        What is asked about the action.
    labels, anchors : sequence of str
        The K options and what they mean, from the lowest rating to the highest.
    reverse : bool
        List the options from the last to the first; every label keeps its meaning.
    prefix : str
        A text to begin with; may be empty.
    think : bool
        Ask the judge to write before it answers.

    Returns
    -------
    str
        The message, with no blank at either end.
    """
    options = [f"{label} = {anchor}" for label, anchor in zip(labels, anchors, strict=True)]
    listed = reversed(options) if reverse else options
    lines = [question.strip(), *listed, _instruction(labels, think)]
    scene = [text.strip() for text in (prefix, scenario_text) if text.strip()]
    return "\n\n".join([*scene, f"Action: {action_text.strip()}", "\n".join(lines)])


def system_message(text: str = "", examples: Sequence[tuple[str, str, str]] = ()) -> str:
    """Join a condition's text and its worked examples into the system message.

    Parameters
    ----------
    text : str
        The condition's own text; may be empty.
    examples : sequence of (scenario_text, action_text, label)
        The worked examples in the order in which they are shown.

    Returns
    -------
    str
        The message; empty when there is neither text nor an example.
    """
    parts = [text.strip()] if text.strip() else []
    if examples:
        parts.append(EXAMPLES_HEADER)
        parts += [
            f"{scenario.strip()}\nAction: {action.strip()}\nAnswer: {label}"
            for scenario, action, label in examples
        ]
    return "\n\n".join(parts)


def _instruction(labels: Sequence[str], think: bool) -> str:
    # A label may be read at one token, so the judge is told what kind of thing it is.
    if all(label.isdecimal() for label in labels):
        what = "one number"
    elif all(len(label) == 1 for label in labels):
        what = "one letter"
    else:
        what = "one of these options"
    if think:
        return f"Think first. Then end with a line that reads '{CUE}' and {what} only."
    return f"Answer with {what} only."
