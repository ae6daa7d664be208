"""The judge's tokenizer: byte-level BPE trained on its own texts, and chats as token ids.

A chat is tokenised by segments. They are cut where the GPT-2 splitting rule cuts anyway (before a
blank that stands after a non-blank), so segments give the ids of the whole, and are cached.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

BOS, END, SYSTEM, USER, ASSISTANT = MARKERS = (
    "<|begin|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
)
REFUSAL_WORD = "Unsure"
ANSWERS = ("1", "2", "3", "4", "5", REFUSAL_WORD)

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """Train byte-level BPE on texts.

    Parameters
    ----------
    texts : iterable of str
        Segments as the judge sees them.
    size : int
        Size of the vocabulary, with all 256 bytes and the markers.

    Returns
    -------
    tokenizers.Tokenizer
        Markers have the first ids. Text that looks like a marker is only read as one when encoded
        by `Encoder.chat`, never inside a message.
    """
    tokenizer = _byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(MARKERS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    # The refusal is one token, so it must be frequent.
    tokenizer.train_from_iterator([*texts, *[REFUSAL_WORD] * 1000], trainer)
    return tokenizer


def restore_tokenizer(tokens: Sequence[str], merges: Sequence[str]) -> Tokenizer:
    """Make a tokenizer from the tokens (the markers first) and merges of an `Encoder`."""
    vocabulary = {token: i for i, token in enumerate(tokens[len(MARKERS) :])}
    pairs = [(a, b) for a, b in (merge.split(" ") for merge in merges)]
    return _byte_level(models.BPE(vocabulary, pairs))


def _byte_level(model: models.Model) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


class Encoder:
    """Token ids of segments and chats; markers come first, then the trained vocabulary.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        From `train_tokenizer`.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._offset = len(MARKERS)
        self.size = tokenizer.get_vocab_size() + self._offset
        self.segment = lru_cache(maxsize=200_000)(self._segment)
        self.bos, self.end, self.system, self.user, self.assistant = range(len(MARKERS))
        self.answers: tuple[int, ...] = tuple(self._single(a) for a in ANSWERS)

    def _segment(self, text: str) -> tuple[int, ...]:
        return tuple(i + self._offset for i in self._tokenizer.encode(text).ids)

    def _single(self, word: str) -> int:
        ids = self.segment(word)
        if len(ids) != 1:
            raise ValueError(f"the answer '{word}' is not one token")
        return ids[0]

    def prefix(self, system: Sequence[str], user: Sequence[str]) -> list[int]:
        """Return the ids up to some place in the user's message; no system message when empty."""
        ids = [self.bos]
        if system:
            ids += [self.system, *self._join(system), self.end]
        return [*ids, self.user, *self._join(user)]

    def rest(self, user: Sequence[str]) -> list[int]:
        """Return the ids from there to the answer position, which is the last one."""
        return [*self._join(user), self.end, self.assistant]

    def _join(self, segments: Sequence[str]) -> list[int]:
        return [i for s in segments for i in self.segment(s)]

    def tokens(self) -> list[str]:
        """Return all tokens in the order of their ids."""
        vocabulary = self._tokenizer.get_vocab()
        return [*MARKERS, *sorted(vocabulary, key=vocabulary.__getitem__)]

    def merges(self) -> list[str]:
        """Return the merges in their order, as two tokens with a blank between."""
        pairs = json.loads(self._tokenizer.to_str())["model"]["merges"]
        return [p if isinstance(p, str) else " ".join(p) for p in pairs]
