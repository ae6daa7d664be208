"""How a chat is laid out for a model: by the chat template of its file, or plainly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

from vat_bayes.collect.llamacpp.template import TEMPLATE_DATE, render
from vat_bayes.collect.llamacpp.vocabulary import Span
from vat_bayes.collect.prompts import CUE, Chat
from vat_bayes.errors import InputError

# Texts are put in place of these after the template has run, so nothing in them is ever parsed.
_SYSTEM, _USER = "VatBayesSystemSlot", "VatBayesUserSlot"
_SLOTS = re.compile(f"({_SYSTEM}|{_USER})")


class Layout(Protocol):
    """A way to lay out a chat."""

    def spans(self, chat: Chat) -> list[Span]:
        """Return the prompt in pieces; the answer begins where it ends."""

    def describe(self) -> dict[str, Any]:
        """Return what a reader of the manifest must know."""


class PlainLayout:
    """For models without a template: system text, a blank line, the question, ``Answer:``.

    Parameters
    ----------
    thinking : bool
        Leave the last word out: the model writes it when it is done.
    """

    def __init__(self, *, thinking: bool = False) -> None:
        self._cue = "" if thinking else CUE

    def spans(self, chat: Chat) -> list[Span]:
        """Return the prompt in pieces."""
        cue = [Span(self._cue, False)] if self._cue else []
        return [Span(f"{_folded(chat)}\n\n", False), *cue]

    def describe(self) -> dict[str, Any]:
        """Return what a reader of the manifest must know."""
        return {"layout": "plain", "pattern": f"{{system}}\n\n{{user}}\n\n{self._cue}"}


class TemplateLayout:
    """The chat template of a model, run in a sandbox.

    Parameters
    ----------
    template : str
        The Jinja text.
    bos, eos : str
        The names of the tokens that begin and end a text.
    name : str
        What messages call the model.
    thinking : bool
        Whether a model that can think before it answers is to do so.

    Raises
    ------
    InputError
        When the template can't lay out a single question.
    """

    def __init__(
        self, template: str, *, bos: str, eos: str, name: str, thinking: bool = False
    ) -> None:
        self._template = template
        self._thinking = thinking
        self._specials = {"bos_token": bos, "eos_token": eos}
        user = {"role": "user", "content": _USER}
        system = {"role": "system", "content": _SYSTEM}
        try:
            self._without_system = self._render([user])
        except Exception as e:  # whatever a template of a file does wrong, the user can act on it
            said = " ".join(str(e).split())[:200]
            raise _unusable(name, f"{type(e).__name__}: {said}") from None
        if _slots(self._without_system) != [_USER]:
            raise _unusable(name, "it does not print the user's message once")
        try:
            self._with_system: list[str] | None = self._render([system, user])
        except Exception:  # the usual way to say that a model has no system role
            self._with_system = None
        if self._with_system is not None and _slots(self._with_system) != [_SYSTEM, _USER]:
            self._with_system = None

    def spans(self, chat: Chat) -> list[Span]:
        """Return the prompt in pieces."""
        if chat.system and self._with_system is not None:
            parts, texts = self._with_system, {_SYSTEM: chat.system, _USER: chat.user}
        else:
            parts, texts = self._without_system, {_USER: _folded(chat)}
        return [Span(texts[p], False) if p in texts else Span(p, True) for p in parts if p]

    def describe(self) -> dict[str, Any]:
        """Return what a reader of the manifest must know."""
        return {
            "layout": "template of the model",
            "system": "role of its own" if self._with_system else "folded into the user's message",
            "template": self._template,
            "template_date": TEMPLATE_DATE.date().isoformat(),
        }

    def _render(self, messages: Sequence[dict[str, str]]) -> list[str]:
        text = render(self._template, messages, self._specials, thinking=self._thinking)
        return _SLOTS.split(text)


def _slots(parts: Sequence[str]) -> list[str]:
    return [p for p in parts if p in {_SYSTEM, _USER}]


def _folded(chat: Chat) -> str:
    return f"{chat.system}\n\n{chat.user}" if chat.system else chat.user


def _unusable(name: str, why: str) -> InputError:
    return InputError(
        f"model '{name}': the chat template in its file cannot be used ({why})",
        hint="chat = 'plain' in its [[models]] table does without",
    )
