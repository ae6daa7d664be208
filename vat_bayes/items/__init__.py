"""Scenario-action items: what is judged, where it comes from, and whether it is fit for use."""

from __future__ import annotations

from vat_bayes.items.compose import compose
from vat_bayes.items.grammar import Grammar, load_grammar
from vat_bayes.items.itemset import ItemSet
from vat_bayes.items.loaders import SOURCES, load_items
from vat_bayes.items.neutral import neutral_examples
from vat_bayes.items.quality import item_quality
from vat_bayes.items.validate import ItemWarning
from vat_bayes.items.valueportrait import valueportrait_item_id

__all__ = [
    "SOURCES",
    "Grammar",
    "ItemSet",
    "ItemWarning",
    "compose",
    "item_quality",
    "load_grammar",
    "load_items",
    "neutral_examples",
    "valueportrait_item_id",
]
