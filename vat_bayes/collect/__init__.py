"""Collecting judgments: judges, what they are asked, and the run folder that keeps the answers."""

from __future__ import annotations

from vat_bayes.collect.effects import NoEffectError
from vat_bayes.collect.judge import Answer, Judge, Prompt, Reading
from vat_bayes.collect.llamacpp import LlamaCppJudge
from vat_bayes.collect.outline import Outline, outline
from vat_bayes.collect.progress import (
    BarProgress,
    LineProgress,
    Progress,
    SilentProgress,
    progress_for,
)
from vat_bayes.collect.prompts import Chat, system_message, user_message
from vat_bayes.collect.reproduce import Reproduction, reproduce
from vat_bayes.collect.run import collect, open_llamacpp
from vat_bayes.collect.schedule import Schedule
from vat_bayes.collect.server import ServerJudge
from vat_bayes.collect.stopped import StoppedError
from vat_bayes.collect.store import RunFolder

__all__ = [
    "Answer",
    "BarProgress",
    "Chat",
    "Judge",
    "LineProgress",
    "LlamaCppJudge",
    "NoEffectError",
    "Outline",
    "Progress",
    "Prompt",
    "Reading",
    "Reproduction",
    "RunFolder",
    "Schedule",
    "ServerJudge",
    "SilentProgress",
    "StoppedError",
    "collect",
    "open_llamacpp",
    "outline",
    "progress_for",
    "reproduce",
    "system_message",
    "user_message",
]
