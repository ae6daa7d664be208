"""The judge that runs a GGUF file by llama.cpp in this process."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.judge import Answer, Prompt, Reading
from vat_bayes.collect.llamacpp.adapting import Adapting
from vat_bayes.collect.llamacpp.decoder import ExactDecoder
from vat_bayes.collect.llamacpp.grammar import LabelGrammar, label_grammar
from vat_bayes.collect.llamacpp.labels import LabelReader
from vat_bayes.collect.llamacpp.library import library
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.collect.llamacpp.vocabulary import Vocabulary
from vat_bayes.collect.llamacpp.writing import FORCED_TOKENS, Writer, log_softmax
from vat_bayes.collect.prompts import Chat
from vat_bayes.errors import InputError
from vat_bayes.study import Weights

if TYPE_CHECKING:
    from vat_bayes.collect.llamacpp.layout import Layout

# Below this size the threads wait for each other longer than they work.
_SMALL_MODEL = 20_000_000
_N_VERIFIED = 4


class LlamaCppJudge:
    """A GGUF model as a judge, read at the first token of its answer.

    Parameters
    ----------
    path : pathlib.Path
        The GGUF file.
    name : str
        The model's name in the study.
    labels : sequence of str
        The labels of the scale, from the lowest rating to the highest.
    n_ctx : int, optional
        Context length in tokens; what the longest prompt needs when absent.
    threads : int, optional
        CPU threads; all that this process may use when absent, and one for a small model.
    n_gpu_layers : int
        Layers to keep on a GPU; -1 for all of them.
    chat : {"auto", "plain"}
        ``plain`` does without the chat template of the file.

    Raises
    ------
    InputError
        When the file can't be used, or no tokens of the model read as a label.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        labels: Sequence[str],
        n_ctx: int | None = None,
        threads: int | None = None,
        n_gpu_layers: int = 0,
        chat: Literal["auto", "plain"] = "auto",
    ) -> None:
        self._decoder: ExactDecoder | None = None
        self._model = LoadedModel(path, name=name, n_gpu_layers=n_gpu_layers)
        try:
            self._labels = tuple(labels)
            self._vocabulary = Vocabulary(self._model)
            self._paths = self._vocabulary.label_paths(labels)
            self._chat = chat
            self._layout = self._choose_layout(thinking=False)
        except BaseException:
            self._model.close()
            raise
        self._asked_n_ctx = n_ctx
        self._n_gpu_layers = n_gpu_layers
        self._threads = threads or _automatic_threads(self._model.n_parameters)
        self._facts: dict[str, Any] = {}
        self._reader = LabelReader(self._paths)
        self._adapting = Adapting(self._model)
        self._writer: Writer | None = None
        self._grammar: LabelGrammar | None = None
        self._budget = 0
        self._sample: list[list[int]] = []

    @property
    def model(self) -> LoadedModel:
        """The model, open as long as the judge is."""
        return self._model

    @property
    def threads(self) -> int:
        """CPU threads."""
        return self._threads

    def prepare(self, prompts: Iterable[Prompt], *, budget: int = 0) -> None:
        """Measure every prompt, make a context that holds the longest, and verify the cache.

        Parameters
        ----------
        prompts : iterable of Prompt
            The prompts.
        budget : int
            How many tokens the model may write before an answer; 0 when answers are read at once.

        Raises
        ------
        InputError
            When a prompt does not fit into the context.
        """
        self._budget = budget
        self._layout = self._choose_layout(thinking=budget > 0)
        room = budget + FORCED_TOKENS if budget else 0
        # One token less than the longest label, as its last one is never evaluated.
        room += max(0, self._reader.longest - 1)
        limit = self._asked_n_ctx or self._model.trained_context
        longest = 0
        first: list[list[int]] = []
        last: deque[list[int]] = deque(maxlen=_N_VERIFIED)
        for prompt in prompts:
            tokens = self.tokens(prompt.chat)
            if len(tokens) + room > limit:
                raise self._too_long(prompt, len(tokens) + room, limit)
            longest = max(longest, len(tokens))
            if len(first) < _N_VERIFIED:
                first.append(tokens)
            else:
                last.append(tokens)
        n_ctx = self._asked_n_ctx or longest + room
        self._close_context()
        self._decoder = ExactDecoder(self._model, n_ctx=n_ctx, threads=self._threads)
        self._sample = sample = [*first, *last]
        worst = self._decoder.differs_from_fresh(sample)
        self._decoder.reuse = worst == 0.0
        self._facts = {
            "n_ctx": n_ctx,
            "longest_prompt": longest,
            "first_prompt": self._vocabulary.text(first[0]) if first else "",
            "prefix_reuse": {
                "used": self._decoder.reuse,
                "verified_prompts": len(sample),
                "bit_identical": worst == 0.0,
                "largest_logit_difference": worst,
            },
        }

    def switch(self, weights: Weights) -> dict[str, Any]:
        """Set adapters and control vectors, and empty the cache.

        The cache is verified again on a few prompts, since adapters take part in the evaluation.

        Raises
        ------
        InputError
            When a file can't be used with this model.
        """
        decoder = self._ready()
        switched = self._adapting.ready(weights)
        decoder.switch(switched)
        if not switched.facts:
            return {}
        worst = decoder.differs_from_fresh(self._sample[-2:])
        decoder.reuse = decoder.reuse and worst == 0.0
        return {**switched.facts, "largest_logit_difference": worst}

    def sent(self, chat: Chat) -> str:
        """Return a chat as the model gets it, special tokens by their names."""
        return self._vocabulary.text(self.tokens(chat))

    def tokens(self, chat: Chat) -> list[int]:
        """Return the prompt as the model gets it."""
        return self._vocabulary.encode(self._layout.spans(chat))

    def read(self, chat: Chat) -> Reading:
        """Return the distribution of the answer to a chat."""
        decoder = self._ready()
        tokens = self.tokens(chat)

        def log_probabilities(path: tuple[int, ...]) -> NDArray[np.float64]:
            logits = decoder.logits([*tokens, *path])
            if not np.isfinite(logits.max()) or np.isnan(logits).any():
                raise InputError(f"model '{self._model.name}' gives logits that are not finite")
            return log_softmax(logits)

        return self._reader.read(log_probabilities)

    def answer(self, chat: Chat, *, temperature: float, seed: Sequence[str | int]) -> Answer:
        """Let the model write, within the budget, and return its answer."""
        decoder = self._ready()
        if self._writer is None:
            self._grammar = LabelGrammar(self._model, self._vocabulary, self._labels)
            self._writer = Writer(
                decoder, self._vocabulary, self._labels, self._reader, self._grammar
            )
        return self._writer.answer(
            self.tokens(chat), budget=self._budget, temperature=temperature, seed=seed
        )

    def forget(self) -> None:
        """Empty the cache."""
        if self._decoder is not None:
            self._decoder.forget()

    def describe(self) -> dict[str, Any]:
        """Return what a reader of the manifest must know."""
        lib = library()
        return {
            "engine": "llama.cpp",
            "llama_cpp_python": str(lib.__version__),
            "system_info": lib.llama_print_system_info().decode("utf-8", "replace").strip(),
            "mode": "exact",
            "description": self._model.description,
            "n_parameters": self._model.n_parameters,
            "n_vocab": len(self._vocabulary),
            "trained_context": self._model.trained_context,
            "threads": self._threads,
            "n_gpu_layers": self._n_gpu_layers,
            "chat": self._layout.describe(),
            "rating_tokens": {
                label: [{"ids": list(path), "text": self._vocabulary.text(path)} for path in paths]
                for label, paths in zip(self._labels, self._paths, strict=True)
            },
            **({"grammar": label_grammar(self._labels)} if self._budget else {}),
            **self._facts,
        }

    def close(self) -> None:
        """Free the model's memory."""
        self._close_context()
        self._model.close()

    def _close_context(self) -> None:
        if self._grammar is not None:
            self._grammar.close()
        self._grammar = self._writer = None
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def _ready(self) -> ExactDecoder:
        if self._decoder is None:
            raise RuntimeError("the judge has to see the prompts before it reads one: call prepare")
        return self._decoder

    def _choose_layout(self, *, thinking: bool) -> Layout:
        # Jinja, like llama.cpp, comes with the extra that only collecting needs.
        from vat_bayes.collect.llamacpp.layout import PlainLayout, TemplateLayout

        template = self._model.chat_template
        if self._chat == "plain" or not template:
            return PlainLayout(thinking=thinking)
        vocabulary = self._vocabulary
        return TemplateLayout(
            template,
            bos=vocabulary.bos,
            eos=vocabulary.eos,
            name=self._model.name,
            thinking=thinking,
        )

    def _too_long(self, prompt: Prompt, needed: int, limit: int) -> InputError:
        asked = self._asked_n_ctx is not None
        return InputError(
            f"model '{self._model.name}', {prompt.where}: the prompt needs {needed} tokens and the "
            f"context holds {limit} ({'n_ctx' if asked else 'what the model was trained for'})",
            hint="raise n_ctx in its [[models]] table"
            if asked
            else "use fewer or shorter examples",
        )


def _automatic_threads(n_parameters: int) -> int:
    if n_parameters < _SMALL_MODEL:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
