"""The judge that runs a GGUF file by llama.cpp in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.judge import Answer, Group, Prompt, Reading
from vat_bayes.collect.llamacpp.adapting import Adapting, Switched
from vat_bayes.collect.llamacpp.decoder import ExactDecoder
from vat_bayes.collect.llamacpp.grammar import LabelGrammar, label_grammar
from vat_bayes.collect.llamacpp.groups import grouped, in_tree_order
from vat_bayes.collect.llamacpp.labels import LabelReader
from vat_bayes.collect.llamacpp.library import library
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.collect.llamacpp.settings import automatic_batch, automatic_threads
from vat_bayes.collect.llamacpp.together import SEQUENCES, BatchedDecoder
from vat_bayes.collect.llamacpp.vocabulary import Vocabulary
from vat_bayes.collect.llamacpp.writing import FORCED_TOKENS, Writer, log_softmax
from vat_bayes.collect.prompts import Chat
from vat_bayes.errors import InputError
from vat_bayes.study import Weights

if TYPE_CHECKING:
    from vat_bayes.collect.llamacpp.layout import Layout

_N_VERIFIED = 4
# From so many prompts the groups are formed on which the batched mode is verified.
_N_GROUPED = 32
_N_COMPARED = 6


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
        CPU threads; one for each core that this process may use when absent, and a single one for
        a small model.
    n_batch : int, optional
        How many tokens are evaluated at a time at most; 512 when absent, and 2048 with a GPU.
    mode : {"exact", "batched"}
        ``exact`` evaluates one prompt at a time, with the bits that it would have alone;
        ``batched`` several at a time, with other last bits.
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
        n_batch: int | None = None,
        mode: Literal["exact", "batched"] = "exact",
        n_gpu_layers: int = 0,
        chat: Literal["auto", "plain"] = "auto",
    ) -> None:
        self._decoder: ExactDecoder | None = None
        self._batched: BatchedDecoder | None = None
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
        self._threads = threads or automatic_threads(self._model.n_parameters)
        self._n_batch = n_batch or automatic_batch(n_gpu_layers)
        self._mode = mode
        self._facts: dict[str, Any] = {}
        self._reader = LabelReader(self._paths)
        self._adapting = Adapting(self._model)
        self._writer: Writer | None = None
        self._grammar: LabelGrammar | None = None
        self._budget = 0
        self._sample: list[list[int]] = []
        self._groups: list[tuple[list[list[int]], Sequence[int]]] = []

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
        last: deque[list[int]] = deque(maxlen=_N_GROUPED)
        for prompt in prompts:
            tokens = self.tokens(prompt.chat)
            if len(tokens) + room > limit:
                raise self._too_long(prompt, len(tokens) + room, limit)
            longest = max(longest, len(tokens))
            if len(first) < _N_GROUPED:
                first.append(tokens)
            else:
                last.append(tokens)
        n_ctx = self._asked_n_ctx or longest + room
        self._close_context()
        self._facts = {
            "n_ctx": n_ctx,
            "longest_prompt": longest,
            "first_prompt": self._vocabulary.text(first[0]) if first else "",
        }
        if self._mode == "batched" and not budget:
            self._open_batched(n_ctx, first, list(last))
        else:
            self._open_exact(n_ctx, first, list(last))

    def _open_exact(self, n_ctx: int, first: list[list[int]], last: list[list[int]]) -> None:
        self._decoder = self._exact(n_ctx)
        whole = [*first, *last]
        # All of them where there are few; the beginnings of both ends otherwise.
        ends = max(_N_VERIFIED, len(whole) - _N_VERIFIED)
        self._sample = sample = [*whole[:_N_VERIFIED], *whole[ends:]]
        worst = self._decoder.differs_from_fresh(sample)
        self._decoder.reuse = worst == 0.0
        self._facts["prefix_reuse"] = {
            "used": self._decoder.reuse,
            "verified_prompts": len(sample),
            "bit_identical": worst == 0.0,
            "largest_logit_difference": worst,
        }

    def _open_batched(self, n_ctx: int, first: list[list[int]], last: list[list[int]]) -> None:
        if self._model.has_recurrent_state:
            raise InputError(
                f"model '{self._model.name}' has a recurrent state, which cannot be shared between "
                "prompts",
                hint="mode = 'exact' in its [[models]] table",
            )
        self._groups = []
        for prompts in (first, last):
            if prompts:
                group = max(self._grouped(prompts), key=lambda g: len(g.places))
                self._groups.append(([prompts[i] for i in group.places], group.cuts))
        # Before the other context is opened, so that memory for one of them is enough.
        alone = self._read_alone(None)
        self._batched = BatchedDecoder(
            self._model, n_ctx=n_ctx, threads=self._threads, n_batch=self._n_batch
        )
        worst = self._batched.differs_from_fresh(
            [(self._followed(prompts), cuts) for prompts, cuts in self._groups]
        )
        self._batched.reuse = worst == 0.0
        self._facts |= {
            "prefix_reuse": {
                "used": self._batched.reuse,
                "verified_prompts": sum(len(prompts) for prompts, _ in self._groups),
                "bit_identical": worst == 0.0,
                "largest_logit_difference": worst,
            },
            "difference_from_exact": self._difference(self._batched, alone),
        }

    def _read_alone(self, switched: Switched | None) -> list[dict[int, Reading]]:
        """Return what mode exact reads of some prompts of each group of the sample."""
        exact = self._exact(self._facts["n_ctx"])
        try:
            if switched is not None:
                exact.switch(switched)
            return [
                {
                    # From the first to the last of a group, which has most cells before it.
                    int(i): self._alone(exact, prompts[i])
                    for i in np.linspace(0, len(prompts) - 1, _N_COMPARED, dtype=int)
                }
                for prompts, _ in self._groups
            ]
        finally:
            exact.close()

    def _difference(
        self, decoder: BatchedDecoder, alone: Sequence[dict[int, Reading]]
    ) -> dict[str, Any]:
        """Return how far the groups of the sample are from what mode exact reads."""
        distances, changes = [], []
        for (prompts, cuts), readings in zip(self._groups, alone, strict=True):
            together = self._together(decoder, prompts, cuts)
            for i, reading in readings.items():
                pairs = zip(reading.probabilities, together[i].probabilities, strict=True)
                distances.append(sum(abs(a - b) for a, b in pairs) / 2)
                changes.append(abs((reading.p_valid or 0.0) - (together[i].p_valid or 0.0)))
        decoder.forget()
        return {
            "prompts": len(distances),
            "largest_total_variation": max(distances, default=0.0),
            "mean_total_variation": sum(distances) / max(len(distances), 1),
            "largest_p_valid_difference": max(changes, default=0.0),
        }

    def _exact(self, n_ctx: int) -> ExactDecoder:
        return ExactDecoder(self._model, n_ctx=n_ctx, threads=self._threads, n_batch=self._n_batch)

    def switch(self, weights: Weights) -> dict[str, Any]:
        """Set adapters and control vectors, and empty the cache.

        The cache is verified again on a few prompts, since adapters take part in the evaluation.

        Raises
        ------
        InputError
            When a file can't be used with this model.
        """
        switched = self._adapting.ready(weights)
        if self._batched is not None:
            self._batched.switch(switched)
            if not switched.facts:
                return {}
            return {
                **switched.facts,
                "difference_from_exact": self._difference(
                    self._batched, self._read_alone(switched)
                ),
            }
        decoder = self._ready()
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

    def plan(self, chats: Sequence[Chat]) -> list[Group]:
        """Return the groups in which to ask the chats of one condition, along their prefix tree.

        In the mode ``exact`` every group is a single chat.
        """
        prompts = [self.tokens(chat) for chat in chats]
        if self._mode == "exact":
            return [Group((i,)) for i in in_tree_order(prompts)]
        return self._grouped(prompts)

    def read(self, chat: Chat) -> Reading:
        """Return the distribution of the answer to a chat."""
        return self.read_together([chat], self.plan([chat])[0].cuts)[0]

    def read_together(self, chats: Sequence[Chat], cuts: Sequence[int]) -> list[Reading]:
        """Return the distributions of the answers to the chats of a group.

        Parameters
        ----------
        chats : sequence of Chat
            The chats of a group of `plan`.
        cuts : sequence of int
            The group's cuts.
        """
        prompts = [self.tokens(chat) for chat in chats]
        if self._batched is not None:
            return self._together(self._batched, prompts, cuts)
        return [self._alone(self._ready(), tokens) for tokens in prompts]

    def _alone(self, decoder: ExactDecoder, tokens: list[int]) -> Reading:
        return self._reader.read(
            lambda path: self._log_probabilities(decoder.logits([*tokens, *path]))
        )

    def _together(
        self, decoder: BatchedDecoder, prompts: Sequence[list[int]], cuts: Sequence[int]
    ) -> list[Reading]:
        if not decoder.reuse:
            decoder.forget()
        rows = iter(decoder.logits_together(self._followed(prompts), cuts))

        def reading() -> Reading:
            own = {path: next(rows) for path in self._reader.evaluated}
            return self._reader.read(lambda path: self._log_probabilities(own[path]))

        return [reading() for _ in prompts]

    def _followed(self, prompts: Sequence[list[int]]) -> list[list[int]]:
        """Return each prompt with everything that must follow it to read a label."""
        return [[*tokens, *path] for tokens in prompts for path in self._reader.evaluated]

    def _grouped(self, prompts: Sequence[list[int]]) -> list[Group]:
        evaluated = self._reader.evaluated
        return grouped(
            prompts,
            room=self._n_batch,
            most=max(1, SEQUENCES // len(evaluated)),
            more=sum(map(len, evaluated)),
        )

    def _log_probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        if not np.isfinite(logits.max()) or np.isnan(logits).any():
            raise InputError(f"model '{self._model.name}' gives logits that are not finite")
        return log_softmax(logits)

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
        for decoder in (self._decoder, self._batched):
            if decoder is not None:
                decoder.forget()

    def do_without_reuse(self) -> None:
        """Evaluate every prompt from its beginning, as another process found that it must be."""
        for decoder in (self._decoder, self._batched):
            if decoder is not None:
                decoder.reuse = False

    def describe(self) -> dict[str, Any]:
        """Return what a reader of the manifest must know."""
        lib = library()
        return {
            "engine": "llama.cpp",
            "llama_cpp_python": str(lib.__version__),
            "system_info": lib.llama_print_system_info().decode("utf-8", "replace").strip(),
            "mode": self._mode,
            "description": self._model.description,
            "n_parameters": self._model.n_parameters,
            "n_vocab": len(self._vocabulary),
            "trained_context": self._model.trained_context,
            "threads": self._threads,
            "n_batch": self._n_batch,
            "gpu_offload": bool(lib.llama_supports_gpu_offload()),
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
        for decoder in (self._decoder, self._batched):
            if decoder is not None:
                decoder.close()
        self._decoder = self._batched = None

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
