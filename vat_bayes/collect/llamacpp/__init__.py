"""The judge that runs a GGUF file by llama.cpp in this process."""

from __future__ import annotations

from vat_bayes.collect.llamacpp.judge import LlamaCppJudge

__all__ = ["LlamaCppJudge"]
