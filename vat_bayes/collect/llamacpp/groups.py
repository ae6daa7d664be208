"""Which prompts are evaluated together: neighbours in the prefix tree, as many as a batch holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, takewhile

from vat_bayes.collect.judge import Group

Tokens = Sequence[int]


def in_tree_order(prompts: Sequence[Tokens]) -> list[int]:
    """Return the places of prompts in the order of a walk through their prefix tree.

    Whatever shares a beginning stands together, whatever the order of the rows.
    """
    return sorted(range(len(prompts)), key=lambda i: (prompts[i], i))


def shared_length(a: Tokens, b: Tokens) -> int:
    """Return how many tokens two prompts share at the beginning."""
    return sum(1 for _ in takewhile(lambda p: p[0] == p[1], zip(a, b, strict=False)))


def grouped(prompts: Sequence[Tokens], *, room: int, most: int, more: int = 0) -> list[Group]:
    """Cut prompts into groups, so that hardly a token of the prefix tree is in two of them.

    A group is a number of neighbouring branches that leave the tree at one node. What leads to the
    node is evaluated before, once for all groups beyond it; the branches are evaluated together.
    The groups depend on the prompts alone, not on their order or on what was asked before.

    Parameters
    ----------
    prompts : sequence of sequence of int
        The prompts, none of them empty.
    room : int
        How many tokens the branches of a group may have.
    most : int
        How many prompts a group may have.
    more : int
        How many tokens are evaluated beside each prompt.

    Returns
    -------
    list of Group
        In the order of the tree.
    """
    order = in_tree_order(prompts)
    rows = [prompts[i] for i in order]
    shared = [0, *(shared_length(a, b) for a, b in pairwise(rows))]

    def size(start: int, stop: int, depth: int) -> int:
        own = sum(len(rows[i]) - shared[i] + more for i in range(start + 1, stop))
        return len(rows[start]) - depth + more + own

    found: list[Group] = []
    todo: list[tuple[int, int, tuple[int, ...]]] = [(0, len(rows), ())] if rows else []
    while todo:
        start, stop, cuts = todo.pop()
        if stop - start == 1:
            # A single prompt that is too long for a batch is cut wherever one is full.
            begin, end = (cuts[-1] if cuts else 0), len(rows[start])
            full = range(begin + room - more, end, room - more)
            found.append(Group((order[start],), (*cuts, *full)))
            continue
        depth = min(shared[start + 1 : stop])
        # One token of each prompt is left to be evaluated, also where a prompt ends at the node.
        node = min(depth, len(rows[start]) - 1)
        here = (*cuts, node) if node > (cuts[-1] if cuts else 0) else cuts
        if stop - start <= most and size(start, stop, node) <= room:
            found.append(Group(tuple(order[start:stop]), here))
            continue
        parts: list[tuple[int, int]] = []
        filled = 0
        for a, b in pairwise(
            [start, *(i for i in range(start + 1, stop) if shared[i] == depth), stop]
        ):
            n = size(a, b, node)
            fits = b - a <= most and n <= room
            if fits and filled and filled + n <= room and b - parts[-1][0] <= most:
                parts[-1] = (parts[-1][0], b)
                filled += n
            else:
                parts.append((a, b))
                filled = n if fits else 0
        todo += [(a, b, here) for a, b in reversed(parts)]
    return found
