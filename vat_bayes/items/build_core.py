"""Build the bundled core set from the grammar: ``python -m vat_bayes.items.build_core``."""

from __future__ import annotations

from pathlib import Path

from vat_bayes.bundled import data_path
from vat_bayes.items.compose import compose
from vat_bayes.items.itemset import ItemSet

CORE_SEED = 20260101
CORE_SCENARIOS = 60
CORE_SHOTS = 12


def core_items() -> ItemSet:
    """Return the core set as the grammar gives it: 48 judged scenarios and 12 for examples."""
    return compose(CORE_SCENARIOS, seed=CORE_SEED, shots=CORE_SHOTS)


def write_core(path: str | Path) -> ItemSet:
    """Write the core set as CSV and return it."""
    items = core_items()
    items.table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
    return items


if __name__ == "__main__":
    target = data_path("core_items.csv")
    built = write_core(target)
    print(f"{target}: {len(built)} items, sha256 {built.sha256()}")
