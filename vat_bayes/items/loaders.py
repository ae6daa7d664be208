"""Items by the name of their source: the one entry that a study uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vat_bayes.bundled import data_path
from vat_bayes.errors import InputError, near_miss
from vat_bayes.items.itemset import ItemSet
from vat_bayes.items.table import load_table
from vat_bayes.items.valueportrait import load_valueportrait
from vat_bayes.items.vat import load_vat

if TYPE_CHECKING:
    import pandas as pd

_OPTIONS: dict[str, tuple[str, ...]] = {
    "core": (),
    "table": ("path", "columns", "loadings"),
    "vat": ("path", "columns", "subvalue_rule"),
    "valueportrait": ("path", "threshold", "weights"),
}
_LOADERS: dict[str, Callable[..., ItemSet]] = {
    "table": load_table,
    "vat": load_vat,
    "valueportrait": load_valueportrait,
}
SOURCES: tuple[str, ...] = tuple(_OPTIONS)


def load_items(
    source: str = "core",
    path: str | Path | pd.DataFrame | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    loadings: str | Path | pd.DataFrame | None = None,
    threshold: float | None = None,
    weights: Literal["indicator", "rho"] | None = None,
    subvalue_rule: Literal["theory", "index"] | None = None,
) -> ItemSet:
    """Load items from a source. An option that the source does not have is refused.

    Parameters
    ----------
    source : {"core", "table", "vat", "valueportrait"}
        ``core`` is the bundled set; the others read `path`.
    path : str, pathlib.Path or pandas.DataFrame, optional
        The file, for every source but ``core``.
    columns : mapping of str to str, optional
        Our column name to the file's (``table``, ``vat``).
    loadings : str, pathlib.Path or pandas.DataFrame, optional
        Loadings on several values (``table``).
    threshold, weights
        See `vat_bayes.items.valueportrait.load_valueportrait`; 0.3 and ``"indicator"`` by default.
    subvalue_rule
        See `vat_bayes.items.vat.load_vat`; ``"theory"`` by default.

    Returns
    -------
    ItemSet
        Validated items.

    Raises
    ------
    InputError
        When the source is unknown, an option is missing or out of place, or the file is unusable.

    Warns
    -----
    ItemWarning
        For values with one polarity only.
    """
    if source not in _OPTIONS:
        raise InputError(
            f"'{source}' is not a source of items ({', '.join(SOURCES)})",
            hint=near_miss(source, SOURCES),
        )
    given: dict[str, Any] = {
        "path": path,
        "columns": columns,
        "loadings": loadings,
        "threshold": threshold,
        "weights": weights,
        "subvalue_rule": subvalue_rule,
    }
    given = {name: option for name, option in given.items() if option is not None}
    for name in given:
        if name not in _OPTIONS[source]:
            having = [s for s, options in _OPTIONS.items() if name in options]
            raise InputError(
                f"the source '{source}' has no option '{name}'; it belongs to {', '.join(having)}"
            )
    if source == "core":
        return load_table(data_path("core_items.csv"), source="core")
    if "path" not in given:
        raise InputError(f"the source '{source}' needs a path")
    return _LOADERS[source](**given)
