"""Importers: data sets of other shapes, one file per kind, turned into judgments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vat_bayes.errors import InputError, near_miss
from vat_bayes.judgments.importers.base import Imported
from vat_bayes.judgments.importers.inspect_logs import import_inspect
from vat_bayes.judgments.importers.lm_eval_samples import import_lm_eval
from vat_bayes.judgments.importers.table import import_table
from vat_bayes.judgments.importers.valueportrait import import_valueportrait

IMPORTERS: MappingProxyType[str, Callable[..., Imported]] = MappingProxyType(
    {
        "table": import_table,
        "inspect": import_inspect,
        "lm-eval": import_lm_eval,
        "valueportrait": import_valueportrait,
    }
)
"""Kind -> the function that imports it; its docstring documents the options."""

SEVERAL = ("inspect", "lm-eval")
"""The kinds of which several files are taken together."""

__all__ = [
    "IMPORTERS",
    "Imported",
    "import_inspect",
    "import_judgments",
    "import_lm_eval",
    "import_table",
    "import_valueportrait",
]


def import_judgments(
    kind: str, path: str | Path | Sequence[str | Path], **options: Any
) -> Imported:
    """Turn a data set of another shape into judgments.

    Parameters
    ----------
    kind : str
        A key of `IMPORTERS`.
    path : path or sequence of path
        The file or folder; several of them for logs.
    **options
        What the importer of this kind takes.

    Returns
    -------
    Imported
        Not validated yet; see `Imported.judgments` and `Imported.write`.

    Raises
    ------
    InputError
        When the kind or an option is unknown, an option that is needed is not given, or the data
        can't be used.
    """
    importer = IMPORTERS.get(kind)
    if importer is None:
        raise InputError(
            f"no importer '{kind}', expected one of {', '.join(IMPORTERS)}",
            hint=near_miss(kind, IMPORTERS),
        )
    known = [p for p in inspect.signature(importer).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for option in options:
        if option not in {p.name for p in known}:
            names = [p.name for p in known]
            raise InputError(
                f"the importer '{kind}' has no option '{option}', it has {', '.join(names)}",
                hint=near_miss(option, names),
            )
    for parameter in known:
        if parameter.default is parameter.empty and parameter.name not in options:
            raise InputError(f"the importer '{kind}' needs the option '{parameter.name}'")
    if kind in SEVERAL or isinstance(path, str | Path):
        return importer(path, **options)
    if len(path) != 1:
        raise InputError(
            f"the importer '{kind}' takes one file, found {len(path)}",
            hint=f"several are taken by {' and '.join(SEVERAL)}",
        )
    return importer(path[0], **options)
