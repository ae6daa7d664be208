"""What was found, in words that fit into a sentence."""

from __future__ import annotations

_SHOWN = 60


def shown(found: object) -> str:
    """Return what was found, quoted and cut to a readable length."""
    text = " ".join(str(found).split())
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}...'"


def listed(names: list[str], *, limit: int = 5) -> str:
    """Return the first few names, quoted, and how many more there are."""
    head = ", ".join(shown(name) for name in names[:limit])
    rest = len(names) - limit
    return f"{head} and {rest} more" if rest > 0 else head


def counted(n: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
