"""What every test may use: the public data and models beside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A machine that does other work at the same time makes any deadline a matter of luck.
settings.register_profile("vat-bayes", deadline=None)
settings.load_profile("vat-bayes")

_REPO = Path(__file__).resolve().parent.parent


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
