"""Where the bundled data and models lie: inside an installed wheel, or in the source tree."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def _root() -> Path:
    installed = _HERE / "_bundled"
    return installed if installed.is_dir() else _HERE.parent


def data_path(*parts: str) -> Path:
    """Return the path of a bundled data file, e.g. ``data_path("core_items.csv")``."""
    return _root().joinpath("data", *parts)


def model_path(*parts: str) -> Path:
    """Return the path of a bundled model file, e.g. ``model_path("judges", "core-judge.gguf")``."""
    return _root().joinpath("models", *parts)
