"""Batched decoding: the branches of a prefix tree evaluated together, several prompts at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vat_bayes.collect.llamacpp.context import Context
from vat_bayes.collect.llamacpp.decoder import apart
from vat_bayes.collect.llamacpp.groups import shared_length
from vat_bayes.collect.llamacpp.model import LoadedModel

SEQUENCES = 64
"""How many prompts are evaluated together at most."""


class BatchedDecoder(Context):
    """One context that evaluates several prompts at a time.

    What the prompts of a group share is evaluated first, from node to node of the prefix tree. The
    cells of the cache that hold it are then given to one sequence for each branch, and all branches
    are put into one batch; a token that several of them share stands in it once and belongs to
    all. The branches are dropped afterwards. So a group depends on its own prompts and nodes and
    not on what was evaluated before, which `differs_from_fresh` measures.

    A branch attends to cells at other places than it would alone, and with flash attention, which
    passes over those of the other branches. Sums are taken in another order, so the last bits
    differ from those of an `ExactDecoder`.

    Parameters
    ----------
    model : LoadedModel
        The model; it must stay open.
    n_ctx : int
        The longest prompt, in tokens.
    threads : int
        CPU threads.
    n_batch : int
        How many tokens are evaluated together at most.
    """

    def __init__(self, model: LoadedModel, *, n_ctx: int, threads: int, n_batch: int) -> None:
        super().__init__(
            model,
            n_ctx=n_ctx,
            threads=threads,
            n_batch=n_batch,
            sequences=SEQUENCES + 1,
            flash=True,
        )
        self._trunk: list[int] = []
        self._nodes: list[int] = []

    def logits_together(
        self, prompts: Sequence[Sequence[int]], cuts: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        """Return the logits of the token that follows each of several prompts.

        Parameters
        ----------
        prompts : sequence of sequence of int
            The prompts of a group, each longer than the last cut.
        cuts : sequence of int
            The group's cuts; see `Group`.

        Returns
        -------
        list of float array (n_vocab,)
        """
        n = cuts[-1] if cuts else 0
        self._lead(prompts[0][:n], cuts)
        tree = _Tree(n)
        places = [tree.add(p) for p in prompts]
        leaves = tree.leaves()
        sequences = range(1, 1 + max(max(own) for own in leaves))
        if n:
            for s in sequences:
                self._lib.llama_memory_seq_cp(self._memory, 0, s, 0, n)
        self._evaluate(tree.tokens, tree.positions, leaves, places)
        rows = [self._row(place) for place in places]
        for s in sequences:
            self._lib.llama_memory_seq_rm(self._memory, s, -1, -1)
        return rows

    def differs_from_fresh(
        self, groups: Sequence[tuple[Sequence[Sequence[int]], Sequence[int]]]
    ) -> float:
        """Return the largest difference that earlier groups make to any logit of these.

        Parameters
        ----------
        groups : sequence of (prompts, cuts)
            What `logits_together` takes.

        Returns
        -------
        float
            Exactly 0 when every bit is the same.
        """
        self.forget()
        after = [self.logits_together(*group) for group in groups]
        worst = 0.0
        for group, found in zip(groups, after, strict=True):
            self.forget()
            worst = max(
                worst,
                *(apart(a, b) for a, b in zip(self.logits_together(*group), found, strict=True)),
            )
        self.forget()
        return worst

    def forget(self) -> None:
        """Empty the cache."""
        super().forget()
        self._trunk, self._nodes = [], []

    def _lead(self, tokens: Sequence[int], cuts: Sequence[int]) -> None:
        """Bring what leads to a group into the cache, from node to node."""
        shared = shared_length(self._trunk, tokens)
        pairs = zip(self._nodes, cuts, strict=False)
        kept = sum(1 for a, b in pairs if a == b <= shared) if self.reuse else 0
        # Nodes are counted from the root on, so those that are the same are the first ones.
        start = cuts[kept - 1] if kept else 0
        if start == 0 or not self._lib.llama_memory_seq_rm(self._memory, 0, start, -1):
            self.forget()
            start = kept = 0
        for stop in cuts[kept:]:
            for a in range(start, stop, self.n_batch):
                b = min(stop, a + self.n_batch)
                self._evaluate(tokens[a:b], range(a, b), [(0,)] * (b - a), ())
            start = stop
        self._trunk, self._nodes = list(tokens), list(cuts)


@dataclass
class _Tree:
    """The branches of some prompts beyond what all of them share, parents before children."""

    trunk: int
    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    _parents: list[int] = field(default_factory=list)
    _children: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, prompt: Sequence[int]) -> int:
        """Add a prompt; return the place of its last token."""
        at = -1
        for position in range(self.trunk, len(prompt)):
            key = (at, prompt[position])
            if key not in self._children:
                self._children[key] = len(self.tokens)
                self.tokens.append(prompt[position])
                self.positions.append(position)
                self._parents.append(at)
            at = self._children[key]
        return at

    def leaves(self) -> list[list[int]]:
        """Return, for each token, the branches that it belongs to, counted from 1."""
        inner = set(self._parents)
        found: list[list[int]] = [[] for _ in self.tokens]
        ends = (i for i in range(len(self.tokens)) if i not in inner)
        for branch, end in enumerate(ends, start=1):
            at = end
            while at >= 0:
                found[at].append(branch)
                at = self._parents[at]
        return found
