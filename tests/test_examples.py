"""The examples and the pages that name them: nothing is missing, and no link leads nowhere."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
GALLERY = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_a_script_says_what_it_is_for_and_stands_in_the_gallery(script: Path) -> None:
    said = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    assert said is not None
    assert f"python examples/{script.name}" in " ".join(said.split())
    assert f"examples/{script.name}" in GALLERY
    assert (ROOT / "docs" / "pictures" / f"{script.stem}.svg").is_file()


def test_the_notebook_is_kept_without_outputs_and_compiles() -> None:
    """`make docs` runs it."""
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))
    cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    assert cells
    for cell in cells:
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
        compile("".join(cell["source"]), "notebook.ipynb", "exec")


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.stem)
def test_links_of_the_documentation_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^ {4}.*$|`[^`\n]*`", "", text, flags=re.MULTILINE)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target
    for picture in re.findall(r"\{figure\} (\S+)", text):
        assert (page.parent / picture).is_file(), picture
    if page.name not in ("README.md", "index.md"):
        index = (page.parent / "index.md").read_text(encoding="utf-8")
        assert re.search(rf"^{page.stem}$", index, re.MULTILINE), f"{page.name} is in no contents"
