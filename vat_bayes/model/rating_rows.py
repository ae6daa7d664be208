"""Ratings in rows of one condition and wording: what a row shares is read once.

Looked up rating by rating, cutpoints, sharpness and effects cost several times what a rating's
probability does, and their gradients more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vat_bayes.model.intercepts import Siblings, intercept_order, siblings
from vat_bayes.model.structure import Floats, Ints

if TYPE_CHECKING:
    from vat_bayes.model.ratings import RatingsDesign

# A row costs as much as so many of its entries by being there.
_ROW = 16


@dataclass(frozen=True)
class RatingRows:
    """Counts of ratings by block and row; a block is a state and a prompt.

    Parameters
    ----------
    siblings : tuple of Siblings
        In their order, scenario by scenario, lie the items of a block.
    place : ndarray of int, shape (item,)
        Where in that order each item is.
    block_state, block_prompt : ndarray of int, shape (block,)
    row_block : ndarray of int, shape (row,)
        A block of many ratings has several rows.
    item : ndarray of int, shape (row, entry), optional
        Place of the item of each entry; None where every block has one row with every item once.
    category : ndarray of int, shape (row, entry)
        From 0.
    count : ndarray, shape (row, entry)
        Zero where there is no rating.
    total : ndarray, shape (row, category)
        Ratings of a row in each category.
    """

    siblings: tuple[Siblings, ...]
    place: Ints
    block_state: Ints
    block_prompt: Ints
    row_block: Ints
    item: Ints | None
    category: Ints
    count: Floats
    total: Floats


def rating_rows(design: RatingsDesign) -> RatingRows:
    """Lay out the ratings of a design.

    Parameters
    ----------
    design : RatingsDesign

    Returns
    -------
    RatingRows
    """
    s = design.structure
    groups = siblings(s)
    place = intercept_order(groups)
    blocks, block = np.unique(
        design.cell_state * len(s.prompts) + design.cell_prompt, return_inverse=True
    )
    cell, category, count = design.entries
    order = np.lexsort((category, place[design.cell_item[cell]], block[cell]))
    cell, category, count = cell[order], category[order], count[order]
    at, whose = place[design.cell_item[cell]], block[cell]

    distinct = len(np.unique(whose * len(s.items) + at)) == len(at)
    item: Ints | None = None
    if distinct and len(blocks) * len(s.items) <= 2 * len(at):
        row_block, row, column = np.arange(len(blocks)), whose, at
        width = len(s.items)
    else:
        lengths = np.bincount(whose, minlength=len(blocks))
        width = _width(lengths)
        pieces = -(-lengths // width)
        row_block = np.repeat(np.arange(len(blocks)), pieces)
        within = np.arange(len(at)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        row = (np.cumsum(pieces) - pieces)[whose] + within // width
        column = within % width
        item = np.zeros((len(row_block), width), np.int64)
        item[row, column] = at
    shape = (len(row_block), width)
    categories, counts = np.zeros(shape, np.int64), np.zeros(shape)
    categories[row, column], counts[row, column] = category, count
    total = np.zeros((len(row_block), s.n_categories))
    np.add.at(total, (row, category), count)
    return RatingRows(
        siblings=groups,
        place=place,
        block_state=blocks // len(s.prompts),
        block_prompt=blocks % len(s.prompts),
        row_block=row_block,
        item=item,
        category=categories,
        count=counts,
        total=total,
    )


def _width(lengths: Ints) -> int:
    """Choose how long a row is: blocks of other lengths fill theirs up, or have several."""
    candidates = np.unique(lengths[lengths > 0])
    cost = [(-(-lengths // w)).sum() * (w + _ROW) for w in candidates]
    return int(candidates[np.argmin(cost)])
