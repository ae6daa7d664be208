"""A grammar that allows one of the labels and nothing else before it, run by llama.cpp."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.llamacpp.library import library
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.collect.llamacpp.vocabulary import Vocabulary

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
# A label and a word of the text around it; more would never be needed.
_MOST_TOKENS = 64


def label_grammar(labels: Sequence[str]) -> str:
    """Return the grammar of an answer, in llama.cpp's notation (GBNF).

    After the label the answer ends, or goes on with something that can't be part of a longer label:
    without that, the end of a model's turn would compete with the second digit of 10 alone.

    Parameters
    ----------
    labels : sequence of str
        The labels of the scale.
    """
    choices = " | ".join(_quoted(label) for label in labels)
    return f'root ::= " "? label rest?\nlabel ::= {choices}\nrest ::= [^0-9A-Za-z] [^\\x00]*\n'


class LabelGrammar:
    """Draws a label as the model would write it if it had to write one.

    Parameters
    ----------
    model : LoadedModel
        The model; it must stay open.
    vocabulary : Vocabulary
        Its tokens.
    labels : sequence of str
        The labels of the scale.
    """

    def __init__(self, model: LoadedModel, vocabulary: Vocabulary, labels: Sequence[str]) -> None:
        self._lib = library()
        self._vocabulary = vocabulary
        self._labels = tuple(labels)
        self.text = label_grammar(labels)
        self._sampler = self._lib.llama_sampler_init_grammar(
            model.vocab, self.text.encode(), b"root"
        )
        if not self._sampler:
            raise RuntimeError(f"llama.cpp does not take the grammar {self.text!r}")

    def draw(
        self,
        logits: Callable[[tuple[int, ...]], NDArray[np.float32]],
        *,
        temperature: float,
        uniform: Callable[[int], float],
    ) -> int | None:
        """Draw a rating.

        Parameters
        ----------
        logits : callable
            Tokens after the prompt to the logits of the next one, array (n_vocab,).
        temperature : float
            What the logits are divided by.
        uniform : callable
            The number of the step to a number in [0, 1).

        Returns
        -------
        int or None
            From 1; None when the grammar comes to no end.
        """
        self._lib.llama_sampler_reset(self._sampler)
        tokens: tuple[int, ...] = ()
        while len(tokens) < _MOST_TOKENS:
            allowed = self._masked(logits(tokens))
            if not np.isfinite(allowed).any():
                return None
            token = draw_token(allowed, temperature, uniform(len(tokens)))
            if self._vocabulary.ends_answer(token):
                return self._label(tokens)
            self._lib.llama_sampler_accept(self._sampler, token)
            tokens = (*tokens, token)
            rating = self._label(tokens)
            if rating is not None and not self._goes_on(tokens):
                return rating
        return None

    def close(self) -> None:
        """Free the memory."""
        if self._sampler:
            self._lib.llama_sampler_free(self._sampler)
            self._sampler = None

    def _masked(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        lib = self._lib
        candidates = np.zeros(len(logits), dtype=_CANDIDATE)
        candidates["id"] = np.arange(len(logits))
        candidates["logit"] = logits
        array = lib.llama_token_data_array(
            candidates.ctypes.data_as(lib.llama_token_data_p), len(logits), -1, False
        )
        lib.llama_sampler_apply(self._sampler, ctypes.byref(array))
        masked = np.full(len(logits), -np.inf, dtype=np.float32)
        masked[candidates["id"]] = candidates["logit"]
        return masked

    def _label(self, tokens: Sequence[int]) -> int | None:
        return leading_label(self._vocabulary.text(tokens), self._labels)

    def _goes_on(self, tokens: Sequence[int]) -> bool:
        """Whether what is written is the beginning of another label."""
        text = self._vocabulary.text(tokens).strip()
        return any(label != text and label.startswith(text) for label in self._labels)


def leading_label(text: str, labels: Sequence[str]) -> int | None:
    """Return the rating whose label a text begins with, as a word of its own."""
    text = text.strip()
    fits = [
        (len(label), k)
        for k, label in enumerate(labels, start=1)
        if text.startswith(label) and not text[len(label) : len(label) + 1].isalnum()
    ]
    return max(fits)[1] if fits else None


def draw_token(logits: NDArray[np.float32], temperature: float, u: float) -> int:
    """Draw a token by its probability.

    Parameters
    ----------
    logits : float array (n_vocab,)
        Not all of them minus infinity.
    temperature : float
        What they are divided by.
    u : float
        A number in [0, 1).
    """
    scaled = logits.astype(np.float64) / temperature
    edges = np.cumsum(np.exp(scaled - scaled.max()))
    return int(np.searchsorted(edges, u * edges[-1], side="right"))


def _quoted(label: str) -> str:
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
