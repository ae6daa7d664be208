"""The declared dependencies beside what is installed."""

from __future__ import annotations

import importlib
import re
from importlib import metadata

from vat_bayes.doctor.finding import Finding, said

PACKAGE = "vat-bayes"
_EXTRAS = {
    "collect": "collecting judgments by llama.cpp",
    "cluster": "collecting on a Dask cluster",
    "pymc": "the PyMC backend",
    "report": "the report and the figures",
}
# What a distribution is imported by, where that is another name.
_IMPORTED_AS = {"llama-cpp-python": "llama_cpp"}


def libraries() -> list[Finding]:
    """Compare every declared dependency with what is installed, and import it."""
    try:
        declared = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        why = "the package itself is not installed here, so what it needs is not known"
        return [Finding("library", PACKAGE, "missing", why, True, "pip install vat-bayes")]
    found: dict[str, Finding] = {}
    for line in declared:
        head = re.match(r"([A-Za-z0-9._-]+)(?:>=([\d.]+))?", line)
        name, least = head.groups() if head else (line, None)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if name == PACKAGE or name in found or (extra and extra[1] not in _EXTRAS):
            continue
        found[name] = _library(name, least, extra[1] if extra else "")
    return list(found.values())


def _library(name: str, least: str | None, extra: str) -> Finding:
    version = version_of(name)
    get = f"pip install 'vat-bayes[{extra}]'" if extra else "pip install --upgrade vat-bayes"
    wanted = f">={least}" if least else ""
    use = f", for {_EXTRAS[extra]}" if extra else ""
    if version is None:
        why = f"not installed, expected {name}{wanted}{use}"
        return Finding("library", name, "missing", why, not extra, get)
    if least and _numbers(version) < _numbers(least):
        why = f"{version}, expected {wanted}{use}"
        return Finding("library", name, "broken", why, not extra, get)
    try:
        if extra != "pymc":  # slow to import, and the backend is looked at by itself
            importlib.import_module(_IMPORTED_AS.get(name, name.replace("-", "_")))
    except Exception as error:  # whatever it raises is what is to be told
        return Finding("library", name, "broken", f"{version}, {said(error)}", not extra, get)
    return Finding("library", name, "installed", version, not extra)


def version_of(name: str) -> str | None:
    """Return the version of an installed distribution; None when it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers at the front of a version, without zeros at their end."""
    front = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(n) for n in front[0].split(".")] if front else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
