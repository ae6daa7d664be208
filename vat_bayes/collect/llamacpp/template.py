"""Running the chat template of a model file in a sandbox."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

# Some templates print the date. A run must not depend on the day on which it is made.
TEMPLATE_DATE = datetime.datetime(2025, 1, 1)


class _GenerationBlock(Extension):
    """The block ``generation``, by which templates mark answers for training: its content."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def render(
    template: str,
    messages: Sequence[Mapping[str, str]],
    specials: Mapping[str, str],
    *,
    thinking: bool = False,
) -> str:
    """Return what a chat template makes of a chat, up to where the answer begins.

    Parameters
    ----------
    template : str
        The Jinja text.
    messages : sequence of mapping
        Each with ``role`` and ``content``.
    specials : mapping
        ``bos_token`` and ``eos_token``, by their names.
    thinking : bool
        Whether a model that can think before it answers is to do so. Otherwise it would put the
        rating far behind the first token.

    Raises
    ------
    jinja2.TemplateError, ValueError
        Or anything else that a template can do wrong.
    """
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.BaseLoader(),
        extensions=[loopcontrols, _GenerationBlock],
    )
    environment.filters["tojson"] = _tojson
    return environment.from_string(template).render(
        messages=messages,
        add_generation_prompt=True,
        enable_thinking=thinking,
        raise_exception=_raise,
        strftime_now=TEMPLATE_DATE.strftime,
        tools=None,
        **specials,
    )


def _raise(message: str) -> None:
    raise ValueError(message)


def _tojson(thing: object, indent: int | None = None) -> str:
    return json.dumps(thing, ensure_ascii=False, indent=indent)
