"""Results of a benchmark written into a page of ``docs/``, between two marks that name it."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def write_between(page: str, name: str, text: str) -> Path:
    """Put a text between ``<!-- NAME -->`` and ``<!-- end of NAME -->``.

    Parameters
    ----------
    page : str
        File name in ``docs/``.
    name : str
        Of the result.
    text : str
        Markdown.

    Returns
    -------
    Path
        The page.
    """
    file = DOCS / page
    before, begin, rest = file.read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    if not (begin and end):
        raise ValueError(f"{file} has no place for '{name}'")
    file.write_text(f"{before}{begin}{text.strip()}\n{end}{after}", encoding="utf-8")
    return file
