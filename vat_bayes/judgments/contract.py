"""The columns of the judgments contract."""

from __future__ import annotations

REQUIRED = ("model", "condition", "item", "scenario", "rating")
ITEM_COLUMNS = ("value", "polarity")
CONDITION_COLUMNS = ("role", "target", "direction", "dose", "reference", "placebo")
MAX_CATEGORIES = 11
