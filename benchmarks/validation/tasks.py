"""Which studies there are, how one is run, and where its rows are kept."""

from __future__ import annotations

import ast
import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.validation.sbc import named, run_sbc
from benchmarks.validation.settings import planned
from benchmarks.validation.study import run_study
from benchmarks.validation.subset import PAIRS, data_folder, run_subset
from vat_bayes.model.sampling import Backend, Sampler

ROOT = Path(__file__).resolve().parents[2]
TESTED = ("model", "estimands", "simulate", "judgments")
THIRDS = 20
# Studies of one kind that are run one after the other: they share compiled programs.
BLOCK = 10
SUITES = ("studies", "sbc", "subset")
# Read-outs, backends and samplers of simulation-based calibration.
SAMPLED: tuple[tuple[str, Backend, Sampler], ...] = (
    ("distribution", "numpyro", "nuts"),
    ("ratings", "numpyro", "nuts"),
    ("distribution", "pymc", "nuts"),
    ("ratings", "pymc", "nuts"),
    ("distribution", "numpyro", "hmc"),
)

# The digest in the name of a study of the fast engine, before its seed.
_OF_FAST = re.compile(r".*-([0-9a-f]{12})-\d+")

Task = tuple[str, str, int, Callable[[], pd.DataFrame]]


def digest() -> str:
    """Return the digest of the statistical code and of its model file.

    Of what they do: comments and docstrings take no part. The fast engine has its own digest, since
    it takes no part in most studies.
    """
    files = [p for room in TESTED for p in sorted((ROOT / "vat_bayes" / room).rglob("*.py"))]
    priors = tomllib.loads((ROOT / "models" / "bayes" / "default.toml").read_text("utf-8"))
    return _digest([p for p in files if p.parent.name != "fast"], repr(_without_reasons(priors)))


def _digest(files: list[Path], more: str = "") -> str:
    parts = [ast.dump(_without_docstrings(ast.parse(p.read_text("utf-8")))) for p in files]
    return hashlib.sha256("".join([*parts, more]).encode()).hexdigest()[:12]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A string that stands alone does nothing, wherever it stands.
            node.body = [
                x for x in body
                if not (isinstance(x, ast.Expr) and isinstance(x.value, ast.Constant))
            ]  # fmt: skip
    return tree


def _without_reasons(priors: dict[str, Any]) -> dict[str, Any]:
    return {
        k: _without_reasons(v) if isinstance(v, dict) else v
        for k, v in priors.items()
        if k not in ("why", "description")
    }


def fast_digest() -> str:
    """Return the digest of the fast engine, which the names of its studies end with."""
    return _digest(sorted((ROOT / "vat_bayes" / "model" / "fast").rglob("*.py")))


def tasks(studies: int, only: list[str]) -> Iterator[Task]:
    """Yield every study, in blocks of seeds, so that a run cut short has some of each kind."""
    settings = [s for s in planned() if s.suite in only]
    fast = fast_digest()
    for first in range(1, studies + 1, BLOCK):
        seeds = range(first, min(first + BLOCK, studies + 1))
        for setting in settings:
            key = setting.key + (f"-{fast}" if setting.engine == "fast" else "")
            for seed in seeds:
                yield "studies", key, seed, partial(run_study, setting, seed)
        if "sbc" in only:
            for readout, backend, sampler in SAMPLED:
                key = f"sbc-{readout}-{named(backend, sampler)}"
                key += f"-{fast}" if sampler == "hmc" else ""
                for seed in seeds:
                    work = partial(run_sbc, readout, backend, seed, sampler=sampler)
                    yield "sbc", key, seed, work
        if "subset" in only and data_folder() is not None:
            for pair in range(len(PAIRS)):
                for seed in seeds:
                    if seed <= THIRDS + 1:
                        # The first is the fit of all scenarios.
                        which = seed - 2 if seed > 1 else -1
                        yield "subset", f"subset-{pair}", seed, partial(run_subset, pair, which)


def run(task: Task, folder: Path) -> None:
    """Run one study and keep its rows; a study that breaks is reported and left out."""
    suite, key, seed, work = task
    path = folder / suite / f"{key}-{seed:04d}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_file = path.with_suffix(".partial")
    work().to_csv(partial_file, index=False)
    partial_file.rename(path)


def collect(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the rows of every finished study, but for those of another fast engine."""
    found, fast = {}, fast_digest()
    for suite in SUITES:
        files = [
            f for f in sorted((folder / suite).glob("*.csv"))
            if (own := _OF_FAST.fullmatch(f.stem)) is None or own[1] == fast
        ]  # fmt: skip
        if files:
            frames = [pd.read_csv(f, keep_default_na=True) for f in files]
            found[suite] = pd.concat(frames).fillna({"failed": "", "value": ""})
    return found
