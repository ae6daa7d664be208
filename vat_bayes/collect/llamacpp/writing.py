"""Letting a model write before it answers, and reading the rating at the end."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.judge import Answer, Reading
from vat_bayes.collect.llamacpp.decoder import ExactDecoder
from vat_bayes.collect.llamacpp.grammar import LabelGrammar, draw_token, leading_label
from vat_bayes.collect.llamacpp.labels import LabelReader
from vat_bayes.collect.llamacpp.vocabulary import Span, Vocabulary
from vat_bayes.collect.prompts import CUE
from vat_bayes.study.seeds import uniform

_THINK, _THOUGHT = "<think>", "</think>"
# At the beginning of a line, with the marks that models put around it.
_CUE_AT_END = re.compile(rf"(?:^|\n)[ *_#>]*{re.escape(CUE)}[*_]* ?\Z")
_LAST_CUE = re.compile(rf"(?:^|\n)[ *_#>]*{re.escape(CUE)}")
# The end of the thought, the cue, a label and the two tokens that are decoded at least.
FORCED_TOKENS = 48


class Writer:
    """Answers of a model that writes first.

    The text is drawn token by token. When the model writes ``Answer:`` at the beginning of a line
    (and outside of its thoughts, where it marks these), or has used up its budget, in which case
    the word is put there, the rating is drawn: with the probability that the model would go on with
    anything but a label the answer counts as unparsed, otherwise a label is drawn under a grammar.
    When the model ends its turn without the word, the rating is read from its text, and is empty
    where the text is no answer.

    Every step is evaluated as the rest is, with two tokens or more at a time, so an answer depends
    on its prompt and seed alone.

    Parameters
    ----------
    decoder : ExactDecoder
        Evaluates.
    vocabulary : Vocabulary
        The model's tokens.
    labels : sequence of str
        The labels of the scale.
    reader : LabelReader
        Reads the distribution over the labels.
    grammar : LabelGrammar
        Draws a label.
    """

    def __init__(
        self,
        decoder: ExactDecoder,
        vocabulary: Vocabulary,
        labels: Sequence[str],
        reader: LabelReader,
        grammar: LabelGrammar,
    ) -> None:
        self._decoder = decoder
        self._vocabulary = vocabulary
        self._labels = tuple(labels)
        self._reader = reader
        self._grammar = grammar

    def answer(
        self, prompt: Sequence[int], *, budget: int, temperature: float, seed: Sequence[str | int]
    ) -> Answer:
        """Return one answer to a prompt.

        Parameters
        ----------
        prompt : sequence of int
            The prompt's tokens.
        budget : int
            How many tokens the model may write before its answer.
        temperature : float
            What the logits are divided by.
        seed : sequence of str or int
            What the draws depend on.
        """
        tokens = list(prompt)
        begun = self._vocabulary.text(tokens[-8:])
        raw = b""
        for step in range(budget):
            token = draw_token(self._decoder.logits(tokens), temperature, uniform(*seed, step))
            if self._vocabulary.ends_answer(token):
                return self._ended(raw.decode("utf-8", "replace"))
            tokens.append(token)
            raw += self._vocabulary.piece(token)
            text = raw.decode("utf-8", "replace")
            if _CUE_AT_END.search(text) and not _thinks(begun + text):
                return self._rated(tokens, text, "cue", temperature, seed)
        text = raw.decode("utf-8", "replace")
        forced = f"\n{_THOUGHT}\n\n" if _thinks(begun + text) else "\n\n"
        spans = [Span(forced, True), Span(CUE, False)]
        tokens += self._vocabulary.encode(spans, begins=False)
        return self._rated(tokens, text, "budget", temperature, seed)

    def _ended(self, text: str) -> Answer:
        return Answer(Reading((), None, written_rating(text, self._labels), "end"), text)

    def _rated(
        self,
        tokens: Sequence[int],
        text: str,
        ended: str,
        temperature: float,
        seed: Sequence[str | int],
    ) -> Answer:
        def logits(path: tuple[int, ...]) -> NDArray[np.float32]:
            return self._decoder.logits([*tokens, *path])

        found = self._reader.read(lambda path: log_softmax(logits(path)))
        rating = None
        if uniform(*seed, "valid") < (found.p_valid or 0.0):
            rating = self._grammar.draw(
                logits,
                temperature=temperature,
                uniform=lambda step: uniform(*seed, "rating", step),
            )
        return Answer(Reading(found.probabilities, found.p_valid, rating, ended), text)


def written_rating(text: str, labels: Sequence[str]) -> int | None:
    """Return the rating in a finished answer.

    Parameters
    ----------
    text : str
        What the model wrote.
    labels : sequence of str
        The labels of the scale.

    Returns
    -------
    int or None
        The label after the last ``Answer:`` at the beginning of a line. Without the word, only an
        answer that is a label and nothing more is one.
    """
    after = _LAST_CUE.split(text)
    rating = leading_label(after[-1].lstrip(" *_"), labels)
    if len(after) == 1 and rating is not None:
        rating = rating if text.strip().rstrip(".") == labels[rating - 1] else None
    return rating


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return log probabilities, in double precision, float array (n_vocab,)."""
    x = logits.astype(np.float64)
    x -= x.max()
    x -= np.log(np.exp(x).sum())
    return x


def _thinks(text: str) -> bool:
    return text.rfind(_THINK) > text.rfind(_THOUGHT)
