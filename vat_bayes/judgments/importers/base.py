"""What an importer returns: a foreign data set in the shape of the judgments contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vat_bayes.conditions import Condition
from vat_bayes.errors import InputError
from vat_bayes.judgments.load import check_judgments
from vat_bayes.judgments.read import tidy_columns
from vat_bayes.judgments.table import Judgments

_WRITERS = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, eq=False)
class Imported:
    """A foreign data set in the shape of the judgments contract, not validated yet.

    Parameters
    ----------
    table : DataFrame
        One row per judgment, with condition columns where the importer knows them.
    loadings : DataFrame or None
        ``item, value, weight`` for items that load on several values.
    n_categories : int or None
        K, where the importer knows it.
    source : str
        Where the data came from.
    notes : tuple of str
        What was left out, one sentence each.
    """

    table: pd.DataFrame
    loadings: pd.DataFrame | None
    n_categories: int | None
    source: str
    notes: tuple[str, ...] = ()

    def judgments(self, *, conditions: Sequence[Condition] | None = None) -> Judgments:
        """Validate the table.

        Parameters
        ----------
        conditions : sequence of Condition, optional
            The conditions of the study, for a table that does not describe them.

        Returns
        -------
        Judgments
            With the source and the notes of the import.

        Raises
        ------
        InputError
            As `load_judgments` does; rows are counted in `table`.
        """
        return check_judgments(
            tidy_columns(self.table, self.source),
            self.source,
            loadings=self.loadings,
            conditions=conditions,
            n_categories=self.n_categories,
            notes=self.notes,
        )

    def write(self, path: str | Path) -> tuple[Path, ...]:
        """Write the table, and the loadings beside it where `load_judgments` finds them.

        Parameters
        ----------
        path : path
            A .csv, .csv.gz or .parquet file; its folder is made if need be.

        Returns
        -------
        tuple of Path
            The files written.

        Raises
        ------
        InputError
            When the name says no kind of file that can be written.
        """
        path = Path(path)
        if not path.name.casefold().endswith(_WRITERS):
            raise InputError(
                f"can't write this kind of file; expected {', '.join(_WRITERS)}", where=str(path)
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.casefold() == ".parquet":
            self.table.to_parquet(path, index=False)
        else:
            self.table.to_csv(path, index=False)
        if self.loadings is None:
            return (path,)
        beside = path.with_name(f"{path.name.split('.', maxsplit=1)[0]}.loadings.csv")
        self.loadings.to_csv(beside, index=False)
        return path, beside
