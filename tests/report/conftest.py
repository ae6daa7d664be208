"""The run folders of the report's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_runs import write_run

from vat_bayes.report.page import ModelPart, model_parts
from vat_bayes.report.run import load_run


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a run folder under the test's own folder."""

    def make(*args: Any, **kwargs: Any) -> Path:
        return write_run(tmp_path / "run", *args, **kwargs)

    return make


@pytest.fixture(scope="session")
def standard_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run folder with every kind of arm, written once; its report is not written."""
    return write_run(tmp_path_factory.mktemp("standard") / "run", truth=True)


@pytest.fixture(scope="session")
def standard_parts(standard_run: Path) -> tuple[ModelPart, ...]:
    """Return what is drawn and tabulated for the standard run."""
    return model_parts(load_run(standard_run))
