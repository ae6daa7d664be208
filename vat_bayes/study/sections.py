"""The tables of a study file that say which models and which items: models and items."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from vat_bayes.errors import InputError
from vat_bayes.study.files import locate
from vat_bayes.study.tables import Name, Table, Text


class ModelSource(Table):
    """One audited model.

    Parameters
    ----------
    name : str
        Its name in every table.
    path : str
        A GGUF file, relative to the study file, or ``bundled:<name>``.
    n_ctx : int, optional
        Context length in tokens; what the longest prompt needs when absent.
    threads : int, optional
        CPU threads; chosen from the machine and the size of the model when absent.
    n_gpu_layers : int
        Layers to keep on a GPU; -1 for all of them.
    chat : {"auto", "plain"}
        ``auto`` uses the model's own chat template where it has one; ``plain`` never does.
    """

    name: Name
    path: Text
    n_ctx: Annotated[int, Field(ge=16, le=2**24)] | None = None
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    n_gpu_layers: Annotated[int, Field(ge=-1, le=10_000)] = 0
    chat: Literal["auto", "plain"] = "auto"

    def file(self, base: Path) -> Path:
        """Return the model's file.

        Raises
        ------
        InputError
            When there is none.
        """
        return locate(self.path, base, f"model '{self.name}'")


class ItemsSource(Table):
    """Where the scenario-action items come from.

    Parameters
    ----------
    source : {"core", "table", "vat", "valueportrait"}
        The bundled items, a table of one's own, or one of the two public data sets.
    path : str, optional
        The file, relative to the study file; needed by every source but ``core``.
    columns : dict, optional
        Our column name to the file's.
    loadings : str, optional
        A file with columns item, value and weight, for items that load on several values.
    scenarios : int, optional
        How many scenarios to judge, drawn with the study's seed; all of them when absent.
    threshold, weights, subvalue_rule : optional
        Options of the public data sets; see `vat_bayes.items.load_items`.
    """

    source: Literal["core", "table", "vat", "valueportrait"] = "core"
    path: Text | None = None
    columns: dict[str, str] | None = None
    loadings: Text | None = None
    scenarios: Annotated[int, Field(ge=1)] | None = None
    threshold: float | None = None
    weights: Literal["indicator", "rho"] | None = None
    subvalue_rule: Literal["theory", "index"] | None = None

    @model_validator(mode="after")
    def _path_fits_source(self) -> Self:
        if self.source == "core":
            if self.path is not None:
                raise InputError(
                    "source 'core' takes no 'path'", hint="for a file, use source = 'table'"
                )
        elif self.path is None:
            raise InputError(f"source '{self.source}' needs the key 'path'")
        return self
