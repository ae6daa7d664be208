"""What every test may use: the public data and models beside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from vat_bayes.cli.programs import keep_programs_in

# A machine that does other work at the same time makes any deadline a matter of luck.
settings.register_profile("vat-bayes", deadline=None)
settings.load_profile("vat-bayes")

_REPO = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Let workers, and processes that tests start, share what JAX compiles, and not their cores.

    Most of a small fit is compilation, and tests of several files fit designs of one shape. So does
    the next run: the folder is kept with what else is built, unless JAX's own variable names one.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None:
        keep_programs_in(_REPO / ".build" / "programs")
    elif hasattr(os, "sched_setaffinity"):
        # Libraries begin as many threads as they see cores, and those of two workers on two cores
        # wait for each other.
        cores, number = sorted(os.sched_getaffinity(0)), int(worker["workerid"].removeprefix("gw"))
        own = cores[number :: worker["workercount"]]
        os.sched_setaffinity(0, own or cores)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: what a worker begins last, the other waits for."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


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
