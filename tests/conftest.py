"""What every test may use: the public data and models beside the project."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# A machine that does other work at the same time makes any deadline a matter of luck.
settings.register_profile("vat-bayes", deadline=None)
settings.load_profile("vat-bayes")

_REPO = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Let the workers, and the processes that tests start, share what JAX compiles.

    Most of a small fit is compilation, and tests of several files fit designs of one shape. The
    folder lasts as long as the run, unless JAX's own variable names one. A size has to be given:
    only then does JAX lock the folder, and nobody reads a program that is still being written.
    """
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
    os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(4 << 30))
    if not hasattr(config, "workerinput") and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="vat-bayes-compiled-")
        config.add_cleanup(folder.cleanup)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder.name


def _shared(part: str) -> Path:
    """Return a folder of the shared material; skip without it, and fail without it in CI."""
    root = Path(os.environ.get("VAT_BAYES_SHARED") or _REPO.parent / "shared")
    folder = root / part
    if folder.is_dir():
        return folder
    reason = f"no folder '{part}' beside the project; set VAT_BAYES_SHARED to the folder holding it"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{reason} (CI=true: this test must run here)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of public data."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """Return the folder of public model files."""
    return _shared("models")
