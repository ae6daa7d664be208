"""Judges behind an OpenAI-compatible server: llama-server, vLLM, and others."""

from __future__ import annotations

from vat_bayes.collect.server.judge import ServerJudge, open_server, told_served

__all__ = ["ServerJudge", "open_server", "told_served"]
