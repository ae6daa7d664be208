"""A fitted run folder: its files, who may write them, and what the manifest says of the fit."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vat_bayes.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from vat_bayes.judgments import Judgments, Readout
    from vat_bayes.model import Backend, Engine

SCHEMA_VERSION = 1
"""Version of the manifest's layout."""

_LIBRARIES = (
    *("vat-bayes", "numpy", "pandas", "xarray", "arviz", "jax", "numpyro"),
    *("pymc", "nutpie", "scipy"),
)


@dataclass(frozen=True)
class FitOptions:
    """How judgments are fitted.

    Parameters
    ----------
    engine : {"auto", "fast", "nuts"}
    backend : {"numpyro", "pymc"}
    readout : {"auto", "distribution", "ratings"}
        See `vat_bayes.model.fit` for these three.
    model_file : str
        A statistical model: the name of a bundled one, or a file.
    draws, tune, chains : int
        Kept draws and warm-up steps of each chain, and the number of chains.
    seed : int
        Seed of the sampler.
    level : float
        Probability of the intervals.
    """

    engine: Engine = "auto"
    backend: Backend = "numpyro"
    readout: Readout = "auto"
    model_file: str = "default"
    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    seed: int = 0
    level: float = 0.9

    def __post_init__(self) -> None:
        if not 0.5 <= self.level < 1:
            raise InputError(f"the level is {self.level:g}, expected from 0.5 to below 1")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"the seed is {self.seed}, expected a whole number from 0 to 2^63 - 1")


@dataclass(frozen=True)
class RunFiles:
    """Where the files of a fitted run lie.

    Parameters
    ----------
    root : pathlib.Path
        The run folder.
    """

    root: Path

    @property
    def judgments(self) -> Path:
        """The judgments that were fitted."""
        return self.root / "judgments.parquet"

    @property
    def loadings(self) -> Path:
        """The loadings of items on several values, where there are any."""
        return self.root / "loadings.csv"

    @property
    def study(self) -> Path:
        """The study, where there is one."""
        return self.root / "study.toml"

    @property
    def manifest(self) -> Path:
        """What the run was made from and how."""
        return self.root / "manifest.json"

    @property
    def data(self) -> Path:
        """The judgments in counts."""
        return self.root / "data.csv"

    @property
    def example_items(self) -> Path:
        """The items that each condition moved most."""
        return self.root / "example_items.csv"

    @property
    def truth(self) -> Path:
        """The true effects of a simulated study."""
        return self.root / "truth.csv"

    @property
    def posterior(self) -> Path:
        """The posterior."""
        return self.root / "posterior.nc"

    @property
    def estimands(self) -> Path:
        """The estimates."""
        return self.root / "estimands.csv"

    @property
    def draws(self) -> Path:
        """The joint draws behind the estimates."""
        return self.root / "estimand_draws.nc"

    @property
    def checks(self) -> Path:
        """The verdicts of the checks."""
        return self.root / "checks.json"

    @property
    def budget(self) -> Path:
        """The declared budget, where there is one."""
        return self.root / "budget.toml"

    @property
    def decision(self) -> Path:
        """The decision by that budget."""
        return self.root / "decision.json"

    @property
    def report(self) -> Path:
        """The page."""
        return self.root / "report.html"

    @property
    def summary(self) -> Path:
        """The report for programs."""
        return self.root / "summary.json"

    def open_for(self, source: Path | None) -> None:
        """Make the folder, if what is in it is ours to replace.

        Parameters
        ----------
        source : pathlib.Path or None
            The file of the judgments that are to be fitted into it.

        Raises
        ------
        InputError
            When it is a file, or holds other files or another run's judgments.
        """
        root = self.root
        if root.exists() and not root.is_dir():
            raise InputError("this is a file, expected a folder for the run", where=str(root))
        root.mkdir(parents=True, exist_ok=True)
        # Only the run's own table may lie in the folder: `--out .` beside a table would fill a
        # folder of the user's with files.
        own = source is not None and source.name.startswith(f"{self.judgments.stem}.")
        if own and source is not None and source.resolve().parent == root.resolve():
            return
        if "identity" in self.read_manifest():
            raise InputError(
                "the folder holds judgments that were collected into it, and these are others",
                where=str(root),
                hint="choose another --out",
            )
        if not self.manifest.exists():
            found = sorted(p.name for p in root.iterdir())
            if found:
                raise InputError(
                    f"the folder is not empty and holds no run (it has '{found[0]}')",
                    where=str(root),
                    hint="choose an empty or new folder",
                )

    def refuse_changed(self, table: Path) -> None:
        """Raise an error when a table is this run's and is not what was collected.

        Parameters
        ----------
        table : pathlib.Path
            The file of the judgments that are to be fitted.

        Raises
        ------
        InputError
            When the manifest has another SHA-256 for it.
        """
        told = self.read_manifest().get("judgments")
        if table.name != self.judgments.name or not isinstance(told, dict):
            return
        if told.get("sha256") not in (None, _sha256(table)):
            raise InputError(
                "this table is not the one that was collected: its SHA-256 is not in the manifest",
                where=str(table),
                hint="`vat-bayes collect` writes it again without asking anything; to fit a table "
                "of your own, give it another name and another --out",
            )

    def drop_results(self) -> None:
        """Remove what an earlier fit has left, so that no reader sees it beside a new one."""
        for path in (self.posterior, self.estimands, self.draws, self.checks):
            path.unlink(missing_ok=True)
        for path in (self.decision, self.report, self.summary):
            path.unlink(missing_ok=True)
        for ending in (".md", ".pdf"):
            self.report.with_suffix(ending).unlink(missing_ok=True)

    def read_draws(self, needed: Iterable[Path]) -> xr.Dataset:
        """Read the draws of the estimands of a run that was fitted and checked.

        Parameters
        ----------
        needed : iterable of Path
            Files that must be there.

        Returns
        -------
        Dataset

        Raises
        ------
        InputError
            When a file is missing, or that of the draws can't be read.
        """
        import xarray as xr

        for path in needed:
            if not path.is_file():
                raise InputError(
                    f"there is no {path.name}",
                    where=str(self.root),
                    hint=f"fit it first: vat-bayes fit {self.root}",
                )
        try:
            return xr.load_dataset(self.draws)
        except (OSError, ValueError) as error:
            raise InputError(
                f"not a netCDF file ({type(error).__name__})", where=str(self.draws)
            ) from None

    def read_manifest(self) -> dict[str, Any]:
        """Return the manifest; empty when there is none.

        Raises
        ------
        InputError
            When it is damaged.
        """
        if not self.manifest.exists():
            return {}
        try:
            found = json.loads(self.manifest.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"damaged ({error})", where=str(self.manifest)) from None
        if not isinstance(found, dict):
            raise InputError("expected an object", where=str(self.manifest))
        return found

    def fit_section(self) -> dict[str, Any]:
        """Return what the manifest says of the fit; empty when it says nothing."""
        found = self.read_manifest().get("fit")
        return found if isinstance(found, dict) else {}

    def write_fit_section(self, section: Mapping[str, Any]) -> None:
        """Put what is to be known of the fit into the manifest and keep all else in it."""
        self.write_section("fit", dict(section))

    def write_section(self, name: str, section: Any) -> None:
        """Put a section of JSON values into the manifest and keep all else in it."""
        manifest = {"schema_version": SCHEMA_VERSION, **self.read_manifest(), name: section}
        text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
        write_text(self.manifest, f"{text}\n")


def describe_fit(judgments: Judgments, options: FitOptions, source: Path | None) -> dict[str, Any]:
    """Return what a reader of the manifest must know of a fit, as plain JSON values.

    Parameters
    ----------
    judgments : Judgments
        What is fitted.
    options : FitOptions
        How.
    source : pathlib.Path or None
        The file that the judgments came from.
    """
    section: dict[str, Any] = {
        **asdict(options),
        "model_file": Path(options.model_file).name,
        "n_categories": judgments.n_categories,
        "notes": list(judgments.notes),
        "versions": _versions(),
    }
    if source is not None:
        section["input"] = {"file": source.name, "sha256": _sha256(source)}
    return section


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV; a crash leaves the old file or the new one, never a part."""
    _write_whole(path, lambda part: table.to_csv(part, index=False))


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, likewise."""
    _write_whole(path, lambda part: table.to_parquet(part, index=False))


def write_parquet_parts(path: Path, parts: Iterable[pd.DataFrame]) -> None:
    """Write a table that comes in parts with the same columns and types, likewise."""
    import pyarrow as pa
    import pyarrow.parquet

    def write(path: Path) -> None:
        with contextlib.ExitStack() as stack:
            writer: pa.parquet.ParquetWriter | None = None
            for part in parts:
                schema = None if writer is None else writer.schema
                table = pa.Table.from_pandas(part, schema=schema, preserve_index=False)
                if writer is None:
                    writer = stack.enter_context(pa.parquet.ParquetWriter(path, table.schema))
                writer.write_table(table)

    _write_whole(path, write)


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    """Write a data set as netCDF, likewise."""
    _write_whole(path, lambda part: dataset.to_netcdf(part, engine="h5netcdf"))


def write_text(path: Path, text: str) -> None:
    """Write a text, likewise."""
    _write_whole(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    part = path.with_name(f".{path.name}.partial")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
