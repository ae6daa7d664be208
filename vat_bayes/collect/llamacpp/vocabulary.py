"""Between text and tokens: text of a study stays text, and labels are known by their tokens."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vat_bayes.collect.llamacpp.library import library
from vat_bayes.collect.llamacpp.model import LoadedModel
from vat_bayes.errors import InputError


@dataclass(frozen=True)
class Span:
    """A piece of a prompt.

    Parameters
    ----------
    text : str
        The piece.
    is_markup : bool
        Whether it belongs to the model's chat template, so that the names of special tokens in it
        mean those tokens. In the text of a study they never do.
    """

    text: str
    is_markup: bool


class Vocabulary:
    """The tokens of a model.

    Parameters
    ----------
    model : LoadedModel
        The model; it must stay open.
    """

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._lib = library()
        self._vocab = model.vocab
        self._size = int(self._lib.llama_vocab_n_tokens(self._vocab))

    def __len__(self) -> int:
        return self._size

    def piece(self, token: int) -> bytes:
        """Return the bytes that a token stands for."""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = self._lib.llama_token_to_piece(self._vocab, token, buffer, size, 0, True)
            if n >= 0:
                return buffer.raw[:n]
            size = -n

    def text(self, tokens: Sequence[int]) -> str:
        """Return what tokens stand for, special tokens by their names."""
        return b"".join(map(self.piece, tokens)).decode("utf-8", "replace")

    def special_text(self, token: int) -> str:
        """Return the name of a special token; empty where the model has no such token."""
        if token < 0:
            return ""
        return str(self._lib.llama_vocab_get_text(self._vocab, token).decode("utf-8", "replace"))

    @property
    def bos(self) -> str:
        """The name of the token that begins a text."""
        return self.special_text(self._lib.llama_vocab_bos(self._vocab))

    @property
    def eos(self) -> str:
        """The name of the token that ends a text."""
        return self.special_text(self._lib.llama_vocab_eos(self._vocab))

    def encode(self, spans: Sequence[Span], *, begins: bool = True) -> list[int]:
        """Return the tokens of a prompt.

        Text and markup between two special tokens are put into tokens together, as the model saw
        them in training, but names of special tokens are looked for in the markup alone.

        Parameters
        ----------
        spans : sequence of Span
            The prompt.
        begins : bool
            Whether this is the beginning of a text, before which a vocabulary may want a token.
        """
        tokens: list[int] = []
        run: list[str] = [""]
        after: int | None = None
        for span in spans:
            if not span.is_markup:
                # A cut inside the name of a token that a tokenizer finds in any text.
                head, *tail = self._cut(span.text)
                run[-1] += head
                run += tail
                continue
            at = 0
            for found in self._names.finditer(span.text):
                run[-1] += span.text[at : found.start()]
                special = self._specials[found.group()]
                tokens += self._plain(run, after, special)
                tokens.append(special)
                run, after, at = [""], special, found.end()
            run[-1] += span.text[at:]
        tokens += self._plain(run, after, None)
        if begins and self._lib.llama_vocab_get_add_bos(self._vocab):
            bos = int(self._lib.llama_vocab_bos(self._vocab))
            if bos >= 0 and tokens[:1] != [bos]:
                tokens.insert(0, bos)
        return tokens

    def label_paths(self, labels: Sequence[str]) -> list[list[tuple[int, ...]]]:
        """Return, for each label, every way in which the model may write it.

        Where single tokens read as the label when blanks are left out, it is these. Otherwise it is
        the tokens into which the tokenizer cuts the label, with and without a blank before it.

        Parameters
        ----------
        labels : sequence of str
            The labels of the scale.

        Raises
        ------
        InputError
            When no tokens of this model read as a label.
        """
        found: dict[str, list[tuple[int, ...]]] = {label: [] for label in labels}
        for token in range(self._size):
            if self._lib.llama_vocab_is_control(self._vocab, token):
                continue
            label = self._read([token])
            if label in found:
                found[label].append((token,))
        # Some tokenizers end the process at a character that their vocabulary can't write.
        known = {self.piece(token) for token in range(self._size)}
        for label in [label for label, paths in found.items() if not paths]:
            if not all(c.encode() in known or _bytes(c) <= known for c in label):
                continue
            cut = {tuple(self._tokenize(text)) for text in (label, f" {label}")}
            found[label] = sorted(path for path in cut if self._read(path) == label)
        missing = [label for label, paths in found.items() if not paths]
        if missing:
            raise InputError(
                f"model '{self._model.name}': no tokens of its vocabulary read "
                f"{', '.join(repr(m) for m in missing)}",
                hint="choose other labels in [scale], e.g. the digits from 1 or capital letters",
            )
        return list(found.values())

    def ends_answer(self, token: int) -> bool:
        """Whether a token ends the model's turn."""
        return bool(self._lib.llama_vocab_is_eog(self._vocab, token))

    def _read(self, tokens: Sequence[int]) -> str | None:
        if any(self._lib.llama_vocab_is_control(self._vocab, t) for t in tokens):
            return None
        try:
            return b"".join(map(self.piece, tokens)).decode("utf-8").strip()
        except UnicodeDecodeError:
            return None

    def _attributes(self, token: int) -> int:
        return int(self._lib.llama_vocab_get_attr(self._vocab, token))

    @cached_property
    def _specials(self) -> dict[str, int]:
        lib = self._lib
        kinds = (
            lib.LLAMA_TOKEN_ATTR_CONTROL
            | lib.LLAMA_TOKEN_ATTR_USER_DEFINED
            | lib.LLAMA_TOKEN_ATTR_UNKNOWN
        )
        chosen = (t for t in range(self._size) if self._attributes(t) & kinds)
        return {name: t for t in chosen if (name := self.special_text(t))}

    @cached_property
    def _names(self) -> re.Pattern[str]:
        longest_first = sorted(self._specials, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @cached_property
    def _found_in_any_text(self) -> re.Pattern[str]:
        # Control tokens are never found in text. Tokens that the maker of a vocabulary added are,
        # and some models use such tokens as markup; those that are blanks or words do no harm.
        user_defined = self._lib.LLAMA_TOKEN_ATTR_USER_DEFINED
        markup = [
            name
            for name, token in self._specials.items()
            if self._attributes(token) & user_defined and re.fullmatch(r"[<\[{|].*[>\]}|]", name)
        ]
        return re.compile("|".join(re.escape(n) for n in sorted(markup, key=len)) or r"(?!)")

    def _cut(self, text: str) -> list[str]:
        cuts = [found.start() + 1 for found in self._found_in_any_text.finditer(text)]
        return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    def _plain(self, run: Sequence[str], after: int | None, before: int | None) -> list[int]:
        parts = list(run)
        # Some vocabularies say that blanks beside a special token belong to it.
        if after is not None and self._attributes(after) & self._lib.LLAMA_TOKEN_ATTR_RSTRIP:
            parts[0] = parts[0].lstrip()
        if before is not None and self._attributes(before) & self._lib.LLAMA_TOKEN_ATTR_LSTRIP:
            parts[-1] = parts[-1].rstrip()
        return [token for part in parts if part for token in self._tokenize(part)]

    def _tokenize(self, text: str) -> list[int]:
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        while True:
            buffer = (self._lib.llama_token * room)()
            n = self._lib.llama_tokenize(self._vocab, raw, len(raw), buffer, room, False, False)
            if n >= 0:
                return list(buffer[:n])
            room = -n


def _bytes(text: str) -> set[bytes]:
    return {bytes([b]) for b in text.encode()}
